# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The API of TrueNAS 25.04 and later: JSON-RPC 2.0 over one TLS websocket for the whole job.

One connection and one login however much there is to do: after 20 logins within a minute TrueNAS refuses more for ten minutes.
"""

from __future__ import annotations

import errno
import ipaddress
import json
import re
import socket
import ssl
import time
from typing import Any
from urllib.parse import urlsplit

try:
    import websocket
except ImportError:  # said when a connection is opened
    websocket = None

_LOOPBACK = ("127.0.0.1", "::1", "localhost")
_INVALID_PARAMS = -32602
_METHOD_NOT_FOUND = -32601
# What a client that may change nothing calls. Everything else is refused before it is sent.
_READS = re.compile(r"auth\.(login_ex|me)|core\.(ping|get_jobs)|system\.(info|version)|filesystem\.(stat|statfs|listdir)|[a-z_.]+\.(query|config|get_instance)")
_LOGIN_REFUSED = {
    "AUTH_ERR": "the user or the API key is wrong, or the key was revoked. Make a new key under Credentials > Users > API Keys",
    "EXPIRED": "the API key has expired. Make a new key under Credentials > Users > API Keys",
    "OTP_REQUIRED": "the user needs a second factor, which no program can give. Use a user without two-factor authentication",
    "DENIED": "the user may not use the API from here. Look at the roles of the user and at the allowed addresses in System > Advanced",
    "REDIRECT": "this node is the standby controller. Use the address of the active one",
}


class TrueNASError(Exception):
    """What went wrong, in one sentence."""


class LoginError(TrueNASError):
    """TrueNAS does not let this user in."""


class CallError(TrueNASError):
    """TrueNAS refused one call. `code` is an errno; `fields` is what a validation error says of each field."""

    def __init__(self, message: str, code: int = 0, fields: list[tuple[str, str]] | None = None):
        super().__init__(message)
        self.code = code
        self.fields = fields or []


def websocket_url(url: str) -> str:
    """The address of the API on the NAS that somebody named; refuses one without TLS."""
    parts = urlsplit(url if "://" in url else f"wss://{url}")
    if parts.scheme not in ("wss", "https"):
        raise TrueNASError(f"The address of TrueNAS is {url}. Use wss://: TrueNAS revokes an API key that reaches it without TLS, so it was not sent.")
    try:
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise TrueNASError(f"The address of TrueNAS is {url}, which is no URL ({error}). Write wss://tank.example.net.") from None
    if not host or parts.username is not None:
        raise TrueNASError("The address of TrueNAS has no host, or a user in it. Write wss://tank.example.net.")
    path = parts.path.rstrip("/")
    if not re.search(r"/api/(current|v[0-9.]+)$", path):
        path += "/api/current"
    return f"wss://{f'[{host}]' if ':' in host else host}{f':{port}' if port else ''}{path}"


class TrueNAS:
    """One logged-in connection. Use it in a `with` statement."""

    def __init__(
        self,
        url: str,
        username: str,
        api_key: str,
        *,
        ca_cert: str | None = None,
        validate_certs: bool = True,
        timeout: float = 30,
        rehearsal: bool = False,
        read_only: bool = True,
    ):
        self.url = websocket_url(url)
        self.host = urlsplit(self.url).hostname or ""
        if rehearsal and self.host not in _LOOPBACK:
            raise TrueNASError(f"This is a rehearsal, and TrueNAS is at {self.host}. Only 127.0.0.1, ::1 and localhost are reached in a rehearsal.")
        for value, what in ((username, "user (nas_api_user)"), (api_key, "API key (nas_api_key)")):
            if not value:
                raise TrueNASError(f"TrueNAS at {self.host} needs a {what}, and none is given.")
        self._username, self._api_key = username, api_key
        self._ca_cert, self._validate = ca_cert, validate_certs
        self._timeout, self._rehearsal, self._read_only = timeout, rehearsal, read_only
        self._socket: Any = None
        self._id = 0
        self.calls = 0

    def __enter__(self) -> TrueNAS:
        self._connect()
        try:
            self._login()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *exception: object) -> None:
        if self._socket is not None:
            self._socket.close(timeout=1)
            self._socket = None

    def call(self, method: str, *params: Any) -> Any:
        """The answer to one call."""
        if self._read_only and not _READS.fullmatch(method):
            raise TrueNASError(f"{method} changes something on {self.host}, and nothing may be changed now. It was not sent.")
        self._id += 1
        self.calls += 1
        try:
            self._socket.send(json.dumps({"jsonrpc": "2.0", "id": self._id, "method": method, "params": list(params)}))
            message = self._answer(method)
        except websocket.WebSocketTimeoutException:
            raise TrueNASError(f"TrueNAS at {self.host} did not answer {method} within {self._timeout:g} seconds.") from None
        except (OSError, websocket.WebSocketException) as error:
            raise TrueNASError(f"TrueNAS at {self.host} closed the connection during {method} ({_plain(error)}).") from None
        if "error" in message:
            raise self._error(method, message["error"])
        return message.get("result")

    def query(self, method: str, filters: list[Any], options: dict[str, Any] | None = None) -> list[dict[str, Any]]:
        """The entries that a .query method has for these filters."""
        return self.call(method, filters, options or {})

    def _connect(self) -> None:
        if websocket is None:
            raise TrueNASError("The Python package websocket-client is needed to reach TrueNAS. Install it beside Ansible: pip install websocket-client.")
        context = ssl.create_default_context()
        if not self._validate:
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        elif self._ca_cert:
            try:
                context.load_verify_locations(self._ca_cert)
            except (OSError, ssl.SSLError) as error:
                raise TrueNASError(f"The CA file {self._ca_cert} (nas_api_ca_cert) cannot be read as PEM: {_plain(error)}.") from None
        parts = urlsplit(self.url)
        plain = secure = None
        try:
            # a socket of our own: no proxy from the environment comes in between, and a rehearsal sees whom it is talking to
            plain = socket.create_connection((self.host, parts.port or 443), self._timeout)
            if self._rehearsal and not ipaddress.ip_address(plain.getpeername()[0].partition("%")[0]).is_loopback:
                raise TrueNASError(f"This is a rehearsal, and {self.host} is {plain.getpeername()[0]}. Only this machine is reached in a rehearsal.")
            secure = context.wrap_socket(plain, server_hostname=self.host)
            # no redirect is followed: the key goes to the host that was named and to no other
            self._socket = websocket.create_connection(self.url, timeout=self._timeout, socket=secure, redirect_limit=0, suppress_origin=True)
        except ssl.SSLCertVerificationError as error:
            raise TrueNASError(
                f"The certificate of TrueNAS at {self.host} is not trusted ({error.verify_message}). "
                "Give its certificate, or the authority that signed it, as nas_api_ca_cert."
            ) from None
        except websocket.WebSocketBadStatusException as error:
            raise TrueNASError(f"{self.url} answers {error.status_code} instead of opening a websocket. This needs TrueNAS 25.04 or later.") from None
        except (TimeoutError, websocket.WebSocketTimeoutException):
            raise TrueNASError(f"TrueNAS at {self.host} did not answer within {self._timeout:g} seconds.") from None
        except (OSError, websocket.WebSocketException) as error:
            raise TrueNASError(f"TrueNAS at {self.url} cannot be reached: {_plain(error)}.") from None
        finally:
            if self._socket is None and (left := secure or plain):
                left.close()

    def _login(self) -> None:
        credentials = {"mechanism": "API_KEY_PLAIN", "username": self._username, "api_key": self._api_key, "login_options": {"user_info": False}}
        try:
            response = self.call("auth.login_ex", credentials)["response_type"]
        except CallError as error:
            if error.code != errno.EBUSY:
                raise
            raise LoginError(
                f"TrueNAS at {self.host} refuses logins from this machine for ten minutes: there were more than 20 within a minute. "
                "Wait, and look for what else logs in from here."
            ) from None
        if response != "SUCCESS":
            reason = _LOGIN_REFUSED.get(response, f"it answers {response}")
            raise LoginError(f"TrueNAS at {self.host} does not let {self._username} in: {reason}.")

    def _answer(self, method: str) -> dict[str, Any]:
        deadline = time.monotonic() + self._timeout
        while True:  # events of other clients may come in between; they have no id
            self._socket.settimeout(max(0.01, deadline - time.monotonic()))
            text = self._socket.recv()
            if not text:
                raise websocket.WebSocketConnectionClosedException("no more data")
            try:
                message = json.loads(text)
            except ValueError:
                raise TrueNASError(f"TrueNAS at {self.host} answered {method} with something that is not JSON.") from None
            if message.get("id") == self._id or (message.get("id") is None and "error" in message):
                return message

    def _error(self, method: str, error: dict[str, Any]) -> CallError:
        data = error.get("data") or {}
        code = data.get("error") or 0
        if error.get("code") == _METHOD_NOT_FOUND:
            return CallError(f"TrueNAS at {self.host} knows no method {method}. This needs TrueNAS 25.04 or later.", errno.ENOSYS)
        if error.get("code") == _INVALID_PARAMS:
            fields = [(str(entry[0]), str(entry[1])) for entry in data.get("extra") or []]  # (field, what is wrong, errno)
            what = "; ".join(f"{attribute}: {text}" for attribute, text in fields) or data.get("reason") or error.get("message")
            return CallError(f"TrueNAS at {self.host} does not accept {method}: {what}.", code or errno.EINVAL, fields)
        if code == errno.EACCES:
            return CallError(f"TrueNAS at {self.host} does not let {self._username} call {method}. Give the user the role Readonly Admin.", code)
        return CallError(f"TrueNAS at {self.host} refused {method}: {data.get('reason') or error.get('message')}.", code)


def _plain(error: BaseException) -> str:
    """The text of an error of the network, without its number and a full stop."""
    if isinstance(error, socket.gaierror):
        return "its name is not known"
    if str(error) == "Redirect limit exhausted":
        return "it points elsewhere, and the API key is sent to no other host"
    return str(getattr(error, "strerror", None) or error or type(error).__name__).rstrip(".")
