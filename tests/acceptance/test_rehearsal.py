# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rehearsal by itself: what it plays, that it is closed, and that nothing of it is left behind."""

from __future__ import annotations

import base64
import http.client
import json
import os
import pty
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import suppress
from pathlib import Path

import pytest
import yaml
from ansible_collections.homelab.immich.rehearsal import api, control_plane, progress, state
from harness import CHECKOUT, MUTATING, Homelab, audit

SPEC = {
    "inventory": "inventories/homelab",
    "storage_classes": ["longhorn", "local-path"],
    "ingress_classes": ["traefik"],
    "issuers": ["letsencrypt"],
    "nas": {"tank": {"provider": "truenas", "address": "192.0.2.10", "exports": [{"name": "photos", "dataset": "tank/photos", "access": "ro"}]}},
}
ELSEWHERE = "198.51.100.7"
POISON = {
    "HTTPS_PROXY": f"http://{ELSEWHERE}:3128",
    "https_proxy": f"http://{ELSEWHERE}:3128",
    "ALL_PROXY": f"http://{ELSEWHERE}:3128",
    "http_proxy": f"http://{ELSEWHERE}:3128",
    "K8S_AUTH_HOST": f"https://{ELSEWHERE}:6443",
    "K8S_AUTH_KUBECONFIG": "/nowhere",
    "K8S_AUTH_CONTEXT": "homelab",
    "KUBERNETES_SERVICE_HOST": ELSEWHERE,
    "ETCD_NAME": "poisoned",
}

OBJECTS = """
apiVersion: postgresql.cnpg.io/v1
kind: Cluster
metadata: {name: immich-db}
spec:
  instances: 1
  imageName: ghcr.io/tensorchord/cloudnative-vectorchord:17.10-1.1.1
  managed: {roles: [{name: immich, login: true, superuser: true}]}
  storage: {storageClass: longhorn, size: 20Gi}
---
apiVersion: postgresql.cnpg.io/v1
kind: Database
metadata: {name: immich}
spec: {cluster: {name: immich-db}, name: immich, owner: immich, extensions: [{name: vector}, {name: vchord}]}
---
apiVersion: v1
kind: PersistentVolume
metadata: {name: photos}
spec:
  capacity: {storage: 1Ti}
  accessModes: [ReadOnlyMany]
  storageClassName: ""
  persistentVolumeReclaimPolicy: Retain
  nfs: {server: 192.0.2.10, path: /mnt/tank/photos}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: photos}
spec: {accessModes: [ReadOnlyMany], storageClassName: "", volumeName: photos, resources: {requests: {storage: 1Ti}}}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: thumbs}
spec: {accessModes: [ReadWriteOnce], storageClassName: local-path, resources: {requests: {storage: 5Gi}}}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: lonely}
spec: {accessModes: [ReadWriteOnce], storageClassName: local-path, resources: {requests: {storage: 5Gi}}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: immich-server}
spec:
  selector: {matchLabels: {app: server}}
  template:
    metadata: {labels: {app: server}}
    spec:
      containers:
        - name: server
          image: ghcr.io/immich-app/immich-server:v3.3.5
          env:
            - {name: DB_HOSTNAME, value: immich-db-rw}
            - {name: DB_PASSWORD, valueFrom: {secretKeyRef: {name: late, key: password}}}
          ports: [{name: http, containerPort: 2283}]
          volumeMounts: [{name: photos, mountPath: /mnt/photos}, {name: thumbs, mountPath: /data/thumbs}]
      volumes:
        - {name: photos, persistentVolumeClaim: {claimName: photos}}
        - {name: thumbs, persistentVolumeClaim: {claimName: thumbs}}
---
apiVersion: v1
kind: Service
metadata: {name: immich-server}
spec: {selector: {app: server}, ports: [{name: http, port: 2283, targetPort: http}]}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: immich-server, annotations: {cert-manager.io/cluster-issuer: letsencrypt}}
spec:
  tls: [{hosts: [photos.example.net], secretName: immich-tls}]
  rules:
    - host: photos.example.net
      http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: immich-server, port: {name: http}}}}]}
---
apiVersion: v1
kind: Pod
metadata: {name: broken, annotations: {rehearsal.homelab.immich/fail: no space left on device}}
spec: {containers: [{name: broken, image: example.net/broken:1}]}
---
apiVersion: postgresql.cnpg.io/v1
kind: Database
metadata: {name: refused, annotations: {rehearsal.homelab.immich/fail: extension vchord is not available}}
spec: {cluster: {name: immich-db}, name: refused, owner: immich}
"""

