"""Watch over the runs folder: changes become events while a page is open.

Only the times and sizes of files are looked at, once a second; a run's card is made only when they change.
A run that was started in a terminal shows up like any other.
"""

from __future__ import annotations

import asyncio
import logging
import os
from pathlib import Path
from typing import Any

from ddpm.runs import RunFolder
from ddpm.studio.event_stream import EventStream
from ddpm.studio.run_cards import RunCards

INTERVAL = 1.0  # seconds between two looks

Stamp = tuple[object, ...]


class RunWatch:
    """Publishes the card of each run that has changed."""

    def __init__(self, cards: RunCards, events: EventStream, interval: float = INTERVAL) -> None:
        self._cards, self._events, self._interval = cards, events, interval
        self._stamps: dict[str, Stamp] = {}

    async def run(self) -> None:
        """Look at the runs as long as there are readers. Never returns."""
        while True:
            await self._events.has_reader.wait()
            try:
                for card in await asyncio.to_thread(self.changed_cards):
                    self._events.publish("run", card["id"], card)
            except OSError as error:  # a folder that vanished in the middle; the next look sees it
                logging.getLogger("uvicorn.error").warning("the runs cannot be read: %s", error)
            await asyncio.sleep(self._interval)

    def changed_cards(self) -> list[dict[str, Any]]:
        """Return the cards of the runs that have changed since the last call."""
        runs = self._cards.runs.runs()
        stamps = {id: self._stamp(run) for id, run in runs.items()}
        changed = [id for id, stamp in stamps.items() if self._stamps.get(id) != stamp]
        cards = [self._cards.card(id, runs[id]) for id in changed]
        for card in self._cards.unborn():
            stamps[card["id"]] = (card["state"], card["sentence"])
            if self._stamps.get(card["id"]) != stamps[card["id"]]:
                cards.append(card)
        self._stamps = stamps
        return cards

    def _stamp(self, run: RunFolder) -> Stamp:
        files = (run.config, run.metrics, run.checkpoints, run.previews, run.sample_grid)
        more = (run.average, run.evaluation)
        return (self._cards.trainings.pid(run), *map(_stamp_of, (*files, *more)))


def _stamp_of(path: Path) -> tuple[int, int] | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size
