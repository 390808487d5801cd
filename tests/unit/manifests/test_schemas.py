# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is rendered is what Kubernetes and the operators take, no field more."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import pytest
import yaml
from ansible_collections.homelab.immich.plugins.plugin_utils.manifests import ROLES

KUBERNETES = "1.36"
TANK = {"inventory_hostname": "tank", "ansible_host": "192.0.2.10", "nas_provider": "truenas"}
EXPORTS = [{"name": "immich", "dataset": "tank/immich"}, {"name": "photos", "dataset": "tank/photos"}, {"name": "share", "protocol": "smb", "share": "Pics"}]
SHARING = {"tank": TANK | {"nas_exports": EXPORTS}}
OPERATORS = (
    "1password-operator",
    "barman-plugin",
    "cert-manager",
    "cnpg",
    "dragonfly-operator",
    "external-secrets",
    "gateway-api",
    "sealed-secrets",
    "prometheus-operator",
    "traefik",
    "volsync",
)
EVERYTHING: dict[str, Any] = {  # every option that adds or takes away a field
    "hostvars": SHARING,
    "immich_run_as": {"uid": 1000, "gid": 1000},
    "immich_volumes": [
        {"name": "media", "mount": "/data", "size": "1Ti", "nfs": {"export": "immich"}, "mount_options": ["nfsvers=4.2", "hard"]},
        {"name": "photos", "mount": "/mnt/photos", "size": "1Ti", "access": "ro", "nfs": {"export": "photos"}, "pods": ["server", "machine-learning"]},
        {"name": "models", "mount": "/cache", "size": "1Gi", "storage_class": "x", "access_mode": "ReadWriteMany", "pods": ["machine-learning"]},
        {"name": "old", "mount": "/mnt/old", "existing_claim": "old"},
        {"name": "csi", "mount": "/mnt/csi", "size": "1Ti", "nfs": {"export": "photos", "csi": True}, "access": "ro"},
        {"name": "share", "mount": "/mnt/share", "size": "1Ti", "smb": {"export": "share", "path": "pics"}, "access": "ro"},
        {"name": "disk", "mount": "/mnt/disk", "size": "1Ti", "host_path": {"path": "/srv/photos", "node": "pi"}, "access": "ro"},
    ],
    "immich_database_wal_size": "5Gi",
    "immich_database_instances": 3,
    "immich_database_privileges": "least",
    "immich_database_parameters": {"max_connections": 200},
    "immich_database_node_selector": {"a": "b"},
    "immich_database_namespace": "databases",
    "immich_database_backup": {
        "destination": "s3://backups/immich",
        "endpoint": "https://s3.example.net",
        "region": "garage",
        "ca": {"secret": "ca"},
        "mirrors": [{"name": "far", "destination": "s3://far/immich", "endpoint": "https://far.example.net", "ca": {"secret": "ca"}, "schedule": "0 5 * * *"}],
    },
    "immich_database_recovery": {"server_name": "old", "time": "2026-11-20T03:15:00Z"},
    "immich_server_node_selector": {"a": "b"},
    "immich_server_env": {"A": 1, "B": {"secretKeyRef": {"name": "x", "key": "y"}}},
    "immich_machine_learning_node_selector": {"a": "b"},
    "immich_machine_learning_env": {"A": True},
    "immich_workers": "split",
    "immich_monitoring": True,
    "immich_settings_owner": "file",
    "immich_settings": {"oauth": {"enabled": True}},
    "immich_secrets": {"oauth": {"existing": "x"}, "smtp": {"values": {"password": "x"}}},
    "immich_server_acceleration": "vaapi",
    "immich_server_device_groups": [44],
    "immich_server_autoscaling": {"min": 2, "max": 3, "cpu": 50, "stabilization": 300},
    "immich_server_affinity": {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [{"topologyKey": "a"}]}},
    "immich_server_tolerations": [{"key": "gpu", "operator": "Exists"}],
    "immich_server_topology_spread": [{"maxSkew": 1, "topologyKey": "a", "whenUnsatisfiable": "ScheduleAnyway"}],
    "immich_server_priority_class": "x",
    "immich_machine_learning_acceleration": "openvino",
    "immich_machine_learning_device": "dra",
    "immich_machine_learning_autoscaling": {"max": 2},
    "immich_guard_storage_class": "x",
    "immich_guard_webhook": {"kind": "gotify", "url": "http://gotify.example.net:8080", "secret": "gotify"},
    "immich_libraries": [{"name": "A", "owner": "a@example.net", "import_paths": ["/mnt/old/a"], "scan": {"schedule": "@daily", "settle": "10m"}}],
    "immich_ingress": [
        {"hosts": ["a.example.net", "b.example.net"], "class": "nginx", "issuer": "x", "https_redirect": True},
        {"hosts": ["c.example.net"], "class": "traefik", "tls": True, "https_redirect": True, "annotations": {"a": 1}},
        {"hosts": ["d.example.net"], "issuer": {"kind": "Issuer", "name": "x"}},
        {"type": "gateway", "hosts": ["e.example.net", "f.example.net"], "gateways": ["n/a/https", "n/b/https"], "https_redirect": True, "timeout": "600s"},
        {"type": "gateway", "hosts": ["g.example.net"], "gateways": ["n/a"], "timeout": ""},
        {"type": "traefik", "hosts": ["h.example.net", "i.example.net"], "issuer": "x", "https_redirect": True},
        {"type": "traefik", "hosts": ["j.example.net"], "cert_resolver": "le", "entry_points": ["websecure", "lan"]},
        {"type": "traefik", "hosts": ["k.example.net"]},
        {"type": "tailscale", "hosts": ["photos.tail1234.ts.net"], "funnel": True, "https_redirect": True},
        {"type": "tailscale", "hosts": ["plain.tail1234.ts.net"], "tls": False},
    ],
    "immich_dashboard": {"type": "homepage", "group": "Media", "description": "Photos", "widget": True},
}
LITTLE: dict[str, Any] = {  # and none of them
    "immich_run_as": None,
    "immich_volumes": [{"name": "media", "mount": "/data", "existing_claim": "media"}],
    "immich_database_storage_class": "",
    "immich_machine_learning_enabled": False,
    "immich_libraries": [],
    "immich_ingress": [],
}
OLD: dict[str, Any] = {"immich_version": "v2.5.5"}
VARIANTS = pytest.mark.parametrize("changes", [{}, EVERYTHING, LITTLE, OLD], ids=["homelab", "everything", "little", "old"])
Render = Callable[..., Any]


