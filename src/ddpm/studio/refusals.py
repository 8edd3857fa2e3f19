"""Refusals of the server: a status and a sentence for the page."""

from __future__ import annotations


class RefusalError(Exception):
    """A request that the server refuses: HTTP status and one sentence with the fix."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status, self.sentence = status, sentence


def not_found(what: str) -> RefusalError:
    """Return the refusal of a request for something that does not exist."""
    return RefusalError(404, f"There is no {what}; reload the page to see what there is.")
