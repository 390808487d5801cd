# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Is this the right cluster, and is what runs in it what the inventory may touch? Rules that only read."""

from __future__ import annotations

import json
import re
import ssl
from dataclasses import dataclass, field
from typing import Any
from urllib.error import URLError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, HTTPSHandler, ProxyHandler, build_opener, getproxies_environment

from ansible_collections.homelab.immich.plugins.module_utils.kubernetes import mounts, operators, scaling, storage
from ansible_collections.homelab.immich.plugins.module_utils.kubernetes.client import ApiError, Client
from ansible_collections.homelab.immich.plugins.module_utils.kubernetes.kubeconfig import LOOPBACK
from ansible_collections.homelab.immich.plugins.module_utils.kubernetes.memory import cluster_uid
from ansible_collections.homelab.immich.plugins.module_utils.kubernetes.objects import Object, annotations, labels, owner, selector, short, title
from ansible_collections.homelab.immich.plugins.module_utils.kubernetes.restart import STOPPED

SERVER_IMAGE = re.compile(r"immich-server\b")
DATABASE_IMAGE = re.compile(r"vectorchord|pgvecto|vchord")
INGRESS_NGINX = "k8s.io/ingress-nginx"
READ_TIMEOUT = re.compile(r"entrypoints[._]\w+[._]transport[._]respondingtimeouts[._]readtimeout=?(.*)", re.IGNORECASE)
UPLOAD_SECONDS = 600  # what Immich's documentation asks for
DEFAULT_CLASS = "storageclass.kubernetes.io/is-default-class"
REWRITES_PATHS = "v1.136.0"  # from then on a server that starts with another media location rewrites the paths in its database


@dataclass
class Wanted:
    """What the inventory says."""

    instance: str
    name: str
    namespace: str
    version: str
    database_provider: str = "cnpg"
    database_cluster: str = ""
    database_namespace: str = ""  # the instance's own unless it says another
    server_name: str = ""  # under which the database is backed up; empty without backups
    recovery: str = ""  # the name under which what it is made from was backed up
    extension_image: bool = False  # VectorChord comes from an image of its own
    postgres: str = ""
    vectorchord: str = ""
    hosts: list[str] = field(default_factory=list)
    url: str = ""
    public_url: str = ""  # where the url is asked: in a rehearsal that is this machine
    storage_classes: list[str] = field(default_factory=list)
    database_storage_class: str = ""
    ingress_classes: list[str] = field(default_factory=list)
    gateways: list[str] = field(default_factory=list)  # as immich_ingress names them
    traefik: bool = False  # a way in leads through it
    kinds: list[dict[str, Any]] = field(default_factory=list)  # of operators, as roles/deliver/vars has them
    accept_cluster: str = ""
    accept_moved_volumes: list[str] = field(default_factory=list)
    volumes: list[dict[str, Any]] = field(default_factory=list)  # as the filter homelab.immich.volumes gives them
    media_location: str = "/data"
    library_paths: list[str] = field(default_factory=list)
    scaled: list[str] = field(default_factory=list)  # server, machine-learning: of which there may be several pods
    take_over: list[str] = field(default_factory=list)
    autoscaled: list[dict[str, Any]] = field(default_factory=list)  # what scaling.warnings takes

    def takes_over(self, live: Object) -> bool:
        """Whether the inventory makes this object its own."""
        return short(live) in self.take_over and live["metadata"].get("namespace", self.namespace) in (self.namespace, self.database_place)

    @property
    def database_place(self) -> str:
        """The namespace of the database."""
        return self.database_namespace or self.namespace


