# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Monitors, alerts and the dashboard. What the expressions find, promtool says."""

from __future__ import annotations

import json
import re
import runpy
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from .test_backup import COPY, media
from .test_schemas import custom

__all__ = ["custom"]  # a fixture
Render = Callable[..., Any]
MIRROR = {"name": "b2", "destination": "s3://b2/immich", "schedule": "0 6 * * *"}
DATABASE = {"destination": "s3://backups/immich", "schedule": "0 0 2 * * *", "mirrors": [MIRROR]}
EVERYTHING: dict[str, Any] = {
    "immich_monitoring": True,
    "immich_volumes": [*media(COPY), {"name": "photos", "mount": "/mnt/photos", "size": "1Ti", "access": "ro", "nfs": {"export": "photos"}}],
    "immich_database_backup": DATABASE,
}
_built = runpy.run_path(str(Path(__file__).parents[2] / "promtool" / "build.py"))["program"]()
PROMTOOL = shutil.which("promtool") or (str(_built) if _built.exists() else None)
needs_promtool = pytest.mark.skipif(PROMTOOL is None, reason="promtool is neither on PATH nor in the cache: make promtool builds it, in ten minutes")


def rules(objects: Any) -> dict[str, Any]:
    return objects.one("PrometheusRule", "immich")["spec"]


def alerts(objects: Any) -> dict[str, dict[str, Any]]:
    return {rule["alert"]: rule for group in rules(objects)["groups"] for rule in group["rules"] if "alert" in rule}


def test_nothing_unless_it_is_wanted(render: Render) -> None:
    assert render("monitoring") == []
    objects = render(immich_monitoring=True)
    assert {"PodMonitor", "PrometheusRule"} <= {item["kind"] for item in objects} and "immich-dashboard" in {item["metadata"]["name"] for item in objects}


@pytest.mark.parametrize("changes", [{}, {"immich_cache_provider": "dragonfly", "immich_workers": "split"}, {"immich_guard_pushgateway": "http://push:9091"}])
def test_what_is_rendered_is_valid(render: Render, custom: dict[Any, Any], changes: dict[str, Any]) -> None:
    for item in render("monitoring", **EVERYTHING | changes):
        if item["kind"] != "ConfigMap":
            jsonschema.validate(item, custom[item["apiVersion"], item["kind"]])


def test_the_pods_that_have_metrics_are_asked(render: Render) -> None:
    objects = render(**EVERYTHING, immich_workers="split", immich_cache_provider="dragonfly")
    monitor = objects.one("PodMonitor", "immich-server")["spec"]
    ports = {endpoint["port"] for endpoint in monitor["podMetricsEndpoints"]}
    [names] = [entry["values"] for entry in monitor["selector"]["matchExpressions"]]
    for name in names:
        labels = objects.one("Deployment", f"immich-{name}")["spec"]["template"]["metadata"]["labels"]
        assert labels.items() >= monitor["selector"]["matchLabels"].items() and labels["app.kubernetes.io/name"] == name
        assert ports & {port["name"] for port in objects.container(f"immich-{name}")["ports"]}
    assert objects.one("PodMonitor", "immich-db")["spec"]["selector"]["matchLabels"] == {"cnpg.io/cluster": "immich-db", "cnpg.io/podRole": "instance"}
    assert objects.one("PodMonitor", "immich-dragonfly")["spec"]["podMetricsEndpoints"][0]["port"] == "admin"
    assert [item["metadata"]["name"] for item in render("monitoring", immich_monitoring=True) if item["kind"] == "PodMonitor"] == ["immich-server", "immich-db"]


@pytest.mark.parametrize("changes", [{}, {"immich_network_policy_monitoring": "observability"}])
def test_prometheus_reaches_the_metrics_of_a_dragonfly_that_its_operator_guards(render: Render, changes: dict[str, str]) -> None:
    """The operator's policy lets its own controller to port 9999 and nobody else."""
    objects = render("cache", immich_monitoring=True, immich_cache_provider="dragonfly", **changes)
    assert objects.one("Dragonfly", "immich-dragonfly")["spec"]["networkPolicyEnabled"] is True
    spec = objects.one("NetworkPolicy", "immich-dragonfly-metrics")["spec"]
    [rule] = spec["ingress"]
    assert spec["podSelector"]["matchLabels"] == {"app": "immich-dragonfly"} and spec["policyTypes"] == ["Ingress"]
    [who] = rule["from"]
    assert who["namespaceSelector"]["matchLabels"] == {"kubernetes.io/metadata.name": changes.get("immich_network_policy_monitoring", "monitoring")}
    assert rule["ports"] == [{"protocol": "TCP", "port": 9999}]


