# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The API of TrueNAS 25.04 and later: JSON-RPC 2.0 over one TLS websocket for the whole job.

One connection and one login however much there is to do: after 20 logins within a minute TrueNAS refuses more for ten minutes.
"""

from __future__ import annotations

import errno
import ipaddress
import itertools
import json
import re
import socket
import ssl
import time
from typing import Any
from urllib.parse import urlsplit

from .versions import needed_role

try:
    import websocket
except ImportError:  # said when a connection is opened
    websocket = None

_LOOPBACK = ("127.0.0.1", "::1", "localhost")
_INVALID_PARAMS = -32602
_METHOD_NOT_FOUND = -32601
# What a client that may change nothing calls. Everything else is refused before it is sent.
_READS = re.compile(
    r"auth\.(login_ex|me)|core\.(ping|get_jobs)|system\.(info|version)|filesystem\.(stat|statfs|listdir)|nfs\.get_nfs[34]_clients"
    r"|[a-z_.]+\.(query|config|get_instance)"
)
_AT_ONCE = 10  # TrueNAS makes a connection wait for more than this, and refuses more than twice as many
_JOB_STEPS = (0.02, 0.05, 0.1, 0.2, 0.5)  # seconds between two looks at a job; the last one stays
_LOGIN_REFUSED = {
    "AUTH_ERR": "the user or the API key is wrong, or the key was revoked. Make a new key in the user menu at the top right, My API Keys",
    "EXPIRED": "the API key has expired, or was revoked. Make a new key in the user menu at the top right, My API Keys",
    "OTP_REQUIRED": "the user needs a second factor, which no program can give. Use a user without two-factor authentication",
    "DENIED": "the user may not use the API from here. Look at the roles of the user and at the allowed addresses in System > Advanced",
    "REDIRECT": "this node is the standby controller. Use the address of the active one",
}
_OTHER_NAME = (62, 64)  # OpenSSL: the host name, or the address, is not the certificate's
_OUT_OF_DATE = (9, 10)  # OpenSSL: not valid yet, or no longer
_WHERE = "Check nas_api_url and ansible_host of this host"


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
        job_timeout: float = 300,
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
        self._job_timeout = job_timeout
        self._socket: Any = None
        self._id = 0
        self.calls = 0
        self.roles: frozenset[str] = frozenset()

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
        (answer,) = self.call_all(method, [params])
        if isinstance(answer, CallError):
            raise answer
        return answer

    def call_all(self, method: str, many: list[tuple[Any, ...]]) -> list[Any]:
        """The answers to one method with many parameters, or why there is none (a CallError): ten are on their way at a time."""
        if self._read_only and not _READS.fullmatch(method):
            raise TrueNASError(f"{method} changes something on {self.host}, and nothing may be changed now. It was not sent.")
        answers: list[Any] = []
        for first in range(0, len(many), _AT_ONCE):
            answers += self._exchange(method, many[first : first + _AT_ONCE])
        return answers

    def job(self, method: str, *params: Any) -> Any:
        """The result of a method that TrueNAS does as a job, once it is done."""
        number, deadline = self.call(method, *params), time.monotonic() + self._job_timeout
        for step in itertools.chain(_JOB_STEPS, itertools.repeat(_JOB_STEPS[-1])):
            (job,) = self.query("core.get_jobs", [["id", "=", number]]) or [{"state": "ABORTED", "error": "it is gone"}]
            if job["state"] == "SUCCESS":
                return job.get("result")
            if job["state"] in ("FAILED", "ABORTED"):
                raise CallError(f"TrueNAS at {self.host} did not finish {method}: {_reason(job.get('error')) or job['state'].lower()}.")
            if time.monotonic() > deadline:
                progress = (job.get("progress") or {}).get("percent")
                raise TrueNASError(f"TrueNAS at {self.host} has been at {method} for {self._job_timeout:g} seconds ({progress or 0}%). Look at Jobs there.")
            time.sleep(step)

    def query(self, method: str, filters: list[Any], options: dict[str, Any] | None = None) -> list[dict[str, Any]]:
        """The entries that a .query method has for these filters."""
        return self.call(method, filters, options or {})

    def _connect(self) -> None:
        if websocket is None:
            raise TrueNASError("The Python package websocket-client is needed to reach TrueNAS. Install it beside Ansible: pip install websocket-client.")
        secure = None
        try:
            secure = self._secure()
            # no redirect is followed: the key goes to the host that was named and to no other
            self._socket = websocket.create_connection(self.url, timeout=self._timeout, socket=secure, redirect_limit=0, suppress_origin=True)
        except ssl.SSLCertVerificationError as error:
            if error.verify_code in _OTHER_NAME:
                raise TrueNASError(
                    f"The certificate of TrueNAS at {self.host} is not for {self.host} ({_plain(error.verify_message)}). "
                    "Set nas_api_url to a name that the certificate has, or give this very certificate as nas_api_ca_cert."
                ) from None
            raise TrueNASError(
                f"The certificate of TrueNAS at {self.host} is not trusted ({_plain(error.verify_message)}). "
                "Give its certificate, or the authority that signed it, as nas_api_ca_cert."
            ) from None
        except websocket.WebSocketBadStatusException as error:
            raise TrueNASError(f"{self.url} answers {error.status_code} instead of opening a websocket. This needs TrueNAS 25.04 or later.") from None
        except (TimeoutError, websocket.WebSocketTimeoutException):
            raise TrueNASError(f"TrueNAS at {self.host} did not answer within {self._timeout:g} seconds. {_WHERE}.") from None
        except (OSError, websocket.WebSocketException) as error:
            raise TrueNASError(f"TrueNAS at {self.url} cannot be reached: {_plain(error)}. {_WHERE}.") from None
        finally:
            if self._socket is None and secure:
                secure.close()

    def _secure(self) -> ssl.SSLSocket:
        """A TLS connection to whom the certificate names, or to who has the very certificate that was given: the one TrueNAS comes with is for localhost."""
        context, given = ssl.create_default_context(), ssl.create_default_context()
        if not self._validate:
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        elif self._ca_cert:
            try:
                context.load_verify_locations(self._ca_cert)
            except (OSError, ssl.SSLError) as error:
                raise TrueNASError(f"The CA file {self._ca_cert} (nas_api_ca_cert) cannot be read as PEM: {_plain(error)}.") from None
        try:
            return self._handshake(context)
        except ssl.SSLCertVerificationError as error:
            if not self._ca_cert or error.verify_code in _OUT_OF_DATE:
                raise
            given.check_hostname, given.verify_mode = False, ssl.CERT_NONE
            secure = self._handshake(given)
            if secure.getpeercert(binary_form=True) in _certificates(self._ca_cert):
                return secure
            secure.close()
            raise

    def _handshake(self, context: ssl.SSLContext) -> ssl.SSLSocket:
        # a socket of our own: no proxy from the environment comes in between, and a rehearsal sees whom it is talking to
        plain = socket.create_connection((self.host, urlsplit(self.url).port or 443), self._timeout)
        try:
            if self._rehearsal and not ipaddress.ip_address(plain.getpeername()[0].partition("%")[0]).is_loopback:
                raise TrueNASError(f"This is a rehearsal, and {self.host} is {plain.getpeername()[0]}. Only this machine is reached in a rehearsal.")
            return context.wrap_socket(plain, server_hostname=self.host)
        except BaseException:
            plain.close()
            raise

    def _login(self) -> None:
        credentials = {"mechanism": "API_KEY_PLAIN", "username": self._username, "api_key": self._api_key, "login_options": {"user_info": True}}
        try:
            answer = self.call("auth.login_ex", credentials)
        except CallError as error:
            if error.code != errno.EBUSY:
                raise
            raise LoginError(
                f"TrueNAS at {self.host} refuses logins from this machine for ten minutes: there were more than 20 within a minute. "
                "Wait, and look for what else logs in from here."
            ) from None
        response, user = answer["response_type"], answer.get("user_info") or {}
        self.roles = frozenset((user.get("privilege") or {}).get("roles") or [])
        if response != "SUCCESS":
            reason = _LOGIN_REFUSED.get(response, f"it answers {response}")
            raise LoginError(f"TrueNAS at {self.host} does not let {self._username} in: {reason}.")

    def _exchange(self, method: str, many: list[tuple[Any, ...]]) -> list[Any]:
        """Send some calls, and put the answers in their order."""
        numbers = range(self._id + 1, self._id + 1 + len(many))
        self._id += len(many)
        self.calls += len(many)
        answers: dict[int, Any] = {}
        try:
            for number, params in zip(numbers, many, strict=True):
                self._socket.send(json.dumps({"jsonrpc": "2.0", "id": number, "method": method, "params": list(params)}))
            while len(answers) < len(many):
                message = self._answer(method, numbers)
                number = message.get("id") if message.get("id") is not None else min(set(numbers) - set(answers))
                answers[number] = self._error(method, message["error"]) if "error" in message else message.get("result")
        except websocket.WebSocketTimeoutException:
            raise TrueNASError(f"TrueNAS at {self.host} did not answer {method} within {self._timeout:g} seconds.") from None
        except (OSError, websocket.WebSocketException) as error:
            raise TrueNASError(f"TrueNAS at {self.host} closed the connection during {method} ({_plain(error)}).") from None
        return [answers[number] for number in numbers]

    def _answer(self, method: str, numbers: range) -> dict[str, Any]:
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
            if message.get("id") in numbers or (message.get("id") is None and "error" in message):
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
        reason = _reason(data.get("reason") or error.get("message"))
        if code in (errno.EACCES, errno.EPERM):
            return CallError(
                f"TrueNAS at {self.host} does not let {self._username} call {method} ({reason}). Give the user a role for it: {needed_role(method)}.", code
            )
        if code == errno.ENOSPC or "out of space" in reason or "No space left" in reason or "Disk quota exceeded" in reason:
            return CallError(f"TrueNAS at {self.host} refused {method}: {reason}. The pool is full; free some space, or raise the quota above.", errno.ENOSPC)
        return CallError(f"TrueNAS at {self.host} refused {method}: {reason}.", code)


def _certificates(path: str) -> list[bytes]:
    """The certificates of a PEM file."""
    with open(path, encoding="ascii", errors="replace") as file:
        found = re.findall("-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", file.read(), re.DOTALL)
    return [ssl.PEM_cert_to_DER_cert(text) for text in found]


def _reason(text: Any) -> str:
    """What TrueNAS says, without a full stop."""
    return str(text or "").strip().rstrip(".")


def _plain(error: BaseException | str) -> str:
    """The text of an error of the network, without its number and a full stop."""
    if isinstance(error, socket.gaierror):
        return "its name is not known"
    if str(error) == "Redirect limit exhausted":
        return "it points elsewhere, and the API key is sent to no other host"
    return str(getattr(error, "strerror", None) or error or type(error).__name__).rstrip(".")
