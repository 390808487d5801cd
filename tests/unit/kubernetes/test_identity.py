# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which cluster and which Immich a run may touch."""

from __future__ import annotations

import http.server
import json
import threading

import pytest
from ansible_collections.homelab.immich.plugins.module_utils.kubernetes import identity, memory, operators, prune
from ansible_collections.homelab.immich.plugins.module_utils.kubernetes.client import ApiError
from ansible_collections.homelab.immich.plugins.module_utils.kubernetes.identity import Found, Wanted

OURS = {"app.kubernetes.io/managed-by": "homelab.immich", "homelab.immich/instance": "photos"}
IMAGE = "ghcr.io/immich-app/immich-server:v3.3.5"
VECTORCHORD = "ghcr.io/tensorchord/cloudnative-vectorchord:17.10-1.1.1"


def thing(kind, name, labels=None, namespace="immich", **more):
    return {"apiVersion": "v1", "kind": kind, "metadata": {"name": name, "namespace": namespace, "labels": labels or {}}, **more}


def server(image=IMAGE, labels=None, name="immich-server", claims=(), env=()):
    volumes = [{"name": claim, "persistentVolumeClaim": {"claimName": claim}} for claim in claims]
    container = {"image": image, "env": [{"name": variable, "value": value} for variable, value in env]}
    return thing("Deployment", name, OURS if labels is None else labels, spec={"template": {"spec": {"containers": [container], "volumes": volumes}}})


def database(image=VECTORCHORD, labels=None, name="immich-db", **status):
    return thing("Cluster", name, OURS if labels is None else labels, spec={"imageName": image}, status=status)


def config(**data):
    return thing("ConfigMap", "immich-instance", OURS, data={"cluster_uid": "here", "initialized": "true", "version": "v3.3.5", **data})


def kinds(api_version, variable, *names):
    return {"api_version": api_version, "variable": variable, "kinds": list(names)}


def wanted(**more):
    return Wanted(
        **{
            "instance": "photos",
            "name": "immich",
            "namespace": "immich",
            "version": "v3.3.5",
            "database_cluster": "immich-db",
            "postgres": "17.10",
            "vectorchord": "1.1.1",
            "hosts": ["photos.example.net"],
            **more,
        }
    )


def found(**more):
    return Found(**{"cluster_uid": "here", **more})


def running(**more):
    return found(**{"config": config(), "workloads": [server()], "clusters": [database()], "labelled": [config(), server()], **more})


def test_an_empty_cluster_is_fine():
    assert identity.problems(wanted(), found()) == []
    assert not identity.deployed(wanted(), found())
    assert not identity.initialized(wanted(), found())


def test_what_the_last_run_left_is_fine():
    assert identity.problems(wanted(), running(memory={"cluster_uid": "here"})) == []
    assert identity.deployed(wanted(), running())
    assert identity.initialized(wanted(), running())
    assert identity.running_versions(wanted(), running()) == {"immich": "v3.3.5", "postgres": "17.10", "vectorchord": "1.1.1"}


@pytest.mark.parametrize(
    ("cluster", "have", "want", "way"),
    [
        (running(workloads=[server(IMAGE.replace("v3.3.5", "v3.4.0"))]), "Immich v3.4.0", "v3.3.5", "Set immich_version to v3.4.0"),
        (running(workloads=[server(IMAGE.replace("v3.3.5", "v3.1.0"))]), "Immich v3.1.0", "v3.3.5", "playbooks/upgrade.yml"),
        (running(clusters=[database(VECTORCHORD.replace("17.10", "18.1"))]), "PostgreSQL 18.1", "17.10", "Set immich_database_postgres to 18.1"),
        (running(clusters=[database(VECTORCHORD.replace("17.10", "16.9"))]), "PostgreSQL 16.9", "17.10", "playbooks/upgrade.yml"),
        (running(clusters=[database(VECTORCHORD.replace("1.1.1", "1.2.0"))]), "VectorChord 1.2.0", "1.1.1", "Set immich_database_vectorchord to 1.2.0"),
        (running(clusters=[database(VECTORCHORD.replace("1.1.1", "0.5.3"))]), "VectorChord 0.5.3", "1.1.1", "playbooks/upgrade.yml"),
    ],
)
def test_another_version_is_refused_and_both_are_named(cluster, have, want, way):
    [problem] = identity.problems(wanted(), cluster)
    for words in (have, f"is {want}", way):
        assert words in problem