@dataclass
class Found:
    """What the cluster has."""

    cluster_uid: str = ""
    config: Object | None = None  # the ConfigMap of the instance
    api_key: bool = False  # the Secret with the API key that a set up instance gave us is there
    workloads: list[Object] = field(default_factory=list)  # of the namespace
    clusters: list[Object] | None = field(default_factory=list)  # of the database's namespace; None without CloudNativePG
    databases: list[Object] = field(default_factory=list)  # Clusters of this instance in any namespace, where the one that is wanted is not there
    store: Object | None = None  # the ObjectStore of a database that is not there
    kubernetes: tuple[int, int] = (0, 0)  # its version, where something depends on it
    labelled: list[Object] = field(default_factory=list)  # carries the label of the instance, in any namespace
    routes: list[Object] = field(default_factory=list)  # ways in, of all namespaces
    storage_classes: list[Object] = field(default_factory=list)
    ingress_classes: list[Object] = field(default_factory=list)
    gateways: list[Object] | None = field(default_factory=list)  # None without the Gateway API
    traefiks: list[Object] = field(default_factory=list)  # its Deployments and DaemonSets
    missing: list[dict[str, Any]] = field(default_factory=list)  # of the kinds of operators that are wanted
    services: list[str] = field(default_factory=list)  # of the namespace
    nodes: list[Object] = field(default_factory=list)  # where something is autoscaled
    measured: bool = True  # a metrics server is there
    static_volumes: list[Object] = field(default_factory=list)  # of this instance
    storage: storage.Storage = field(default_factory=storage.Storage)
    memory: dict[str, Any] = field(default_factory=dict)
    unlisted: list[str] = field(default_factory=list)  # kinds that may not be listed

    def server(self, wanted: Wanted) -> Object | None:
        """The Deployment of Immich's server."""
        return next((item for item in self.workloads if short(item) == f"Deployment/{wanted.name}-server"), None)

    def database(self, wanted: Wanted) -> Object | None:
        """The database cluster that the inventory names."""
        return next((item for item in self.clusters or [] if item["metadata"]["name"] == wanted.database_cluster), None)

    def data(self) -> dict[str, str]:
        """What the instance's ConfigMap says."""
        return (self.config or {}).get("data") or {}


def look(client: Client, wanted: Wanted) -> Found:
    """Read what the rules need."""
    found = Found(cluster_uid=cluster_uid(client))

    def every(api_version: str, kind: str, namespace: str = "", chosen: str = "") -> list[Object] | None:
        resource = client.resource(api_version, kind)
        try:
            return client.list(resource, namespace, chosen) if resource else None
        except ApiError as error:
            if error.status != 403:
                raise
            found.unlisted.append(kind)
            return []

    config = client.resource("v1", "ConfigMap")
    found.config = client.get(config, f"{wanted.name}-instance", wanted.namespace) if config else None
    found.api_key = _has_api_key(client, wanted)
    found.workloads = [item for kind in ("Deployment", "StatefulSet") for item in every("apps/v1", kind, wanted.namespace) or []]
    found.clusters = every("postgresql.cnpg.io/v1", "Cluster", wanted.database_place)
    mine = selector(wanted.instance)
    if wanted.database_provider == "cnpg" and found.clusters is not None and not found.database(wanted):
        found.databases = every("postgresql.cnpg.io/v1", "Cluster", "", mine) or []
        stores = client.resource("barmancloud.cnpg.io/v1", "ObjectStore") if wanted.server_name else None
        found.store = client.get(stores, wanted.database_cluster, wanted.database_place) if stores else None
    if wanted.extension_image:
        version = client.request("GET", "/version")
        found.kubernetes = (_numbers(version.get("major", "")) or [0])[0], (_numbers(version.get("minor", "")) or [0])[0]
    found.labelled = [item for api, kind in (("v1", "ConfigMap"), ("apps/v1", "Deployment")) for item in every(api, kind, "", mine) or []]
    routes = (("networking.k8s.io/v1", "Ingress"), ("gateway.networking.k8s.io/v1", "HTTPRoute"), ("traefik.io/v1alpha1", "IngressRoute"))
    found.routes = [item for api, kind in routes for item in every(api, kind) or []]
    found.storage_classes = every("storage.k8s.io/v1", "StorageClass") or []
    found.ingress_classes = every("networking.k8s.io/v1", "IngressClass") or []
    if wanted.gateways:
        found.gateways = every("gateway.networking.k8s.io/v1", "Gateway")
    if wanted.traefik:
        found.traefiks = [item for kind in ("Deployment", "DaemonSet") for item in every("apps/v1", kind, "", "app.kubernetes.io/name=traefik") or []]
    if wanted.autoscaled:
        found.nodes = every("v1", "Node") or []
        found.measured = client.resource(*scaling.METRICS) is not None
    found.missing = operators.missing(client, wanted.kinds)
    found.services = [item["metadata"]["name"] for item in every("v1", "Service", wanted.namespace) or []]
    found.static_volumes = every("v1", "PersistentVolume", "", mine) or []
    found.storage.classes = {item["metadata"]["name"]: item for item in found.storage_classes}
    if any(volume.get("smb") or (volume.get("nfs") or {}).get("csi") for volume in wanted.volumes):
        drivers = every("storage.k8s.io/v1", "CSIDriver")
        found.storage.drivers = None if "CSIDriver" in found.unlisted else [item["metadata"]["name"] for item in drivers or []]
    if named := {volume["existing_claim"] for volume in wanted.volumes if volume.get("existing_claim")}:
        _look_at_claims(client, wanted, found, named)
    return found


