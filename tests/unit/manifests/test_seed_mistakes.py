# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What people with such homelabs got wrong, each mistake held against what all inventories render to, as the golden files keep it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

GOLDEN = Path(__file__).resolve().parents[2] / "golden"
INSTANCES = sorted(folder for folder in GOLDEN.glob("*/*") if folder.is_dir())
Item = dict[str, Any]


class Objects(list[Item]):
    """What one instance renders to."""

    def __init__(self, folder: Path) -> None:
        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        super().__init__(item for path in sorted(folder.glob("*.yaml")) for item in yaml.load_all(path.read_bytes(), Loader=loader))
        self.inventory = folder.parent.name

    def kind(self, *kinds: str) -> list[Item]:
        return [item for item in self if item["kind"] in kinds]

    def one(self, kind: str, name: str) -> Item:
        [item] = [item for item in self.kind(kind) if item["metadata"]["name"] == name]
        return item

    def pods(self) -> Iterator[tuple[str, Item]]:
        """Name of the workload and spec of its pods."""
        for item in self.kind("Deployment"):
            yield item["metadata"]["name"], item["spec"]["template"]["spec"]
        for item in self.kind("CronJob"):
            yield item["metadata"]["name"], item["spec"]["jobTemplate"]["spec"]["template"]["spec"]


def containers(pod: Item) -> list[Item]:
    return [*pod.get("initContainers", []), *pod["containers"]]


@pytest.fixture(params=INSTANCES, ids=lambda folder: f"{folder.parent.name}-{folder.name}")
def objects(request: pytest.FixtureRequest) -> Objects:
    return Objects(request.param)


def test_all_six_homelabs_are_looked_at() -> None:
    assert {folder.parent.name for folder in INSTANCES} == {folder.name for folder in (GOLDEN.parents[1] / "inventories").iterdir() if folder.name != "mine"}
    assert len(INSTANCES) == 8


def test_machine_learning_has_a_service_that_leads_to_it(objects: Objects) -> None:
    """Forgotten once: 'Machine learning request failed for all URLs'."""
    service = objects.one("Service", "immich-machine-learning")
    pods = objects.one("Deployment", "immich-machine-learning")["spec"]["template"]
    assert service["spec"]["selector"].items() <= pods["metadata"]["labels"].items()
    [port] = service["spec"]["ports"]
    names = {entry["name"]: entry["containerPort"] for entry in pods["spec"]["containers"][0]["ports"]}
    assert (port["port"], names[port["targetPort"]]) == (3003, 3003)
    server = objects.one("Deployment", "immich-server")["spec"]["template"]["spec"]["containers"][0]
    assert {"name": "IMMICH_MACHINE_LEARNING_URL", "value": "http://immich-machine-learning:3003"} in server["env"]


def test_nginx_lets_through_more_than_a_megabyte(objects: Objects) -> None:
    """'Unable to upload file', and nothing in the log of the server."""
    for ingress in objects.kind("Ingress"):
        if ingress["spec"].get("ingressClassName") == "nginx":
            assert ingress["metadata"]["annotations"]["nginx.ingress.kubernetes.io/proxy-body-size"] == "0"
            break
    else:
        assert objects.inventory != "nixos-argocd"


def test_the_role_may_make_extensions_and_log_in(objects: Objects) -> None:
    """'relation system_metadata does not exist': migrations need a superuser; and a managed role that does not say login has lost it."""
    [cluster] = objects.kind("Cluster")
    [role] = cluster["spec"]["managed"]["roles"]
    assert (role["name"], role["login"], role["superuser"]) == ("immich", True, True)
    assert role["name"] == cluster["spec"]["bootstrap"]["initdb"]["owner"]
    assert role["passwordSecret"] == cluster["spec"]["bootstrap"]["initdb"]["secret"]


