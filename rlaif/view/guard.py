"""Protects the page from other programs and other pages in the browser: token, Host header, Origin and response headers.

A page of another site can send requests to 127.0.0.1. Without the token they are refused. The token is in a cookie that
browsers never send with requests from other sites (SameSite=Strict). The check of the Host header defeats DNS rebinding,
where another site's name is made to point to 127.0.0.1.
"""

import secrets
from collections.abc import Awaitable, Callable
from typing import Final

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOOPBACK: Final = ("127.0.0.1", "localhost", "[::1]")
READING: Final = ("GET", "HEAD")
HEADERS: Final = {
    "content-security-policy": "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    # With "no-referrer", browsers send votes with `Origin: null`.
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}


class Guard:
    """Middleware that answers unauthorized requests itself and adds the headers to all responses."""

    def __init__(self, app: ASGIApp, *, token: str, port: int) -> None:
        self._app, self._token = app, token
        # Cookies are shared by all ports of a host.
        self._cookie = f"rlaif_view_{port}"
        self._hosts = {f"{name}:{port}" for name in LOOPBACK}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            return
        answer = self._refused(Request(scope)) or self._app
        await answer(scope, receive, _with_headers(send))

    def _refused(self, request: Request) -> Response | None:
        """Return the response to a request that is not let through; None for the others."""
        if request.headers.get("host", "") not in self._hosts:
            return _refuse("This page can only be opened under 127.0.0.1 or localhost.")
        origin = request.headers.get("origin")
        if request.method not in READING and origin not in {f"http://{host}" for host in self._hosts}:
            return _refuse("Votes are only accepted from this page.")
        given = request.query_params.get("token")
        if given is not None and self._is_token(given) and request.method in READING:
            answer = RedirectResponse(str(request.url.remove_query_params("token").replace(scheme="", netloc="")), 303)
            answer.set_cookie(self._cookie, self._token, httponly=True, samesite="strict", path="/")
            return answer
        if self._is_token(request.cookies.get(self._cookie, "")):
            return None
        return _refuse("Open the address that `rlaif view` printed: it contains a token that this request lacks.")

    def _is_token(self, given: str) -> bool:
        return secrets.compare_digest(given.encode(), self._token.encode())


def _refuse(why: str) -> Response:
    return PlainTextResponse(f"{why}\n", 403)


def _with_headers(send: Send) -> Callable[[Message], Awaitable[None]]:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            MutableHeaders(raw=message.setdefault("headers", [])).update(HEADERS)
        await send(message)

    return sending