def _look_at_claims(client: Client, wanted: Wanted, found: Found, named: set[str]) -> None:
    """The claims that the inventory names, and the volumes behind them as far as this kubeconfig may see them."""
    claims, volumes = client.resource("v1", "PersistentVolumeClaim"), client.resource("v1", "PersistentVolume")
    if claims is None or volumes is None:
        return
    there = client.list(claims, wanted.namespace)
    found.storage.claim_names = [item["metadata"]["name"] for item in there]
    found.storage.claims = {item["metadata"]["name"]: item for item in there if item["metadata"]["name"] in named}
    for name, claim in found.storage.claims.items():
        try:
            volume = client.get(volumes, claim["spec"]["volumeName"]) if claim["spec"].get("volumeName") else None
        except ApiError as error:
            if error.status != 403:
                raise
            found.unlisted.append("PersistentVolume")
            return
        if volume:
            found.storage.volumes[name] = volume


def _has_api_key(client: Client, wanted: Wanted) -> bool:
    """Whether our Secret with the API key exists. One of somebody else, such as of a dashboard, says nothing about this instance."""
    secret = client.resource("v1", "Secret")
    try:
        live = client.get(secret, f"{wanted.name}-api-key", wanted.namespace) if secret else None
    except ApiError as error:
        if error.status != 403:
            raise
        return False
    return live is not None and not owner(live, wanted.instance)


def problems(wanted: Wanted, found: Found) -> list[str]:
    """Why this run must not go on, all at once."""
    rules = (
        *(same_cluster, one_namespace, one_name, prerequisites, versions, stopped, strangers, hosts, usable_volumes, same_files),
        *(same_database, old_backups, old_archive, database_there),
    )
    return [problem for rule in rules for problem in rule(wanted, found)]


def warnings(wanted: Wanted, found: Found) -> list[str]:
    """What need not stop a run."""
    classes = {item["metadata"]["name"]: (item.get("spec") or {}).get("controller") for item in found.ingress_classes}
    result = [
        f"Ingress class {name} does not exist in this cluster ({_listed(list(classes))}): unless its controller works without one, nobody gets in."
        for name in dict.fromkeys(wanted.ingress_classes)
        if name and name not in classes and "IngressClass" not in found.unlisted
    ]
    result += [
        f"Ingress class {name} is that of ingress-nginx, which was retired in March 2026 and gets no security fixes any more. It works; move to a Gateway"
        " or Traefik when you can (docs/ways_in.md)."
        for name in dict.fromkeys(wanted.ingress_classes)
        if classes.get(name) == INGRESS_NGINX and "nginx" not in name  # where the name says so, preflight has said it
    ]
    result += [
        f"{title(item)} ends every request after 60 seconds, and so the upload of a film. Only its static configuration can change that: set"
        " ports.websecure.transport.respondingTimeouts.readTimeout of its Helm chart to 600s, or give it the argument"
        " --entryPoints.websecure.transport.respondingTimeouts.readTimeout=600s (docs/ways_in.md)."
        for item in found.traefiks
        if not _reads_slowly(item)
    ]
    mounted = {claim for item in found.workloads for claim in mounts.claims(item).values()}  # what a pod has had needs no guess
    result += [text for volume in wanted.volumes if volume["claim"] not in mounted for text in storage.unknown(volume, found.storage)]
    result += archiving(wanted, found)
    result += scaling.warnings(wanted.autoscaled, found.nodes, found.measured)
    if found.unlisted:
        result.append(f"This kubeconfig may not list {', '.join(dict.fromkeys(found.unlisted))} in all namespaces, so they were not looked at.")
    return result


def same_cluster(wanted: Wanted, found: Found) -> list[str]:
    """The cluster is the one of the last run."""
    last = found.memory.get("cluster_uid") or ""
    recorded = found.data().get("cluster_uid") or ""
    if wanted.accept_cluster == found.cluster_uid or {last, recorded} <= {"", found.cluster_uid}:
        return []
    other = last if last not in ("", found.cluster_uid) else recorded
    return [
        f"immich_context leads to another cluster than last time: {wanted.instance} was applied to the cluster {other}, this one is {found.cluster_uid}."
        f" Choose the right context; if the cluster was made anew or the instance moves on purpose, run once with -e immich_accept_cluster={found.cluster_uid}."
    ]