def test_the_same_version_from_another_registry_is_only_a_drift():
    assert identity.problems(wanted(), running(workloads=[server("registry.example.net:5000/immich-server:v3.3.5@sha256:abc")])) == []


def test_an_image_that_names_no_version_is_judged_by_the_last_run():
    cluster = running(workloads=[server("ghcr.io/immich-app/immich-server:release")], config=config(version="v3.4.0"))
    assert "Immich v3.4.0 runs" in identity.problems(wanted(), cluster)[0]


def test_a_server_that_was_deleted_is_judged_by_the_last_run():
    assert "Immich v3.4.0 runs" in identity.problems(wanted(), running(workloads=[], config=config(version="v3.4.0")))[0]


def test_a_version_that_never_ran_may_be_changed():
    assert identity.problems(wanted(version="v3.4.0"), running(workloads=[], config=config(initialized="false"))) == []


def test_the_major_version_is_known_without_a_telling_image():
    cluster = running(clusters=[database("example.net/postgres:mine", pgDataImageInfo={"majorVersion": 18})])
    assert "PostgreSQL 18 runs" in identity.problems(wanted(), cluster)[0]


@pytest.mark.parametrize(
    ("have", "want", "order"),
    [("v3.3.5", "v3.3.5", 0), ("v3.10.0", "v3.9.9", 1), ("1.135.3", "v2.0.0", -1), ("17", "17.10", 0), ("", "17.10", 0), ("release", "v3.3.5", 0)],
)
def test_versions_are_compared_as_numbers(have, want, order):
    assert identity.compare(have, want) == order


@pytest.mark.parametrize(
    "cluster",
    [running(memory={"cluster_uid": "elsewhere"}), found(memory={"cluster_uid": "elsewhere"}), running(config=config(cluster_uid="elsewhere"))],
)
def test_another_cluster_than_last_time_is_refused_unless_it_is_named(cluster):
    [problem] = identity.problems(wanted(), cluster)
    assert "elsewhere" in problem
    assert "-e immich_accept_cluster=here" in problem
    assert identity.problems(wanted(accept_cluster="here"), cluster) == []
    assert identity.problems(wanted(accept_cluster="other"), cluster)


def test_the_instance_in_another_namespace_is_refused():
    [problem] = identity.problems(wanted(), found(labelled=[thing("ConfigMap", "immich-instance", OURS, "old")]))
    assert "already runs in namespace old" in problem
    assert "immich_namespace: old" in problem


def test_another_name_for_an_instance_that_runs_is_refused():
    [problem] = identity.problems(wanted(name="photos", database_cluster="photos-db"), running(config=None))
    assert problem == (
        "photos already runs in namespace immich under the name immich, and immich_name is photos: a second, empty Immich would be made beside it."
        " Set immich_name: immich; a rename means moving database and volumes by hand and then deleting ConfigMap immich/immich-instance."
    )
    other = found(labelled=[thing("ConfigMap", "settings", OURS), thing("Deployment", "old-instance", OURS)])
    assert identity.problems(wanted(), other) == []


def test_without_cloudnativepg_one_sentence_says_how_to_get_it():
    [problem] = identity.problems(wanted(), found(clusters=None, missing=[kinds("postgresql.cnpg.io/v1", "immich_database_provider", "Cluster")]))
    assert "install CloudNativePG" in problem
    assert identity.problems(wanted(database_provider="external"), found(clusters=None)) == []


