# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What site.yml leaves alone, and how it says so."""

from __future__ import annotations

import json
import shutil
import time

import pytest
import yaml
from ansible_collections.homelab.immich.plugins.module_utils.kubernetes.client import Client
from ansible_collections.homelab.immich.plugins.module_utils.kubernetes.kubeconfig import access


def resource_versions(homelab):
    """Every object of the instance's namespace that a run could write, and when it was last written."""
    kinds = [("Deployment", "apps/v1"), ("Service", "v1"), ("ConfigMap", "v1"), ("Secret", "v1"), ("PersistentVolumeClaim", "v1")]
    kinds += [("Cluster", "postgresql.cnpg.io/v1"), ("Database", "postgresql.cnpg.io/v1"), ("Ingress", "networking.k8s.io/v1")]
    return {
        (kind, item.metadata.name): (item.metadata.uid, item.metadata.generation, item.to_dict().get("data"))
        for kind, version in kinds
        for item in homelab.api(kind, version).get(namespace="immich").items
    }


def refused(homelab, *arguments):
    """A run that is refused before it changes anything; its output with folded lines joined."""
    before = resource_versions(homelab)
    run = homelab.play(*arguments, check=False)
    assert run.recap["photos"]["failed"] == 1, run.output
    assert run.total("changed") == 0, run.output
    assert resource_versions(homelab) == before
    return " ".join(run.output.split())


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("immich_version", "v3.1.0", ["v3.3.5", "v3.1.0"]),
        ("immich_version", "v3.4.0", ["v3.3.5", "v3.4.0", "playbooks/upgrade.yml"]),
        ("immich_database_postgres", "17.9", ["17.10", "17.9"]),
        ("immich_database_postgres", "18.4", ["17.10", "18.4", "playbooks/upgrade.yml"]),
        ("immich_database_vectorchord", "1.0.0", ["1.1.1", "1.0.0"]),
        ("immich_database_vectorchord", "1.2.0", ["1.1.1", "1.2.0", "playbooks/upgrade.yml"]),
        ("immich_namespace", "elsewhere", ["immich", "elsewhere"]),
    ],
)
def test_another_version_or_place_than_what_runs_is_refused(homelab, variable, value, words):
    output = refused(homelab, "-e", json.dumps({variable: value}))
    assert "Nothing was changed:" in output and "PLAY [NAS]" not in output
    for word in words:
        assert word in output


def test_a_typo_in_a_dataset_makes_nothing_on_the_nas(homelab):
    """The cluster knows what the server has mounted, and is asked first."""
    exports = yaml.safe_load((homelab.inventory / "hosts.yml").read_text())["all"]["children"]["nas"]["hosts"]["tank"]["nas_exports"]
    before, objects = (homelab.home / "nas" / "tank" / "state.json").read_text(), resource_versions(homelab)
    spec = homelab.folder / "before.json"
    shutil.copy(homelab.home / "spec.json", spec)
    run = homelab.play("-e", json.dumps({"nas_exports": [exports[0] | {"dataset": "tank/phtos"}, *exports[1:]]}), check=False)
    assert run.recap["photos"]["failed"] == 1 and "PLAY [NAS]" not in run.output, run.output
    assert "the running server has 192.0.2.10:/mnt/tank/photos on /mnt/photos" in " ".join(run.output.split())
    assert (homelab.home / "nas" / "tank" / "state.json").read_text() == before and resource_versions(homelab) == objects
    assert homelab.rehearsal("up", "--spec", str(spec)).returncode == 0


@pytest.fixture
def without_operators(homelab):
    """The homelab without two kinds, as a cluster whose operators nobody installed; they come back."""
    kinds = {
        "dragonflies.dragonflydb.io": ("dragonflydb.io/v1alpha1", "Dragonfly"),
        "prometheusrules.monitoring.coreos.com": ("monitoring.coreos.com/v1", "PrometheusRule"),
    }
    crds = homelab.api("CustomResourceDefinition", "apiextensions.k8s.io/v1")
    before = [crds.get(name=name).to_dict() for name in kinds]
    for name in kinds:
        crds.delete(name=name)
    gone(lambda: [item.metadata.name for item in crds.get().items if item.metadata.name in kinds])
    yield
    for crd in before:
        crds.create(body={**crd, "metadata": {"name": crd["metadata"]["name"], "annotations": crd["metadata"].get("annotations")}, "status": None})
    there = access(homelab.state["kubeconfig"], "rehearsal", rehearsal=True)
    gone(lambda: [kind for kind in kinds.values() if Client(there, read_only=True).resource(*kind) is None])


def test_the_operators_that_are_missing_are_named_before_the_nas_is_touched(homelab, without_operators):
    before, wanted = (homelab.home / "nas/tank/state.json").read_text(), json.dumps({"immich_cache_provider": "dragonfly", "immich_monitoring": True})
    for mode in ([], ["--check"]):
        output = refused(homelab, *mode, "-e", wanted)
        assert (
            "Nothing was changed: - This cluster has no Dragonfly (dragonflydb.io/v1alpha1) for immich_cache_provider: install the Dragonfly operator"
            " (https://github.com/dragonflydb/dragonfly-operator), or choose another immich_cache_provider; no PrometheusRule (monitoring.coreos.com/v1)"
            " for immich_monitoring: install the Prometheus operator (https://prometheus-operator.dev/), or set immich_monitoring: false."
        ) in output
        assert "PLAY [NAS]" not in output and (homelab.home / "nas/tank/state.json").read_text() == before


