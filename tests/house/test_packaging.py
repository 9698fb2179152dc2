"""The wheel contains every file of every package, with its types, its scripts and its command."""

from __future__ import annotations

import importlib
import importlib.util
import os
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
TARGETS = PROJECT["tool"]["hatch"]["build"]["targets"]
PACKAGES = {
    path.parent.relative_to(ROOT).as_posix()
    for root in ("engine", "tui")
    for path in (ROOT / root).glob("*/__init__.py")
}
#: Files that the interpreter and its tools leave beside the sources.
LEFT_BEHIND = {"__pycache__"}


def test_every_package_is_packed_checked_and_typed() -> None:
    assert set(TARGETS["wheel"]["packages"]) == PACKAGES
    assert set(PROJECT["tool"]["mypy"]["files"]) == {*PACKAGES, "tests"}
    assert [name for name in sorted(PACKAGES) if not (ROOT / name / "py.typed").is_file()] == []


def test_what_is_named_for_the_source_archive_exists() -> None:
    included = [name.removeprefix("/") for name in TARGETS["sdist"]["include"]]
    assert [name for name in included if not (ROOT / name).exists()] == []
    assert {"engine", "tui", "tests", "pyproject.toml"} <= set(included)


@pytest.mark.parametrize("entry", PROJECT["project"]["scripts"].values())
def test_a_command_of_the_package_can_be_called(entry: str) -> None:
    module, _, name = entry.partition(":")
    assert callable(getattr(importlib.import_module(module), name))


def files_of(package: str) -> set[str]:
    """The files of a package, with their names in a wheel."""
    folder = ROOT / package
    return {
        path.relative_to(folder.parent).as_posix()
        for path in folder.rglob("*")
        if path.is_file() and not LEFT_BEHIND & set(path.parts)
    }


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """The wheel, as `pip` would build it."""
    if importlib.util.find_spec("hatchling") is None:
        missing = "hatchling is not installed: run `make test`"
        if os.environ.get("CI"):
            pytest.fail(missing)
        pytest.skip(missing)
    folder = tmp_path_factory.mktemp("wheel")
    done = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", folder],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    (built,) = folder.glob("*.whl")
    return zipfile.ZipFile(built)


def test_the_wheel_contains_every_file_of_every_package(wheel: zipfile.ZipFile) -> None:
    apart = (".dist-info/", ".data/")
    packed = {name for name in wheel.namelist() if not any(each in name for each in apart)}
    assert packed == set().union(*map(files_of, PACKAGES))
    scripts = {path.name for path in (ROOT / "engine").rglob("*.lua")}
    assert {name.rpartition("/")[2] for name in packed if name.endswith(".lua")} == scripts


def test_the_wheel_installs_the_man_page_and_completion(wheel: zipfile.ZipFile) -> None:
    shared = ROOT / "tui" / "share"
    here = {path.relative_to(shared.parent) for path in shared.rglob("*") if path.is_file()}
    packed = (name.partition(".data/data/")[2] for name in wheel.namelist())
    assert {Path(name) for name in packed if name} == here
    assert Path("share/man/man1/qtop.1") in here


def test_the_wheel_installs_the_command(wheel: zipfile.ZipFile) -> None:
    (entry_points,) = (
        name for name in wheel.namelist() if name.endswith(".dist-info/entry_points.txt")
    )
    assert "qtop = qtop.start:main" in wheel.read(entry_points).decode().splitlines()
