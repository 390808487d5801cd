# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The control plane of a rehearsal: etcd, API server, controller manager, scheduler, kwok, and our daemon; all on 127.0.0.1."""

from __future__ import annotations

import base64
import http.client
import json
import os
import shutil
import socket
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

from . import crds, processes, state
from .api import Api, ApiError
from .progress import Progress
from .state import RehearsalError

# In the order of their start; they end in the opposite order.
COMPONENTS = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kwok", "daemon")
PORTS = ("etcd", "kube-apiserver", "immich", "truenas")
# Client certificates: user -> group. Only `rehearsal` is for people; the audit log leaves the others out.
USERS = {
    "rehearsal": "system:masters",
    "rehearsal-up": "system:masters",
    "rehearsal-daemon": "system:masters",
    "kwok": "system:masters",
    "system:kube-controller-manager": "system:masters",
    "system:kube-scheduler": "",
    "etcd": "",
}
PROVISIONER = "rehearsal.homelab.immich/"
CSI_DRIVERS = ("nfs.csi.k8s.io", "smb.csi.k8s.io")
DEFAULT_CLASS = "standard"  # what a claim or an Ingress gets that names no class
# Classes that wait for a first consumer in real life; the others bind at once.
WAIT_FOR_FIRST_CONSUMER = {"standard", "local-path", "local-storage", "openebs-hostpath", "topolvm-provisioner"}
NODES = ("rehearsal-1", "rehearsal-2")
CRD_PATIENCE = 60.0  # seconds until every CRD is served; it takes two


def make_home(home: Path) -> None:
    """Folders, certificates and the files that the components read."""
    for name in ("", "logs", "pids", "pki", "nas", "volumes", "immich"):
        (home / name).mkdir(mode=0o700, exist_ok=True, parents=True)
    if not (home / "pki" / "done").exists():
        _make_certificates(home / "pki")
        (home / "pki" / "done").touch()
    unseen = [user for user in (*USERS, "system:apiserver") if user != "rehearsal"]
    audit = {
        "apiVersion": "audit.k8s.io/v1",
        "kind": "Policy",
        "omitStages": ["RequestReceived"],
        "rules": [{"level": "None", "users": unseen}, {"level": "Metadata"}],
    }
    (home / "audit-policy.json").write_text(json.dumps(audit))


def _make_certificates(pki: Path) -> None:
    import trustme

    ca = trustme.CA(organization_name="homelab.immich rehearsal")
    ca.cert_pem.write_to_path(str(pki / "ca.crt"))
    ca.private_key_pem.write_to_path(str(pki / "ca.key"))
    server = ca.issue_cert("127.0.0.1", "localhost", "kubernetes.default.svc")
    server.private_key_and_cert_chain_pem.write_to_path(str(pki / "server.pem"))
    for user, group in USERS.items():
        client = ca.issue_cert(user.replace(":", "-") + ".rehearsal", common_name=user, organization_name=group or None)
        client.private_key_and_cert_chain_pem.write_to_path(str(pki / f"{user.replace(':', '-')}.pem"))
    signer = ca.issue_cert("service-accounts.rehearsal")
    signer.private_key_pem.write_to_path(str(pki / "service-accounts.key"))
    for file in pki.iterdir():
        file.chmod(0o600)


def pick_ports(wanted: dict[str, int]) -> dict[str, int]:
    """A free port for each listener; the one it had before when that is still free."""
    sockets, ports = [], {}
    for name in PORTS:
        for port in (wanted.get(name, 0), 0):
            listener = socket.socket()
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                listener.bind(("127.0.0.1", port))
            except OSError:
                listener.close()
                continue
            sockets.append(listener)
            ports[name] = listener.getsockname()[1]
            break
    for listener in sockets:
        listener.close()
    return ports


