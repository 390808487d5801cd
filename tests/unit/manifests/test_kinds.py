# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A cluster is asked for the kinds of operators that will be rendered, before anything is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.homelab.immich.plugins.module_utils.kubernetes.operators import INSTALL
from ansible_collections.homelab.immich.plugins.plugin_utils.manifests import ROLES

from .test_schemas import BACKUP, EVERYTHING, LITTLE

Kinds = set[tuple[str, str]]
MEDIA = {"name": "media", "mount": "/data", "size": "1Ti", "storage_class": "x"}
ARCHIVE = {"destination": "s3://backups/immich", "region": "garage"}
CERTIFICATE, SNAPSHOT = ("cert-manager.io/v1", "Certificate"), ("snapshot.storage.k8s.io/v1", "VolumeSnapshot")
GPU = {"immich_server_acceleration": "vaapi", "immich_server_device_resource": "gpu.intel.com"}
VARIANTS: dict[str, dict[str, Any]] = {
    "homelab": {},
    "everything": EVERYTHING,
    "little": LITTLE,
    "external": {"immich_database_provider": "external", "immich_database_host": "db.example.net", "immich_database_backup": ARCHIVE},
    "archive": {"immich_database_backup": ARCHIVE},
    "secrets": {"immich_secrets": {"database": {"onepassword": "vaults/home/items/immich"}, "cache": {"sealed": {"password": "AgB"}}}},
    "store": {"immich_secrets": {"database": {"external": {"store": "SecretStore/home", "key": "immich"}}}},
    "oauth": {"immich_settings_owner": "file", "immich_secrets": {"oauth": {"external": {"store": "SecretStore/home", "key": "immich"}}}},
    "dragonfly": {"immich_cache_provider": "dragonfly"},
    "cilium": {"immich_network_policy": "cilium"},
    "kubernetes": {"immich_network_policy": "kubernetes"},
    "monitoring": {"immich_monitoring": True},
    "volsync": {"immich_volumes": [MEDIA | {"backup": [BACKUP]}], "immich_libraries": []},
    "volsync-class": {
        "immich_volumes": [MEDIA | {"backup": {"schedule": "@daily", "repository": "b2:bucket:x"}}],
        "immich_backup_snapshot_classes": {"x": "x-snapshot"},
        "immich_libraries": [],
    },
    "volsync-secret": {
        "immich_volumes": [MEDIA | {"backup": {"schedule": "@daily", "repository": "b2:bucket:x", "secret": "far"}}],
        "immich_secrets": {"far": {"onepassword": "vaults/home/items/far"}},
        "immich_libraries": [],
    },
    "dra": {**GPU, "immich_server_device": "dra"},
    "plugin": {**GPU, "immich_server_device": "plugin", "immich_machine_learning_device": "dra"},
    "no-learning": {"immich_machine_learning_enabled": False, "immich_machine_learning_acceleration": "cuda", "immich_machine_learning_device": "dra"},
    "ingress": {"immich_ingress": [{"hosts": ["a.example.net"], "class": "nginx", "https_redirect": True}]},
    "issuer": {"immich_ingress": [{"hosts": ["a.example.net"], "class": "nginx", "issuer": "x"}]},
    "traefik-class": {"immich_ingress": [{"hosts": ["a.example.net"], "class": "traefik", "tls": True, "https_redirect": True}]},
    "traefik": {"immich_ingress": [{"type": "traefik", "hosts": ["a.example.net"], "cert_resolver": "le"}]},
    "gateway": {"immich_ingress": [{"type": "gateway", "hosts": ["a.example.net"], "gateways": ["n/a"]}]},
    "tailscale": {"immich_ingress": [{"type": "tailscale", "hosts": ["photos.tail1234.ts.net"], "https_redirect": True}]},
}


@pytest.fixture
def evaluate(ansible: tuple[Any, dict[str, Any]], checkout: Path) -> Callable[..., Any]:
    """What an expression is in the role deliver with some variables changed; a variable that is None is taken away."""
    from ansible.template import Templar, trust_as_template

    loader, defaults = ansible
    table = loader.load_from_file(str(checkout / "roles/deliver/vars/main.yml"), trusted_as_template=True)

    def run(expression: str, **changes: Any) -> Any:
        variables = {name: value for name, value in (table | defaults | changes).items() if value is not None}
        return Templar(loader=loader, variables=variables).template(trust_as_template(f"{{{{ {expression} }}}}"))

    return run


@pytest.fixture
def asked(evaluate: Callable[..., Any]) -> Callable[..., list[dict[str, Any]]]:
    """The rows of the table that are in use with some variables changed."""
    return lambda **changes: evaluate("__immich_kinds | selectattr('variable')", **changes)


def of_operators(objects: list[dict[str, Any]]) -> Kinds:
    """The kinds that Kubernetes 1.30 does not have by itself, and what operators make of these objects."""
    kinds = {(item["apiVersion"], item["kind"]) for item in objects if item["apiVersion"].partition("/")[0] in INSTALL}
    if any(name.startswith("cert-manager.io/") for item in objects for name in item["metadata"].get("annotations") or {}):
        kinds.add(CERTIFICATE)
    if any(item["kind"] == "ReplicationSource" and item["spec"]["restic"]["copyMethod"] == "Snapshot" for item in objects):
        kinds.add(SNAPSHOT)
    return kinds


@pytest.mark.parametrize("changes", VARIANTS.values(), ids=VARIANTS)
def test_a_cluster_is_asked_for_what_is_rendered(render: Callable[..., Any], asked: Callable[..., Any], changes: dict[str, Any]) -> None:
    kinds = {(row["api_version"], kind) for row in asked(**changes) for kind in row["kinds"]}
    assert kinds == of_operators(render(*ROLES[1:], **changes))


def test_the_variants_have_every_row(asked: Callable[..., Any], ansible: Any, checkout: Path) -> None:
    """What no variant wants would be compared with nothing."""
    table = ansible[0].load_from_file(str(checkout / "roles/deliver/vars/main.yml"))["__immich_kinds"]
    every = {(row["api_version"], kind) for row in table for kind in row["kinds"]}
    assert {api_version.partition("/")[0] for api_version, _kind in every} == set(INSTALL)
    assert {(row["api_version"], kind) for changes in VARIANTS.values() for row in asked(**changes) for kind in row["kinds"]} == every


def test_the_purpose_of_a_secret_is_named(asked: Callable[..., Any]) -> None:
    item = {"onepassword": "vaults/home/items/immich"}
    [row] = [row for row in asked(immich_secrets={"database": item, "cache": item}) if row["kinds"] == ["OnePasswordItem"]]
    assert row["variable"] == "immich_secrets.database and immich_secrets.cache"


def test_the_class_of_tailscale_is_looked_for_where_an_ingress_has_it(evaluate: Callable[..., Any]) -> None:
    ways = [{"hosts": ["a.example.net"], "class": "nginx"}, {"type": "tailscale", "hosts": ["photos.tail1234.ts.net"]}]
    assert evaluate("__immich_ingress_classes", immich_ingress=ways) == ["nginx", "tailscale"]
    assert evaluate("__immich_ingress_classes", immich_ingress=[ways[0], ways[1] | {"tls": False}]) == ["nginx"]
