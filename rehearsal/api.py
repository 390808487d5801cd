# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A small client for the rehearsal's API server. It trusts the rehearsal's own CA only: whoever else answers on that port is not ours."""

from __future__ import annotations

import http.client
import json
import ssl
import threading
from pathlib import Path


class ApiError(Exception):
    """The API server refused; `status` is its HTTP status."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def tls(home: Path, user: str) -> ssl.SSLContext:
    """The TLS side of a client of this rehearsal."""
    context = ssl.create_default_context(cafile=str(home / "pki" / "ca.crt"))
    context.load_cert_chain(str(home / "pki" / f"{user}.pem"))
    return context


class Api:
    """Requests to the API server, from any number of threads; proxies in the environment mean nothing to http.client."""

    def __init__(self, home: Path, port: int, user: str = "rehearsal-up") -> None:
        self._port, self._tls = port, tls(home, user)
        self._threads = threading.local()

    def request(self, method: str, path: str, body: object = None, content_type: str = "application/json") -> dict:
        connection = getattr(self._threads, "connection", None)
        if connection is None:
            connection = self._threads.connection = http.client.HTTPSConnection("127.0.0.1", self._port, timeout=30, context=self._tls)
        try:
            connection.request(method, path, None if body is None else json.dumps(body), {"Content-Type": content_type, "Accept": "application/json"})
            response = connection.getresponse()
            content = response.read()
        except (OSError, http.client.HTTPException):
            connection.close()
            self._threads.connection = None
            raise
        data = json.loads(content) if response.headers.get_content_type() == "application/json" else {"text": content.decode()}
        if response.status >= 300:
            raise ApiError(response.status, data.get("message") or data.get("text") or str(response.status))
        return data

    def apply(self, path: str, body: dict) -> dict:
        """Server-side apply of one object."""
        return self.request("PATCH", f"{path}?fieldManager=rehearsal&force=true", body, "application/apply-patch+yaml")
