# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One HTTP connection that is kept, with an end to every wait. Standard library only: it also runs in a pod of the cluster."""

from __future__ import annotations

import base64
import http.client
import io
import select
import socket
import ssl
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from .errors import OTHER_ADDRESS, ImmichError

LOOPBACK = ("127.0.0.1", "::1", "localhost")
# larger than any answer: 500 libraries are half a megabyte
MAX_BYTES = 64 * 1024 * 1024
# a server ends a connection that rests; Immich's after 5 seconds
_RESTS_S = 2.0
# X509_V_ERR_*
_CERTIFICATES = {
    9: ("is not valid yet", "check the clocks of both machines"),
    10: ("has expired", "renew it"),
    62: ("is for another name", "use a name that the certificate has"),
    64: ("is for another address", "use a name that the certificate has"),
}


@dataclass(frozen=True)
class Response:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class TransportError(Exception):
    """No usable response; `sent` says whether the request may have reached the server, `advice` what to do."""

    def __init__(self, reason: str, *, sent: bool, advice: str = "check the address and that the server is running") -> None:
        super().__init__(reason)
        self.sent = sent
        self.advice = advice


class Transport(Protocol):
    """Sends one request below the base address."""

    base: str

    def send(self, method: str, path: str, headers: Mapping[str, str], body: bytes | None, timeout: float) -> Response:
        """Send and return any response, whatever its status, within the timeout in seconds; raise TransportError when there is none."""


class HttpTransport:
    """HTTP with the standard library. No redirect is followed: a key would travel with it."""

    def __init__(self, url: str, *, rehearsal: bool = False, ca_cert: str | None = None, validate_certs: bool = True) -> None:
        self.base = _checked(url, rehearsal)
        parts = urllib.parse.urlsplit(self.base)
        self._host, self._port, self._tls = parts.hostname or "", parts.port, None
        if parts.scheme == "https":
            self._tls = _tls(ca_cert, validate_certs)
        # a proxy from the environment would lead a rehearsal out of this machine
        self._proxy = None if rehearsal else _proxy(parts.scheme, parts.netloc)
        self._connection: http.client.HTTPConnection | None = None
        self._used = 0.0

    def send(self, method: str, path: str, headers: Mapping[str, str], body: bytes | None, timeout: float) -> Response:
        """Send one request and read the whole response."""
        deadline = time.monotonic() + timeout
        try:
            connection = self._connected(timeout)
        except (OSError, http.client.HTTPException, ValueError) as error:
            self.close()
            raise no_response(error, timeout, sent=False) from error
        connection.sock.deadline = deadline
        target = urllib.parse.urlsplit(self.base).path + path
        if self._proxy and not self._tls:
            target, headers = self.base + path, {**headers, **self._proxy.headers}
        try:
            connection.request(method, target, body=body, headers=dict(headers))
            response = connection.getresponse()
            content = response.read(MAX_BYTES + 1)
            if response.length and len(content) <= MAX_BYTES:
                raise http.client.IncompleteRead(content, response.length)
        except (OSError, http.client.HTTPException, ValueError) as error:
            self.close()
            raise no_response(error, timeout) from error
        if len(content) > MAX_BYTES:
            self.close()
            raise too_large()
        self._used = time.monotonic()
        return Response(response.status, joined(response.headers.items()), content)

    def close(self) -> None:
        """End the connection."""
        if self._connection is not None:
            self._connection.close()
        self._connection = None

    def _connected(self, timeout: float) -> http.client.HTTPConnection:
        """Give the connection that is kept, or a new one where the server may have ended it: a request that changes something cannot be sent again."""
        kept = self._connection
        if kept is not None and kept.sock is not None and time.monotonic() - self._used < _RESTS_S and not kept.sock.ended:
            return kept
        self.close()
        host, port = (self._proxy.host, self._proxy.port) if self._proxy else (self._host, self._port)
        connection = http.client.HTTPConnection(host, port, timeout=timeout)
        if self._tls:
            connection = http.client.HTTPSConnection(host, port, timeout=timeout, context=self._tls)
        if self._proxy and self._tls:
            connection.set_tunnel(self._host, self._port, self._proxy.headers)
        self._connection = connection
        connection.connect()
        connection.sock = _Timed(connection.sock)
        return connection


class _Timed:
    """A socket of which every wait ends at the deadline, however slowly the bytes drip."""

    def __init__(self, plain: socket.socket) -> None:
        self._plain = plain
        self.deadline = 0.0
        self.close = plain.close

    @property
    def ended(self) -> bool:
        """Whether the server has ended the connection, or says something that nobody asked for."""
        return bool(select.select([self._plain], [], [], 0)[0])

    def wait(self) -> None:
        """Let the next wait end at the deadline."""
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._plain.settimeout(left)

    def sendall(self, data: bytes) -> None:
        """Send everything."""
        self.wait()
        self._plain.sendall(data)

    def makefile(self, mode: str) -> io.BufferedReader:
        """Read from it as from a file."""
        return io.BufferedReader(_Reader(self.wait, self._plain.makefile(mode, buffering=0)))