class Knows:
    """A cluster that knows a few kinds."""

    def __init__(self, *known):
        self.known = known

    def resource(self, api_version, kind):
        return (api_version, kind) if kind in self.known else None


def test_all_operators_that_are_missing_are_one_sentence():
    rows = [
        kinds("postgresql.cnpg.io/v1", "immich_database_provider", "Cluster", "Database"),
        kinds("postgresql.cnpg.io/v1", "immich_database_backup", "ScheduledBackup"),
        kinds("dragonflydb.io/v1alpha1", "immich_cache_provider", "Dragonfly"),
        kinds("volsync.backube/v1alpha1", "backup in immich_volumes", "ReplicationSource"),
    ]
    assert identity.problems(wanted(), found(missing=operators.missing(Knows("Cluster", "Dragonfly"), rows))) == [
        "This cluster has no Database and no ScheduledBackup (postgresql.cnpg.io/v1) for immich_database_provider and immich_database_backup: install"
        " CloudNativePG from 1.26 (https://cloudnative-pg.io/docs/), or choose another immich_database_provider;"
        " no ReplicationSource (volsync.backube/v1alpha1) for backup in immich_volumes:"
        " install VolSync (https://volsync.readthedocs.io/), or remove backup from immich_volumes."
    ]
    everything = Knows(*(kind for row in rows for kind in row["kinds"]))
    assert identity.problems(wanted(), found(missing=operators.missing(everything, rows))) == []


def test_a_missing_storage_class_is_named_with_those_that_exist():
    classes = [thing("StorageClass", "local-path")]
    [problem] = identity.problems(wanted(storage_classes=["longhorn", "longhorn", "local-path"]), found(storage_classes=classes))
    assert "Storage class longhorn does not exist in this cluster (it has local-path)" in problem
    [problem] = identity.problems(wanted(storage_classes=[""]), found(storage_classes=classes))
    assert "no default storage class" in problem
    classes[0]["metadata"]["annotations"] = {"storageclass.kubernetes.io/is-default-class": "true"}
    assert identity.problems(wanted(storage_classes=[""]), found(storage_classes=classes)) == []


def test_a_missing_ingress_class_is_a_warning():
    [warning] = identity.warnings(wanted(ingress_classes=["traefik"]), found(ingress_classes=[thing("IngressClass", "nginx")]))
    assert "traefik" in warning and "it has nginx" in warning
    assert identity.warnings(wanted(ingress_classes=["traefik"]), found(ingress_classes=[thing("IngressClass", "traefik")])) == []


def test_ingress_nginx_is_retired_under_any_name():
    classes = [thing("IngressClass", name, spec={"controller": "k8s.io/ingress-nginx"}) for name in ("internal", "nginx")]
    [warning] = identity.warnings(wanted(ingress_classes=["internal"]), found(ingress_classes=classes))
    assert warning.startswith("Ingress class internal is that of ingress-nginx, which was retired in March 2026")
    assert identity.warnings(wanted(ingress_classes=["nginx"]), found(ingress_classes=classes)) == []  # preflight has said it


def traefik(*args, env=()):
    variables = [{"name": name, "value": value} for name, value in env]
    return thing("Deployment", "traefik", {}, "kube-system", spec={"template": {"spec": {"containers": [{"name": "traefik", "args": args, "env": variables}]}}})


@pytest.mark.parametrize(
    "given",
    [
        traefik(),
        traefik("--entryPoints.websecure.address=:8443/tcp"),
        traefik("--entryPoints.websecure.transport.respondingTimeouts.readTimeout=60s"),
        traefik("--entryPoints.websecure.transport.respondingTimeouts.writeTimeout=600s"),
    ],
)
def test_a_traefik_that_ends_uploads_is_a_warning_with_the_value_to_set(given):
    [warning] = identity.warnings(wanted(traefik=True), found(traefiks=[given]))
    assert warning.startswith("Deployment kube-system/traefik ends every request after 60 seconds")
    assert "ports.websecure.transport.respondingTimeouts.readTimeout of its Helm chart to 600s" in warning