def write_kubeconfig(home: Path, port: int, user: str, name: str) -> Path:
    """A kubeconfig with one cluster, one user and one context, nothing outside it."""

    def data(path: Path) -> str:
        return base64.b64encode(path.read_bytes()).decode()

    pem = home / "pki" / f"{user.replace(':', '-')}.pem"
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "rehearsal",
        "clusters": [{"name": "rehearsal", "cluster": {"server": f"https://127.0.0.1:{port}", "certificate-authority-data": data(home / "pki" / "ca.crt")}}],
        "users": [{"name": "rehearsal", "user": {"client-certificate-data": data(pem), "client-key-data": data(pem)}}],
        "contexts": [{"name": "rehearsal", "context": {"cluster": "rehearsal", "user": "rehearsal"}}],
    }
    path = home / name
    path.touch(mode=0o600)
    path.write_text(json.dumps(config, indent=2))
    return path


def start(home: Path, programs: dict[str, Path], ports: dict[str, int], progress: Progress) -> None:
    """Start everything and wait until it answers."""
    pki = home / "pki"
    for user in USERS:
        if user != "etcd":
            write_kubeconfig(home, ports["kube-apiserver"], user, "kubeconfig" if user == "rehearsal" else f"pki/{user.replace(':', '-')}.kubeconfig")
    etcd = f"https://127.0.0.1:{ports['etcd']}"
    progress.step("Starting the Kubernetes API server")
    processes.start(home, "etcd", [
        str(programs["etcd"]), "--name=rehearsal", f"--data-dir={home}/etcd", "--unsafe-no-fsync", "--log-level=warn",
        f"--listen-client-urls={etcd}", f"--advertise-client-urls={etcd}", "--listen-peer-urls=http://127.0.0.1:0",
        f"--cert-file={pki}/server.pem", f"--key-file={pki}/server.pem", f"--trusted-ca-file={pki}/ca.crt", "--client-cert-auth",
    ])  # fmt: skip
    processes.start(home, "kube-apiserver", [
        str(programs["kube-apiserver"]),
        f"--etcd-servers={etcd}", f"--etcd-cafile={pki}/ca.crt", f"--etcd-certfile={pki}/etcd.pem", f"--etcd-keyfile={pki}/etcd.pem",
        "--bind-address=127.0.0.1", "--advertise-address=127.0.0.1", "--endpoint-reconciler-type=none", f"--secure-port={ports['kube-apiserver']}",
        f"--cert-dir={pki}", f"--tls-cert-file={pki}/server.pem", f"--tls-private-key-file={pki}/server.pem", f"--client-ca-file={pki}/ca.crt",
        "--authorization-mode=RBAC", "--anonymous-auth=false", "--allow-privileged", "--service-cluster-ip-range=10.96.0.0/16",
        "--service-account-issuer=https://kubernetes.default.svc", f"--service-account-key-file={pki}/service-accounts.key",
        f"--service-account-signing-key-file={pki}/service-accounts.key", "--disable-admission-plugins=TaintNodesByCondition",
        f"--audit-policy-file={home}/audit-policy.json", f"--audit-log-path={home}/audit.log", "--audit-log-maxsize=100", "--audit-log-maxbackup=1",
        "--enable-priority-and-fairness=false", "--profiling=false",
    ])  # fmt: skip
    api = Api(home, ports["kube-apiserver"])
    _wait(home, "kube-apiserver", lambda: api.request("GET", "/readyz"), progress)
    progress.step("Applying CRDs")
    apply_crds(home, api, crds.ensure(progress), progress)
    progress.step("Starting the controllers")
    common = ["--leader-elect=false", "--secure-port=0", "--profiling=false"]
    processes.start(home, "kube-controller-manager", [
        str(programs["kube-controller-manager"]), f"--kubeconfig={pki}/system-kube-controller-manager.kubeconfig", *common,
        # Fake nodes need neither addresses nor eviction; a laptop that slept would lose all its pods.
        "--controllers=*,-node-ipam-controller,-node-lifecycle-controller,-taint-eviction-controller",
        f"--service-account-private-key-file={pki}/service-accounts.key", f"--root-ca-file={pki}/ca.crt", f"--cert-dir={pki}",
    ])  # fmt: skip
    processes.start(home, "kube-scheduler", [
        str(programs["kube-scheduler"]), f"--kubeconfig={pki}/system-kube-scheduler.kubeconfig", *common, f"--cert-dir={pki}",
    ])  # fmt: skip
    stages = sorted((Path(__file__).parent / "stages").glob("*.yaml"))
    processes.start(home, "kwok", [
        str(programs["kwok"]), f"--kubeconfig={pki}/kwok.kubeconfig", "--manage-all-nodes", "--node-ip=127.0.0.1",
        "--node-lease-duration-seconds=0",  # a lease would keep the kwok of the next start away until it expires
        *(f"--config={path}" for path in stages),
    ])  # fmt: skip
    # Four folders up from homelab/immich/rehearsal is what Python has to find: ansible_collections is in it.
    root = Path(__file__).absolute().parents[len(__package__.split("."))]
    processes.start(home, "daemon", [sys.executable, "-m", f"{__package__}.daemon", f"{home}/run.json"], {"PYTHONPATH": str(root), "PYTHONUNBUFFERED": "1"})
    wait_for_daemon(home, ports, progress)
    _wait(home, "kube-controller-manager", lambda: api.request("GET", "/api/v1/namespaces/default/serviceaccounts/default"), progress)


