"""The settings limit how long actions can be undone."""

import pytest

from qtop.config.limits import UndoLimits
from qtop.config.settings import Given, Settings, undo_settings
from resque.errors import BadOption


def test_a_day_and_256_mib_by_default() -> None:
    assert undo_settings({}) == {}
    assert Settings().undo_limits == UndoLimits() == UndoLimits(86_400, 256 * 2**20)
    told = {"QTOP_UNDO_HOURS": "0.5", "QTOP_UNDO_MIB": "1"}
    assert undo_settings(told) == {
        "undo_hours": Given(0.5, "QTOP_UNDO_HOURS"),
        "undo_mib": Given(1.0, "QTOP_UNDO_MIB"),
    }
    assert UndoLimits.of(0.5, 1) == UndoLimits(1800, 2**20)


def test_a_list_too_large_to_keep_cannot_be_undone_and_an_unknown_size_is_not_too_large() -> None:
    limits = UndoLimits(lifetime_s=60, most_bytes=100)
    assert [limits.seconds_for(size) for size in (None, 0, 100, 101)] == [60, 60, 60, 0]


def test_a_refusal_says_how_much_it_would_be_how_much_may_be_and_how_to_raise_it() -> None:
    limits = UndoLimits(free_bytes=100 << 20)
    assert limits.refusal(100 << 20) is None
    assert limits.refusal(None) is None
    assert limits.refusal(150 << 20) == (
        "its undo would keep 150 MiB, the server has 100 MiB left below its maxmemory"
    )
    assert limits.refusal((256 << 20) + (1 << 19)) == (
        "its undo would keep 256.5 MiB, the limit is 256 MiB (undo_mib, QTOP_UNDO_MIB)"
    )


def test_no_hours_means_no_undo() -> None:
    hours = undo_settings({"QTOP_UNDO_HOURS": "0"})["undo_hours"].value
    assert UndoLimits.of(hours, 64).seconds_for(1) == 0


@pytest.mark.parametrize("text", ["a day", "-1", "nan", "inf", "1e9"])
@pytest.mark.parametrize("name", ["QTOP_UNDO_HOURS", "QTOP_UNDO_MIB"])
def test_an_impossible_limit_is_reported_by_its_name(name: str, text: str) -> None:
    with pytest.raises(BadOption, match=name):
        undo_settings({name: text})