BRING_UP = """
- name: Rehearsal
  hosts: all
  connection: local
  gather_facts: false
  tasks:
    - name: Bring it up
      homelab.immich.rehearsal:
      run_once: true
"""


class Rehearsal(Homelab):
    """A rehearsal without a main job, and a namespace in it."""

    def __init__(self, folder: Path, name: str) -> None:
        super().__init__(folder / name, CHECKOUT / "inventories" / "homelab")
        self.environment |= {"XDG_STATE_HOME": str(folder / "state"), "IMMICH_REHEARSAL": name} | POISON
        self.name, self.spec = name, self.folder / "spec.json"
        self.spec.write_text(json.dumps(SPEC))

    @property
    def home(self) -> Path:
        return Path(self.environment["XDG_STATE_HOME"]) / "homelab-immich" / "rehearsals" / self.name

    def up(self) -> str:
        done = self.rehearsal("up", "--spec", str(self.spec))
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def get(self, kind: str, name: str, api_version: str = "v1", namespace: str = "immich") -> dict:
        return self.api(kind, api_version).get(name=name, namespace=namespace).to_dict()

    def create(self, documents: str, namespace: str = "immich") -> None:
        client = self.kubectl()
        for item in yaml.safe_load_all(documents):
            resource = client.resources.get(api_version=item["apiVersion"], kind=item["kind"])
            resource.create(body=item, namespace=namespace if resource.namespaced else None)

    def processes(self) -> list[str]:
        """Every process that has to do with this rehearsal."""
        listed = subprocess.run(["ps", "-ww", "-e", "-o", "pid=,command="], capture_output=True, text=True, check=True).stdout.splitlines()
        return [line for line in listed if f"{self.home}/" in line]

    def fetch(self, path: str) -> tuple[int, str]:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(self.state["immich"] + path, timeout=10) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()


def eventually(question, limit: float = 30.0):
    """The first true answer; the last answer when there is none."""
    deadline = time.monotonic() + limit
    while not (answer := question()) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert answer
    return answer


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("rehearsals")


@pytest.fixture(scope="module")
def lab(folder):
    """A rehearsal with some objects in it, for which one Secret is still missing."""
    lab = Rehearsal(folder, "first")
    try:
        lab.up()
        lab.create("{apiVersion: v1, kind: Namespace, metadata: {name: immich}}")
        lab.create(OBJECTS)
        yield lab
    finally:
        lab.rehearsal("down")


def test_a_database_becomes_ready_as_the_operator_would_make_it(lab):
    def healthy():
        status = lab.get("Cluster", "immich-db", "postgresql.cnpg.io/v1").get("status", {})
        return status.get("phase") == "Cluster in healthy state" and status

    status = eventually(healthy)
    assert status["readyInstances"] == status["instances"] == 1
    assert status["image"].endswith(":17.10-1.1.1") and status["pgDataImageInfo"]["majorVersion"] == 17
    assert status["currentPrimary"] == status["targetPrimary"] == "immich-db-1"
    assert status["managedRolesStatus"]["byStatus"]["reconciled"] == ["immich"]
    assert {item["type"]: item["status"] for item in status["conditions"]} == {"Ready": "True", "Initialized": "True", "ConsistentSystemID": "True"}
    database = eventually(lambda: (found := lab.get("Database", "immich", "postgresql.cnpg.io/v1")).get("status", {}).get("applied") and found)
    assert database["status"]["observedGeneration"] == database["metadata"]["generation"]
    assert [item["name"] for item in database["status"]["extensions"] if item["applied"]] == ["vector", "vchord"]
    assert lab.get("Service", "immich-db-rw")["spec"]["ports"][0]["port"] == 5432
    assert set(lab.get("Secret", "immich-db-app")["data"]) >= {"username", "password", "host", "port", "dbname", "uri"}
    assert lab.get("PersistentVolumeClaim", "immich-db-1")["status"]["phase"] == "Bound"