class _Reader(io.RawIOBase):
    def __init__(self, wait: Callable[[], None], plain: Any) -> None:
        self._wait, self._plain = wait, plain

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._wait()
        return self._plain.readinto(buffer)

    def close(self) -> None:
        self._plain.close()
        super().close()


@dataclass(frozen=True)
class _Proxy:
    host: str
    port: int
    headers: dict[str, str]


def _proxy(scheme: str, netloc: str) -> _Proxy | None:
    """Read the proxy for an address from the environment, and nowhere else: macOS ends a process of Ansible's that asks for the system's."""
    given = urllib.request.getproxies_environment().get(scheme)
    if not given or urllib.request.proxy_bypass_environment(netloc):
        return None
    try:
        parts = urllib.parse.urlsplit(given if "://" in given else f"http://{given}")
        host, port = parts.hostname, parts.port or 80
    except ValueError:
        parts, host, port = urllib.parse.urlsplit(""), None, 0
    if parts.scheme != "http" or not host:
        raise ImmichError(f"The proxy for {scheme} in the environment is not an http address; write it like http://proxy.example.net:3128.")
    who = f"{urllib.parse.unquote(parts.username)}:{urllib.parse.unquote(parts.password or '')}" if parts.username else ""
    return _Proxy(host, port, {"Proxy-Authorization": f"Basic {base64.b64encode(who.encode()).decode()}"} if who else {})


def joined(headers: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Headers by name in small letters; what is sent more than once with commas between."""
    result: dict[str, str] = {}
    for name, value in headers:
        result[name.lower()] = f"{result[name.lower()]}, {value}" if name.lower() in result else value
    return result


def too_large() -> TransportError:
    """What a person is told of an answer without an end."""
    return TransportError(f"the answer is larger than {MAX_BYTES // 1024**2} MiB", sent=True, advice=OTHER_ADDRESS)


def no_response(error: BaseException, timeout: float, *, sent: bool = True) -> TransportError:
    """What a person is told of an error of a socket, or of what lies above it."""
    if isinstance(error, ssl.SSLCertVerificationError):
        says, advice = _CERTIFICATES.get(error.verify_code, (f"is not trusted ({error.verify_message})", "give ca_cert"))
        return TransportError(f"its TLS certificate {says}", sent=False, advice=advice)
    if isinstance(error, ssl.SSLError) and error.reason == "WRONG_VERSION_NUMBER":
        return TransportError("no TLS is spoken there", sent=False, advice="write the address with http:// if that is meant")
    never_sent = isinstance(error, ConnectionRefusedError | socket.gaierror)
    return TransportError(_words(error, timeout), sent=sent and not never_sent)


def _words(error: BaseException, timeout: float) -> str:
    if isinstance(error, TimeoutError):
        return f"no answer within {timeout:g} s"
    if isinstance(error, ConnectionRefusedError):
        return "connection refused"
    if isinstance(error, ConnectionResetError | BrokenPipeError):
        return "the connection broke off"
    if isinstance(error, http.client.IncompleteRead):
        return "the answer broke off"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    if isinstance(error, UnicodeError) or (isinstance(error, ValueError) and "header value" in str(error)):
        return "a key, token or password holds a character that no header may, such as the end of a line"  # the error shows it
    text = "".join(char if char.isprintable() else " " for char in str(error))
    return " ".join(text.split())[:200].rstrip(".") or type(error).__name__


def _checked(url: str, rehearsal: bool) -> str:
    """Refuse an address that cannot be Immich's; return it without a trailing slash or /api."""
    try:
        parts = urllib.parse.urlsplit(url.strip())
        host, _port = parts.hostname, parts.port
    except ValueError as error:
        raise ImmichError(f"url is not an address ({error}); write it like https://photos.example.net.") from None
    if parts.username is not None or parts.query or parts.fragment:
        raise ImmichError(f"url of {host} holds credentials, a query or a fragment; leave only scheme, host, port and path.")
    if parts.scheme not in ("http", "https") or not host or any(char.isspace() or not char.isprintable() for char in url.strip()):
        raise ImmichError(f"url {url!r} is not an http or https address; write it like https://photos.example.net.")
    if rehearsal and host not in LOOPBACK:
        raise ImmichError(f"url {url} is not on this machine, and this is a rehearsal; a rehearsal only reaches {', '.join(LOOPBACK)}.")
    return f"{parts.scheme}://{parts.netloc}{urllib.parse.quote(parts.path, safe='/%:@').rstrip('/').removesuffix('/api')}"


def _tls(ca_cert: str | None, validate_certs: bool) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=ca_cert)
    except (OSError, ssl.SSLError) as error:
        raise ImmichError(f"ca_cert {ca_cert} cannot be used ({_words(error, 0)}); give the path of a PEM file.") from error
    if not validate_certs:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