def one_namespace(wanted: Wanted, found: Found) -> list[str]:
    """The instance lives in one namespace."""
    others = sorted({item["metadata"]["namespace"] for item in found.labelled} - {wanted.namespace})
    return [
        f"{wanted.instance} already runs in namespace {other}, and immich_namespace is {wanted.namespace}: its photos would be doubled, not moved."
        f" Set immich_namespace: {other}, or give this host of the inventory another name."
        for other in others
    ]


def one_name(wanted: Wanted, found: Found) -> list[str]:
    """The instance keeps its name: every object would be made anew under another one, beside the old ones."""
    names = {
        item["metadata"]["name"].removesuffix("-instance")
        for item in found.labelled
        if item["kind"] == "ConfigMap" and item["metadata"]["namespace"] == wanted.namespace and item["metadata"]["name"].endswith("-instance")
    }
    return [
        f"{wanted.instance} already runs in namespace {wanted.namespace} under the name {other}, and immich_name is {wanted.name}: a second, empty Immich"
        f" would be made beside it. Set immich_name: {other}; a rename means moving database and volumes by hand"
        f" and then deleting ConfigMap {wanted.namespace}/{other}-instance."
        for other in sorted(names - {wanted.name})
    ]


def prerequisites(wanted: Wanted, found: Found) -> list[str]:
    """What the objects need is installed."""
    result = operators.lacking(found.missing) + _gateways(wanted, found)
    if (0, 0) < found.kubernetes < (1, 33):
        result.append(
            f"immich_database_vectorchord_image is set, and this cluster is Kubernetes {'.'.join(map(str, found.kubernetes))}, which mounts no images."
            " Leave it empty, and use an image that has VectorChord in it, or upgrade to 1.35."
        )
    if "StorageClass" in found.unlisted:
        return result
    names = [item["metadata"]["name"] for item in found.storage_classes]
    for name in dict.fromkeys(wanted.storage_classes):
        if name and name not in names:
            result.append(
                f"Storage class {name} does not exist in this cluster ({_listed(names)})."
                " Change storage_class in immich_volumes or immich_database_storage_class, or install it."
            )
        if not name and not any((item["metadata"].get("annotations") or {}).get(DEFAULT_CLASS) == "true" for item in found.storage_classes):
            result.append(f"immich_database_storage_class is empty, and this cluster has no default storage class ({_listed(names)}). Name one.")
    return result


def _gateways(wanted: Wanted, found: Found) -> list[str]:
    """The Gateways that immich_ingress names exist, with the listeners that it names."""
    if not wanted.gateways or found.gateways is None or "Gateway" in found.unlisted:
        return []
    result = []
    live = {f"{item['metadata']['namespace']}/{item['metadata']['name']}": item for item in found.gateways}
    for gateway in dict.fromkeys(wanted.gateways):
        place, section = "/".join(gateway.split("/")[:2]), gateway.split("/")[2:]
        if place not in live:
            result.append(f"Gateway {place} does not exist in this cluster ({_listed(list(live))}). Correct gateways in immich_ingress, or make it first.")
            continue
        listeners = [listener["name"] for listener in live[place]["spec"].get("listeners") or []]
        if section and section[0] not in listeners:
            result.append(f"Gateway {place} has no listener called {section[0]} ({_listed(listeners)}). Correct gateways in immich_ingress.")
    return result


def _reads_slowly(traefik: Object) -> bool:
    """Whether a Traefik was given time for uploads at an entry point, by argument or variable; a file of its own cannot be seen, and says it was thought of."""
    containers = traefik["spec"]["template"]["spec"].get("containers") or []
    given = [str(argument) for container in containers for argument in [*(container.get("command") or []), *(container.get("args") or [])]]
    given += [f"{entry['name'].removeprefix('TRAEFIK_')}={entry.get('value', '')}" for container in containers for entry in container.get("env") or []]
    if any("configfile" in argument.lower() for argument in given):
        return True
    times = [match[1] for argument in given if (match := READ_TIMEOUT.search(argument))]
    return any(_seconds(time) == 0 or _seconds(time) >= UPLOAD_SECONDS for time in times)


