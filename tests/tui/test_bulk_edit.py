"""One value in the arguments of many jobs: which bytes change, what is asked before, what stays."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.console import screen_text, until, until_polled, until_screen, until_shown
from tests.support.console_redis import Redis, on
from textual.widgets import Input

from qtop.actions.argument_change import change_of, paths_of
from qtop.screens.bulk_edit import ChangeDialog
from qtop.screens.dialogs import ConfirmDialog
from qtop.text.redact import Redactor
from queuecore.active_job import WRAPPER
from queuecore.codec import decode, span_at
from queuecore.errors import BadOption
from queuecore.exchange import single

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=10,
)


def paths(value: Any, at: tuple[str, ...] = ()) -> list[tuple[tuple[str, ...], Any]]:
    """Every value within a value, with its path."""
    inner: dict[str, Any] = {}
    if isinstance(value, dict):
        inner = value
    elif isinstance(value, list):
        inner = {str(number): each for number, each in enumerate(value)}
    below = [found for name, each in inner.items() for found in paths(each, (*at, name))]
    return [(at, value), *below]


@given(VALUES, st.booleans())
def test_a_path_leads_to_the_bytes_of_its_value(value: Any, is_spaced: bool) -> None:
    separators = (" , ", " : ") if is_spaced else (",", ":")
    raw = json.dumps(value, ensure_ascii=is_spaced, separators=separators).encode()
    raw = b" " * is_spaced + raw
    for path, wanted in paths(value):
        first, last = span_at(raw, path)
        assert decode(raw[first:last]) == wanted
        with pytest.raises(LookupError):
            span_at(raw, (*path, "no such step"))


def payload(args: str, **more: str) -> bytes:
    parts = {"class": '"Charge"', "args": args, **more}
    return ("{" + ",".join(f'"{k}":{v}' for k, v in parts.items()) + "}").encode()


def test_only_the_bytes_of_the_value_change() -> None:
    before = b'{"n":1.50, "class":"Charge","args":[1.00,{"currency": "EURO","x":"\xff"}],"t":1e3}'
    after = change_of("args.1.currency", "EUR").applied(before)
    assert after == before.replace(b'"EURO"', b'"EUR"')


@pytest.mark.parametrize(
    ("path", "before", "after", "args", "then"),
    [
        ("args.0", None, "43", "[42]", "[43]"),
        ("args.0", None, '"43"', "[42]", '["43"]'),
        ("args.0", "42", "[1, 2]", "[42]", "[[1, 2]]"),
        ("args.0.a.1", "x", "null", '[{"a":[0,"x"]}]', '[{"a":[0,null]}]'),
        ("args.0", None, "Ürümqi", '["x"]', '["Ürümqi"]'),
    ],
)
def test_a_value_is_json_or_else_a_text(
    path: str, before: str | None, after: str, args: str, then: str
) -> None:
    assert change_of(path, after, before).applied(payload(args)) == payload(then)


@pytest.mark.parametrize(
    ("path", "before", "after", "args", "why"),
    [
        ("args.1", None, "x", "[1]", "args.1 is missing"),
        ("args.0.a", None, "x", "[1]", "args.0.a is missing"),
        ("args.0", "EURO", "EUR", '["USD"]', "another value"),
        ("args.0", None, "1", "[1]", "already"),
    ],
)
def test_a_job_that_does_not_fit_says_why_without_its_values(
    path: str, before: str | None, after: str, args: str, why: str
) -> None:
    with pytest.raises(ValueError, match=why):
        change_of(path, after, before).applied(payload(args))


def test_one_and_true_are_not_the_same_value() -> None:
    assert change_of("args.0", "true").applied(payload("[1]")) == payload("[true]")


@pytest.mark.parametrize("name", ['{"a":1}', '["Charge"]', "7"])
def test_a_job_whose_class_is_no_text_stays_and_is_no_sample_of_the_change(name: str) -> None:
    change = change_of("args.0", "2")
    with pytest.raises(ValueError, match="class"):
        change.applied(payload("[1]", **{"class": name}))
    assert change.samples == []


@pytest.mark.parametrize(
    ("path", "args"),
    [
        ("args.1", '["--password","hush"]'),
        ("args.0.value", '[{"name":"password","value":"hush"}]'),
        ("args.0.token.0", '[{"token":["hush"]}]'),
        ("args.0", '["redis://u:hush@h/0"]'),
        ("args.0.a", '[{"a":{"token":"hush"}}]'),
    ],
)
def test_what_only_its_neighbours_call_a_secret_is_not_in_a_sample(path: str, args: str) -> None:
    change = change_of(path, "7")
    change.applied(payload(args))
    [sample] = change.samples
    line = sample.line(Redactor())
    assert "hush" not in line
    assert line.startswith(f"Charge  {path}: ")
    assert "hush" in sample.line(Redactor([]))


@pytest.mark.parametrize(
    ("one", "other"),
    [("1e400", "1e500"), ("1e400", '"1e400"'), ("0.1", "0.10000000000000000001"), ("1", "1.0")],
)
def test_numbers_are_compared_with_all_their_digits(one: str, other: str) -> None:
    change = change_of("args.0", "2", one)
    assert change.applied(payload(f"[{one}]")) == payload("[2]")
    with pytest.raises(ValueError, match="another value"):
        change.applied(payload(f"[{other}]"))


@pytest.mark.parametrize(
    "value", ["1e400", '{"a":[1e400]}', "9" * 5_000, "[" * 99 + "]" * 99, "[" * 5_000 + "]" * 5_000]
)
def test_a_value_that_no_worker_could_read_is_refused_and_not_taken_for_a_text(value: str) -> None:
    with pytest.raises(BadOption, match="the value"):
        change_of("args.0", value)


def test_half_of_a_character_that_was_pasted_is_refused() -> None:
    with pytest.raises(BadOption, match="surrogate"):
        change_of("args.0", "\ud800")


def test_the_place_is_one_of_active_jobs_own_arguments() -> None:
    inner = '[{"job_class":"Charge","arguments":[%s]}]'
    wrapped = {"class": json.dumps(WRAPPER)}
    change = change_of("args.0", "EUR")
    assert change.applied(payload(inner % '"EURO"', **wrapped)) == payload(
        inner % '"EUR"', **wrapped
    )


def test_the_arguments_of_a_mail_which_are_put_together_stay() -> None:
    args = '[{"job_class":"D","arguments":["UserMailer","welcome","deliver_now",{"args":[1]}]}]'
    with pytest.raises(ValueError, match="ActionMailer"):
        change_of("args.0", "2").applied(payload(args, **{"class": json.dumps(WRAPPER)}))


@pytest.mark.parametrize("path", ["", "args", "class", "args.", "args.a b", "0"])
def test_a_place_that_is_none_is_refused(path: str) -> None:
    with pytest.raises(BadOption, match="not in the arguments"):
        change_of(path, "x")


def test_the_places_of_simple_values_are_offered() -> None:
    args = [1, {"currency": "EURO", "lines": [{"sku": 7}]}]
    assert paths_of(args) == ["args.0", "args.1.currency", "args.1.lines.0.sku"]


# In the console


async def fail(redis: Redis, *args: list[Any]) -> None:
    for each in args:
        await redis.fail(1, payload={"class": "Charge", "args": each})


async def test_all_that_match_are_edited_after_a_question_with_samples(redis: Redis) -> None:
    await fail(redis, *([number, "EURO"] for number in range(3)), [3, "USD"], [4])
    app = on(redis)
    async with app.run_test(size=(120, 40)) as pilot:
        await until_polled(pilot)
        await pilot.press("4", "t")
        await until_shown(pilot, "Charge")
        await pilot.press("E")
        await until_screen(pilot, ChangeDialog)
        for field, text in (("place", "args.1"), ("before", "EURO"), ("after", "EUR")):
            app.screen.query_one(f"#{field}", Input).value = text
        await until_shown(pilot, 'args.1: "EURO" → "EUR"')
        app.screen.query_one("#yes").focus()
        await pilot.press("enter")
        await until_screen(pilot, ConfirmDialog)
        shown = screen_text(app)
        assert "Edit 3 failed jobs?" in shown
        assert 'Charge  args.1: "EURO" → "EUR"' in shown
        assert "Skipped: 1: args.1 has another value" in shown
        assert "Skipped: 1: args.1 is missing" in shown
        await pilot.press("y")
        await until_shown(pilot, "edited and requeued 3")
        assert await redis.failed() == 2
        pushed: list[bytes] = await redis.source.run(
            single(("LRANGE", b"resque:queue:mail", 0, -1), list)
        )
        assert [json.loads(each)["args"][1] for each in pushed] == ["EUR"] * 3
        await pilot.press("u")
        await until_shown(pilot, "undone 3")
        assert await redis.failed() == 5


async def test_marked_jobs_alone_are_edited(redis: Redis) -> None:
    await redis.push("mail", 3)
    app = on(redis)
    async with app.run_test(size=(120, 40)) as pilot:
        await until_polled(pilot)
        await pilot.press("2", "enter")
        await until_shown(pilot, "Job")
        await pilot.press("space", "space", "E")
        await until_shown(pilot, "Edit the arguments of 2 waiting jobs")
        for field, text in (("place", "args.0"), ("after", "post")):
            app.screen.query_one(f"#{field}", Input).value = text
        await until(pilot, lambda: not app.screen.query_one("#yes").disabled)
        app.screen.query_one("#yes").focus()
        await pilot.press("enter")
        await until_shown(pilot, "Edit 2 waiting jobs?")
        await pilot.press("y")
        await until_shown(pilot, "edited 2")