def wait_for_daemon(home: Path, ports: dict[str, int], progress: Progress) -> None:
    """Until the daemon, and not somebody else on its port, answers."""

    def answers() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", ports["immich"], timeout=5)
        try:
            connection.request("GET", "/rehearsal")
            answer = json.loads(connection.getresponse().read())
        finally:
            connection.close()
        if answer.get("home") != str(home):
            raise OSError("somebody else answers")

    _wait(home, "daemon", answers, progress)


def stop(home: Path, patience: float = 5.0) -> None:
    """End everything; the API server lingers, so wait until it is really gone."""
    processes.stop(home, COMPONENTS[2:], patience)
    processes.stop(home, COMPONENTS[1:2], patience)
    processes.stop(home, COMPONENTS[:1], patience)


def running(home: Path) -> dict[str, int | None]:
    """Component -> its process id, or None when it does not live."""
    return {name: processes.pid(home, name) for name in COMPONENTS}


def _wait(home: Path, component: str, probe, progress: Progress, limit: float = 120.0) -> None:
    """Until the probe does not raise; at once an error when the component, or etcd below it, has ended."""
    deadline = time.monotonic() + limit
    while True:
        try:
            probe()
            return
        except (OSError, http.client.HTTPException, ApiError, ValueError) as error:
            problem = error
        for name in dict.fromkeys(("etcd", "kube-apiserver", component)):
            if processes.pid(home, name) is None:
                raise RehearsalError(f"{name} of the rehearsal ended as soon as it started; see {home}/logs/{name}.log.")
        if time.monotonic() > deadline:
            raise RehearsalError(f"{component} of the rehearsal does not answer after {limit:.0f} s ({problem}); see {home}/logs/{component}.log.")
        progress.tick()
        time.sleep(0.1)