def test_extensions_are_in_the_database_that_the_server_opens(objects: Objects) -> None:
    """postInitSQL makes them in the database postgres, where nobody looks for them."""
    [database], [cluster] = objects.kind("Database"), objects.kind("Cluster")
    server = objects.one("Deployment", "immich-server")["spec"]["template"]["spec"]["containers"][0]
    [opened] = [entry["value"] for entry in server["env"] if entry["name"] == "DB_DATABASE_NAME"]
    assert database["spec"]["name"] == opened == cluster["spec"]["bootstrap"]["initdb"]["database"]
    assert database["spec"]["cluster"]["name"] == cluster["metadata"]["name"]
    assert database["metadata"]["namespace"] == cluster["metadata"]["namespace"]
    assert {"vector", "vchord", "cube", "earthdistance"} <= {extension["name"] for extension in database["spec"]["extensions"]}
    assert "vchord.so" in cluster["spec"]["postgresql"]["shared_preload_libraries"]
    assert not {key for key in cluster["spec"]["bootstrap"]["initdb"] if key.startswith("postInit")}


def test_nothing_has_a_cpu_limit(objects: Objects) -> None:
    """Probes of a throttled Redis timed out."""
    found = [entry.get("resources", {}) for _name, pod in objects.pods() for entry in containers(pod)]
    found += [item["spec"].get("resources", {}) for item in objects.kind("Cluster", "Dragonfly")]
    assert len(found) >= 4
    assert [resources for resources in found if "cpu" in resources.get("limits", {})] == []
    assert all(resources.get("requests") for resources in found)


def test_no_two_pods_share_a_volume_of_one_node(objects: Objects) -> None:
    """'Multi-Attach error': machine learning waited for the cache of the server."""
    alone = {item["metadata"]["name"] for item in objects.kind("PersistentVolumeClaim") if item["spec"]["accessModes"] == ["ReadWriteOnce"]}
    assert alone or objects.inventory == "truenas-flux-hpa"  # in production everything is for many nodes
    users: Counter[str] = Counter()
    for item in objects.kind("Deployment"):
        volumes = item["spec"]["template"]["spec"].get("volumes", [])
        claims = {volume["persistentVolumeClaim"]["claimName"] for volume in volumes if "persistentVolumeClaim" in volume} & alone
        users.update(claims)
        if claims:  # a new pod beside the old one would wait for ever
            strategy = item["spec"]["strategy"]
            assert strategy.get("type") == "Recreate" or strategy["rollingUpdate"]["maxSurge"] == 0
    assert [claim for claim, count in users.items() if count > 1] == []


def test_probes_ask_what_the_version_answers(objects: Objects) -> None:
    """/api/server-info/ping is gone since 1.118, and a worker of microservices listens on no port at all."""
    for name, paths in {"immich-server": {"/api/server/config", "/api/server/ping"}, "immich-machine-learning": {"/ping"}}.items():
        [container] = objects.one("Deployment", name)["spec"]["template"]["spec"]["containers"]
        probes = [container[probe] for probe in ("startupProbe", "livenessProbe", "readinessProbe")]
        asked = [probe["httpGet"] for probe in probes if "httpGet" in probe]
        assert asked and {get["path"] for get in asked} <= paths
        ports = {port["name"] for port in container["ports"]}
        assert all((probe.get("httpGet") or probe["tcpSocket"])["port"] in ports for probe in probes)
    for item in objects.kind("Deployment"):
        if item["metadata"]["name"] == "immich-microservices":
            [container] = item["spec"]["template"]["spec"]["containers"]
            assert not [probe for probe in ("startupProbe", "livenessProbe", "readinessProbe") if "httpGet" in container.get(probe, {})]


def backends(objects: Objects) -> Iterator[tuple[str, int | str]]:
    """Service and port behind every way in; a redirect has none."""
    for item in objects.kind("Ingress"):
        for rule in item["spec"]["rules"]:
            for path in rule["http"]["paths"]:
                port = path["backend"]["service"]["port"]
                yield path["backend"]["service"]["name"], port.get("number") or port["name"]
    for item in objects.kind("HTTPRoute"):
        for rule in item["spec"]["rules"]:
            yield from ((backend["name"], backend["port"]) for backend in rule.get("backendRefs", []))
    for item in objects.kind("IngressRoute"):
        for route in item["spec"]["routes"]:
            yield from ((service["name"], service["port"]) for service in route.get("services", []))


