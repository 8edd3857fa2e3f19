"""The gate: every request is checked here before it reaches a route.

Each rule answers an incident of another local server: a page under a foreign name (DNS rebinding), forms
of other sites, requests without a token, bodies without a limit.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any

from starlette.datastructures import QueryParams

from ddpm.studio.access import Access
from ddpm.studio.refusals import RefusalError
from ddpm.studio.request_bodies import Receive, buffered, counted, too_large
from ddpm.studio.studio_request import Limits

Scope = MutableMapping[str, Any]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

PAGE = "/"
UPLOADS = "/api/uploads"  # takes a zip, streamed to the disk
PICTURES = ("/api/settings-of-image", "/api/understand/images")  # take a picture as it is
JSON = ("application/json",)
ZIPS = ("application/zip", "application/x-zip-compressed")
IMAGES = ("image/png", "image/jpeg")

SECURITY_HEADERS = {
    "content-security-policy": "default-src 'self'; img-src 'self' data: blob:; object-src 'none'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}
NO_TOKEN = "This page needs its token. Open the address that ddpm studio printed in the terminal."


@dataclass(frozen=True)
class BodyRule:
    """Content types and the largest size of the body of a POST; `streamed`: not read into memory."""

    types: tuple[str, ...]
    limit: int
    streamed: bool = False


class Gate:
    """ASGI application that checks a request and passes it on to `app`.

    In this order: Host (`hosts`, with the port), Origin and Sec-Fetch-Site, method, token, content type
    and size of the body. Websockets are refused. Every answer carries `SECURITY_HEADERS`.
    """

    def __init__(self, app: App, access: Access, hosts: frozenset[str], limits: Limits) -> None:
        self.app, self.access, self.hosts, self.limits = app, access, hosts, limits
        self.origins = {f"http://{host}" for host in hosts}
        self._rules = {
            UPLOADS: BodyRule(ZIPS, limits.zip_bytes, streamed=True),
            **dict.fromkeys(PICTURES, BodyRule(IMAGES, limits.picture_bytes)),
        }
        self._json = BodyRule(JSON, limits.json_bytes)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
        elif scope["type"] == "http":
            await self._answer(scope, receive, _with_security_headers(send))
        else:  # a websocket; the server has none
            await receive()
            await send({"type": "websocket.close", "code": 1008})

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            headers = _headers(scope)
            self._check_sender(headers)
            if scope["method"] not in ("GET", "HEAD", "POST"):
                raise RefusalError(
                    405, f"The studio does not answer {scope['method'][:20]} requests."
                )
            if (given := _given_token(scope)) is not None:
                await self._swap_token(given, headers["host"], send)
                return
            if not self._is_authorized(headers):
                raise RefusalError(401, NO_TOKEN)
            if scope["method"] == "POST":
                receive = await self._checked_body(scope, headers, receive)
            await self.app(scope, receive, send)
        except RefusalError as refusal:
            await _send_refusal(refusal, scope["path"], send)

    def _check_sender(self, headers: Mapping[str, str]) -> None:
        """Raise RefusalError for a request that another site may have caused."""
        if headers.get("host", "").lower() not in self.hosts:
            raise RefusalError(
                403, "The studio answers under the address that it printed, not this one."
            )
        if headers.get("origin", next(iter(self.origins))).lower() not in self.origins:
            raise RefusalError(403, "The studio answers its own page only, not other sites.")
        if headers.get("sec-fetch-site", "none") not in ("same-origin", "none"):
            raise RefusalError(
                403, "The studio answers its own page only; open the address it printed."
            )

    def _is_authorized(self, headers: Mapping[str, str]) -> bool:
        kind, _, token = headers.get("authorization", "").partition(" ")
        if kind.lower() == "bearer":
            return self.access.accepts(token.strip())
        cookies = (pair.strip().partition("=") for pair in headers.get("cookie", "").split(";"))
        name = cookie_name(headers["host"])
        return any(key == name and self.access.accepts(value) for key, _, value in cookies)

    async def _swap_token(self, given: str, host: str, send: Send) -> None:
        """Exchange the token in the address for a cookie, and lead on to an address without it."""
        if not self.access.redeem(given):
            raise RefusalError(401, NO_TOKEN)
        cookie = f"{cookie_name(host)}={self.access.token}; Path=/; HttpOnly; SameSite=Strict"
        await _send(send, 303, {"location": PAGE, "set-cookie": cookie}, b"")

    async def _checked_body(
        self, scope: Scope, headers: Mapping[str, str], receive: Receive
    ) -> Receive:
        rule = self._rules.get(scope["path"], self._json)
        kind = headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind not in rule.types:
            raise RefusalError(415, f"Send the request as {' or '.join(rule.types)}.")
        length = headers.get("content-length", "0")
        if not length.isdecimal() or int(length[:20]) > rule.limit:
            raise too_large(rule.limit)
        if rule.streamed:
            return counted(receive, rule.limit, self.limits.stall_seconds)
        return await buffered(receive, rule.limit, self.limits.body_seconds)


def cookie_name(host: str) -> str:
    """Return the name of the cookie: browsers keep cookies by host, so the name holds the port."""
    return f"ddpm-studio-{host.rpartition(':')[2] if ':' in host else '80'}"


def _headers(scope: Scope) -> dict[str, str]:
    """Return the headers by name. RefusalError if one that is checked here occurs twice."""
    found: dict[str, str] = {}
    for raw_name, raw_value in scope["headers"]:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        if name == "cookie" and name in found:  # HTTP/2 splits it; joined, it means the same
            value = f"{found[name]}; {value}"
        elif name in found and name in ("host", "origin", "authorization", "content-type"):
            raise RefusalError(400, f"The request has several headers {name}.")
        found[name] = value
    return found


def _given_token(scope: Scope) -> str | None:
    """Return the token in the address of the page; None for other addresses."""
    if scope["path"] != PAGE or scope["method"] != "GET":
        return None
    return QueryParams(scope["query_string"]).get("token")


def _with_security_headers(send: Send) -> Send:
    async def send_with_headers(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            own = {name.lower() for name, _ in message.get("headers", [])}
            more = {**SECURITY_HEADERS, "cache-control": "no-store"}
            message["headers"] = [
                *message.get("headers", []),
                *((k.encode(), v.encode()) for k, v in more.items() if k.encode() not in own),
            ]
        await send(message)

    return send_with_headers


async def _send_refusal(refusal: RefusalError, path: str, send: Send) -> None:
    kind, text = "text/plain; charset=utf-8", refusal.sentence
    if path.startswith("/api/"):
        kind, text = "application/json", json.dumps({"error": refusal.sentence})
    await _send(send, refusal.status, {"content-type": kind}, text.encode())


async def _send(send: Send, status: int, headers: Mapping[str, str], body: bytes) -> None:
    lines = {**headers, "content-length": str(len(body))}
    encoded = [(name.encode(), value.encode()) for name, value in lines.items()]
    await send({"type": "http.response.start", "status": status, "headers": encoded})
    await send({"type": "http.response.body", "body": body})
