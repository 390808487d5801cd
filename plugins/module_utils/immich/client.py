# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one HTTP client for Immich's API. Standard library only: it also runs in a pod of the cluster."""

from __future__ import annotations

import http.client
import json
import re
import socket
import ssl
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

from .versions import Capabilities, Version, VersionError, capabilities, since

LOOPBACK = ("127.0.0.1", "::1", "localhost")
_READS = ("GET", "HEAD")
# a PUT replaces a whole object: sending it twice does no more than once
_REPEATABLE = (*_READS, "PUT")
_NOT_READY = (429, 502, 503, 504)
MAINTENANCE_COOKIE = "immich_maintenance_token"
_SESSION_PATHS = ("/auth/login", "/auth/logout")
_ATTEMPTS = 5
_FIRST_DELAY_S = 0.5


class ImmichError(Exception):
    """Something went wrong; the message is a sentence for the person who runs the play."""


class MutationRefused(ImmichError):
    """A request that changes something, in check mode."""


class Unreachable(ImmichError):
    """No answer came."""


class UnexpectedAnswer(ImmichError):
    """An answer came that is not Immich's."""


class ApiError(ImmichError):
    """Immich, or the Kubernetes API in front of it, refused."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class Unauthorized(ApiError):
    """401: the key, the session or the password is not accepted."""


class Forbidden(ApiError):
    """403: not allowed to."""


class NotFound(ApiError):
    """404: this server has no such address."""


_ERRORS: dict[int, type[ApiError]] = {401: Unauthorized, 403: Forbidden, 404: NotFound}


@dataclass(frozen=True)
class Response:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class TransportError(Exception):
    """No usable response; `sent` says whether the request may have reached the server."""

    def __init__(self, reason: str, *, sent: bool) -> None:
        super().__init__(reason)
        self.sent = sent


class Transport(Protocol):
    """Sends one request below the base address."""

    base: str

    def send(self, method: str, path: str, headers: Mapping[str, str], body: bytes | None, timeout: float) -> Response:
        """Send and return any response, whatever its status; raise TransportError when there is none."""


class _AnyStatus(urllib.request.HTTPErrorProcessor):
    """Hands out every response as it is: no exception by status, and no redirect followed (a key would travel with it)."""

    def http_response(self, request: urllib.request.Request, response: Any) -> Any:
        """Return the response as it is."""
        return response

    https_response = http_response


class UrllibTransport:
    """HTTP with the standard library."""

    def __init__(
        self,
        url: str,
        *,
        rehearsal: bool = False,
        ca_cert: str | None = None,
        validate_certs: bool = True,
    ) -> None:
        self.base = _checked(url, rehearsal)
        # a proxy from the environment would lead a rehearsal out of this machine
        handlers: list[urllib.request.BaseHandler] = [urllib.request.ProxyHandler({} if rehearsal else None), _AnyStatus()]
        if self.base.startswith("https:"):
            handlers.append(urllib.request.HTTPSHandler(context=_tls(ca_cert, validate_certs)))
        self._opener = urllib.request.build_opener(*handlers)

    def send(self, method: str, path: str, headers: Mapping[str, str], body: bytes | None, timeout: float) -> Response:
        """Send one request and read the whole response."""
        request = urllib.request.Request(self.base + path, data=body, method=method, headers=dict(headers))
        try:
            with self._opener.open(request, timeout=timeout) as response:
                return Response(response.status, {name.lower(): value for name, value in response.headers.items()}, response.read())
        except urllib.error.URLError as error:
            raise no_response(error.reason if isinstance(error.reason, Exception) else error, timeout) from error
        except (OSError, http.client.HTTPException) as error:
            raise no_response(error, timeout) from error


def no_response(error: BaseException, timeout: float) -> TransportError:
    """What a person is told of an error of a socket, or of what lies above it."""
    never_sent = isinstance(error, ConnectionRefusedError | socket.gaierror | ssl.SSLCertVerificationError)
    return TransportError(_words(error, timeout), sent=not never_sent)


def _words(error: BaseException, timeout: float) -> str:
    if isinstance(error, TimeoutError):
        return f"no answer within {timeout:g} s"
    if isinstance(error, ConnectionRefusedError):
        return "connection refused"
    if isinstance(error, http.client.IncompleteRead):
        return "the answer broke off"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its TLS certificate is not trusted ({error.verify_message}); give ca_cert"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or type(error).__name__


def _checked(url: str, rehearsal: bool) -> str:
    """Refuse an address that cannot be Immich's; return it without a trailing slash or /api."""
    try:
        parts = urllib.parse.urlsplit(url.strip())
        host, _port = parts.hostname, parts.port
    except ValueError as error:
        raise ImmichError(f"url is not an address ({error}); write it like https://photos.example.net.") from None
    if parts.scheme not in ("http", "https") or not host or any(char.isspace() or not char.isprintable() for char in url.strip()):
        raise ImmichError(f"url {url!r} is not an http or https address; write it like https://photos.example.net.")
    if parts.username is not None or parts.query or parts.fragment:
        raise ImmichError(f"url of {host} holds credentials, a query or a fragment; leave only scheme, host, port and path.")
    if rehearsal and host not in LOOPBACK:
        raise ImmichError(f"url {url} is not on this machine, and this is a rehearsal; a rehearsal only reaches {', '.join(LOOPBACK)}.")
    return f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/').removesuffix('/api')}"


