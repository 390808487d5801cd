# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Kubernetes API, as a pod asks it with its own account. Standard library only: it runs out of a packed program."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Optional

from .immich.errors import ImmichError, Unreachable
from .immich.transport import HttpTransport, TransportError

# one that no playbook and no person edits with: what it holds stays when the object is applied again
FIELD_MANAGER = "homelab.immich-guard"
ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
_TIMEOUT_S = 30.0
# method, path and body of a request; status and body of what the Kubernetes API answers
Call = Callable[[str, str, Optional[Mapping[str, Any]]], tuple[int, dict[str, Any]]]  # noqa: UP045  # pylint takes | here for an error


class NoPod(ImmichError):
    """There is no account of a pod here."""


def pod_api(account: Path = ACCOUNT, environment: Mapping[str, str] | None = None) -> tuple[Call, str]:
    """How to ask the API, and the namespace of this pod."""
    environment = os.environ if environment is None else environment
    try:
        namespace, host = (account / "namespace").read_text().strip(), environment["KUBERNETES_SERVICE_HOST"]
    except (OSError, KeyError):
        raise NoPod("This does not run in a pod with an account.") from None
    url = f"https://{f'[{host}]' if ':' in host else host}:{environment.get('KUBERNETES_SERVICE_PORT', '443')}"
    transport = HttpTransport(url, ca_cert=str(account / "ca.crt"))

    def call(method: str, path: str, body: Mapping[str, Any] | None) -> tuple[int, dict[str, Any]]:
        kind = "application/merge-patch+json" if method == "PATCH" else "application/json"
        # the token is renewed while a long scan or backup runs
        headers = {"authorization": f"Bearer {(account / 'token').read_text().strip()}", "accept": "application/json", "content-type": kind}
        path = path if body is None else f"{path}?fieldManager={FIELD_MANAGER}"
        try:
            response = transport.send(method, path, headers, None if body is None else json.dumps(body).encode(), _TIMEOUT_S)
            return response.status, json.loads(response.body)
        except (TransportError, OSError, ValueError) as error:
            raise Unreachable(f"The Kubernetes API at {url} does not answer: {error}. A network policy has to let the pod there.") from error

    return call, namespace