def apply_crds(home: Path, api: Api, wanted: list[dict], progress: Progress) -> None:
    """Apply CRDs side by side and wait until each is served."""
    path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"

    def apply(crd: dict) -> None:
        body = {"apiVersion": crd["apiVersion"], "kind": crd["kind"], "metadata": crd["metadata"], "spec": crd["spec"]}
        live = api.apply(f"{path}/{crd['metadata']['name']}", body)
        conditions = {item["type"]: item["status"] for item in (live.get("status") or {}).get("conditions") or []}
        if conditions.get("NamesAccepted") == "True" and conditions.get("Established") != "True":
            # An API server that ended between the two takes up the second for a CRD that changes, never for one that it finds at its start.
            touched = {"metadata": {"annotations": {f"{PROVISIONER}touched": str(time.time_ns())}}}
            api.request("PATCH", f"{path}/{crd['metadata']['name']}", touched, "application/merge-patch+json")

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(apply, wanted))
    missing = {
        (f"/apis/{crd['spec']['group']}/{version['name']}", crd["spec"]["names"]["plural"])
        for crd in wanted
        for version in crd["spec"]["versions"]
        if version["served"]
    }
    deadline = time.monotonic() + CRD_PATIENCE
    while missing:
        for group in sorted({group for group, _name in missing}):
            try:
                missing -= {(group, resource["name"]) for resource in api.request("GET", group)["resources"]}
            except ApiError as error:  # 404 until the first kind of this group is served
                if error.status != 404:
                    raise
        if missing and time.monotonic() > deadline:
            names = ", ".join(sorted(name for _of, name in missing))
            raise RehearsalError(
                f"The API server of the rehearsal does not serve {names} after {CRD_PATIENCE:.0f} s; see {home}/logs/kube-apiserver.log, "
                f"or begin anew: {state.down_command('--all')}."
            )
        progress.tick()
        time.sleep(0.1)


def _apply_nodes(api: Api, more: list[str], selectors: list[dict[str, str]]) -> None:
    """Two nodes, and those that a volume names. Each has the labels that the inventory selects by; where two selectors want different values, each value
    has a node."""
    resources = {"cpu": "16", "memory": "64Gi", "pods": "110", "ephemeral-storage": "1Ti"}
    wanted: dict[str, list[str]] = {}
    for key, value in (pair for selector in selectors for pair in selector.items()):
        wanted[key] = [*dict.fromkeys([*wanted.get(key, []), value])]
    for number, name in enumerate((*NODES, *more)):
        labels = {"kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64"} | {key: values[number % len(values)] for key, values in wanted.items()}
        labels["kubernetes.io/hostname"] = name
        node = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": labels}}
        api.apply(f"/api/v1/nodes/{name}", node)
        status = {"allocatable": resources, "capacity": resources}
        api.request("PATCH", f"/api/v1/nodes/{name}/status", {"status": status}, "application/merge-patch+json")


def apply_spec(home: Path, port: int, spec: dict) -> None:
    """Make the cluster have what the inventory takes for granted, and a default of each class: storage classes, ingress classes, issuers, Gateways."""
    api = Api(home, port)
    _apply_nodes(api, spec.get("nodes", []), spec.get("node_selectors", []))
    storage = {
        name: {
            "provisioner": PROVISIONER + name,
            "reclaimPolicy": "Delete",
            "allowVolumeExpansion": True,
            "volumeBindingMode": "WaitForFirstConsumer" if name in WAIT_FOR_FIRST_CONSUMER else "Immediate",
        }
        for name in {DEFAULT_CLASS, *spec["storage_classes"]}
    }
    ingress = {name: {"spec": {"controller": PROVISIONER + "ingress"}} for name in {DEFAULT_CLASS, *spec.get("ingress_classes", [])}}
    issuers = {name: {"spec": {"selfSigned": {}}} for name in spec.get("issuers", [])}
    drivers = {name: {"spec": {"attachRequired": False}} for name in CSI_DRIVERS}
    _keep(api, "storage.k8s.io/v1", "StorageClass", storage, "storageclass.kubernetes.io/is-default-class")
    _keep(api, "networking.k8s.io/v1", "IngressClass", ingress, "ingressclass.kubernetes.io/is-default-class")
    _keep(api, "cert-manager.io/v1", "ClusterIssuer", issuers, "")
    for name in spec.get("namespaces", []):
        _namespace(api, name)
    _gateways(api, spec.get("gateways", []))
    _keep(api, "storage.k8s.io/v1", "CSIDriver", drivers, "")
    for claim in spec.get("claims", []):  # never taken away: they are somebody's
        _claim(api, claim["namespace"], claim["name"], claim["modes"])


