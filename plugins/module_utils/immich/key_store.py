# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keeps an API key in a Secret of the cluster, so that it passes through no file and no variable."""

from __future__ import annotations

import base64
import binascii

from ..kubernetes.client import ApiError, Client, Resource, Unreachable
from ..kubernetes.kubeconfig import KubeconfigError, access
from .errors import ImmichError

_SECRETS = Resource("v1", "Secret", "secrets", True)
_FIELD = "key"
_LABELS = {"app.kubernetes.io/part-of": "immich", "app.kubernetes.io/managed-by": "homelab.immich"}


class KeyStore:
    """One Secret."""

    def __init__(self, name: str, *, namespace: str, kubeconfig: str | None, context: str | None, rehearsal: bool, read_only: bool) -> None:
        self._name, self._namespace = name, namespace
        try:
            self._cluster = Client(access(kubeconfig, context, rehearsal), read_only=read_only)
        except KubeconfigError as error:
            raise ImmichError(f"Could not reach the Secret {namespace}/{name} that keeps the API key: {_sentence(error)}.") from error

    def read(self) -> str | None:
        """Read the key; None when there is none."""
        try:
            secret = self._cluster.get(_SECRETS, self._name, self._namespace)
        except (ApiError, Unreachable) as error:
            raise ImmichError(f"Could not read the API key from the Secret {self._namespace}/{self._name}: {_sentence(error)}.") from error
        value = ((secret or {}).get("data") or {}).get(_FIELD, "")
        try:
            return base64.b64decode(value, validate=True).decode("ascii").strip() or None
        except (binascii.Error, UnicodeDecodeError):
            # what is no key is as good as none: the caller makes a new one
            return None

    def write(self, key: str) -> None:
        """Write the key."""
        secret = {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": self._name, "namespace": self._namespace, "labels": _LABELS},
            "type": "Opaque",
            "data": {_FIELD: base64.b64encode(key.encode()).decode()},
        }
        try:
            self._cluster.apply(_SECRETS, secret, dry_run=False)
        except (ApiError, Unreachable) as error:
            raise ImmichError(
                f"A new API key was made, but could not be kept in the Secret {self._namespace}/{self._name}: {_sentence(error)}; the next run replaces it."
            ) from error


def _sentence(error: Exception) -> str:
    return str(error).rstrip(".")