def test_claims_bind_as_their_class_says(lab):
    eventually(lambda: lab.get("PersistentVolumeClaim", "photos")["status"]["phase"] == "Bound")
    eventually(lambda: lab.get("PersistentVolumeClaim", "thumbs")["status"]["phase"] == "Bound")
    assert lab.get("PersistentVolumeClaim", "lonely")["status"]["phase"] == "Pending", "nobody uses it, and its class waits for somebody who does"
    assert (lab.home / "volumes" / "immich" / "thumbs").is_dir()


def test_a_server_waits_for_its_secret_and_is_then_reached(lab):
    proxy = "/api/v1/namespaces/immich/services/immich-server:2283/proxy/api/server/version"

    def waiting():
        [pod] = lab.api("Pod").get(namespace="immich", label_selector="app=server").to_dict()["items"]
        statuses = pod["status"].get("containerStatuses")
        return statuses and statuses[0]["state"]["waiting"]

    assert eventually(waiting) == {"reason": "CreateContainerConfigError", "message": 'CreateContainerConfigError: secret "late" not found'}
    assert lab.fetch(proxy)[0] == 503
    assert lab.fetch(proxy.replace("immich-server", "nobody"))[0] == 404
    lab.create("{apiVersion: v1, kind: Secret, metadata: {name: late}, stringData: {password: example}}")
    eventually(lambda: lab.fetch(proxy)[0] == 200)
    assert json.loads(lab.fetch(proxy)[1]) | {"prerelease": None} == {"major": 3, "minor": 3, "patch": 5, "prerelease": None}
    assert lab.fetch("/host/photos.example.net/api/server/ping") == (200, '{"res": "pong"}')
    assert lab.fetch("/host/elsewhere.example.net/api/server/ping")[0] == 404


def test_an_ingress_gets_an_address_and_a_certificate(lab):
    eventually(lambda: (lab.get("Ingress", "immich-server", "networking.k8s.io/v1")["status"]["loadBalancer"] or {}).get("ingress"))
    tls = eventually(lambda: [item for item in lab.api("Secret").get(namespace="immich").to_dict()["items"] if item["metadata"]["name"] == "immich-tls"])
    assert set(tls[0]["data"]) == {"tls.crt", "tls.key", "ca.crt"}
    assert lab.get("ClusterIssuer", "letsencrypt", "cert-manager.io/v1", namespace=None)["status"]["conditions"][0]["status"] == "True"
    ready = lab.get("Certificate", "immich-tls", "cert-manager.io/v1")["status"]["conditions"]
    assert [(item["type"], item["status"]) for item in ready] == [("Ready", "True")]


def test_what_is_told_to_fail_fails_with_its_reason(lab):
    status = eventually(lambda: lab.get("Pod", "broken")["status"].get("containerStatuses"))[0]
    assert status["state"]["waiting"] == {"reason": "CrashLoopBackOff", "message": "no space left on device"}
    status = eventually(lambda: lab.get("Database", "refused", "postgresql.cnpg.io/v1").get("status"))
    assert status == {"applied": False, "message": "extension vchord is not available"}