def _namespace(api: Api, name: str) -> None:
    """Somebody else's namespace."""
    with suppress(ApiError):  # it exists
        api.request("POST", "/api/v1/namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})


def _claim(api: Api, namespace: str, name: str, modes: list[str]) -> None:
    """Somebody else's claim in their namespace."""
    _namespace(api, namespace)
    spec = {"accessModes": modes, "storageClassName": DEFAULT_CLASS, "resources": {"requests": {"storage": "1Gi"}}}
    with suppress(ApiError):  # it exists
        path = f"/api/v1/namespaces/{namespace}/persistentvolumeclaims"
        api.request("POST", path, {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": name}, "spec": spec})


def _gateways(api: Api, wanted: list[str]) -> None:
    """The Gateways of these names, namespace/name or namespace/name/listener, which take every route; with a listener for http and one for https."""
    base, mark = "/apis/gateway.networking.k8s.io/v1", {"app.kubernetes.io/managed-by": "rehearsal"}
    gateways: dict[tuple[str, str], list[str]] = {}
    for gateway in wanted:
        namespace, name, *section = gateway.split("/")
        gateways.setdefault((namespace, name), ["http", "https"]).extend(section)
    for item in api.request("GET", f"{base}/gateways?labelSelector=app.kubernetes.io/managed-by=rehearsal")["items"]:
        place = item["metadata"]["namespace"], item["metadata"]["name"]
        if place not in gateways:
            api.request("DELETE", f"{base}/namespaces/{place[0]}/gateways/{place[1]}")
    if gateways:
        of = {"apiVersion": "gateway.networking.k8s.io/v1", "kind": "GatewayClass", "metadata": {"name": DEFAULT_CLASS}}
        api.apply(f"{base}/gatewayclasses/{DEFAULT_CLASS}", of | {"spec": {"controllerName": f"{PROVISIONER}gateway"}})
    for (namespace, name), sections in sorted(gateways.items()):
        _namespace(api, namespace)
        listeners = []
        for number, section in enumerate(dict.fromkeys(sections)):
            https = {"port": 442 + number, "protocol": "HTTPS", "tls": {"certificateRefs": [{"name": name}]}}
            plain = {"port": 80, "protocol": "HTTP"}
            listeners.append({"name": section, "allowedRoutes": {"namespaces": {"from": "All"}}} | (plain if section == "http" else https))
        body = {"apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway", "metadata": {"name": name, "namespace": namespace, "labels": mark}}
        body["spec"] = {"gatewayClassName": DEFAULT_CLASS, "listeners": listeners}
        api.apply(f"{base}/namespaces/{namespace}/gateways/{name}", body)


def _keep(api: Api, api_version: str, kind: str, wanted: dict[str, dict], default_mark: str) -> None:
    """Make these the only objects of a kind that are ours."""
    path = f"/apis/{api_version}/{kind.lower()}{'es' if kind.endswith('s') else 's'}"
    label = {"app.kubernetes.io/managed-by": "rehearsal"}
    for name, content in sorted(wanted.items()):
        marks = {default_mark: str(name == DEFAULT_CLASS).lower()} if default_mark else {}
        api.apply(f"{path}/{name}", {"apiVersion": api_version, "kind": kind, "metadata": {"name": name, "labels": label, "annotations": marks}} | content)
    for item in api.request("GET", f"{path}?labelSelector=app.kubernetes.io/managed-by=rehearsal")["items"]:
        if item["metadata"]["name"] not in wanted:
            api.request("DELETE", f"{path}/{item['metadata']['name']}")


def remove(home: Path) -> None:
    """Leave nothing behind; what is read-only in there is ours too."""

    def make_writable(function, path, _error) -> None:
        os.chmod(os.path.dirname(path), 0o700)
        os.chmod(path, 0o700)
        function(path)

    shutil.rmtree(home, onerror=make_writable)
