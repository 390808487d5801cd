# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The main job, end to end, on the default homelab."""

from __future__ import annotations

import base64
import json
import re
import urllib.error
import urllib.request

import pytest
from harness import CHECKOUT, MUTATING, Homelab, audit

SECRETS = ("example-admin-password", "example-family-password", "1-example-nas-api-key")


def immich(homelab, path, key=None):
    """Ask the stand-in through the service proxy."""
    base = f"{homelab.state['immich']}/api/v1/namespaces/immich/services/immich-server:2283/proxy/api"
    request = urllib.request.Request(base + path, headers={"x-api-key": key or api_key(homelab)})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.loads(answer.read())


def api_key(homelab):
    """The key that the collection keeps in the cluster."""
    secret = homelab.api("Secret").get(name="immich-api-key", namespace="immich")
    return base64.b64decode(secret.data.key).decode()


def test_one_command_brings_up_everything(homelab):
    first = homelab.first
    assert first.total("failed") == first.total("unreachable") == 0
    assert "Immich photos  https://photos.example.net  v3.3.5   (rehearsal)" in first.output
    [library] = immich(homelab, "/libraries")
    assert (library["name"], library["importPaths"]) == ("NAS photos", ["/mnt/photos"])
    assert {user["email"] for user in immich(homelab, "/admin/users")} == {"admin@example.net", "family@example.net"}
    settings = immich(homelab, "/system-config")
    assert settings["library"]["scan"]["enabled"] is False
    assert settings["library"]["watch"]["enabled"] is False
    assert settings["server"]["externalDomain"] == "https://photos.example.net"


def test_a_guard_scans_by_the_clock_with_a_key_that_opens_little(homelab):
    job = homelab.api("CronJob", "batch/v1").get(namespace="immich", label_selector="app.kubernetes.io/name=guard").items[0]
    assert (job.spec.schedule, job.spec.timeZone) == ("0 */6 * * *", "Europe/Amsterdam")
    key = base64.b64decode(homelab.api("Secret").get(name="immich-guard-key", namespace="immich").data.key).decode()
    assert len(immich(homelab, "/libraries", key)) == 1
    assert "trash" in immich(homelab, "/system-config", key)  # for the brake
    with pytest.raises(urllib.error.HTTPError, match="403"):
        immich(homelab, "/api-keys", key)
    assert "guarded scans (0 */6 * * *, at most 1% removed)" in homelab.first.output


def test_setup_is_closed_once_there_is_an_administrator(homelab):
    deployment = homelab.api("Deployment", "apps/v1").get(name="immich-server", namespace="immich")
    env = {entry.name: entry.get("value") for entry in deployment.spec.template.spec.containers[0].env}
    assert env["IMMICH_ALLOW_SETUP"] == "false"


def test_a_second_run_changes_nothing_and_a_check_agrees(homelab):
    requests = homelab.home / "logs" / "immich-requests.log"
    seen = len(requests.read_text())
    again = homelab.play()
    assert again.total("changed") == 0, again.output
    check = homelab.play("--check", "--diff")
    asked = re.findall(r'^"(\w+) ', requests.read_text()[seen:], re.MULTILINE)
    assert asked and set(asked) == {"GET"}  # not even a login: the stored key is used first
    assert check.total("changed") == 0, check.output
    assert not re.search(r"^(---|\+\+\+) ", check.output, re.MULTILINE), check.output


def test_the_no_change_run_is_short(homelab):
    run = homelab.play()
    assert run.recap["photos"]["ok"] + run.recap["photos"]["skipped"] <= 25


def test_no_secret_in_any_output(homelab):
    """The most talkative run there is, with a fact cache, on a homelab with something to change in every part."""
    homelab.api("Deployment", "apps/v1").delete(name="immich-valkey", namespace="immich")
    cache = homelab.folder / "facts"
    run = homelab.play("-vvv", "--diff", ANSIBLE_CACHE_PLUGIN="jsonfile", ANSIBLE_CACHE_PLUGIN_CONNECTION=str(cache))
    values = [api_key(homelab), *SECRETS]
    guard = homelab.api("Secret").get(name="immich-guard-key", namespace="immich").data.key
    values += [guard, base64.b64decode(guard).decode()]
    for name in ("immich-database", "immich-cache"):
        secret = homelab.api("Secret").get(name=name, namespace="immich")
        values += [secret.data.password]
    values += [base64.b64decode(value).decode() for value in values[-2:]]
    written = run.output + "".join(path.read_text() for path in cache.glob("*")) + homelab.first.output
    assert [value for value in values if value in written] == []


def drift_env(homelab):
    homelab.api("Deployment", "apps/v1").patch(
        name="immich-server",
        namespace="immich",
        content_type="application/strategic-merge-patch+json",
        field_manager="kubectl-edit",
        body={"spec": {"template": {"spec": {"containers": [{"name": "server", "env": [{"name": "TZ", "value": "UTC"}, {"name": "EXTRA", "value": "1"}]}]}}}},
    )
    return "immich-server", ["TZ", "EXTRA"]


def drift_image(homelab):
    homelab.api("Deployment", "apps/v1").patch(
        name="immich-server",
        namespace="immich",
        content_type="application/strategic-merge-patch+json",
        field_manager="kubectl-set",
        body={"spec": {"template": {"spec": {"containers": [{"name": "server", "image": "registry.example.net/immich-server:v3.3.5"}]}}}},
    )
    return "immich-server", ["registry.example.net"]