def test_a_changed_image_ends_in_the_status(lab):
    clusters = lab.api("Cluster", "postgresql.cnpg.io/v1")
    image = "ghcr.io/tensorchord/cloudnative-vectorchord:17.11-1.1.1"
    patch = {"metadata": {"name": "immich-db"}, "spec": {"imageName": image}}
    clusters.patch(body=patch, namespace="immich", content_type="application/merge-patch+json")

    def upgraded():
        status = lab.get("Cluster", "immich-db", "postgresql.cnpg.io/v1")["status"]
        return status["phase"] == "Cluster in healthy state" and status["image"] == image

    eventually(upgraded)
    assert lab.get("Pod", "immich-db-1")["spec"]["containers"][0]["image"] == image


def test_the_audit_log_has_what_people_did_and_nothing_else(lab):
    events = audit(lab.home)
    assert {event["user"]["username"] for event in events} == {"rehearsal"}
    created = [event["objectRef"]["resource"] for event in events if event["verb"] == "create" and event["objectRef"].get("name") != "late"]
    assert created.count("deployments") == 1 and created.count("pods") == 1
    before = len([event for event in events if event["verb"] in MUTATING])
    configmap = {"metadata": {"name": "dry"}, "data": {"a": "1"}}
    lab.api("ConfigMap").create(body=configmap, namespace="immich", dry_run="All")
    [dry] = [event for event in audit(lab.home) if event["verb"] in MUTATING][before:]
    assert "dryRun=All" in dry["requestURI"]


def test_a_second_up_does_nothing(lab):
    pids = {path.name: path.read_text() for path in (lab.home / "pids").iterdir()}
    began = time.monotonic()
    assert "already up" in lab.up()
    assert time.monotonic() - began < 5
    assert {path.name: path.read_text() for path in (lab.home / "pids").iterdir()} == pids


def test_a_changed_inventory_is_followed_without_a_restart(lab):
    pids = {path.name: path.read_text() for path in (lab.home / "pids").iterdir()}
    lab.spec.write_text(json.dumps(SPEC | {"storage_classes": ["ceph", "longhorn", "local-path"], "ingress_classes": ["nginx"]}))
    assert "its inventory changed" in lab.up()
    assert {item.metadata.name for item in lab.api("IngressClass", "networking.k8s.io/v1").get().items} == {"nginx", "standard"}
    assert lab.get("StorageClass", "ceph", "storage.k8s.io/v1", namespace=None)["provisioner"] == "rehearsal.homelab.immich/ceph"
    assert {path.name: path.read_text() for path in (lab.home / "pids").iterdir()} == pids