@pytest.mark.parametrize(
    "given",
    [
        traefik("--entryPoints.websecure.transport.respondingTimeouts.readTimeout=600s"),
        traefik("--entrypoints.websecure.transport.respondingtimeouts.readtimeout=1h"),
        traefik("--entryPoints.websecure.transport.respondingTimeouts.readTimeout=0"),
        traefik(env=[("TRAEFIK_ENTRYPOINTS_WEBSECURE_TRANSPORT_RESPONDINGTIMEOUTS_READTIMEOUT", "600")]),
        traefik("--configfile=/etc/traefik/traefik.yml"),
    ],
)
def test_a_traefik_that_was_given_time_is_fine(given):
    assert identity.warnings(wanted(traefik=True), found(traefiks=[given])) == []


def gateway(name, *listeners, namespace="network"):
    return thing("Gateway", name, {}, namespace, spec={"listeners": [{"name": listener} for listener in listeners]})


def test_gateways_and_their_listeners_exist():
    live = [gateway("public", "http", "https"), gateway("tailscale", "https")]
    assert identity.problems(wanted(gateways=["network/public/https", "network/tailscale"]), found(gateways=live)) == []
    first, second = identity.problems(wanted(gateways=["network/publik", "network/tailscale/http"]), found(gateways=live))
    assert first.startswith("Gateway network/publik does not exist in this cluster (it has network/public, network/tailscale). Correct gateways in")
    assert second == "Gateway network/tailscale has no listener called http (it has https). Correct gateways in immich_ingress."


def test_a_cluster_without_the_gateway_api():
    lacking = [kinds("gateway.networking.k8s.io/v1", "immich_ingress", "HTTPRoute")]
    [problem] = identity.problems(wanted(gateways=["network/public"]), found(gateways=None, missing=lacking))
    assert "install the Gateway API" in problem


def test_an_immich_of_somebody_else_is_never_doubled():
    helm = {"app.kubernetes.io/managed-by": "Helm"}
    cluster = found(workloads=[server(labels=helm, name="immich", claims=["library"])], clusters=[database(labels={}, name="postgres")])
    first, second = identity.problems(wanted(), cluster)
    for words in ("Deployment immich/immich", "claims library", "Helm", "immich_take_over: [Deployment/immich]"):
        assert words in first
    assert "immich_database_cluster: postgres and immich_take_over: [Cluster/postgres]" in second
    assert identity.problems(wanted(take_over=["Deployment/immich", "Cluster/postgres"]), cluster) == []


def test_what_is_no_immich_does_not_matter():
    other = server("ghcr.io/example/photoprism:1", labels={}, name="photoprism")
    assert identity.problems(wanted(), found(workloads=[other], clusters=[database("ghcr.io/cloudnative-pg/postgresql:17", labels={}, name="x")])) == []


def test_an_immich_to_be_taken_over_must_have_the_right_version_too():
    cluster = found(workloads=[server(IMAGE.replace("v3.3.5", "v3.4.0"), labels={})])
    [problem] = identity.problems(wanted(take_over=["Deployment/immich-server"]), cluster)
    assert "Immich v3.4.0 runs" in problem


@pytest.mark.parametrize(
    "route",
    [
        thing("Ingress", "old", namespace="web", spec={"rules": [{"host": "photos.example.net"}]}),
        thing("HTTPRoute", "old", namespace="web", spec={"hostnames": ["photos.example.net"]}),
        thing("IngressRoute", "old", namespace="web", spec={"routes": [{"match": "Host(`a.example.net`) || Host(`photos.example.net`) && PathPrefix(`/`)"}]}),
    ],
)
def test_a_host_that_leads_to_somebody_else_is_refused(route):
    [problem] = identity.problems(wanted(), found(routes=[route]))
    assert f"photos.example.net already leads elsewhere: {route['kind']} web/old" in problem
    assert identity.problems(wanted(hosts=["other.example.net"]), found(routes=[route])) == []