def _seconds(duration: str) -> float:
    """A duration of Go such as 10m or 600s; a number alone is seconds."""
    units = {"h": 3600, "m": 60, "s": 1, "ms": 0.001, "": 1}
    parts = re.findall(r"(\d+(?:\.\d+)?)(h|ms|m|s|)", duration)
    return sum(float(number) * units[unit] for number, unit in parts) if parts else -1


def versions(wanted: Wanted, found: Found) -> list[str]:
    """Nothing that runs is newer than the inventory (never touched) or older (that is an upgrade)."""
    result = []
    running = running_versions(wanted, found)
    for what, variable, have, want in (
        ("Immich", "immich_version", running["immich"], wanted.version),
        ("PostgreSQL", "immich_database_postgres", running["postgres"], wanted.postgres),
        ("VectorChord", "immich_database_vectorchord", running["vectorchord"], wanted.vectorchord),
    ):
        order = compare(have, want)
        where = f"{what} {have} runs in namespace {wanted.namespace}, and {variable} is {want}"
        if order > 0:
            result.append(f"{where}: what is newer is never replaced by what is older, because its data cannot go back. Set {variable} to {have}.")
        if order < 0:
            result.append(f"{where}: site.yml never upgrades; playbooks/upgrade.yml, of a later release, will. Set {variable} to {have}.")
    return result


def stopped(wanted: Wanted, found: Found) -> list[str]:
    """Nobody stopped the server to keep it from purging: a run would start it again."""
    server = found.server(wanted)
    if server is None or STOPPED not in annotations(server):
        return []
    return [
        f"{title(server)} was stopped by playbooks/brake.yml, so that nothing is purged, and this run would start it. When the files are back, run"
        " playbooks/brake.yml -e immich_brake=released first: it starts the server as it was."
    ]


def running_versions(wanted: Wanted, found: Found) -> dict[str, str]:
    """The versions that run; empty where nothing runs, or where the image does not say."""
    server, database = found.server(wanted), found.database(wanted)
    jobs = next((item for item in found.workloads if short(item) == f"Deployment/{wanted.name}-microservices"), None)
    tags = [_tag(_images(item)[0]) for item in (server, jobs) if item and _images(item)]
    immich = next((tag for tag in tags if compare(tag, wanted.version)), tags[0] if tags else "")  # split workers may be of two versions
    status = (database or {}).get("status") or {}
    image = ((database or {}).get("spec") or {}).get("imageName") or status.get("image") or ""
    match = re.match(r"v?(\d+(?:\.\d+)*)(?:-v?(\d+(?:\.\d+)+))?", _tag(image))
    extensions = ((database or {}).get("spec", {}).get("postgresql") or {}).get("extensions") or []
    beside = next((_tag((item.get("image") or {}).get("reference", "")) for item in extensions if item.get("name") == "vchord"), "")
    extension = re.match(r"(?:pg\d+-)?v?(\d+(?:\.\d+)+)", beside)
    return {
        # an image may not say, a server may be gone; what was set up once has a database of the version that is noted
        "immich": immich if _numbers(immich) else found.data().get("version", "") if initialized(wanted, found) else "",
        "postgres": match[1] if match else str((status.get("pgDataImageInfo") or {}).get("majorVersion") or ""),
        "vectorchord": extension[1] if extension else (match[2] or "") if match else "",
    }


def strangers(wanted: Wanted, found: Found) -> list[str]:
    """No Immich that somebody else put into the namespace; it would be doubled."""
    result = []
    for item in found.workloads:
        whose = owner(item, wanted.instance)
        if not whose or wanted.takes_over(item) or not any(SERVER_IMAGE.search(image) for image in _images(item)):
            continue
        claims = [
            volume["persistentVolumeClaim"]["claimName"]
            for volume in item["spec"]["template"]["spec"].get("volumes") or []
            if volume.get("persistentVolumeClaim")
        ]
        uses = f", with the claims {', '.join(claims)}" if claims else ""
        result.append(
            f"Namespace {wanted.namespace} already has an Immich: {title(item)}{uses}. It belongs to {whose}."
            " Choose another immich_namespace. To make it this instance's own, stop its owner, choose immich_name so that the names are the same,"
            f" mount its claims as existing_claim, and set immich_take_over: [{short(item)}]."
        )
    for item in (found.clusters or []) if wanted.database_provider == "cnpg" else []:
        spec = item["spec"]
        immichs = DATABASE_IMAGE.search(spec.get("imageName") or "") or ((spec.get("bootstrap") or {}).get("initdb") or {}).get("database") == "immich"
        whose, name = owner(item, wanted.instance), item["metadata"]["name"]
        if wanted.database_place != wanted.namespace and name != wanted.database_cluster:
            continue  # a namespace for databases has those of others, too
        if whose and immichs and not wanted.takes_over(item):
            variable = "immich_namespace" if wanted.database_place == wanted.namespace else "immich_database_cluster"
            result.append(
                f"Namespace {wanted.database_place} already has a database for Immich: {title(item)}. It belongs to {whose}. Choose another {variable},"
                f" or make it this instance's own: immich_database_cluster: {name} and immich_take_over: [Cluster/{name}]."
            )
    return result


