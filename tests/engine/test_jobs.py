"""Jobs and the registry of their names; hooks and their order."""

from __future__ import annotations

import sys
from types import SimpleNamespace, new_class
from typing import Any

import pytest

from resque import Job, Registry, ResqueError, UnknownJob, hooks, job
from resque.errors import NeverRan
from resque.jobs import Definition


def test_a_function_is_registered_under_its_dotted_name() -> None:
    registry = Registry()

    @job(queue="q", into=registry)
    def work(a: int, b: int = 0) -> int:
        """Adds."""
        return a + b

    name = f"{__name__}.test_a_function_is_registered_under_its_dotted_name.<locals>.work"
    definition = registry.find(name)
    assert (definition.queue, definition.perform(1, 2)) == ("q", 3)
    assert work(1, b=4) == 5
    assert (work.name, work.queue, work.__doc__) == (name, "q", "Adds.")


def test_a_class_is_registered_when_it_can_perform() -> None:
    registry = Registry()

    class Base(Job, into=registry):
        queue = "mail"

    class Named(Base, into=registry):
        name = "Mailers::Welcome"

        @staticmethod
        def perform(address: str) -> str:
            return address

    assert [definition.name for definition in registry] == ["Mailers::Welcome"]
    assert registry.find("Mailers::Welcome").queue == "mail"
    assert registry.find("::Mailers::Welcome").perform("a") == "a"
    assert Base.name.endswith("<locals>.Base")


@pytest.mark.parametrize("name", ["perform", "before_enqueue", "around_perform_x", "on_failure"])
def test_a_class_whose_methods_want_an_instance_is_refused(name: str) -> None:
    def method(self: Any, address: str = "") -> None: ...

    members: dict[str, Any] = {"perform": staticmethod(lambda address: None), name: method}
    registry = Registry()
    with pytest.raises(ResqueError, match=rf"Mailer\.{name} takes self, but no instance"):
        new_class("Mailer", (Job,), {"into": registry}, lambda body: body.update(members))
    assert list(registry) == []
    members[name] = classmethod(method)
    new_class("Mailer", (Job,), {"into": registry}, lambda body: body.update(members))
    assert len(list(registry)) == 1


def test_a_hook_of_the_worker_that_only_returned_a_coroutine_is_reported() -> None:
    registry = Registry()

    async def hook() -> None: ...

    registry.on("queue_empty", hook)
    with pytest.raises(NeverRan, match="hook returned a coroutine"):
        registry.tell("queue_empty")


def definition(name: str, module: str) -> Definition:
    def perform() -> None: ...

    perform.__module__ = module
    return Definition(name, None, perform, None)


def test_a_module_may_define_a_name_again_and_another_may_not() -> None:
    registry = Registry()
    registry.add(definition("A", "one"), "one")
    again = definition("A", "one")
    registry.add(again, "one")
    assert registry.find("A") is again
    with pytest.raises(ResqueError, match="'A' is taken by module 'one'"):
        registry.add(definition("A", "two"), "two")
    assert registry.find("A") is again


def test_an_unknown_name_says_which_modules_are_loaded() -> None:
    registry = Registry()
    with pytest.raises(UnknownJob, match=r"'X'.*none"):
        registry.find("X")
    registry.add(definition("A", "app.jobs"), "app.jobs")
    registry.add(definition("B", "app.mail"), "app.mail")
    with pytest.raises(UnknownJob, match=r"'X'.*app\.jobs, app\.mail"):
        registry.find("X")


def test_an_unknown_name_is_never_imported(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    side_effect = tmp_path / "imported"
    text = f"from pathlib import Path\nPath({str(side_effect)!r}).touch()\ndef perform(): ...\n"
    (tmp_path / "trap_for_lookups.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    for name in ("trap_for_lookups", "trap_for_lookups.perform", "trap_for_lookups:perform"):
        with pytest.raises(UnknownJob):
            Registry().find(name)
    assert not side_effect.exists()
    assert "trap_for_lookups" not in sys.modules


@pytest.mark.parametrize("name", ["", "::", "__import__('os')", "os.system", "A\0", "\ud800"])
def test_odd_names_are_unknown_and_nothing_more(name: str) -> None:
    with pytest.raises(UnknownJob):
        Registry().find(name)


class Hooked:
    """Hooks by prefix: bytewise order, whatever the order of definition."""

    def before_perform_z(self) -> None: ...
    def before_performX(self) -> None: ...
    def before_perform(self) -> None: ...
    def before_perform_a(self) -> None: ...
    def before_performance(self) -> None: ...
    def xbefore_perform(self) -> None: ...

    before_perform_not_callable = 3


def test_hooks_are_found_by_prefix_in_byte_order() -> None:
    found = [hook.__name__ for hook in hooks.find(Hooked(), "before_perform")]
    assert found == [
        "before_perform",
        "before_performX",
        "before_perform_a",
        "before_perform_z",
        "before_performance",
    ]


def test_a_list_of_hooks_takes_the_place_of_the_search() -> None:
    owner = SimpleNamespace(
        hooks=["before_perform_b"],
        before_perform_a=lambda: "a",
        before_perform_b=lambda: "b",
    )
    assert [hook() for hook in hooks.find(owner, "before_perform")] == ["b"]
    assert hooks.find(owner, "after_perform") == []


def test_inherited_hooks_are_hooks() -> None:
    class Child(Hooked):
        def before_perform_m(self) -> None: ...

    names = hooks.names(Child(), "before_perform_")
    assert names == [
        "before_perform_a",
        "before_perform_m",
        "before_perform_not_callable",
        "before_perform_z",
    ]


class Loud:
    def before_perform_b(self) -> None: ...


class Louder(Loud, Job):
    def before_perform_a(self) -> None: ...
    def before_perform_b(self) -> None: ...


class Own(type):
    """Says by itself which attributes its classes have."""

    def __dir__(cls) -> list[str]:
        return ["before_perform_own"]


@pytest.mark.parametrize(
    "owner",
    [Louder, Loud, Loud(), Own("Made", (), {"before_perform_x": 1}), sys.modules[__name__], object],
    ids=["class", "no job", "instance", "metaclass", "module", "object"],
)
@pytest.mark.parametrize("prefix", hooks.PREFIXES)
def test_the_hooks_of_whatever_are_those_that_dir_finds(owner: object, prefix: str) -> None:
    assert hooks.names(owner, prefix) == [n for n in dir(owner) if n.startswith(prefix)]


def test_a_missing_class_has_no_hooks() -> None:
    assert hooks.find(None, "before_perform") == []
    assert hooks.find(object(), "before_perform") == []