@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="only Linux says in /proc who listens where")
def test_everything_listens_on_loopback_only(lab):
    pids = {int((lab.home / "pids" / name).read_text()) for name in ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kwok", "daemon")}
    sockets = {os.readlink(link) for pid in pids for link in Path(f"/proc/{pid}/fd").iterdir() if link.is_symlink()}
    inodes = {match[1] for name in sockets if (match := re.fullmatch(r"socket:\[(\d+)\]", name))}
    listening = []
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and fields[9] in inodes:
                listening.append(fields[1].partition(":")[0])
    assert len(listening) >= 4
    assert set(listening) <= {"0100007F", "00000000000000000000000001000000", "0000000000000000FFFF00000100007F"}


def test_no_argument_leads_a_run_out_of_the_rehearsal(lab):
    """The lookup that all connections come from, in a real run with whatever may be set on a command line."""
    terms = "'kubernetes', 'immich', 'truenas', 'public'"
    astray = [f"-e{name}={ELSEWHERE}" for name in ("immich_kubeconfig", "immich_context", "immich_api_url", "ansible_host", "nas_api_url", "nas_api_key")]
    command = [str(Path(sys.executable).parent / "ansible"), "-i", str(lab.inventory), "tank", "-c", "local", "--limit", "tank", *astray]
    command += ["-m", "ansible.builtin.debug", "-a", "msg={{ query('homelab.immich.connection', " + terms + ") }}"]
    done = subprocess.run(command, cwd=CHECKOUT, env=lab.environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert ELSEWHERE not in done.stdout
    assert f"{lab.state['immich']}/api/v1" in done.stdout and f"{lab.state['truenas']}/tank" in done.stdout


def test_a_killed_api_server_comes_back_with_everything(lab):
    os.kill(int((lab.home / "pids" / "kube-apiserver").read_text()), signal.SIGKILL)
    eventually(lambda: "kube-apiserver          ended" in lab.rehearsal("status").stdout)
    assert f"Rehearsal first starts again, for kube-apiserver had ended; {lab.home}/logs tells why" in lab.up()
    assert lab.get("Deployment", "immich-server", "apps/v1")["metadata"]["name"] == "immich-server"
    lab.create("{apiVersion: v1, kind: Pod, metadata: {name: after}, spec: {containers: [{name: a, image: example.net/a:1}]}}")
    eventually(lambda: lab.get("Pod", "after")["status"]["phase"] == "Running")


class Etcd:
    """The database of the rehearsal, as JSON over HTTPS."""

    def __init__(self, home: Path, port: int) -> None:
        self.connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=10, context=api.tls(home, "etcd"))

    def call(self, verb: str, **body: str) -> dict:
        self.connection.request("POST", f"/v3/kv/{verb}", json.dumps({name: base64.b64encode(text.encode()).decode() for name, text in body.items()}))
        answer = self.connection.getresponse()
        content = json.loads(answer.read())
        assert answer.status == 200, content
        return content


def test_an_interrupt_while_crds_are_applied_does_no_lasting_harm(lab):
    """The API server ended when it had accepted the names of a CRD and not established it; the next one takes no notice by itself."""
    ports = lab.state["ports"]
    api_server = int((lab.home / "pids" / "kube-apiserver").read_text())
    os.kill(api_server, signal.SIGKILL)
    eventually(lambda: "kube-apiserver          ended" in lab.rehearsal("status").stdout)
    etcd, key = Etcd(lab.home, ports["etcd"]), "/registry/apiextensions.k8s.io/customresourcedefinitions/clusters.postgresql.cnpg.io"
    [stored] = etcd.call("range", key=key)["kvs"]
    before = base64.b64decode(stored["value"]).decode()
    # as text: the same JSON in other bytes would be a change that the API server takes notice of
    after = before.replace('{"type":"Established","status":"True"', '{"type":"Established","status":"False"')
    assert after != before
    etcd.call("put", key=key, value=after)
    began = time.monotonic()
    lab.up()
    assert time.monotonic() - began < 40
    assert lab.get("Cluster", "immich-db", "postgresql.cnpg.io/v1")["metadata"]["name"] == "immich-db"


def test_crds_that_are_never_served_are_an_error_that_says_what_to_do(lab, monkeypatch):
    names = {"plural": "things", "singular": "thing", "kind": "Thing"}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": {"type": "object"}}}
    crd = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "things.example.net"},
        # the same short name twice in a group: the second is never accepted
        "spec": {"group": "example.net", "scope": "Cluster", "names": {**names, "shortNames": ["t"]}, "versions": [version]},
    }
    second = json.loads(json.dumps(crd).replace("thing", "other").replace("Thing", "Other"))
    client = api.Api(lab.home, lab.state["ports"]["kube-apiserver"])
    control_plane.apply_crds(lab.home, client, [crd], progress.Progress(print))
    monkeypatch.setattr(control_plane, "CRD_PATIENCE", 1.0)
    with pytest.raises(state.RehearsalError) as failed:
        control_plane.apply_crds(lab.home, client, [second], progress.Progress(print))
    assert f"does not serve others after 1 s; see {lab.home}/logs/kube-apiserver.log, or begin anew: make down." in str(failed.value)


def test_changed_code_is_taken_up(lab):
    facts = state.read(lab.home)
    state.write_json(lab.home / "state.json", facts | {"code": "of another release"})
    assert "its code has changed" in lab.up()
    assert lab.state["code"] == facts["code"] and lab.state["pids"] != facts["pids"]
    assert lab.get("Deployment", "immich-server", "apps/v1")["metadata"]["name"] == "immich-server"