def hosts(wanted: Wanted, found: Found) -> list[str]:
    """No host name of ours leads to somebody else."""
    result = []
    for item in found.routes:
        taken = [host for host in dict.fromkeys(wanted.hosts) if host in route_hosts(item)]
        whose = owner(item, wanted.instance)
        if taken and whose and not _only_redirects(item) and not wanted.takes_over(item) and "acme.cert-manager.io/http01-solver" not in labels(item):
            here = item["metadata"].get("namespace") == wanted.namespace
            own = f", or make it this instance's own: immich_take_over: [{short(item)}]" if here else ""
            result.append(
                f"{', '.join(taken)} already leads elsewhere: {title(item)}, which belongs to {whose}."
                f" Choose another host in immich_ingress, or remove that {item['kind']}{own}."
            )
    return result


def _only_redirects(route: Object) -> bool:
    """Whether an HTTPRoute leads nowhere but from http to https, as one for all hosts of a Gateway does."""
    rules = route["spec"].get("rules") or [] if route["kind"] == "HTTPRoute" else []
    filters = [item for rule in rules for item in rule.get("filters") or []]
    return bool(filters) and not any(rule.get("backendRefs") for rule in rules) and all(item.get("type") == "RequestRedirect" for item in filters)


def usable_volumes(wanted: Wanted, found: Found) -> list[str]:
    """Each volume can be what the inventory takes it for, and what holds photos is mounted so that an error is no loss."""
    precious = [wanted.media_location, *wanted.library_paths]
    users: dict[str, set[str]] = {}
    for volume in wanted.volumes:
        users.setdefault(volume["claim"], set()).update(volume["pods"])  # two entries may name one claim
    volumes = [volume | {"pods": sorted(users[volume["claim"]], reverse=True)} for volume in wanted.volumes]
    result = [problem for volume in volumes for problem in storage.problems(volume, found.storage, precious, wanted.scaled)]
    name = wanted.database_storage_class
    if wanted.database_provider == "cnpg" and name in found.storage.classes and storage.network_share(found.storage.classes[name]):
        result.append(
            f"immich_database_storage_class is {name} ({found.storage.classes[name]['provisioner']}), folders of a file server, on which a database loses data."
            " Choose a class of local disks or block storage."
        )
    return result


def same_files(wanted: Wanted, found: Found) -> list[str]:
    """The server finds on its mounts the files that it has there now."""
    server = found.server(wanted)
    if not server:
        return []
    of_server = [volume for volume in wanted.volumes if "server" in volume["pods"]]
    beside = [item for item in found.workloads if item["kind"] == "Deployment"]
    # without a list there is nothing to compare with
    result = mounts.moved(server, found.static_volumes, of_server, wanted.accept_moved_volumes, wanted.media_location, beside) if wanted.volumes else []
    was = mounts.media_location(server)
    if was and was != wanted.media_location and compare(wanted.version, REWRITES_PATHS) < 0:
        result.append(
            f"The running server has its media location at {was}, and the inventory mounts it at {wanted.media_location}. Immich {wanted.version} would not"
            f" find its files any more: only from {REWRITES_PATHS} on it rewrites their paths. Mount the volume at {was}."
        )
    return result


