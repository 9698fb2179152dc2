"""After any input of a terminal, the keys that follow are read."""

import random

import pytest
from textual import events
from textual.message import Message

from qtop.app.terminal.driver import InputReader

#: Pieces of what terminals send, and of what they should not send.
PIECES = (
    *(
        b"\x1b",
        b"\x1b[",
        b"\x1bO",
        b"\x1b[<",
        b"\x1b[?",
        b"\x1b]",
        b"\x1b[M",
        b"\x1b[48;",
        b"\x1b[1;",
    ),
    *(b"0", b"7", b"9" * 20, b"1114112", b"55296", b":", b";", b"-", b"::", b"u", b"~", b"A", b"t"),
    *(b"M", b"m", b"R", b"$y", b"\x00", b"\xe9", b"\xc3", b"\xf0\x9f", b"\xff", "\u202e".encode()),
    *(b"\x1b[200~", b"\x1b[201~", b"\x1b[48;0;0;0;0t", b"\x1b[<0;5;5M", "\u0663".encode(), b"x"),
)


def messages_of(*pieces: bytes, inlet: InputReader | None = None) -> list[Message]:
    inlet = inlet or InputReader()
    return [message for piece in pieces for message in inlet.take(piece)]


def keys(*pieces: bytes) -> list[str]:
    return [each.key for each in messages_of(*pieces) if isinstance(each, events.Key)]


def pastes(*pieces: bytes) -> list[str]:
    return [each.text for each in messages_of(*pieces) if isinstance(each, events.Paste)]


@pytest.mark.parametrize(
    "unreadable",
    [
        b"\x1b[97;1:3u",  # kitty: a is released
        b"\x1b[1;1:3A",
        b"\x1b[1114112u",  # beyond Unicode
        b"\x1b[97;1;1114112u",
        b"\x1b[97;1;55296u",  # half of a pair
        b"\x1b[48;0;0;0;0t",
        b"\x1b[48;99999;99999;1;1t",  # a window of ten billion cells
        b"\x1b[<0;99999999999999999999;1M",
        b"\x1b[<0;-1;-1M",
    ],
)
def test_unreadable_bytes_are_dropped(unreadable: bytes) -> None:
    (key,) = messages_of(unreadable + b"q")
    assert isinstance(key, events.Key)
    assert key.key == "q"


def test_keys_in_the_long_form_of_kitty_are_keys() -> None:
    assert keys(b"\x1b[97:65;2u") == keys(b"\x1b[97;2u")
    assert keys(b"\x1b[97;5:1u", b"\x1b[97;5:2u") == ["ctrl+a", "ctrl+a"]
    assert keys(b"\x1b[1;1:1A", b"\x1b[A") == ["up", "up"]


def test_a_byte_that_is_no_utf8_becomes_the_replacement_character() -> None:
    for piece in (b"\xe9", b"\xf8", b"\xff"):
        typed = messages_of(piece, b"j")
        assert [each.character for each in typed if isinstance(each, events.Key)] == ["�", "j"]


def test_a_character_that_arrives_in_pieces_is_one_key() -> None:
    assert keys(b"\xc3", b"\xa9") == ["é"]


def test_a_paste_is_one_text_with_any_content() -> None:
    for content, text in (
        (b"mail", "mail"),
        (b"caf\xe9", "caf�"),
        (b"nul\x00l", "null"),
        (b"one\x1b[Atwo\x1bthree", "one\x1b[Atwo\x1bthree"),
        (b"", ""),
    ):
        sent = b"\x1b[200~" + content + b"\x1b[201~q"
        assert pastes(sent) == [text]
        assert pastes(*(bytes((byte,)) for byte in sent)) == [text]
        assert keys(sent) == ["q"]


def test_a_paste_without_an_end_does_not_swallow_keys_for_ever() -> None:
    now_s = 0.0
    inlet = InputReader(lambda: now_s)
    assert messages_of(b"\x1b[200~mail\x1b[20", inlet=inlet) == []
    assert list(inlet.tick()) == []
    now_s = 60.0
    (paste,) = inlet.tick()
    assert isinstance(paste, events.Paste)
    assert paste.text == "mail\x1b[20"
    (key,) = messages_of(b"q", inlet=inlet)
    assert isinstance(key, events.Key)


@pytest.mark.parametrize("seed", range(8))
def test_after_any_bytes_keys_are_read(seed: int) -> None:
    chance = random.Random(seed)
    inlet = InputReader()
    for _ in range(200):
        garbage = b"".join(chance.choices(PIECES, k=chance.randrange(12)))
        garbage += chance.randbytes(chance.randrange(6))
        for at in range(0, len(garbage), 7):
            messages_of(garbage[at : at + 7], inlet=inlet)
            list(inlet.tick())
        # An unfinished sequence ends first, by its length.
        typed = messages_of(b"\x1b[201~" + b"x" * 40 + b"q", inlet=inlet)
        assert isinstance(typed[-1], events.Key)
        assert typed[-1].key == "q"


def test_a_megabyte_of_any_bytes_is_read() -> None:
    inlet = InputReader()
    chance = random.Random(7)
    messages_of(chance.randbytes(4096), inlet=inlet)
    messages_of(b"\x1b[200~", inlet=inlet)
    for _ in range(272):
        messages_of(chance.randbytes(4096), inlet=inlet)
    (paste,) = (m for m in messages_of(b"\x1b[201~", inlet=inlet) if isinstance(m, events.Paste))
    assert paste.text
