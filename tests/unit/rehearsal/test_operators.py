# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the operators of a rehearsal make, as far as a cluster is not needed to see it."""

from __future__ import annotations

import asyncio
import base64
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.homelab.immich.rehearsal import operators
from ansible_collections.homelab.immich.rehearsal.operators import secrets
from ansible_collections.homelab.immich.rehearsal.operators.objects import FAIL


class Cluster:
    """Objects in memory, and what was written."""

    def __init__(self, *objects: dict[str, Any]) -> None:
        self.objects = {(item["kind"], item["metadata"]["name"]): item for item in objects}
        self.status: dict[str, Any] = {}

    def all(self, kind: str, _namespace: str | None = None) -> list[dict[str, Any]]:
        return [item for (of, _name), item in self.objects.items() if of == kind]

    def get(self, kind: str, _namespace: str, name: str) -> dict[str, Any] | None:
        return self.objects.get((kind, name))

    async def create(self, _path: str, body: dict[str, Any]) -> None:
        self.objects[body["kind"], body["metadata"]["name"]] = body

    async def patch(self, path: str, body: dict[str, Any]) -> None:
        if path.endswith("/status"):
            self.status[path] = body["status"]["conditions"][0]
        else:
            self.objects["Secret", path.rpartition("/")[2]]["data"] |= body["data"]


def item(kind: str, api_version: str, spec: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"apiVersion": api_version, "kind": kind, "metadata": {"namespace": "immich", "name": "x", "uid": "1", "generation": 1} | more, "spec": spec}


def external(*keys: str) -> dict[str, Any]:
    template = {"type": "kubernetes.io/basic-auth", "metadata": {"labels": {"a": "b"}}, "data": {"username": "immich"}}
    data = [{"secretKey": key, "remoteRef": {"key": "y", "property": key}} for key in keys]
    return item("ExternalSecret", "external-secrets.io/v1", {"data": data, "target": {"template": template}})


ITEM = item("OnePasswordItem", "onepassword.com/v1", {"itemPath": "y"})
SEALED = item("SealedSecret", "bitnami.com/v1alpha1", {"encryptedData": {"password": "AgB"}})


@pytest.mark.parametrize(
    ("owner", "keys", "path"),
    [
        (external("password"), {"username", "password"}, "external-secrets.io/v1/namespaces/immich/externalsecrets"),
        (ITEM, {"username", "password", "url"}, "onepassword.com/v1/namespaces/immich/onepassworditems"),
        (SEALED, {"password"}, "bitnami.com/v1alpha1/namespaces/immich/sealedsecrets"),
    ],
    ids=["external", "onepassword", "sealed"],
)
def test_a_secret_is_made_as_it_is_asked_for(owner: dict[str, Any], keys: set[str], path: str) -> None:
    cluster = Cluster(owner)
    asyncio.run(secrets.reconcile(Path(), cluster))  # type: ignore[arg-type]
    made = cluster.objects["Secret", "x"]
    assert keys <= set(made["data"])
    assert made["metadata"]["ownerReferences"][0]["kind"] == owner["kind"]
    assert cluster.status[f"/apis/{path}/x/status"]["status"] == "True"


def test_a_key_that_is_asked_for_later_comes_to_the_others_which_stay() -> None:
    cluster = Cluster(external("password"))
    asyncio.run(secrets.reconcile(Path(), cluster))  # type: ignore[arg-type]
    before = dict(cluster.objects["Secret", "x"]["data"])
    assert (base64.b64decode(before["username"]), cluster.objects["Secret", "x"]["type"]) == (b"immich", "kubernetes.io/basic-auth")
    cluster.objects["ExternalSecret", "x"] = external("password", "domain")
    asyncio.run(secrets.reconcile(Path(), cluster))  # type: ignore[arg-type]
    after = cluster.objects["Secret", "x"]["data"]
    assert set(after) == {"username", "password", "domain"} and before.items() <= after.items()


def test_one_that_is_made_to_fail_makes_no_secret_and_says_why() -> None:
    cluster = Cluster(external("password") | {"metadata": external()["metadata"] | {"annotations": {FAIL: "no such item"}}})
    asyncio.run(secrets.reconcile(Path(), cluster))  # type: ignore[arg-type]
    assert ("Secret", "x") not in cluster.objects
    assert [(said["status"], said["message"]) for said in cluster.status.values()] == [("False", "no such item")]


def test_no_two_operators_watch_one_kind_at_different_places() -> None:
    for operator in operators.OPERATORS:
        assert operator.KINDS.items() <= operators.KINDS.items()