def test_a_route_that_only_leads_to_https_is_no_other_home():
    rule = {"filters": [{"type": "RequestRedirect", "requestRedirect": {"scheme": "https"}}]}
    route = thing("HTTPRoute", "redirects", namespace="web", spec={"hostnames": ["photos.example.net"], "rules": [rule]})
    assert identity.problems(wanted(), found(routes=[route])) == []
    route["spec"]["rules"].append({"backendRefs": [{"name": "old"}]})
    assert identity.problems(wanted(), found(routes=[route])) != []


def test_a_server_can_be_asked_when_a_pod_is_ready_and_a_service_leads_to_it():
    ready = {**server(), "status": {"readyReplicas": 1}}
    assert identity.serving(wanted(), running(workloads=[ready], services=["immich-server"]))
    assert not identity.serving(wanted(), running(workloads=[ready], services=["immich-valkey"]))
    assert not identity.serving(wanted(), running(services=["immich-server"]))
    assert not identity.serving(wanted(), found(services=["immich-server"]))


def test_a_mount_that_would_show_other_files_is_refused():
    live = server(claims=["immich-media"])
    live["spec"]["template"]["spec"]["containers"][0]["volumeMounts"] = [{"name": "immich-media", "mountPath": "/data"}]
    renamed = {"name": "library", "mount": "/data", "claim": "immich-library", "nfs": None, "pods": ["server"]}
    [problem] = identity.problems(wanted(volumes=[renamed]), running(workloads=[live]))
    assert problem.startswith("immich_volumes, library: the running server has claim immich-media on /data")
    assert identity.problems(wanted(volumes=[renamed], accept_moved_volumes=["library"]), running(workloads=[live])) == []


def test_a_media_location_that_an_old_immich_would_not_find_again_is_refused():
    moved = running(
        workloads=[server(IMAGE.replace("v3.3.5", "v1.135.3"), env=[("IMMICH_MEDIA_LOCATION", "/usr/src/app/upload")])], config=config(version="v1.135.3")
    )
    [problem] = identity.problems(wanted(version="v1.135.3"), moved)
    assert "media location at /usr/src/app/upload, and the inventory mounts it at /data" in problem and "only from v1.136.0 on" in problem
    assert identity.problems(wanted(version="v1.135.3", media_location="/usr/src/app/upload"), moved) == []


def test_our_own_way_in_and_the_solver_of_a_certificate_are_fine():
    ours = thing("Ingress", "immich-server", OURS, spec={"rules": [{"host": "photos.example.net"}]})
    solver = thing("Ingress", "cm-x", {"acme.cert-manager.io/http01-solver": "true"}, spec={"rules": [{"host": "photos.example.net"}]})
    assert identity.problems(wanted(), found(routes=[ours, solver])) == []


def test_an_instance_whose_database_is_gone_is_refused():
    [problem] = identity.problems(wanted(), running(clusters=[]))
    assert "Cluster immich/immich-db is gone" in problem
    assert "kubectl delete configmap/immich-instance secret/immich-api-key deployment/immich-server -n immich --ignore-not-found, and run again." in problem
    assert identity.problems(wanted(), running(clusters=[], config=config(initialized="false"))) == []


CLOSED = [("IMMICH_ALLOW_SETUP", "false")]


@pytest.mark.parametrize("traces", [{"api_key": True}, {"workloads": [server(env=CLOSED)]}])
def test_an_instance_whose_configmap_was_deleted_by_hand_stays_set_up(traces):
    assert identity.initialized(wanted(), running(config=None, **traces))
    [problem] = identity.problems(wanted(), running(config=None, clusters=[], **traces))
    assert "photos has been set up, but its database Cluster immich/immich-db is gone" in problem


