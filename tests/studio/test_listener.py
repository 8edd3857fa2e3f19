"""The socket of the server, and the names that reach it."""

from __future__ import annotations

import pytest

from ddpm.errors import RequestError
from ddpm.studio.listener import host_names, listen, port_of


def test_port_0_is_any_free_port_and_a_taken_one_is_a_sentence() -> None:
    with listen("127.0.0.1", 0) as listening:
        port = port_of(listening)
        assert port > 1023
        with pytest.raises(RequestError, match=f"Port {port} of 127.0.0.1 is in use; .*--port 0"):
            listen("127.0.0.1", port)


@pytest.mark.parametrize("host", ["203.0.113.7", "no-such-name.invalid"])
def test_an_address_of_another_machine_is_a_sentence(host: str) -> None:
    with pytest.raises(RequestError, match=r"not an address of this machine; .*--host"):
        listen(host, 0)


def test_names_of_loopback_carry_the_port() -> None:
    assert host_names("127.0.0.1", 8765) == {"127.0.0.1:8765", "localhost:8765", "[::1]:8765"}
    assert "localhost" in host_names("127.0.0.1", 80)  # browsers leave port 80 out


def test_the_given_host_is_a_name_too() -> None:
    assert "192.168.1.5:9" in host_names("192.168.1.5", 9)
    assert "[fe80::1]:9" in host_names("fe80::1", 9)
    every = host_names("0.0.0.0", 9)
    assert "127.0.0.1:9" in every and "0.0.0.0:9" not in every
