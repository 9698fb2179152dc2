"""The bar about the server itself."""

from qtop.model.health import ServerInfo
from qtop.widgets.bars import server


def bar_text(**fields: str) -> str:
    return "".join(span.text for span in server(ServerInfo(fields)))


def test_the_server_is_reported_in_brief() -> None:
    assert bar_text(
        redis_version="7.0.15",
        used_memory=str(1_300 * 2**20),
        maxmemory=str(2_048 * 2**20),
        connected_clients="12",
        uptime_in_seconds="300000",
    ) == ("  Redis 7.0.15, 1,300 MiB of 2,048 MiB, 12 clients, up 3 d ")
    assert bar_text(valkey_version="9.0", redis_version="7.2.4", used_memory="5") == (
        "  Valkey 9.0, 1 MiB "
    )


def test_missing_fields_are_left_out_and_nonsense_is_ignored() -> None:
    assert server(None) == []
    assert bar_text() == ""
    assert bar_text(uptime_in_seconds="59") == "  up <1 h "
    assert bar_text(redis_version="7\x1b[2J", used_memory="-3", connected_clients="x") == (
        "  Redis 7␛[2J "
    )


def test_in_little_room_the_version_stays_longest() -> None:
    spans = server(ServerInfo({"redis_version": "7", "connected_clients": "1"}))
    assert [(span.text, span.priority) for span in spans[:2]] == [
        ("  Redis 7", 50),
        (", 1 client", 49),
    ]