@pytest.mark.parametrize("changes", [{"immich_monitoring": False}, {"immich_network_policy": "kubernetes"}, {"immich_cache_provider": "valkey"}])
def test_no_such_policy_where_nobody_looks_or_ours_say_it(render: Render, changes: dict[str, Any]) -> None:
    objects = render("cache", **({"immich_monitoring": True, "immich_cache_provider": "dragonfly"} | changes))
    assert "NetworkPolicy" not in {item["kind"] for item in objects}


def test_labels_by_which_they_are_found(render: Render) -> None:
    labels: dict[str, Any] = {"immich_monitoring_labels": {"release": "home"}, "immich_monitoring_dashboard_labels": {"dashboards": "yes"}}
    labels |= {"immich_monitoring_rule_labels": {"team": "home"}, "immich_monitoring_dashboard_annotations": {"grafana_folder": "Home"}}
    objects = render("monitoring", **EVERYTHING, **labels)
    assert all(item["metadata"]["labels"].get("release") == ("home" if item["kind"] != "ConfigMap" else None) for item in objects)
    dashboard = objects.one("ConfigMap", "immich-dashboard")["metadata"]
    assert dashboard["labels"]["dashboards"] == "yes" and dashboard["annotations"] == {"grafana_folder": "Home"}
    assert all(rule["labels"]["team"] == "home" for rule in alerts(objects).values())
    assert render("monitoring", immich_monitoring=True).one("ConfigMap", "immich-dashboard")["metadata"]["labels"]["grafana_dashboard"] == "1"
    assert "ConfigMap" not in {item["kind"] for item in render("monitoring", immich_monitoring=True, immich_monitoring_dashboard_labels={})}


def test_every_alert_says_what_to_do_and_where_to_read_on(render: Render, checkout: Path) -> None:
    for name, rule in alerts(render("monitoring", **EVERYTHING, immich_cache_provider="dragonfly")).items():
        notes = rule["annotations"]
        assert rule["labels"]["severity"] in ("critical", "warning", "info") and rule["labels"]["immich"] == "photos", name
        assert re.search(r"kubectl -n |ansible-playbook ", notes["description"]), name
        page, _hash, anchor = notes["runbook_url"].rpartition("/")[2].partition("#")
        headings = re.findall(r"^#+ (.+)$", (checkout / "docs" / page).read_text(), re.MULTILINE)
        assert anchor in [re.sub(r"[^a-z0-9 -]", "", heading.lower()).replace(" ", "-") for heading in headings], name


def test_alerts_are_for_what_there_is(render: Render) -> None:
    little = alerts(render("monitoring", immich_monitoring=True, immich_machine_learning_enabled=False))
    everything = alerts(render("monitoring", **EVERYTHING))
    assert set(everything) - set(little) == {
        "ImmichMachineLearningDown",
        "ImmichDatabaseArchivingFailing",
        "ImmichDatabaseBackupTooOld",
        "ImmichDatabaseMirrorFailed",
        "ImmichDatabaseMirrorTooOld",
        "ImmichVolumeBackupFailed",
        "ImmichVolumeBackupTooOld",
        "ImmichVolSyncOutOfSync",
    }
    assert "photos" not in everything["ImmichVolumeFillingUp"]["expr"]  # whoever fills those up is not Immich
    assert "ImmichCacheUnhealthy" not in alerts(render("monitoring", immich_monitoring=True, immich_cache_provider="external", immich_cache_host="redis"))


def test_what_is_late_follows_from_the_schedule(render: Render) -> None:
    weekly = EVERYTHING | {"immich_volumes": media(COPY | {"schedule": "0 3 * * 0"})}
    assert alerts(render("monitoring", **weekly))["ImmichVolumeBackupTooOld"]["expr"].endswith(f"> {7 * 86400 + 7200}")
    assert alerts(render("monitoring", **EVERYTHING))["ImmichDatabaseBackupTooOld"]["expr"].endswith("> 93600")