def test_an_object_that_argo_cd_owns_is_refused_by_name(homelab):
    deployments = homelab.api("Deployment", "apps/v1")
    mark = {"argocd.argoproj.io/tracking-id": "immich:apps/Deployment:immich/immich-valkey"}
    body = {"metadata": {"annotations": mark}}
    deployments.patch(name="immich-valkey", namespace="immich", body=body, content_type="application/merge-patch+json", field_manager="argocd-controller")
    try:
        output = refused(homelab)
        assert "Deployment immich/immich-valkey" in output
        assert "Argo CD" in output
        assert "immich_take_over" in output
    finally:
        body["metadata"]["annotations"] = dict.fromkeys(mark)
        deployments.patch(name="immich-valkey", namespace="immich", body=body, content_type="application/merge-patch+json", field_manager="argocd-controller")


def test_a_renamed_volume_is_not_replaced_by_an_empty_one(homelab):
    """A claim of a storage class, mounted by the server beside the exports, and then an entry that gets another name."""
    volumes = yaml.safe_load((homelab.inventory / "hosts.yml").read_text())["all"]["children"]["immich"]["hosts"]["photos"]["immich_volumes"]
    uploads = {"name": "uploads", "storage_class": "longhorn", "size": "1Gi", "mount": "/mnt/uploads"}
    assert homelab.play("-e", json.dumps({"immich_volumes": [*volumes, uploads]})).total("changed") == 1
    renamed = {"immich_volumes": [*volumes, {**uploads, "name": "incoming"}]}
    output = refused(homelab, "-e", json.dumps(renamed))
    assert "the running server has claim immich-uploads on /mnt/uploads, and the inventory would put claim immich-incoming there" in output
    kept = {"immich_volumes": [*volumes, {"name": "incoming", "existing_claim": "immich-uploads", "mount": "/mnt/uploads"}]}
    run = homelab.play("-e", json.dumps(kept), "--check")
    assert "immich-uploads, no longer wanted" not in run.output
    # tank is the one that brings the rehearsal up, without the claim that was named before
    assert homelab.play("-e", json.dumps(renamed | {"immich_accept_moved_volumes": ["incoming"]})).recap["photos"]["changed"] == 1
    homelab.play()


def test_a_folder_gets_a_volume_of_its_own_by_the_steps_that_are_printed(homelab):
    """And back into the volume that it was in."""
    volumes = yaml.safe_load((homelab.inventory / "hosts.yml").read_text())["all"]["children"]["immich"]["hosts"]["photos"]["immich_volumes"]
    inside, outside = homelab.home / "nas/tank/mnt/tank/immich/profile", homelab.home / "volumes/immich/immich-profile"

    def wanted(mount):
        return "-e", json.dumps({"immich_volumes": [*volumes, {"name": "profile", "storage_class": "longhorn", "size": "1Gi", "mount": mount}]})

    def stop():
        homelab.api("Deployment", "apps/v1").patch(
            name="immich-server", namespace="immich", body={"spec": {"replicas": 0}}, content_type="application/merge-patch+json", field_manager="kubectl-scale"
        )

    output = refused(homelab, *wanted("/data/profile"))
    assert "would hide the files that are there" in output and "1. Let it have mount: /mnt/profile for now" in output
    assert homelab.play(*wanted("/mnt/profile")).total("changed") == 1
    stop()
    assert (inside / ".immich").is_file()
    shutil.copytree(inside, outside, dirs_exist_ok=True)
    accept = "-e", json.dumps({"immich_accept_moved_volumes": ["profile"]})
    assert homelab.play(*wanted("/data/profile"), *accept).total("failed") == 0
    assert homelab.play(*wanted("/data/profile")).total("changed") == 0
    output = refused(homelab)
    assert "the running server has claim immich-profile on /data/profile, and without it Immich would look in its volume on /data" in output
    stop()
    shutil.copytree(outside, inside, dirs_exist_ok=True)
    assert homelab.play(*accept).total("failed") == 0
    assert homelab.play().total("changed") == 0


def test_a_database_that_is_gone_is_not_made_anew(homelab):
    """First the Cluster alone is lost; then everything in Kubernetes, while the photos on the NAS still show that an Immich was there."""
    clusters = homelab.api("Cluster", "postgresql.cnpg.io/v1")
    clusters.delete(name="immich-db", namespace="immich")
    gone(lambda: clusters.get(namespace="immich").items)
    output = refused(homelab)
    assert "immich-db" in output

    namespaces = homelab.api("Namespace")
    namespaces.delete(name="immich")
    gone(lambda: [item for item in namespaces.get().items if item.metadata.name == "immich"])
    run = homelab.play(check=False)
    assert run.recap["photos"]["failed"] == 1, run.output
    assert "immich_accept_existing_media" in run.output
    assert not [item for item in namespaces.get().items if item.metadata.name == "immich"]

    accepted = homelab.play("-e", "immich_accept_existing_media=true")
    assert accepted.total("failed") == 0
    assert homelab.play().total("changed") == 0


def gone(items, seconds=60):
    """Wait until something is really gone."""
    until = time.monotonic() + seconds
    while items():
        assert time.monotonic() < until, items()
        time.sleep(0.5)