def test_a_deleted_claim_takes_its_folder_along(lab):
    lab.create("{apiVersion: v1, kind: PersistentVolumeClaim, metadata: {name: brief}, spec: {accessModes: [ReadWriteOnce], storageClassName: longhorn, "
               "resources: {requests: {storage: 1Gi}}}}")  # fmt: skip
    eventually(lambda: lab.get("PersistentVolumeClaim", "brief")["status"]["phase"] == "Bound")
    assert (lab.home / "volumes" / "immich" / "brief").is_dir()
    lab.api("PersistentVolumeClaim").delete(name="brief", namespace="immich")
    eventually(lambda: not (lab.home / "volumes" / "immich" / "brief").exists())


def test_two_rehearsals_do_not_meet_and_an_interrupted_one_leaves_nothing(lab, folder):
    second = Rehearsal(folder, "second")
    try:
        # Interrupted in the middle of its start, from the command line and in a play ...
        play = second.folder / "play.yml"
        play.write_text(BRING_UP)
        playbook = str(Path(sys.executable).parent / "ansible-playbook")
        for command in (
            [sys.executable, "-m", "ansible_collections.homelab.immich.rehearsal", "up", "--spec", str(second.spec)],
            [playbook, str(play), "-i", str(second.inventory)],
        ):
            environment = second.environment | {"PYTHONPATH": str(CHECKOUT / "collections")}
            starting = subprocess.Popen(command, cwd=CHECKOUT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            eventually(lambda: "kube-apiserver" in str(second.processes()))
            starting.send_signal(signal.SIGINT)
            said = starting.communicate(timeout=60)[0].lower()
            assert starting.returncode != 0 and "interrupted" in said, said
            assert eventually(lambda: second.processes() == [])
            with pytest.raises(state.NotRunning):
                second.state  # noqa: B018
        # ... it goes on with the next run, beside the first.
        second.up()
        assert not set(second.state["ports"].values()) & set(lab.state["ports"].values())
        second.create("{apiVersion: v1, kind: Namespace, metadata: {name: only-here}}")
        assert "only-here" not in {item.metadata.name for item in lab.api("Namespace").get().items}
        # What is read-only in it goes too.
        (second.home / "volumes" / "locked").mkdir()
        (second.home / "volumes" / "locked" / "file").touch()
        (second.home / "volumes" / "locked").chmod(0o500)
        done = second.rehearsal("down")
        assert done.returncode == 0 and "Rehearsal second is gone" in done.stdout
        assert not second.home.exists() and second.processes() == []
        assert "No rehearsal was running" in second.rehearsal("down").stdout
        status = lab.rehearsal("status")
        assert status.returncode == 0, status.stdout + lab.rehearsal("logs").stdout
    finally:
        second.rehearsal("down")


def test_a_play_on_a_terminal_rewrites_its_line(lab):
    """Ansible's workers have no terminal: what they say goes through the process that has one."""
    play = lab.folder / "play.yml"
    play.write_text(BRING_UP)
    ours, theirs = pty.openpty()
    command = [str(Path(sys.executable).parent / "ansible-playbook"), str(play), "-i", str(lab.inventory)]
    playing = subprocess.Popen(command, cwd=CHECKOUT, env=lab.environment, stdin=subprocess.DEVNULL, stdout=theirs, stderr=theirs)
    os.close(theirs)
    said = b""
    with suppress(OSError):  # how Linux says that nobody has the other end any more
        while chunk := os.read(ours, 65536):
            said += chunk
    os.close(ours)
    assert playing.wait() == 0, said.decode()
    assert f"\r\033[KRehearsal {lab.name} is already up" in said.decode()


def test_down_leaves_nothing_behind(lab, folder):
    lab.rehearsal("down")
    assert lab.processes() == []
    assert not (folder / "state" / "homelab-immich").exists()
