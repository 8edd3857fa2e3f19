"""Events: in order, to every reader, and again to one that comes back."""

from __future__ import annotations

import json
from typing import Any

from ddpm.studio.event_stream import EventStream
from tests.studio.asgi import run


class Reader:
    """Reads a stream, event by event."""

    def __init__(self, stream: EventStream, last_id: str | None = None) -> None:
        self.texts = stream.read(last_id)
        self.last_id: str | None = None

    async def next(self) -> dict[str, Any]:
        while True:
            text = await anext(self.texts)
            fields = dict(line.split(": ", 1) for line in text.strip().splitlines() if line)
            self.last_id = fields.get("id", self.last_id)
            if "data" in fields:
                return dict(json.loads(fields["data"]))


async def kinds(reader: Reader, count: int) -> list[str]:
    return [(await reader.next())["kind"] for _ in range(count)]


def test_a_reader_is_greeted_and_gets_what_comes_later() -> None:
    async def story() -> list[dict[str, Any]]:
        stream = EventStream("1.2")
        stream.publish("early", "0", {})
        reader = Reader(stream)
        hello = await reader.next()
        stream.publish("draw", "7", {"step": 3})
        return [hello, await reader.next()]

    hello, event = run(story())
    assert hello == {"kind": "hello", "id": "", "version": "1.2"}
    assert event == {"kind": "draw", "id": "7", "step": 3}


def test_a_reader_that_comes_back_gets_what_it_missed() -> None:
    async def story() -> list[str]:
        stream = EventStream()
        reader = Reader(stream)
        await reader.next()
        stream.publish("first", "", {})
        await reader.next()
        stream.publish("second", "", {})
        stream.publish("third", "", {})
        return await kinds(Reader(stream, reader.last_id), 3)

    assert run(story()) == ["hello", "second", "third"]


def test_an_id_of_another_server_or_of_long_ago_is_a_reset() -> None:
    async def story(last_id: str, kept: int = 10) -> list[str]:
        stream = EventStream(kept=kept)
        for number in range(5):
            stream.publish(str(number), "", {})
        return await kinds(Reader(stream, last_id.replace("OWN", stream._server)), 2)

    for last_id in ("deadbeef-3", "OWN-99", "OWN-x", "", "\0", "OWN-" + "9" * 100):
        assert run(story(last_id)) == ["hello", "reset"], last_id
    assert run(story("OWN-1", kept=2)) == ["hello", "reset"]
    assert run(story("OWN-3", kept=2)) == ["hello", "3"]  # kinds begin at 0, ids at 1


def test_a_reader_too_slow_for_the_kept_events_is_reset() -> None:
    async def story() -> list[str]:
        stream = EventStream(kept=3)
        reader = Reader(stream)
        await reader.next()
        for number in range(10):
            stream.publish(str(number), "", {})
        found = await kinds(reader, 1)
        stream.publish("new", "", {})
        return found + await kinds(reader, 1)

    assert run(story()) == ["reset", "new"]


def test_readers_are_counted_and_closing_ends_them() -> None:
    async def story() -> None:
        stream = EventStream()
        assert not stream.has_reader.is_set()
        reader = Reader(stream)
        await reader.next()
        assert stream.readers == 1 and stream.has_reader.is_set()
        stream.close()
        assert [text async for text in reader.texts] == []
        assert stream.readers == 0 and not stream.has_reader.is_set()

    run(story())


def test_silence_is_broken_by_a_comment() -> None:
    async def story() -> str:
        texts = EventStream(heartbeat=0.01).read()
        return [await anext(texts) for _ in range(3)][-1]

    assert run(story()) == ": alive\n\n"
