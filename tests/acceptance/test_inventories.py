# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each inventory that we show, played from nothing: it converges, stays as it is, and what leaves it goes without its data."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from ansible_collections.homelab.immich.plugins.module_utils.kubernetes.client import Client
from ansible_collections.homelab.immich.plugins.module_utils.kubernetes.kubeconfig import access
from ansible_collections.homelab.immich.plugins.module_utils.kubernetes.prune import KEPT, PRUNED
from harness import CHECKOUT, MUTATING, Homelab, Run, audit

MOST_RESULTS = 35  # of the tasks of a run that changes nothing, per instance
Things = set[tuple[str, str]]  # kind and name


@dataclass
class Case:
    """An inventory, or those hosts of one that are in one cluster; what is taken out of it, and what has to go then."""

    inventory: str
    instances: tuple[str, ...]
    remove: Callable[[dict[str, Any]], None]
    gone: Things
    limit: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()  # what preflight has to say about it
    sessions: bool = False  # before 1.136 a key can not be asked what it may, only a session: every run logs in, and out again
    pending: dict[str, str] = field(default_factory=dict)  # pods that no node can take, and why

    @property
    def name(self) -> str:
        """What a report of the tests shows."""
        return "-".join([self.inventory, *self.limit[1:]])


def without(host: str, *names: str) -> Callable[[dict[str, Any]], None]:
    """Take variables out of a host, or out of the variables of all instances."""

    def remove(content: dict[str, Any]) -> None:
        immich = content["children"]["immich"]
        for name in names:
            found = [variables for variables in (immich["hosts"][host], immich.get("vars", {})) if name in variables]
            assert found, f"the inventory has no {name}"
            for variables in found:
                del variables[name]

    return remove


def without_backups_of_volumes(content: dict[str, Any]) -> None:
    """Thumbnails are not backed up any more."""
    photos = content["children"]["immich"]["hosts"]["photos"]
    del photos["immich_secrets"]["volume_backup"]
    for volume in photos["immich_volumes"]:
        volume.pop("backup", None)


def without_mirror(content: dict[str, Any]) -> None:
    """The database is archived to one place only."""
    photos = content["children"]["immich"]["hosts"]["photos"]
    del photos["immich_database_backup"]["mirrors"]
    del photos["immich_secrets"]["database_backup_minio"]


WAY_IN = {("Ingress", "immich-server")}
BACKUP = {("ReplicationSource", "immich-cache"), ("CronJob", "immich-backup-cache")}
BACKUP |= {(kind, "immich-backup") for kind in ("ConfigMap", "NetworkPolicy", "Role", "RoleBinding")} | {("ConfigMap", "immich-backup-memory")}
GUARD = {("CronJob", "immich-scan-*")} | {(kind, "immich-guard") for kind in ("ConfigMap", "NetworkPolicy", "Role", "RoleBinding")}
SCALING = {("HorizontalPodAutoscaler", "immich-server")}
CASES = (
    Case("nixos-argocd", ("photos",), without_backups_of_volumes, BACKUP, warnings=("ingress-nginx: it was retired",)),
    Case("truenas-external-library", ("photos",), without("photos", "immich_libraries"), GUARD),
    Case("flux-dragonfly-smb", ("photos",), without_mirror, {("CronJob", "immich-db-minio")}, sessions=True),
    Case("synology-amd-gpu", ("prod", "stage"), without("prod", "immich_ingress"), WAY_IN),
    Case("truenas-flux-hpa", ("production",), without("production", "immich_server_autoscaling"), SCALING, limit=("tank", "production")),
    Case(
        "truenas-flux-hpa",
        ("staging",),
        without("staging", "immich_ingress", "immich_dashboard"),
        WAY_IN | {("Middleware", "immich-https")},
        limit=("tank", "staging"),
    ),
)


class Played(Homelab):
    """A case, and the first run of it."""

    def __init__(self, folder: Path, case: Case) -> None:
        super().__init__(folder, CHECKOUT / "inventories" / case.inventory)
        self.case = case
        self.limit = ["--limit", ",".join(case.limit)] if case.limit else []

    def run(self, *arguments: str, **options: Any) -> Run:
        """Play it, with the hosts of this case."""
        return self.play(*self.limit, *arguments, **options)

    def client(self) -> Client:
        """A client that can only read."""
        return Client(access(self.state["kubeconfig"], "rehearsal", rehearsal=True), read_only=True)

    def ours(self) -> Iterator[dict[str, Any]]:
        """Everything in the cluster that has a label of ours."""
        client = self.client()
        for api_version, kind in PRUNED + KEPT:
            resource = client.resource(api_version, kind)
            assert resource, f"the rehearsal does not know {kind}"
            yield from client.list(resource, labels="homelab.immich/instance")

    def mutations(self) -> list[dict[str, Any]]:
        """What a run of ours has written so far, dry runs left out."""
        return [entry for entry in audit(self.home) if entry["verb"] in MUTATING and "dryRun=All" not in entry["requestURI"]]


