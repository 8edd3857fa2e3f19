"""The token and the tickets."""

from __future__ import annotations

from ddpm.studio.access import Access


def test_a_new_token_is_long_and_new() -> None:
    tokens = {Access().token for _ in range(20)}
    assert len(tokens) == 20 and min(map(len, tokens)) >= 43  # 32 random bytes


def test_the_token_alone_is_accepted() -> None:
    access = Access("a" * 16)
    assert access.accepts("a" * 16)
    assert not any(map(access.accepts, ("", "a" * 15, "a" * 17, "é" * 16)))


def test_a_ticket_works_once_and_is_no_token() -> None:
    access = Access()
    ticket = access.new_ticket()
    assert not access.accepts(ticket)
    assert [access.redeem(ticket), access.redeem(ticket)] == [True, False]
    assert access.redeem(access.token) and access.redeem(access.token)
