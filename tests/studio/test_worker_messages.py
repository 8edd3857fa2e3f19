"""Messages over the pipe: written and read again, and cut off anywhere."""

from __future__ import annotations

import io

from hypothesis import given
from hypothesis import strategies as st

from ddpm.studio.worker_messages import encode_message, read_message

MESSAGES = st.dictionaries(st.text(max_size=5), st.integers() | st.text(max_size=5), max_size=3)


@given(st.lists(st.tuples(MESSAGES, st.binary(max_size=20)), max_size=3))
def test_messages_are_read_as_they_were_written(messages: list[tuple[dict, bytes]]) -> None:  # type: ignore[type-arg]
    stream = io.BytesIO(b"".join(encode_message(*message) for message in messages))
    assert [read_message(stream) for _ in messages] == messages
    assert read_message(stream) is None


def test_a_message_that_is_cut_off_is_the_end() -> None:
    whole = encode_message({"task": "draw"}, b"payload")
    for length in range(len(whole)):
        assert read_message(io.BytesIO(whole[:length])) is None