@pytest.mark.parametrize("workload", [server(), server(env=[("IMMICH_ALLOW_SETUP", "true")]), server(env=CLOSED, labels={})])
def test_a_server_of_ours_that_allows_the_setup_or_one_of_others_is_not_set_up(workload):
    assert not identity.initialized(wanted(), found(workloads=[workload]))


# as the key store writes it: applied by us, without the label of the instance
KEY = thing("Secret", "immich-api-key", {"app.kubernetes.io/managed-by": "homelab.immich"})
KEY["metadata"]["managedFields"] = [{"manager": "homelab.immich", "operation": "Apply"}]


class Secrets:
    """A client of a cluster that has this answer for the Secret."""

    def __init__(self, answer):
        self.answer = answer

    def resource(self, api_version, kind):
        return api_version, kind

    def get(self, resource, name, namespace):
        assert (resource, name, namespace) == (("v1", "Secret"), "immich-api-key", "immich")
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.mark.parametrize(
    ("answer", "there"),
    [
        (KEY, True),
        (thing("Secret", "immich-api-key", {}), False),
        (None, False),
        (ApiError(403, "secrets is forbidden"), False),
    ],
)
def test_only_our_own_secret_with_the_api_key_counts(answer, there):
    assert identity._has_api_key(Secrets(answer), wanted()) is there


def leftover(kind, api_version, name="old"):
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": name, "namespace": "immich"}}


@pytest.mark.parametrize(("kind", "resource"), [("Cluster", "cluster.postgresql.cnpg.io"), ("Database", "database.postgresql.cnpg.io")])
def test_no_command_that_deletes_a_database_is_printed(kind, resource):
    text = prune.removal(leftover(kind, "postgresql.cnpg.io/v1"), "home", "")
    look = f"kubectl --context home get {resource} old -n immich"
    assert text == f"it holds the database, so back that up first, then delete it by hand; to look at it, {look}"


def test_the_command_that_deletes_a_claim_says_what_goes_with_it():
    text = prune.removal(leftover("PersistentVolumeClaim", "v1"), "home", "/tmp/kube")
    assert text == ("kubectl --kubeconfig /tmp/kube --context home delete persistentvolumeclaim old -n immich  # with reclaim policy Delete its data goes too")
    assert prune.removal(leftover("Secret", "v1"), "home", "") == "kubectl --context home delete secret old -n immich"


def test_no_command_that_deletes_a_namespace_is_printed():
    text = prune.removal({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "old"}}, "home", "")
    assert text == (
        "everything in it would go with it, database and volumes too, so back up what is there, then delete it by hand;"
        " to look at it, kubectl --context home get all,secret,persistentvolumeclaim -n old"
    )


@pytest.mark.parametrize(
    ("cluster", "provider", "there"), [(found(), "cnpg", False), (found(clusters=None), "cnpg", False), (running(), "cnpg", True), (found(), "external", True)]
)
def test_whether_there_is_a_database(cluster, provider, there):
    assert identity.has_database(wanted(database_provider=provider), cluster) is there


def test_all_reasons_are_given_at_once():
    lacking = [kinds("postgresql.cnpg.io/v1", "immich_database_provider", "Cluster")]
    cluster = found(missing=lacking, memory={"cluster_uid": "elsewhere"}, routes=[thing("Ingress", "old", spec={"rules": [{"host": "photos.example.net"}]})])
    assert len(identity.problems(wanted(), cluster)) == 3