def same_database(wanted: Wanted, found: Found) -> list[str]:
    """The database stays in its namespace, and what is there already is not made from backups."""
    if wanted.database_provider != "cnpg" or found.clusters is None:
        return []
    live = found.database(wanted)
    if live and wanted.recovery and "recovery" not in (live["spec"].get("bootstrap") or {}):
        return [
            f"immich_database_recovery is set, and {title(live)} is there already, and was not made from backups: a live database is never changed into"
            " another. Name a new one in immich_database_cluster, or remove immich_database_recovery."
        ]
    origin = next((item for item in (live or {}).get("spec", {}).get("externalClusters") or [] if item.get("name") == "origin" and item.get("plugin")), None)
    if live and origin and not wanted.recovery and not owner(live, wanted.instance):
        name = (origin["plugin"].get("parameters") or {}).get("serverName", "")
        return [
            f"{title(live)} was made from backups, and the operator wants to know for ever which."
            f" Put immich_database_recovery: {{server_name: {name}}} back, for as long as it lives."
        ]
    return [
        f"The database {title(item)} of {wanted.instance} is in namespace {item['metadata']['namespace']}, and immich_database_namespace is"
        f" {wanted.database_place}: another namespace is another, empty database. Set immich_database_namespace: {item['metadata']['namespace']}."
        for item in found.databases
        if not live and not wanted.recovery and item["metadata"]["name"] == wanted.database_cluster
    ]


def old_backups(wanted: Wanted, found: Found) -> list[str]:
    """Two cannot archive at once: the plugin, and the operator as it did before."""
    live = found.database(wanted)
    store = ((live or {}).get("spec", {}).get("backup") or {}).get("barmanObjectStore")
    if not wanted.server_name or not store:
        return []
    meta, name = live["metadata"], store.get("serverName") or live["metadata"]["name"]
    operation = '[{"op": "remove", "path": "/spec/backup/barmanObjectStore"}]'
    return [
        f"{title(live)} is backed up by spec.backup.barmanObjectStore, which CloudNativePG drops, and the plugin of immich_database_backup cannot archive"
        f" beside it. Give immich_database_backup the same destination ({store.get('destinationPath', '')}) and server_name ({name}), and its archive goes on;"
        f" then kubectl patch clusters.postgresql.cnpg.io {meta['name']} -n {meta['namespace']} --type json -p '{operation}', and run again at once."
    ]


def old_archive(wanted: Wanted, found: Found) -> list[str]:
    """A new Cluster begins an archive of its own."""
    windows = ((found.store or {}).get("status") or {}).get("serverRecoveryWindow") or {}
    if not wanted.server_name or found.database(wanted) or wanted.server_name not in windows:
        return []
    return [
        f"{title(found.store)} already has backups under {wanted.server_name}, and there is no Cluster {wanted.database_place}/{wanted.database_cluster}: a new"
        f" one does not start on top of an old archive. Set immich_database_backup.server_name to a new name, such as {wanted.server_name}-2; to bring"
        f" the old database back, immich_database_recovery: {{server_name: {wanted.server_name}}} as well."
    ]


def archiving(wanted: Wanted, found: Found) -> list[str]:
    """Backups that are wanted are being made."""
    live = found.database(wanted)
    archivers = [plugin for plugin in ((live or {}).get("spec", {}).get("plugins") or []) if plugin.get("isWALArchiver")]
    if not wanted.server_name or not archivers:
        return []
    conditions = {item["type"]: item for item in (live.get("status") or {}).get("conditions") or []}
    state = conditions.get("ContinuousArchiving") or {"message": "nothing was archived yet"}
    if state.get("status") == "True":
        return []
    return [f"{title(live)} does not archive its changes: {state.get('message', 'no reason given')}. Look at its pods, container plugin-barman-cloud."]


def database_there(wanted: Wanted, found: Found) -> list[str]:
    """An instance that has been set up still has its database."""
    if wanted.database_provider != "cnpg" or not initialized(wanted, found) or found.clusters is None or found.database(wanted):
        return []
    if wanted.recovery or same_database(wanted, found):
        return []
    return [
        f"{wanted.instance} has been set up, but its database Cluster {wanted.database_place}/{wanted.database_cluster} is gone:"
        " an empty one would forget every album, face and edit. Restore it, or correct immich_database_cluster; to begin anew,"
        f" kubectl delete configmap/{wanted.name}-instance secret/{wanted.name}-api-key deployment/{wanted.name}-server -n {wanted.namespace}"
        " --ignore-not-found, and run again."
    ]


def has_database(wanted: Wanted, found: Found) -> bool:
    """Whether the database is there; one that is not CloudNativePG's is somebody's, and nothing is known of it here."""
    return wanted.database_provider != "cnpg" or found.database(wanted) is not None or bool(wanted.recovery)


