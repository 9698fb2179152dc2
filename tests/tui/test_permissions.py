"""Which actions a user's rights do not cover."""

import pytest
from tests.support.direct import Direct
from tests.support.lua_scripts import SCRIPTS

from qtop.keymap import keymap
from qtop.systems.resque.permissions import ACTION_SCRIPTS, LOCAL, commands, forbidden
from qtop.systems.resque.system import ResqueSystem
from queuecore.address import parse_url
from queuecore.stores import Store
from resque.keys import Keys

KEYS = Keys()
#: Those that Resque can do.
CHANGING = {
    action.id
    for action in keymap.ACTIONS
    if action.changes and ResqueSystem.abilities.get(action.id) is None  # type: ignore[call-overload]
}


def test_every_action_that_changes_something_names_its_scripts() -> None:
    listed = {action for actions in ACTION_SCRIPTS.values() for action in actions}
    assert {*listed, *LOCAL} == CHANGING, (
        "name the scripts of each in `ACTION_SCRIPTS`, or put it into `LOCAL`: the console asks "
        "whether the Redis user may run what they call"
    )
    assert listed & LOCAL == set()
    texts = {name: SCRIPTS[name].text for name in ACTION_SCRIPTS}
    assert all(b"redis.call(" in text for text in texts.values())


def test_an_action_needs_the_commands_of_its_script_and_the_right_to_run_scripts() -> None:
    assert {"LREM", "RPUSH", "EVALSHA", "EVAL"} <= commands("requeue")
    assert commands("unheard-of") == {"EVAL", "EVALSHA"}


def forbidden_with(url: str, *rights: str) -> dict[str, str]:
    path = parse_url(url).path
    assert path is not None
    with Direct(path) as direct:
        direct("ACL", "SETUSER", "ada", "on", ">pw", "~*", "&*", *rights)
        try:
            with Store(f"unix://ada:pw@{path}?db=0") as store:
                return store.run(forbidden(KEYS))
        finally:
            direct("ACL", "DELUSER", "ada")


@pytest.mark.redis
def test_a_user_with_all_rights_is_forbidden_nothing(redis_url: str) -> None:
    assert forbidden_with(redis_url, "+@all") == {}


@pytest.mark.redis
def test_a_missing_command_forbids_the_actions_that_need_it_and_says_which(redis_url: str) -> None:
    found = forbidden_with(redis_url, "+@all", "-ltrim", "-lset")
    assert {"requeue", "delete", "clear_queue", "clear_failures"} <= set(found)
    assert not {"pause", "pause_all", *LOCAL} & set(found)
    assert "may not run LTRIM" in found["clear_queue"]
    assert "extend its ACL" in found["clear_queue"]


@pytest.mark.redis
def test_a_right_that_one_of_several_scripts_needs_counts(redis_url: str) -> None:
    assert "edit_job" in forbidden_with(redis_url, "+@all", "-lset")
    assert "drop" in forbidden_with(redis_url, "+@all", "-hdel")


@pytest.mark.redis
def test_a_user_who_may_only_read_is_forbidden_all_that_changes_redis(redis_url: str) -> None:
    found = forbidden_with(redis_url, "+@read", "+@connection")
    assert set(found) == CHANGING - LOCAL
    assert "may not run EVAL" in found["requeue"]


@pytest.mark.redis
def test_without_scripts_nothing_that_changes_redis_is_allowed(redis_url: str) -> None:
    found = forbidden_with(redis_url, "+@all", "-eval", "-evalsha")
    assert set(found) == CHANGING - LOCAL


@pytest.mark.redis
def test_unknown_rights_forbid_nothing(redis_url: str) -> None:
    assert forbidden_with(redis_url, "+@all", "-multi", "-ltrim") == {}
