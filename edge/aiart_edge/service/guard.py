"""Who may ask: a look at the head of each request, before anything else sees it.

Any page that a browser shows may post a form to 127.0.0.1, and any name may be made to lead there.
So the name, the origin and the site of a request must be ours (OWASP, "Cross-Site Request Forgery
Prevention"; the latter is DNS rebinding), and beyond this machine it must have the token.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from pathlib import Path
from typing import Any

from aiart_edge.errors import DataError
from aiart_edge.service.bodies import Refused

Message = MutableMapping[str, Any]
App = Callable[
    [Message, Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]],
    Awaitable[None],
]

OPEN = frozenset({"/healthz", "/login", "/style.css", "/icon.svg"})  # they ask for no token

_COOKIE = "aiart"
_PORTS = {"http": 80, "https": 443}  # that a browser leaves out
_SITES = frozenset({"same-origin", "none"})
_LEAST_BITS = 128
_LARGEST_TOKEN = 4096  # bytes

_HEADERS = (
    (
        b"content-security-policy",
        b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; "
        b"connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    ),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cache-control", b"no-store"),
)


@dataclass(frozen=True)
class Rules:
    """Who may ask.

    Args:
        hosts: by which this service is called, with their port where it is not the scheme's own.
        scheme: `http` or `https`.
        token: that a request must have. Default: none is asked for.
    """

    hosts: frozenset[str]
    scheme: str
    token: str | None = None

    def check(self, path: str, headers: Mapping[str, str]) -> None:
        """Check the head of a request.

        Args:
            path: that it asks for.
            headers: its own, with names in small letters.

        Raises:
            Refused: it may not ask.
        """
        host = headers.get("host", "").lower()
        if host not in self.hosts:
            problem = "this service has another name: --allow-host adds one that it is called by"
            raise Refused(421, problem)
        if headers.get("origin", f"{self.scheme}://{host}").lower() != f"{self.scheme}://{host}":
            raise Refused(403, "the request comes from a page of another origin")
        if headers.get("sec-fetch-site", "none") not in _SITES:
            raise Refused(403, "the request comes from a page of another site")
        if self.token is None or path in OPEN or self._is_known(headers):
            return
        if path == "/":
            raise Refused(303, "log in first", {"location": "/login"})
        raise Refused(401, "the token is missing or wrong", {"www-authenticate": "Bearer"})

    def is_token(self, text: str) -> bool:
        """Say whether a text is the token, in a time that tells nothing of it."""
        return self.token is not None and _are_same(text, self.token)

    def cookie(self) -> str:
        """Give the header that lets a browser in: with a hash of the token, not the token."""
        secure = "; Secure" if self.scheme == "https" else ""
        return f"{_COOKIE}={self._pass()}; HttpOnly; SameSite=Strict; Path=/{secure}"

    def _pass(self) -> str:
        return hmac.new((self.token or "").encode(), b"aiart cookie", hashlib.sha256).hexdigest()

    def _is_known(self, headers: Mapping[str, str]) -> bool:
        scheme, _, token = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            return self.is_token(token.strip())
        try:
            cookies = SimpleCookie(headers.get("cookie", ""))
        except CookieError:
            return False
        return _COOKIE in cookies and _are_same(cookies[_COOKIE].value, self._pass())


def name_hosts(host: str, port: int, others: Iterable[str], scheme: str) -> frozenset[str]:
    """Name what the header Host of a request may be.

    Args:
        host: the address that is listened on.
        port: likewise.
        others: names that are allowed besides.
        scheme: `http` or `https`.

    Returns:
        Names with their port, in small letters.
    """
    names = {"127.0.0.1", "localhost", "[::1]", *others}
    if not _is_any(host):
        names.add(f"[{host}]" if ":" in host else host)
    ends = [f":{port}", *([""] if port == _PORTS[scheme] else [])]
    return frozenset(f"{name.lower()}{end}" for name in names for end in ends)


def is_loopback(host: str) -> bool:
    """Say whether an address is reached from this machine alone."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def read_token(path: Path) -> str:
    """Read the token.

    Args:
        path: of a file with nothing else in it.

    Returns:
        The token.

    Raises:
        DataError: it cannot be read, or could be guessed.
    """
    try:
        with path.open("rb") as file:
            token = file.read(_LARGEST_TOKEN).decode("ascii").strip()
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "it is no text"
        raise DataError(path, f"the token cannot be read ({why})") from error
    bits_of_a_letter = 4 if re.fullmatch("[0-9a-fA-F]*", token) else 6
    if not re.fullmatch(r"[!-~]*", token) or len(token) * bits_of_a_letter < _LEAST_BITS:
        advice = "make one with  openssl rand -hex 16"
        raise DataError(path, f"a token is one word of at least {_LEAST_BITS} bits: {advice}")
    return token


def guard(app: App, rules: Rules, refuse: Callable[[Refused], App]) -> App:
    """Put the guard before an application.

    Args:
        app: what answers.
        rules: who may ask.
        refuse: makes what answers a request that is refused.

    Returns:
        An ASGI application whose every answer has the headers that keep a browser strict.
    """

    async def guarded(
        scope: Message,
        receive: Callable[[], Awaitable[Message]],
        send: Callable[[Message], Awaitable[None]],
    ) -> None:
        async def send_strictly(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", []), *_HEADERS]
            await send(message)

        answering = app
        try:
            if scope["type"] == "http":
                rules.check(scope["path"], _read_headers(scope["headers"]))
        except Refused as refused:
            answering = refuse(refused)
        await answering(scope, receive, send_strictly)

    return guarded


def _read_headers(headers: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """Read headers; one that is there twice becomes what no rule allows."""
    found: dict[str, str] = {}
    for name, value in headers:
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        found[key] = f"{found[key]}, {text}" if key in found else text
    return found


def _is_any(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_unspecified
    except ValueError:
        return False


def _are_same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode(), other.encode())