def _tls(ca_cert: str | None, validate_certs: bool) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=ca_cert)
    except (OSError, ssl.SSLError) as error:
        raise ImmichError(f"ca_cert {ca_cert} cannot be used ({_words(error, 0)}); give the path of a PEM file.") from error
    if not validate_certs:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


class Client:
    """Talks to one Immich server."""

    def __init__(
        self,
        transport: Transport,
        *,
        api_key: str | None = None,
        read_only: bool = False,
        timeout: float = 30,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.requests = 0
        self.warnings: list[str] = []
        self._transport = transport
        self._api_key: str | None = None
        self._token: str | None = None
        self._maintenance_token: str | None = None
        # the cookies that the last answer set
        self.set_cookie = ""
        self._read_only = read_only
        self._timeout = timeout
        self._sleep = sleep
        self.use_key(api_key)

    def use_key(self, api_key: str | None) -> None:
        """Authenticate by this key, while there is no session."""
        if api_key and not (api_key.isascii() and api_key.isprintable() and " " not in api_key):
            raise ImmichError("api_key holds characters that no key has, such as a line end or a space; give the key as Immich showed it.")
        self._api_key = api_key

    @cached_property
    def version(self) -> Version:
        """The server's version."""
        answer = self.get("/server/version", doing="read the server's version", shape={"major": int, "minor": int, "patch": int})
        return Version(answer["major"], answer["minor"], answer["patch"])

    @cached_property
    def capabilities(self) -> Capabilities:
        """What the server's version has."""
        try:
            known = capabilities(self.version)
        except VersionError as error:
            raise ImmichError(f"The server at {self._transport.base} cannot be used: {error}") from error
        if known.newer_than_known:
            self.warnings.append(f"Immich {known.version} is newer than any this collection knows; it is treated like the newest known one.")
        return known

    def require(self, capability: str, doing: str) -> None:
        """Refuse what this version cannot do; `doing` completes "Could not ..."."""
        if not getattr(self.capabilities, capability):
            raise ImmichError(f"Could not {doing}: Immich {self.version} cannot do that; it takes {since(capability)} or later.")

    def get(self, path: str, *, doing: str, shape: Any = None, query: Mapping[str, str] | None = None) -> Any:
        """Read."""
        return self.request("GET", path, doing=doing, shape=shape, query=query)

    def post(self, path: str, body: Any = None, *, doing: str, shape: Any = None) -> Any:
        """Create, or start something."""
        return self.request("POST", path, body, doing=doing, shape=shape)

    def put(self, path: str, body: Any, *, doing: str, shape: Any = None) -> Any:
        """Replace."""
        return self.request("PUT", path, body, doing=doing, shape=shape)

    def delete(self, path: str, body: Any = None, *, doing: str) -> Any:
        """Remove."""
        return self.request("DELETE", path, body, doing=doing)

    def use_maintenance_token(self, token: str) -> None:
        """Authenticate by this token alone: in maintenance mode neither keys nor sessions count."""
        if not re.fullmatch(r"[\w.=+/-]+", token, re.ASCII):
            raise ImmichError("token is not one of maintenance mode; give the token that the start of maintenance returned.")
        self._maintenance_token = token

    def login(self, email: str, password: str) -> dict[str, Any]:
        """Open a session; it is used instead of the key from here on, and ended by close()."""
        answer = self.post(
            "/auth/login",
            {"email": email, "password": password},
            doing=f"log in as {email}",
            shape={"accessToken": str, "isAdmin": bool, "userId": str},
        )
        self._token = answer["accessToken"]
        return answer

    def close(self) -> None:
        """End the session that login() opened, so that sessions do not pile up in the account."""
        if self._token is None:
            return
        try:
            self.post("/auth/logout", doing="end the session")
        except ImmichError as error:
            self.warnings.append(f"The session stays open until it expires: {error}")
        self._token = None

    def request(self, method: str, path: str, body: Any = None, *, doing: str, shape: Any = None, query: Mapping[str, str] | None = None) -> Any:
        """Send a request; return the parsed answer, None when it is empty. `doing` completes "Could not ..."; `shape` is what must come back."""
        if self._read_only and method not in _READS and path not in _SESSION_PATHS:
            raise MutationRefused(f"Could not {doing}: check mode changes nothing, {method} {path} was not sent.")
        target = "/api" + urllib.parse.quote(path, safe="/") + (f"?{urllib.parse.urlencode(query)}" if query else "")
        failed = f"Could not {doing}: {method} {self._transport.base}{target}"
        response = self._send(method, target, None if body is None else json.dumps(body).encode(), failed)
        self.set_cookie = response.headers.get("set-cookie", "")
        if not 200 <= response.status < 300:
            raise self._error(response, failed, session=self._token is not None or path in _SESSION_PATHS)
        if not response.body.strip():
            if shape is not None:
                raise UnexpectedAnswer(f"{failed} answered nothing where data was expected; check that url is Immich's own address.")
            return None
        answer = self._parse(response, failed)
        problem = None if shape is None else mismatch(answer, shape)
        if problem:
            raise UnexpectedAnswer(f"{failed} answered something else than Immich does ({problem}); check that url is Immich's own address.")
        return answer

    def _send(self, method: str, target: str, body: bytes | None, failed: str) -> Response:
        headers = {"accept": "application/json", "user-agent": "homelab.immich"}
        if body is not None:
            headers["content-type"] = "application/json"
        if self._maintenance_token:
            headers["cookie"] = f"{MAINTENANCE_COOKIE}={self._maintenance_token}"
        elif self._token:
            headers["x-immich-user-token"] = self._token
        elif self._api_key:
            headers["x-api-key"] = self._api_key
        started = time.monotonic()
        for attempt in range(1, _ATTEMPTS + 1):
            self.requests += 1
            delay = _FIRST_DELAY_S * 2 ** (attempt - 1)
            try:
                response = self._transport.send(method, target, headers, body, self._timeout)
            except TransportError as error:
                if not (self._again(attempt, started, delay) and (method in _REPEATABLE or not error.sent)):
                    raise Unreachable(f"{failed}: {self._redacted(str(error))}; check the address and that the server is running.") from error
            else:
                if not (self._again(attempt, started, delay) and method in _REPEATABLE and response.status in _NOT_READY):
                    return response
            self._sleep(delay)
        raise AssertionError("the last attempt returns or raises")

    def _again(self, attempt: int, started: float, delay: float) -> bool:
        """Say whether there is time for another attempt."""
        return attempt < _ATTEMPTS and time.monotonic() - started + delay < self._timeout

    def _parse(self, response: Response, failed: str) -> Any:
        if _is_page(response):
            raise UnexpectedAnswer(f"{failed} answered a web page; check that url is Immich's own address, with no login page in front of it.")
        try:
            return json.loads(response.body)
        except (ValueError, RecursionError) as error:
            raise UnexpectedAnswer(f"{failed} answered {len(response.body)} bytes that are not JSON; check that url is Immich's own address.") from error

    def _error(self, response: Response, failed: str, *, session: bool) -> ImmichError:
        status = response.status
        if 300 <= status < 400:
            target = urllib.parse.urlsplit(response.headers.get("location", ""))
            where = f"{target.scheme}://{target.hostname}" if target.hostname else "another address"
            return UnexpectedAnswer(f"{failed} answered with a redirect to {where}, which is not followed; give Immich's own address as url.")
        if _is_page(response):
            return _ERRORS.get(status, ApiError)(f"{failed} answered {status} with a web page; check that url is Immich's own address.", status)
        said, kubernetes = _said(response.body)
        advice = _advice(status, kubernetes, session=session)
        return _ERRORS.get(status, ApiError)(f"{failed} answered {status}{f' ({self._redacted(said)})' if said else ''}; {advice}.", status)

    def _redacted(self, text: str) -> str:
        for secret in filter(None, (self._api_key, self._token, self._maintenance_token)):
            text = text.replace(secret, "***")
        return text


def _is_page(response: Response) -> bool:
    return "text/html" in response.headers.get("content-type", "").lower() or response.body.lstrip()[:1] == b"<"


def _said(body: bytes) -> tuple[str, bool]:
    """Read the words of an error body, and whether they are those of the Kubernetes API in front of Immich."""
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        return "", False
    if not isinstance(answer, dict):
        return "", False
    message, errors = answer.get("message"), answer.get("errors")
    words = [str(part) for part in message] if isinstance(message, list) else [str(message)] if message else []
    # 3.x says which field in `errors`, 2.x in `message`
    for error in errors if isinstance(errors, list) else []:
        if isinstance(error, dict):
            path = error.get("path")
            where = ".".join(str(part) for part in path) if isinstance(path, list) else ""
            words.append(f"{where}: {error.get('message', '')}" if where else str(error.get("message", "")))
    return "; ".join(" ".join(word.split()) for word in words)[:500].rstrip("."), answer.get("kind") == "Status" and answer.get("apiVersion") == "v1"


def _advice(status: int, kubernetes: bool, *, session: bool) -> str:
    """Say what to do about a status."""
    if kubernetes:
        return {
            401: "the Kubernetes API does not accept the credentials of this kubeconfig and context",
            403: "the user of this kubeconfig and context needs get, create, update and delete on services/proxy in the namespace",
            404: "check namespace and service: the cluster has no such Service",
        }.get(status, "no pod of the Service answers; look at the pods of the namespace")
    if status == 401:
        return "check email and password" if session else "check the API key, or email and password"
    if status == 403 and session:
        return "the user must be an administrator"
    if status == 403:
        return "the key needs that permission, and an administrator as its owner; the module homelab.immich.api_key makes such a key"
    if status == 404:
        return "check that url is Immich's own address"
    if status in _NOT_READY:
        return "the server is starting or overloaded; try again when it is ready"
    if status >= 500:
        return "the server's log says more"
    return "correct what the server names"


def mismatch(value: Any, shape: Any, where: str = "the answer") -> str | None:
    """Compare a parsed answer with a shape: a type, a tuple of shapes (any of them), [shape], or {key: shape}; say what differs."""
    if isinstance(shape, tuple):
        return None if any(mismatch(value, option) is None for option in shape) else f"{where} is {type(value).__name__}"
    if isinstance(shape, dict):
        if not isinstance(value, dict):
            return f"{where} is not an object"
        missing = next((key for key in shape if key not in value), None)
        if missing is not None:
            return f"{where} has no {missing}"
        return next(filter(None, (mismatch(value[key], part, f"{where}.{key}") for key, part in shape.items())), None)
    if isinstance(shape, list):
        if not isinstance(value, list):
            return f"{where} is not a list"
        return next(filter(None, (mismatch(item, shape[0], f"{where}[{index}]") for index, item in enumerate(value))), None)
    if shape is None:
        return None if value is None else f"{where} is not null"
    # bool is a kind of int in Python, not in JSON
    fits = isinstance(value, shape) and not (shape is int and isinstance(value, bool))
    return None if fits else f"{where} is {type(value).__name__}, not {shape.__name__}"