@pytest.fixture(scope="module", params=CASES, ids=lambda case: case.name)
def played(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Played]:
    lab = Played(tmp_path_factory.mktemp(request.param.name), request.param)
    try:
        lab.first = lab.run()  # type: ignore[attr-defined]
        yield lab
    finally:
        lab.rehearsal("down")


def identity(item: dict[str, Any]) -> tuple[str, str, str, str]:
    meta = item["metadata"]
    return item["kind"], meta.get("namespace", ""), meta["name"], meta["uid"]


def test_it_converges_and_preflight_is_clean(played: Played) -> None:
    first = played.first  # type: ignore[attr-defined]
    assert first.total("failed") == first.total("unreachable") == 0
    for instance in played.case.instances:
        assert re.search(rf"^Immich {instance}  https://\S+  v\S+   \(rehearsal\)$", first.output, re.MULTILINE)
    warnings = re.findall(r"\[WARNING\]: (.*)", first.output)
    assert [text for text in warnings if not any(expected in text for expected in played.case.warnings)] == []
    assert len(warnings) == len(played.case.warnings)


def test_the_api_server_took_every_object_strictly(played: Played) -> None:
    written = [entry for entry in played.mutations() if "/exec" not in entry["requestURI"]]
    assert written
    lax = [
        entry["requestURI"]
        for entry in written
        if entry["verb"] in ("create", "patch") and "fieldValidation" not in parse_qs(urlsplit(entry["requestURI"]).query)
    ]
    assert [uri for uri in lax if "/restart" not in uri] == []
    assert [entry["requestURI"] for entry in written if entry["responseStatus"]["code"] >= 400] == []


def test_every_pod_runs_or_waits_for_what_no_node_has(played: Played) -> None:
    client = played.client()
    pods = client.list(client.resource("v1", "Pod"))
    assert len(pods) >= 4 * len(played.case.instances)
    waiting = {}
    for pod in pods:
        conditions = {item["type"]: item for item in pod["status"].get("conditions", [])}
        if conditions.get("Ready", {}).get("status") != "True":
            waiting[pod["metadata"]["name"]] = conditions.get("PodScheduled", {}).get("message", "") or str(pod["status"])
    unexplained = {pod: why for pod, why in waiting.items() if not any(re.match(name, pod) and reason in why for name, reason in played.case.pending.items())}
    assert unexplained == {}
    assert len(waiting) == len(played.case.pending)


def test_a_second_run_and_a_check_have_nothing_to_do(played: Played) -> None:
    before = len(played.mutations())
    requests = played.home / "logs" / "immich-requests.log"
    seen = len(requests.read_text())
    again = played.run()
    assert again.total("changed") == 0, again.output
    for instance in played.case.instances:
        assert again.recap[instance]["ok"] + again.recap[instance]["skipped"] <= MOST_RESULTS
    check = played.run("--check", "--diff")
    assert check.total("changed") == check.total("failed") == 0, check.output
    assert not re.search(r"^(---|\+\+\+) ", check.output, re.MULTILINE), check.output
    assert len(played.mutations()) == before
    asked = set(re.findall(r'^"(\w+ )\S+?(?:(/auth/log\w+)|) HTTP', requests.read_text()[seen:], re.MULTILINE))
    assert asked == {("GET ", "")} | ({("POST ", "/auth/login"), ("POST ", "/auth/logout")} if played.case.sessions else set())


def test_what_leaves_the_inventory_goes_and_nothing_else(played: Played) -> None:
    case = played.case
    before = {identity(item) for item in played.ours()}
    assert {"PersistentVolumeClaim", "Secret", "Cluster"} <= {kind for kind, *_rest in before}
    played.edit(case.remove)
    played.run()
    after = {identity(item) for item in played.ours()}
    gone = before - after
    assert {item for item in gone if not any(item[0] == kind and re.fullmatch(name.replace("*", ".+"), item[2]) for kind, name in case.gone)} == set()
    assert {(kind, name) for kind, name in case.gone if not any(item[0] == kind and re.fullmatch(name.replace("*", ".+"), item[2]) for item in gone)} == set()
    assert after <= before