def strict(schema: Any) -> Any:
    """The OpenAPI schema of a CRD as a JSON schema in which an unknown field is an error."""
    if isinstance(schema, list):
        return [strict(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    result = {key: strict(value) for key, value in schema.items()}
    if "(?i)" in str(schema.get("pattern")):  # Go takes it anywhere
        result["pattern"] = "(?i)" + schema["pattern"].replace("(?i)", "")
    if schema.get("x-kubernetes-int-or-string"):
        result.pop("type", None)
        result.pop("anyOf", None)
        result["type"] = ["integer", "string"]
    if isinstance(schema.get("properties"), dict) and "additionalProperties" not in schema and not schema.get("x-kubernetes-preserve-unknown-fields"):
        result["additionalProperties"] = False
    return result


@pytest.fixture(scope="module")
def custom(reference: Path) -> dict[tuple[str, str], dict[str, Any]]:
    """Strict schemas of custom resources by API version and kind."""
    found = {}
    paths = [path for operator in OPERATORS for path in (reference / "crds").glob(f"{operator}-*/*.y*ml")]
    for crd in (crd for path in paths for crd in yaml.load_all(path.read_text(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))):
        if not crd or crd["kind"] != "CustomResourceDefinition":
            continue
        for version in crd["spec"]["versions"]:
            schema = strict(version["schema"]["openAPIV3Schema"])
            schema["properties"]["metadata"] = {"type": "object"}
            found[f"{crd['spec']['group']}/{version['name']}", crd["spec"]["names"]["kind"]] = schema
    return found


def is_custom(item: dict[str, Any]) -> bool:
    group = item["apiVersion"].split("/")[0]
    return "." in group and (not group.endswith(".k8s.io") or group.startswith("gateway."))


@VARIANTS
def test_core_objects_are_valid(render: Render, changes: dict[str, Any]) -> None:
    objects = [item for item in render(*ROLES, **changes) if not is_custom(item)]
    assert {"Namespace", "ConfigMap", "Deployment", "Service", "Secret"} <= {item["kind"] for item in objects}
    for item in objects:
        kubernetes_validate.validate(copy.deepcopy(item), KUBERNETES, strict=True)


@VARIANTS
def test_custom_resources_are_valid(render: Render, custom: dict[tuple[str, str], dict[str, Any]], changes: dict[str, Any]) -> None:
    objects = [item for item in render("database", **changes) if is_custom(item)]
    assert {item["kind"] for item in objects} >= {"Cluster", "Database"}
    for item in objects:
        jsonschema.validate(item, custom[item["apiVersion"], item["kind"]])


def test_routes_are_valid(render: Render, custom: dict[tuple[str, str], dict[str, Any]]) -> None:
    objects = [item for item in render("ingress", **EVERYTHING) if is_custom(item)]
    assert {item["kind"] for item in objects} == {"HTTPRoute", "IngressRoute", "Middleware", "Certificate"}
    for item in objects:
        jsonschema.validate(item, custom[item["apiVersion"], item["kind"]])


BACKUP: dict[str, Any] = {  # every option of a backup
    "schedule": "0 3 * * *",
    "repository": "/mnt/repository/media",
    "name": "near",
    "ca": {"secret": "ca", "key": "ca.pem"},
    "retain": {"hourly": 1, "daily": 1, "weekly": 1, "monthly": 1, "yearly": 1, "last": "3", "within": "30d"},
    "prune_interval_days": 3,
    "copy_method": "Snapshot",
    "snapshot_class": "x",
    "run_as": {"uid": 1, "gid": 1},
    "cache_size": "1Gi",
    "nfs": {"server": "nas", "path": "/backup"},
}


@pytest.mark.parametrize("copy", [BACKUP, {"schedule": "@daily", "repository": "b2:bucket:x", "ca": {"config_map": "ca"}}], ids=["everything", "little"])
def test_a_backup_is_valid(render: Render, custom: dict[Any, Any], copy: dict[str, Any]) -> None:
    volumes = [{"name": "media", "mount": "/data", "size": "1Ti", "storage_class": "x", "backup": [copy]}]
    for item in render("backup", immich_volumes=volumes):
        if is_custom(item):
            jsonschema.validate(item, custom[item["apiVersion"], item["kind"]])
        else:
            kubernetes_validate.validate(json.loads(json.dumps(item)), KUBERNETES, strict=True)


def test_a_dragonfly_is_valid(render: Render, custom: dict[Any, Any]) -> None:
    item = render("cache", immich_cache_provider="dragonfly").one("Dragonfly", "immich-dragonfly")
    jsonschema.validate(item, custom[item["apiVersion"], item["kind"]])


@pytest.mark.parametrize("purpose", ["database", "cache"])
@pytest.mark.parametrize(
    ("source", "kind"),
    [
        ({"external": {"store": "SecretStore/home", "key": "immich"}}, "ExternalSecret"),
        ({"external": {"store": "ClusterSecretStore/home", "key": "immich", "properties": {"password": "pw"}}}, "ExternalSecret"),
        ({"onepassword": "vaults/home/items/immich"}, "OnePasswordItem"),
        ({"sealed": {"password": "AgB"}}, "SealedSecret"),
    ],
)
def test_what_makes_secrets_is_valid(render: Render, custom: dict[Any, Any], purpose: str, source: dict[str, Any], kind: str) -> None:
    item = render("secrets", immich_secrets={purpose: source}).one(kind, f"immich-{purpose}")
    jsonschema.validate(item, custom[item["apiVersion"], item["kind"]])


def test_an_unknown_field_is_found(render: Render, custom: dict[tuple[str, str], dict[str, Any]]) -> None:
    """The two tests above can fail."""
    cluster = render("database").one("Cluster", "immich-db")
    cluster["spec"]["postgresql"]["sharedPreloadLibraries"] = []
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(cluster, custom[cluster["apiVersion"], cluster["kind"]])
    deployment = render("workloads").one("Deployment", "immich-server")
    deployment["spec"]["template"]["spec"]["containers"][0]["volumeMount"] = []
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(deployment, KUBERNETES, strict=True)