def drift_service(homelab):
    homelab.api("Service").delete(name="immich-machine-learning", namespace="immich")
    return "immich-machine-learning", ["3003"]


@pytest.mark.parametrize("drift", [drift_env, drift_image, drift_service])
def test_a_drift_in_the_cluster_is_put_right_and_shown(homelab, drift):
    name, words = drift(homelab)
    check = homelab.play("--check", "--diff")
    run = homelab.play("--diff")
    assert run.total("changed") == check.total("changed") == 1, run.output
    for word in (name, *words):
        assert word in run.output
        assert word in check.output
    assert homelab.play().total("changed") == 0


def put(homelab, path, body):
    base = f"{homelab.state['immich']}/api/v1/namespaces/immich/services/immich-server:2283/proxy/api"
    request = urllib.request.Request(
        base + path, method="PUT", data=json.dumps(body).encode(), headers={"x-api-key": api_key(homelab), "content-type": "application/json"}
    )
    urllib.request.urlopen(request, timeout=10).close()


def test_a_drift_in_a_library_is_put_right_and_shown(homelab):
    [library] = immich(homelab, "/libraries")
    put(homelab, f"/libraries/{library['id']}", {"importPaths": ["/mnt/photos", "/mnt/photos/2023"]})
    run = homelab.play("--diff")
    assert run.total("changed") == 1, run.output
    assert "/mnt/photos/2023" in run.output
    assert immich(homelab, "/libraries")[0]["importPaths"] == ["/mnt/photos"]


def test_the_last_library_that_leaves_the_inventory_is_named(homelab):
    run = homelab.play("--check", "--diff", "-e", json.dumps({"immich_libraries": []}))
    assert "library NAS photos of admin@example.net, not in the inventory" in run.output
    assert run.total("changed") == 1 and "CronJob" in run.output  # only its timer would go


def test_a_drift_in_the_settings_is_put_right_and_shown(homelab):
    settings = immich(homelab, "/system-config")
    settings["library"]["scan"]["enabled"] = True
    settings["trash"]["days"] = 40
    put(homelab, "/system-config", settings)
    run = homelab.play("--diff")
    assert run.total("changed") == 1, run.output
    after = immich(homelab, "/system-config")
    assert after["library"]["scan"]["enabled"] is False
    assert after["trash"]["days"] == 40  # nobody named it: it is left alone


def test_a_check_without_a_key_says_what_it_could_not_compare(homelab):
    homelab.api("Secret").delete(name="immich-api-key", namespace="immich")
    check = homelab.play("--check")
    assert "not compared: check mode needs a running server and a stored API key" in check.output
    run = homelab.play()
    assert "changed: API key" in run.output
    assert run.total("changed") == 1


def test_a_check_without_the_service_says_what_it_could_not_compare(homelab):
    homelab.api("Service").delete(name="immich-server", namespace="immich")
    check = homelab.play("--check", "--diff")
    assert "not compared: check mode needs a running server" in check.output
    assert "after: Service immich/immich-server" in check.output
    assert homelab.play().total("changed") == 1


def test_no_host_is_reached_over_ssh(homelab):
    homelab.edit(lambda content: content["children"]["nas"]["hosts"]["tank"].update(ansible_connection="ssh"))
    assert homelab.play("--check").total("failed") == 0
    refused = homelab.play("-e", "ansible_connection=ssh", check=False)
    assert "ansible_connection is ssh" in refused.output
    assert refused.total("unreachable") == 0


def test_check_mode_on_an_empty_cluster_is_a_plan(tmp_path_factory):
    lab = Homelab(tmp_path_factory.mktemp("empty"), CHECKOUT / "inventories" / "homelab")
    try:
        run = lab.play("--check", "--diff")
        assert run.total("failed") == 0
        assert "after the first start: administrator admin@example.net" in run.output
        written = [
            entry["requestURI"]
            for entry in audit(lab.home)
            if entry["verb"] in MUTATING and "dryRun=All" not in entry["requestURI"] and "ansible" in entry.get("userAgent", "").lower()
        ]
        assert written == []
        assert "immich" not in [item.metadata.name for item in lab.api("Namespace").get().items]
    finally:
        lab.rehearsal("down")


def test_a_rehearsal_cannot_be_talked_into_leaving_this_machine(homelab):
    run = homelab.play(
        "-e",
        json.dumps({"immich_kubeconfig": str(homelab.folder / "home/.kube/config"), "immich_context": "homelab", "immich_api_url": "https://198.51.100.7"}),
        "-e",
        "ansible_host=198.51.100.7",
        "--limit",
        "photos",
        "--check",
        check=False,
        K8S_AUTH_HOST="https://198.51.100.7:6443",
        KUBECONFIG=str(homelab.folder / "home/.kube/config"),
        HTTPS_PROXY="http://198.51.100.7:3128",
        HTTP_PROXY="http://198.51.100.7:3128",
        IMMICH_URL="https://198.51.100.7",
    )
    assert "unreachable" not in run.output.partition("PLAY RECAP")[0]
    assert run.recap["photos"]["failed"] == 0 or "198.51.100.7" in run.output, run.output