def test_every_way_in_leads_to_the_server(objects: Objects) -> None:
    """immich-web:3000 and immich-proxy are of other times."""
    service = objects.one("Service", "immich-server")
    [port] = [port for port in service["spec"]["ports"] if port["name"] == "http"]
    assert port["port"] == 2283
    assert service["spec"]["selector"].items() <= objects.one("Deployment", "immich-server")["spec"]["template"]["metadata"]["labels"].items()
    ways = set(backends(objects))
    assert {name for name, _port in ways} <= {"immich-server"}
    assert {at for _name, at in ways} <= {2283, "http"}
    assert not {item["metadata"]["name"] for item in objects.kind("Service")} & {"immich-web", "immich-microservices", "immich-proxy"}


def test_no_pod_has_service_links(objects: Objects) -> None:
    """A Service named immich-… makes IMMICH_SERVER_PORT=tcp://…, which the server takes for its port."""
    pods = dict(objects.pods())
    assert {"immich-server", "immich-machine-learning"} <= set(pods)
    assert [name for name, pod in pods.items() if pod.get("enableServiceLinks") is not False] == []


def test_an_archive_is_really_written(objects: Objects) -> None:
    """A plugin without isWALArchiver, an ObjectStore that is not there, or both forms at once: no archive, and no error."""
    [cluster] = objects.kind("Cluster")
    schedules = objects.kind("ScheduledBackup")
    assert "backup" not in cluster["spec"], "the form that the operator dropped"
    if objects.inventory == "homelab":
        assert not schedules and "plugins" not in cluster["spec"]
        return
    [plugin] = cluster["spec"]["plugins"]
    assert (plugin["name"], plugin["isWALArchiver"]) == ("barman-cloud.cloudnative-pg.io", True)
    store = objects.one("ObjectStore", plugin["parameters"]["barmanObjectName"])
    assert store["metadata"]["namespace"] == cluster["metadata"]["namespace"]
    [schedule] = schedules
    assert (schedule["spec"]["method"], schedule["spec"]["pluginConfiguration"]["name"]) == ("plugin", plugin["name"])
    assert schedule["spec"]["cluster"]["name"] == cluster["metadata"]["name"]
    assert len(schedule["spec"]["schedule"].split()) == 6
    keys = store["spec"]["configuration"]["s3Credentials"]
    made = {(item["metadata"]["name"], item["metadata"]["namespace"]) for item in objects.kind("Secret", "ExternalSecret", "OnePasswordItem", "SealedSecret")}
    assert {(keys[key]["name"], cluster["metadata"]["namespace"]) for key in ("accessKeyId", "secretAccessKey")} <= made


def test_no_superuser_secret_is_made_or_copied(objects: Objects) -> None:
    """Annotations of a reflector in inheritedMetadata copied <cluster>-superuser into every namespace."""
    [cluster] = objects.kind("Cluster")
    assert cluster["spec"]["enableSuperuserAccess"] is False
    inherited: Mapping[str, Any] = cluster["spec"].get("inheritedMetadata", {})
    assert not inherited.get("annotations")


def test_no_two_clusters_archive_under_one_name() -> None:
    """A cluster that finds the archive of another refuses to start, or worse, does not."""
    places = Counter()
    for folder in INSTANCES:
        objects = Objects(folder)
        for cluster in objects.kind("Cluster"):
            for plugin in cluster["spec"].get("plugins", []):
                store = objects.one("ObjectStore", plugin["parameters"]["barmanObjectName"])["spec"]["configuration"]
                # the one name that is explicit, so that a change of the Cluster's name is seen to change it
                places[folder.parent.name, store["endpointURL"], store["destinationPath"].rstrip("/"), plugin["parameters"]["serverName"]] += 1
    assert len(places) == 7
    assert set(places.values()) == {1}
