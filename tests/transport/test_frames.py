"""The splitter: whatever way bytes are cut, the same messages come out."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.peers import BINARY, CLOSE, PING, PONG, TEXT, frame
from transport.frames import FrameSplitter, Garbled, Message, Pong


def split(
    data: bytes, *, pieces: int | None = None, limit: int = 4096
) -> tuple[list[Message], FrameSplitter]:
    splitter = FrameSplitter(limit)
    step = pieces or len(data)
    messages = [
        message for at in range(0, len(data), step) for message in splitter.feed(data[at : at + step])
    ]
    return messages, splitter


def test_a_buffer_of_many_frames_becomes_a_list_of_messages_in_order() -> None:
    data = b"".join(frame(TEXT, f"message {n}".encode()) for n in range(300))
    messages, splitter = split(data)
    assert messages == [f"message {n}" for n in range(300)]
    assert splitter.ended is None


@given(
    texts=st.lists(st.text(max_size=400), min_size=1, max_size=6),
    pieces=st.integers(min_value=1, max_value=700),
)
def test_how_the_bytes_are_cut_changes_nothing(texts: list[str], pieces: int) -> None:
    data = b"".join(frame(TEXT, text.encode()) for text in texts)
    assert split(data, pieces=pieces)[0] == texts


@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 65_535, 65_536, 200_000])
@pytest.mark.parametrize("pieces", [None, 1000])
def test_every_form_of_length_is_read(size: int, pieces: int | None) -> None:
    data = frame(TEXT, b"x" * size) + frame(TEXT, b"next")
    assert split(data, pieces=pieces, limit=300_000)[0] == ["x" * size, "next"]


def test_fragments_become_one_message_and_may_have_control_frames_between_them() -> None:
    data = (
        frame(TEXT, "grü".encode()[:3], final=False)
        + frame(PING, b"are you there")
        + frame(0, "grü".encode()[3:], final=False)
        + frame(PONG, b"yes")
        + frame(0, b"n")
        + frame(TEXT, b"after")
    )
    messages, splitter = split(data, pieces=3)
    assert messages == [Pong(b"yes"), "grün", "after"]
    assert splitter.pings == [b"are you there"]


def test_text_that_is_not_utf8_is_handed_on_as_garbled_and_the_stream_goes_on() -> None:
    messages, splitter = split(frame(TEXT, b"\xff\xfe{") + frame(TEXT, b"fine"))
    assert messages == [Garbled("text that is not UTF-8", "\\xff\\xfe{"), "fine"]
    assert splitter.ended is None


def test_text_in_fragments_that_is_not_utf8_is_garbled_too() -> None:
    messages, _ = split(frame(TEXT, b"\xff", final=False) + frame(0, b"x") + frame(TEXT, b"fine"))
    assert messages == [Garbled("text that is not UTF-8", "\\xffx"), "fine"]


def test_a_binary_frame_is_garbled_and_only_its_beginning_is_kept() -> None:
    messages, _ = split(frame(BINARY, b"\x00" * 100_000) + frame(TEXT, b"fine"), limit=200_000)
    assert isinstance(messages[0], Garbled)
    assert messages[0].excerpt == "\x00" * 2048
    assert messages[1:] == ["fine"]


def test_a_frame_beyond_the_limit_ends_the_stream_after_the_messages_before_it() -> None:
    data = frame(TEXT, b"before") + frame(TEXT, b"x" * 5000) + frame(TEXT, b"never read")
    messages, splitter = split(data, limit=4096)
    assert messages == ["before"]
    assert "5000 bytes" in str(splitter.ended)


def test_a_frame_beyond_the_limit_is_refused_by_its_header_before_its_bytes_are_gathered() -> None:
    splitter = FrameSplitter(4096)
    assert splitter.feed(frame(TEXT, b"x" * 5000)[:4]) == []
    assert splitter.ended is not None


def test_fragments_are_limited_in_sum() -> None:
    data = frame(TEXT, b"x" * 3000, final=False) + frame(0, b"x" * 3000)
    messages, splitter = split(data, limit=4096)
    assert messages == []
    assert "in fragments" in str(splitter.ended)


def test_endless_empty_fragments_are_limited_too() -> None:
    data = frame(TEXT, b"", final=False) + frame(0, b"", final=False) * 200
    assert split(data, limit=100)[1].ended is not None


def test_a_close_ends_the_stream_with_its_code_and_reason_after_the_messages_before_it() -> None:
    messages, splitter = split(
        frame(TEXT, b"last words") + frame(CLOSE, b"\x03\xf0policy") + frame(TEXT, b"x")
    )
    assert messages == ["last words"]
    assert str(splitter.ended) == "closed by the peer: 1008 policy"


def test_a_close_without_a_code_is_a_close() -> None:
    assert str(split(frame(CLOSE, b""))[1].ended) == "closed by the peer: 1005"


@pytest.mark.parametrize(
    "broken",
    [
        pytest.param(b"\x81\x84maskdata", id="masked"),
        pytest.param(b"\xc1\x00", id="reserved bit"),
        pytest.param(b"\x83\x00", id="unknown kind"),
        pytest.param(frame(PING, b"", final=False), id="fragmented control frame"),
        pytest.param(frame(PING, b"x" * 126), id="long control frame"),
        pytest.param(frame(0, b"no beginning"), id="continuation of nothing"),
        pytest.param(frame(TEXT, b"a", final=False) + frame(TEXT, b"b"), id="a text inside a text"),
    ],
)
def test_what_breaks_the_framing_ends_the_stream(broken: bytes) -> None:
    messages, splitter = split(frame(TEXT, b"before") + broken + frame(TEXT, b"never read"))
    assert messages == ["before"]
    assert splitter.ended is not None
