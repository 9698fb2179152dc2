"""Where a user's own files are, also of one who has no home."""

import os
import pwd
import stat
import tempfile
from pathlib import Path

import pytest

from queuecore.home import expanded, make_private, state_folder
from resque.errors import BadOption


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where this user's folder among the temporary files would be."""
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path / f"qtop-{os.geteuid()}"


@pytest.fixture
def homeless(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(_: object) -> None:
        raise KeyError

    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.setattr(pwd, "getpwuid", unknown)


def test_the_folder_that_is_named_is_taken(tmp_path: Path) -> None:
    assert state_folder({"QTOP_STATE_DIR": str(tmp_path / "x")}) == tmp_path / "x"


def test_the_folder_is_in_the_home_that_there_is(
    tmp_path: Path, temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    folder = state_folder({})
    assert folder.is_relative_to(tmp_path / "home")
    assert not folder.exists()
    assert not temporary.exists()


@pytest.mark.parametrize("mode", [0o755, 0o770, 0o700])
def test_a_state_folder_is_taken_from_others(
    tmp_path: Path, temporary: Path, monkeypatch: pytest.MonkeyPatch, mode: int
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    folder = tmp_path / "state" / "qtop"
    folder.mkdir(parents=True)
    folder.chmod(mode)
    assert state_folder({}) == folder
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    named = tmp_path / "named"
    named.mkdir(mode=mode)
    named.chmod(mode)
    assert state_folder({"QTOP_STATE_DIR": str(named)}) == named
    assert stat.S_IMODE(named.stat().st_mode) == mode


def test_a_folder_is_made_with_those_above_it_for_its_user_alone(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    made = tmp_path / "state" / "qtop" / "local"
    make_private(made)
    make_private(made)
    modes = [stat.S_IMODE(each.stat().st_mode) for each in (made, *made.parents[:3])]
    assert modes == [0o700, 0o700, 0o700, 0o755]


@pytest.mark.usefixtures("homeless")
def test_without_a_home_a_private_folder_is_made_among_the_temporary_files(
    temporary: Path,
) -> None:
    assert state_folder({}) == temporary
    assert stat.S_IMODE(temporary.stat().st_mode) == 0o700
    assert state_folder({}) == temporary


@pytest.mark.parametrize("home", ["/dev/null", "/proc/1/no"])
def test_a_home_in_which_nothing_can_be_made_is_none(
    temporary: Path, monkeypatch: pytest.MonkeyPatch, home: str
) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)
    monkeypatch.setenv("HOME", home)
    assert state_folder({}) == temporary


@pytest.mark.usefixtures("homeless")
def test_a_folder_that_others_may_enter_or_have_laid_out_is_refused(
    tmp_path: Path, temporary: Path
) -> None:
    temporary.mkdir()
    temporary.chmod(0o755)
    with pytest.raises(BadOption, match="QTOP_STATE_DIR"):
        state_folder({})
    temporary.rmdir()
    temporary.symlink_to(tmp_path)
    with pytest.raises(BadOption, match="QTOP_STATE_DIR"):
        state_folder({})


@pytest.mark.usefixtures("homeless")
def test_without_any_place_the_sentence_names_the_variable(
    temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(temporary / "not there"))
    with pytest.raises(BadOption, match="QTOP_STATE_DIR"):
        state_folder({})


@pytest.mark.usefixtures("homeless")
def test_a_path_that_cannot_be_followed_is_reported_with_its_variable() -> None:
    with pytest.raises(BadOption, match="QTOP_CONFIG=~/x"):
        expanded("~/x", "QTOP_CONFIG")
