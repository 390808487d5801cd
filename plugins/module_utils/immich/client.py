# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one HTTP client for Immich's API. Standard library only: it also runs in a pod of the cluster."""

from __future__ import annotations

import json
import re
import time
import urllib.parse
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

from .answers import NOT_READY, advice, is_page, mismatch, parse, redirected_to, retry_after, said
from .errors import OTHER_ADDRESS, ImmichError, MutationRefused, UnexpectedAnswer, Unreachable, api_error
from .transport import Response, Transport, TransportError
from .versions import Capabilities, Version, VersionError, capabilities, since

_READS = ("GET", "HEAD")
# a PUT replaces something: sending it twice does no more than once, but for this one, which may start a queue
_COMMAND = re.compile(r"/api/jobs/[^/]+")
# refused before anything was done
_REFUSED_UNDONE = 429
_SESSION_PATHS = ("/auth/login", "/auth/logout")
# asks and changes nothing, though it is a POST
_QUESTION = re.compile(r"/libraries/[^/]+/validate")
_ATTEMPTS = 5
_FIRST_DELAY_S = 0.5


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

    @property
    def logged_in(self) -> bool:
        """Whether there is a session."""
        return self._token is not None

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
        if self._maintenance_token:
            self.warnings.append("The session stays open, for in maintenance mode the server ends none; an api_key leaves no session behind.")
            return
        try:
            self.post("/auth/logout", doing="end the session")
        except ImmichError as error:
            self.warnings.append(f"The session stays open until it expires: {error}")
        self._token = None

    def request(self, method: str, path: str, body: Any = None, *, doing: str, shape: Any = None, query: Mapping[str, str] | None = None) -> Any:
        """Send a request; return the parsed answer, None when it is empty. `doing` completes "Could not ..."; `shape` is what must come back."""
        if self._read_only and method not in _READS and path not in _SESSION_PATHS and not _QUESTION.fullmatch(path):
            raise MutationRefused(f"Could not {doing}: check mode changes nothing, {method} {path} was not sent.")
        target = "/api" + urllib.parse.quote(path, safe="/") + (f"?{urllib.parse.urlencode(query)}" if query else "")
        failed = f"Could not {doing}: {method} {self._transport.base}{target}"
        response = self._send(method, target, None if body is None else json.dumps(body).encode(), failed)
        self.set_cookie = response.headers.get("set-cookie", "")
        if not 200 <= response.status < 300:
            raise self._error(response, failed, session=self._token is not None or path in _SESSION_PATHS)
        if not response.body.strip():
            if shape is not None:
                raise UnexpectedAnswer(f"{failed} answered nothing where data was expected; {OTHER_ADDRESS}.")
            return None
        answer = self._parse(response, failed)
        problem = None if shape is None else mismatch(answer, shape)
        if problem:
            raise UnexpectedAnswer(f"{failed} answered something else than Immich does ({problem}); {OTHER_ADDRESS}.")
        return answer

    def _send(self, method: str, target: str, body: bytes | None, failed: str) -> Response:
        """Send, and send again what does no harm twice, until the timeout."""
        headers = self._headers(body)
        repeatable = method in _READS or (method == "PUT" and not _COMMAND.fullmatch(target))
        end = time.monotonic() + self._timeout
        for attempt in range(1, _ATTEMPTS + 1):
            self.requests += 1
            delay = _FIRST_DELAY_S * 2 ** (attempt - 1)
            problem: TransportError | None = None
            response = Response(0, {}, b"")
            try:
                response = self._transport.send(method, target, headers, body, self._timeout if attempt == 1 else max(end - time.monotonic(), 0.001))
            except TransportError as error:
                problem, again = error, repeatable or not error.sent
            else:
                again = response.status == _REFUSED_UNDONE or (response.status in NOT_READY and repeatable)
                delay = max(delay, retry_after(response))
            if not again or attempt == _ATTEMPTS or time.monotonic() + delay >= end:
                if problem is not None:
                    unknown = problem.sent and not repeatable and target.removeprefix("/api") not in _SESSION_PATHS
                    what = "whether it was done is not known: look, then run this again" if unknown else problem.advice
                    raise Unreachable(f"{failed}: {self._redacted(str(problem))}; {what}.") from problem
                return response
            self._sleep(delay)
        raise AssertionError("the last attempt returns or raises")

    def _headers(self, body: bytes | None) -> dict[str, str]:
        headers = {"accept": "application/json", "user-agent": "homelab.immich"}
        if body is not None:
            headers["content-type"] = "application/json"
        if self._maintenance_token:
            headers["cookie"] = f"immich_maintenance_token={self._maintenance_token}"
        elif self._token:
            headers["x-immich-user-token"] = self._token
        elif self._api_key:
            headers["x-api-key"] = self._api_key
        return headers

    def _parse(self, response: Response, failed: str) -> Any:
        if is_page(response):
            raise UnexpectedAnswer(f"{failed} answered a web page; {OTHER_ADDRESS}, with no login page in front of it.")
        try:
            return parse(response.body)
        except ValueError as error:
            raise UnexpectedAnswer(f"{failed} answered {len(response.body)} bytes that are not JSON; {OTHER_ADDRESS}.") from error

    def _error(self, response: Response, failed: str, *, session: bool) -> ImmichError:
        status = response.status
        if 300 <= status < 400:
            return UnexpectedAnswer(f"{failed} answered with a redirect to {redirected_to(response)}, which is not followed; {OTHER_ADDRESS}.")
        if is_page(response):
            what = advice(status) if status in NOT_READY else OTHER_ADDRESS
            return api_error(f"{failed} answered {status} with a web page; {what}.", status)
        words, kubernetes = said(response.body)
        what = advice(status, words, kubernetes=self._transport.base if kubernetes else "", session=session)
        if status == _REFUSED_UNDONE and (seconds := retry_after(response)):
            what = f"the server, or a proxy in front of it, asks to wait {seconds:.0f} seconds; try again then"
        return api_error(f"{failed} answered {status}{f' ({self._redacted(words)})' if words else ''}; {what}.", status)

    def _redacted(self, text: str) -> str:
        for secret in filter(None, (self._api_key, self._token, self._maintenance_token)):
            text = text.replace(secret, "***")
        return text