def test_the_dashboard_is_of_this_instance(render: Render) -> None:
    [text] = render("monitoring", **EVERYTHING, immich_namespace="media").one("ConfigMap", "immich-dashboard")["data"].values()
    dashboard = json.loads(text)
    constants = {entry["name"]: entry["query"] for entry in dashboard["templating"]["list"] if entry["type"] == "constant"}
    assert constants == {"namespace": "media", "name": "immich", "database_namespace": "media", "cluster": "immich-db"}
    assert "@" not in text and dashboard["title"] == "Immich (media)"
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])
    places = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in dashboard["panels"]]
    assert len(set(places)) == len(places)
    assert "{{deployment}}" in text  # Grafana's own braces


def promtool(*arguments: str) -> str:
    result = subprocess.run([str(PROMTOOL), *arguments], capture_output=True, text=True, timeout=120, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout + result.stderr


@needs_promtool
@pytest.mark.parametrize("changes", [{}, {"immich_cache_provider": "dragonfly", "immich_guard_pushgateway": "http://push:9091", "immich_workers": "split"}])
def test_promtool_takes_the_rules(render: Render, tmp_path: Path, changes: dict[str, Any]) -> None:
    (tmp_path / "rules.yml").write_text(yaml.safe_dump(rules(render("monitoring", **EVERYTHING | changes))))
    assert "SUCCESS" in promtool("check", "rules", str(tmp_path / "rules.yml"))


@needs_promtool
def test_promtool_takes_the_expressions_of_the_dashboard(render: Render, tmp_path: Path) -> None:
    [text] = render("monitoring", **EVERYTHING).one("ConfigMap", "immich-dashboard")["data"].values()
    targets = [target["expr"] for panel in json.loads(text)["panels"] for target in panel["targets"]]
    records = [{"record": f"panel:{number}", "expr": expression.replace("$__rate_interval", "5m")} for number, expression in enumerate(targets)]
    (tmp_path / "rules.yml").write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": records}]}))
    promtool("check", "rules", "--lint=none", str(tmp_path / "rules.yml"))


NS = 'namespace="immich"'
JOB = f'{NS},job_name="immich-backup-media-1"'
FAILED = {
    f'kube_job_owner{{{JOB},owner_kind="CronJob",owner_name="immich-backup-media"}}': 1,
    f'kube_job_failed{{{JOB},condition="true"}}': 1,
    f"kube_job_status_start_time{{{JOB}}}": 3600,
}
POD = f'{NS},pod="immich-db-1"'
CRONJOB = f'{NS},cronjob="immich-backup-media"'
SUCCESS, CREATED = f"kube_cronjob_status_last_successful_time{{{CRONJOB}}}", f"kube_cronjob_created{{{CRONJOB}}}"
BACKUP = f"barman_cloud_cloudnative_pg_io_last_available_backup_timestamp{{{POD}}}"
VALKEY = f'kube_deployment_status_replicas_available{{{NS},deployment="immich-valkey"}}'
RESTARTS = f'kube_pod_container_status_restarts_total{{{NS},container="valkey",pod="immich-valkey-1"}}'
OUT_OF_SYNC = 'volsync_volume_out_of_sync{obj_namespace="immich",obj_name="immich-media",role="source",method="restic"}'
BRAKE = "immich_guard_brake_set"
DAY, HOUR = 1440, 60


def server(available: int, wanted: int) -> dict[str, Any]:
    which = f'{{{NS},deployment="immich-server"}}'
    return {f"kube_deployment_status_replicas_available{which}": available, f"kube_deployment_spec_replicas{which}": wanted}


def disk(free: int) -> dict[str, Any]:
    which = f'{{{NS},persistentvolumeclaim="immich-media"}}'
    return {f"kubelet_volume_stats_available_bytes{which}": free, f"kubelet_volume_stats_capacity_bytes{which}": 100}


def archiver(failed: int, archived: int) -> dict[str, Any]:
    return {f"cnpg_pg_stat_archiver_last_failed_time{{{POD}}}": failed, f"cnpg_pg_stat_archiver_last_archived_time{{{POD}}}": archived}


def guard(outcome: str, trashed: int = 0) -> dict[str, Any]:
    which = 'library="NAS photos",owner="admin@example.net"'
    outcomes = {f'immich_guard_outcome{{{which},outcome="{one}"}}': int(one == outcome) for one in ("scanned", "later", "refused", "braked")}
    return outcomes | {f"immich_guard_trashed_assets{{{which}}}": trashed}


# alert, what Prometheus sees all the time, after how many minutes, whether it fires
CASES: list[tuple[str, dict[str, Any], int, bool]] = [
    ("ImmichDown", server(0, 1), 15, True),
    ("ImmichDown", server(1, 1), 15, False),
    ("ImmichDown", server(0, 0), 15, False),
    ("ImmichVolumeFillingUp", disk(9), 20, True),
    ("ImmichVolumeFillingUp", disk(20), 20, False),
    ("ImmichCacheUnhealthy", {VALKEY: 0}, 10, True),
    ("ImmichCacheUnhealthy", {RESTARTS: "0+1"}, HOUR, True),
    ("ImmichCacheUnhealthy", {VALKEY: 1, RESTARTS: 3}, HOUR, False),
    ("ImmichDatabaseDown", {}, 15, True),
    ("ImmichDatabaseDown", {f"cnpg_collector_up{{{POD}}}": 1}, 15, False),
    ("ImmichDatabaseArchivingFailing", archiver(60, 10), 15, True),
    ("ImmichDatabaseArchivingFailing", {f'cnpg_collector_pg_wal_archive_status{{{POD},value="ready"}}': 40}, 15, True),
    ("ImmichDatabaseArchivingFailing", archiver(60, 90), 15, False),
    ("ImmichDatabaseBackupTooOld", {BACKUP: 0}, 28 * HOUR, True),
    ("ImmichDatabaseBackupTooOld", {BACKUP: 86400}, 28 * HOUR, False),
    ("ImmichExtensionUpdatePending", {f'cnpg_pg_extensions_update_available{{{POD},name="vchord"}}': 1}, 70, True),
    ("ImmichVolumeBackupFailed", FAILED, 70, True),
    ("ImmichVolumeBackupFailed", FAILED | {SUCCESS: 1800}, 70, True),
    ("ImmichVolumeBackupFailed", FAILED | {SUCCESS: 7200}, 70, False),
    ("ImmichVolumeBackupTooOld", {SUCCESS: 0}, 27 * HOUR, True),
    ("ImmichVolumeBackupTooOld", {CREATED: 0}, 27 * HOUR, True),
    ("ImmichVolumeBackupTooOld", {CREATED: 0, SUCCESS: 86400}, 27 * HOUR, False),
    ("ImmichVolSyncOutOfSync", {OUT_OF_SYNC: 1}, 27 * HOUR, True),
    ("ImmichDatabaseMirrorTooOld", {f'kube_cronjob_status_last_successful_time{{{NS},cronjob="immich-db-b2"}}': 0}, 27 * HOUR, True),
    ("ImmichDatabaseMirrorFailed", {series.replace("immich-backup-media", "immich-db-b2"): value for series, value in FAILED.items()}, 70, True),
    ("ImmichScanFailed", {series.replace("backup-media", "scan-nas-photos-2f5bdb"): value for series, value in FAILED.items()}, 70, True),
    ("ImmichScanRefused", guard("refused"), 10, True),
    ("ImmichScanRefused", guard("later"), 10, False),
    ("ImmichAssetsTrashed", guard("braked", 41180), 5, True),
    ("ImmichAssetsTrashed", guard("scanned", 3), 5, False),
    ("ImmichBrakeSet", {BRAKE: 1}, DAY + 10, True),
]


@needs_promtool
def test_what_each_alert_finds(render: Render, tmp_path: Path) -> None:
    objects = render("monitoring", **EVERYTHING)
    (tmp_path / "rules.yml").write_text(yaml.safe_dump(rules(objects)))
    known = alerts(objects)
    assert set(known) - {name for name, _series, _minutes, fires in CASES if fires} == {
        "ImmichMachineLearningDown",  # as ImmichDown
        "ImmichDatabaseVolumeFillingUp",  # as ImmichVolumeFillingUp
    }
    tests = []
    for name, series, minutes, fires in CASES:
        # how it is worded is not the matter here: that the alert is there, or not
        query = {"expr": f'count(ALERTS{{alertname="{name}",alertstate="firing"}}) > bool 0 or vector(0)', "eval_time": f"{minutes}m"}
        query["exp_samples"] = [{"labels": "{}", "value": 1 if fires else 0}]
        given = [{"series": one, "values": f"{value}x400"} for one, value in series.items()]
        tests.append({"interval": "5m", "name": f"{name} {minutes} {fires}", "input_series": given, "promql_expr_test": [query]})
    (tmp_path / "tests.yml").write_text(yaml.safe_dump({"rule_files": ["rules.yml"], "evaluation_interval": "5m", "tests": tests}))
    assert "SUCCESS" in promtool("test", "rules", str(tmp_path / "tests.yml"))