@pytest.fixture
def web():
    """A web server on this machine that answers what a test puts into `answers`."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            status, headers, body = self.server.answers.get(self.path, (404, {}, b"no"))
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listener:
        listener.answers = {}
        listener.url = f"http://127.0.0.1:{listener.server_port}"
        threading.Thread(target=listener.serve_forever, daemon=True).start()
        yield listener
        listener.shutdown()


PONG = json.dumps({"res": "pong"}).encode()


def test_an_immich_at_our_address_is_refused_while_none_of_ours_runs(web):
    web.answers["/api/server/ping"] = (200, {}, PONG)
    there = {"url": "https://photos.example.net", "public_url": web.url}
    [problem] = identity.answering(wanted(**there), found(), rehearsal=True)
    assert "already answers at https://photos.example.net" in problem
    assert identity.answering(wanted(**there), running(), rehearsal=True) == []
    assert identity.answering(wanted(**there, take_over=["https://photos.example.net"]), found(), rehearsal=True) == []


@pytest.mark.parametrize("answer", [(404, {}, b""), (200, {}, b"<html>"), (200, {}, b"[]"), (503, {}, PONG)])
def test_what_does_not_answer_like_one_is_no_immich(web, answer):
    web.answers["/api/server/ping"] = answer
    assert not identity.answers_as_immich(web.url, rehearsal=True)


def test_nobody_listening_is_no_immich():
    assert not identity.answers_as_immich("http://127.0.0.1:9", rehearsal=True)


def test_a_rehearsal_asks_nobody_but_this_machine_and_follows_nobody_off_it(web, monkeypatch):
    with pytest.raises(ValueError, match="only talks to this machine"):
        identity.answers_as_immich("https://photos.example.net", rehearsal=True)
    web.answers["/api/server/ping"] = (302, {"Location": f"{web.url}/elsewhere"}, b"")
    web.answers["/elsewhere"] = (200, {}, PONG)
    assert not identity.answers_as_immich(web.url, rehearsal=True)
    assert identity.answers_as_immich(web.url, rehearsal=False)
    web.answers["/api/server/ping"] = (200, {}, PONG)
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    assert identity.answers_as_immich(web.url, rehearsal=True)


def test_the_control_node_remembers_the_cluster(tmp_path):
    path = tmp_path / "state" / "photos.json"
    assert memory.recall(str(path)) == {}
    memory.remember(str(path), "here", "homelab")
    assert memory.recall(str(path)) == {"cluster_uid": "here", "context": "homelab"}
    before = path.stat().st_mtime_ns
    memory.remember(str(path), "here", "homelab")
    assert path.stat().st_mtime_ns == before
    path.write_text("broken")
    assert memory.recall(str(path)) == {}


# --- the database, where it is and where it is backed up to --------------------


def backed_up(bootstrap="initdb", namespace="immich", store=None, archiving=None):
    spec = {"imageName": VECTORCHORD, "bootstrap": {bootstrap: {}}, "plugins": [{"name": "barman-cloud.cloudnative-pg.io", "isWALArchiver": True}]}
    if store:
        spec |= {"backup": {"barmanObjectStore": store}, "plugins": []}
    conditions = [{"type": "ContinuousArchiving", **archiving}] if archiving else []
    return thing("Cluster", "immich-db", OURS, namespace, spec=spec, status={"conditions": conditions})


def test_a_database_in_another_namespace_is_not_left_for_an_empty_one():
    cluster = running(clusters=[], databases=[backed_up(namespace="databases")])
    [problem] = identity.problems(wanted(), cluster)
    assert "is in namespace databases, and immich_database_namespace is immich" in problem and "Set immich_database_namespace: databases." in problem


def test_a_namespace_for_databases_has_those_of_others():
    other = thing("Cluster", "family-db", {}, "databases", spec={"imageName": VECTORCHORD})
    there = {"database_namespace": "databases"}
    assert identity.problems(wanted(**there), running(clusters=[other, backed_up(namespace="databases")])) == []
    [problem] = identity.problems(wanted(**there, database_cluster="family-db"), found(clusters=[other]))
    assert problem.startswith("Namespace databases already has a database for Immich: Cluster databases/family-db.")


def test_the_form_of_backups_before_the_plugin_is_explained():
    cluster = running(clusters=[backed_up(store={"destinationPath": "s3://old", "serverName": "pg"})])
    [problem] = identity.problems(wanted(server_name="immich-db"), cluster)
    assert "spec.backup.barmanObjectStore" in problem and "(s3://old)" in problem and "(pg)" in problem and "--type json" in problem
    assert identity.problems(wanted(), cluster) == []  # who wants no backups of ours keeps those


def test_a_new_database_does_not_write_into_an_old_archive():
    store = thing("ObjectStore", "immich-db", OURS, status={"serverRecoveryWindow": {"immich-db": {"firstRecoverabilityPoint": "2026-01-01T00:00:00Z"}}})
    [problem] = identity.problems(wanted(server_name="immich-db"), found(store=store))
    assert "already has backups under immich-db" in problem and "such as immich-db-2" in problem
    assert identity.problems(wanted(server_name="immich-db-2"), found(store=store)) == []
    assert identity.problems(wanted(server_name="immich-db"), running(store=store)) == []  # it writes there


def test_a_live_database_is_never_made_from_backups():
    [problem] = identity.problems(wanted(server_name="new", recovery="old"), running(clusters=[backed_up()]))
    assert problem.startswith("immich_database_recovery is set, and Cluster immich/immich-db is there already, and was not made from backups")
    assert identity.problems(wanted(server_name="new", recovery="old"), running(clusters=[backed_up("recovery")])) == []


def test_how_a_database_was_made_is_not_forgotten():
    live = backed_up("recovery")
    live["spec"]["externalClusters"] = [{"name": "origin", "plugin": {"parameters": {"serverName": "old"}}}]
    [problem] = identity.problems(wanted(server_name="new"), running(clusters=[live]))
    assert "Put immich_database_recovery: {server_name: old} back" in problem


def test_a_database_that_is_brought_back_is_not_missed():
    cluster = running(clusters=[], databases=[database(name="immich-db")])
    new = {"database_cluster": "immich-db-2", "server_name": "new", "recovery": "old"}
    assert identity.problems(wanted(**new), cluster) == [] and identity.has_database(wanted(**new), cluster)


@pytest.mark.parametrize(
    ("state", "text"),
    [
        (None, "nothing was archived yet"),
        ({"status": "False", "message": "Expected empty archive"}, "Expected empty archive"),
        ({"status": "True"}, ""),
    ],
)
def test_archiving_that_is_off_is_said(state, text):
    said = [line for line in identity.warnings(wanted(server_name="immich-db"), running(clusters=[backed_up(archiving=state)])) if "archive" in line]
    assert [text in line for line in said] == ([True] if text else [])


def test_vectorchord_beside_postgresql_is_not_upgraded_unseen():
    live = database("ghcr.io/cloudnative-pg/postgresql:18.4-standard-trixie")
    live["spec"]["postgresql"] = {"extensions": [{"name": "vchord", "image": {"reference": "ghcr.io/tensorchord/vchord-scratch:pg18-v1.0.0"}}]}
    [problem] = identity.problems(wanted(postgres="18.4"), running(clusters=[live]))
    assert problem.startswith("VectorChord 1.0.0 runs") and "is 1.1.1" in problem


def test_a_cluster_that_cannot_mount_images():
    [problem] = identity.problems(wanted(extension_image=True), found(kubernetes=(1, 32)))
    assert "this cluster is Kubernetes 1.32, which mounts no images" in problem
    assert identity.problems(wanted(extension_image=True), found(kubernetes=(1, 35))) == []


def test_a_server_that_the_brake_stopped_is_not_started_by_a_run():
    stopped = server()
    stopped["metadata"]["annotations"] = {"homelab.immich/stopped": "1"}
    [problem] = identity.problems(wanted(), running(workloads=[stopped]))
    assert "Deployment immich/immich-server was stopped by playbooks/brake.yml" in problem and "-e immich_brake=released first" in problem
