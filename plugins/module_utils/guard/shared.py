# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the guards of one server keep what all of them have to know: the brake, and the records. A folder, or a ConfigMap of the cluster."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from ..immich.errors import ImmichError
from ..pod_api import ACCOUNT, Call, NoPod, pod_api

_TRIES = 5


class Store(Protocol):
    """Keeps texts by name."""

    def place(self, name: str) -> str:
        """Where a text is, for a person."""

    def read(self, name: str) -> str | None:
        """A text; None when there is none."""

    def write(self, name: str, text: str | None) -> None:
        """Keep a text, or with None forget it."""


class Files:
    """A folder. What is written is whole, whenever the machine stops."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def place(self, name: str) -> str:
        """The path."""
        return str(self._folder / name)

    def read(self, name: str) -> str | None:
        """Read a file; one that is no text is no JSON either."""
        try:
            return (self._folder / name).read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            return None

    def write(self, name: str, text: str | None) -> None:
        """Put a new file in the place of the old one."""
        path = self._folder / name
        if text is None:
            path.unlink(missing_ok=True)
            return
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        new = path.with_name(f"{path.name}.new")
        with open(new, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(new, path)


class ConfigMap:
    """A ConfigMap. What another guard wrote since it was read here is never written over."""

    def __init__(self, call: Call, namespace: str, name: str) -> None:
        self._call, self._namespace, self._name = call, namespace, name
        self._seen: dict[str, str | None] = {}

    def place(self, name: str) -> str:
        """Object and key."""
        return f"{name} of ConfigMap {self._namespace}/{self._name}"

    def annotations(self) -> dict[str, str]:
        """What whoever made the object has written on it."""
        return dict(self._live("the annotations").get("metadata", {}).get("annotations") or {})

    def read(self, name: str) -> str | None:
        """Read one key."""
        self._seen[name] = self._live(name).get("data", {}).get(name)
        return self._seen[name]

    def write(self, name: str, text: str | None) -> None:
        """Write one key, and leave the others as they are."""
        for _try in range(_TRIES):
            live = self._live(name)
            data = {key: value for key, value in live.get("data", {}).items() if key != name}
            if name in self._seen and live.get("data", {}).get(name) != self._seen[name]:
                raise ImmichError(f"Another guard has changed {self.place(name)} at this very moment; run this again.")
            new = {**live, "data": data if text is None else data | {name: text}}
            there = "resourceVersion" in live["metadata"]
            status, answer = self._call("PUT" if there else "POST", self._path(self._name if there else ""), new)
            if status in (200, 201):
                self._seen[name] = text
                return
            if status != 409:
                break
        raise ImmichError(f"Could not write {self.place(name)}: {status} {answer.get('message', '')}")

    def _live(self, name: str) -> dict[str, Any]:
        status, answer = self._call("GET", self._path(self._name), None)
        if status == 200:
            return {**answer, "data": answer.get("data") or {}}
        if status == 404:
            return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": self._name, "namespace": self._namespace}}
        raise ImmichError(f"Could not read {self.place(name)}: {status} {answer.get('message', '')}")

    def _path(self, name: str) -> str:
        return f"/api/v1/namespaces/{self._namespace}/configmaps{f'/{name}' if name else ''}"


def in_cluster(name: str, account: Path = ACCOUNT, environment: Mapping[str, str] | None = None) -> ConfigMap:
    """The ConfigMap of this name beside the pod in which this runs, with the pod's own account."""
    try:
        call, namespace = pod_api(account, environment)
    except NoPod:
        raise ImmichError(f"configmap is {name!r}, and this does not run in a pod with an account; leave it out, and the folder memory keeps it.") from None
    return ConfigMap(call, namespace, name)
