"""Commands run by a user id without an entry in the system and without a home."""

from pathlib import Path

import pytest
from tests.support.commands import Qtop

pytestmark = pytest.mark.redis

#: The entry that a container returns for an arbitrary user id.
NOBODY = """
import os, pwd
os.environ.pop("HOME", None)
for name in ("XDG_CONFIG_HOME", "XDG_STATE_HOME", "QTOP_STATE_DIR", "LOGNAME", "USER"):
    os.environ.pop(name, None)
def unknown(*_):
    raise KeyError("getpwuid(): uid not found: 54321")
pwd.getpwuid = pwd.getpwnam = unknown
"""


@pytest.fixture
def homeless(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "sitecustomize.py").write_text(NOBODY)
    return {"PYTHONPATH": str(tmp_path), "TMPDIR": str(tmp_path)}


@pytest.mark.parametrize(
    ("command", "status"),
    [
        ("--once", 0),
        ("queues", 0),
        ("settings", 0),
        ("enqueue Mail --queue mail", 0),
        ("pause mail", 0),
        ("undo", 1),
        ("worker mail --interval 0", 0),
    ],
)
def test_a_user_without_a_home_can_use_every_command(
    qtop_program: Qtop, homeless: dict[str, str], command: str, status: int
) -> None:
    ran = qtop_program(*command.split(), **homeless)
    assert ran.status == status, ran.err
    assert "Traceback" not in ran.err


def test_a_variable_that_needs_a_home_is_reported(
    qtop_program: Qtop, homeless: dict[str, str]
) -> None:
    ran = qtop_program("queues", QTOP_CONFIG="~/settings.toml", **homeless)
    assert (ran.status, ran.out) == (2, "")
    assert "QTOP_CONFIG" in ran.err
    assert "Traceback" not in ran.err