def initialized(wanted: Wanted, found: Found) -> bool:
    """Whether the first administrator was made. A ConfigMap that somebody deleted must not open the setup again."""
    return found.data().get("initialized") == "true" or found.api_key or (deployed(wanted, found) and _setup_closed(found.server(wanted)))


def deployed(wanted: Wanted, found: Found) -> bool:
    """Whether the server of this instance is in the cluster."""
    server = found.server(wanted)
    return server is not None and not owner(server, wanted.instance)


def serving(wanted: Wanted, found: Found) -> bool:
    """Whether its server can be asked: a pod is ready, and a Service leads to it."""
    server = found.server(wanted)
    return deployed(wanted, found) and f"{wanted.name}-server" in found.services and bool((server.get("status") or {}).get("readyReplicas"))


def route_hosts(route: Object) -> set[str]:
    """The host names of an Ingress, an HTTPRoute or Traefik's IngressRoute."""
    spec = route["spec"]
    if route["kind"] == "HTTPRoute":
        return set(spec.get("hostnames") or [])
    if route["kind"] == "IngressRoute":
        rules = " ".join(rule.get("match") or "" for rule in spec.get("routes") or [])
        return {name for group in re.findall(r"Host\(([^)]*)\)", rules) for name in re.findall(r"[`\"']([^`\"']+)[`\"']", group)}
    return {rule["host"] for rule in spec.get("rules") or [] if rule.get("host")}


def answering(wanted: Wanted, found: Found, rehearsal: bool) -> list[str]:
    """No Immich answers at our address while none of ours runs."""
    server = found.server(wanted)
    if server or not wanted.public_url or wanted.url in wanted.take_over or not answers_as_immich(wanted.public_url, rehearsal):
        return []
    return [
        f"An Immich that is not ours already answers at {wanted.url}, and nothing of {wanted.instance} is deployed."
        f" Choose another immich_url; if this instance is to replace it, immich_take_over: [{wanted.url}]."
    ]


def answers_as_immich(url: str, rehearsal: bool, timeout: float = 3) -> bool:
    """Whether /api/server/ping says pong. What does not answer is no Immich."""
    if rehearsal and urlsplit(url).hostname not in LOOPBACK:
        raise ValueError(f"A rehearsal only talks to this machine, not to {url}.")
    blind = ssl.create_default_context()
    blind.check_hostname, blind.verify_mode = False, ssl.CERT_NONE  # nothing is sent; a self-signed Immich is one, too
    # only proxies that the environment names: macOS ends a process of Ansible's that asks for the system's
    handlers: list[Any] = [HTTPSHandler(context=blind), ProxyHandler({} if rehearsal else getproxies_environment())]
    if rehearsal:
        handlers.append(_NoRedirect())
    try:
        with build_opener(*handlers).open(f"{url.rstrip('/')}/api/server/ping", timeout=timeout) as answer:
            return json.loads(answer.read(1000)).get("res") == "pong"
    except (URLError, OSError, ValueError, AttributeError):
        return False


class _NoRedirect(HTTPRedirectHandler):
    """A rehearsal follows nobody off this machine."""

    def redirect_request(self, *args: Any, **kwargs: Any) -> None:
        return None


def compare(have: str, want: str) -> int:
    """-1, 0 or 1: older, the same, newer. As many numbers as both have count (17 is the same as 17.10); 0 when one says nothing."""
    left, right = _numbers(have), _numbers(want)
    length = min(len(left), len(right))
    return (left[:length] > right[:length]) - (left[:length] < right[:length])


def _numbers(version: str) -> list[int]:
    match = re.match(r"v?(\d+(?:\.\d+)*)", version or "")
    return [int(number) for number in match[1].split(".")] if match else []


def _images(workload: Object) -> list[str]:
    return [container.get("image", "") for container in workload["spec"]["template"]["spec"].get("containers") or []]


def _setup_closed(server: Object) -> bool:
    variables = [variable for container in server["spec"]["template"]["spec"].get("containers") or [] for variable in container.get("env") or []]
    return any(variable["name"] == "IMMICH_ALLOW_SETUP" and variable.get("value") == "false" for variable in variables)


def _tag(image: str) -> str:
    """v3.3.5 of registry:5000/name:v3.3.5@sha256:…; empty without a tag."""
    return image.partition("@")[0].rpartition("/")[2].partition(":")[2]


def _listed(names: list[str]) -> str:
    return f"it has {', '.join(sorted(names))}" if names else "it has none"
