"""Messages between the server and the drawing worker: JSON with bytes, over a pipe. Standard library only."""

from __future__ import annotations

import json
import struct
from typing import Any, BinaryIO

Message = dict[str, Any]
PREFIX = struct.Struct(">II")  # lengths of the JSON text and of the bytes that follow it


def encode_message(message: Message, payload: bytes = b"") -> bytes:
    """Return a message as bytes of the pipe."""
    text = json.dumps(message).encode()
    return PREFIX.pack(len(text), len(payload)) + text + payload


def read_message(stream: BinaryIO) -> tuple[Message, bytes] | None:
    """Read the next message and its bytes; None at the end of the pipe."""
    prefix = stream.read(PREFIX.size)
    if len(prefix) < PREFIX.size:
        return None
    text_length, payload_length = PREFIX.unpack(prefix)
    text, payload = stream.read(text_length), stream.read(payload_length)
    if len(text) < text_length or len(payload) < payload_length:
        return None
    return json.loads(text), payload
