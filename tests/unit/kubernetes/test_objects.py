# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whose an object is, and what a person gets to see of it."""

from __future__ import annotations

import pytest
from ansible_collections.homelab.immich.plugins.module_utils.kubernetes.objects import (
    LAST_APPLIED,
    comparable,
    difference,
    owner,
    presentable,
    quantity,
    title,
    without_userinfo,
    yaml_text,
)

OURS = {"app.kubernetes.io/managed-by": "homelab.immich", "homelab.immich/instance": "photos"}


def live(labels=None, annotations=None, kind="Deployment", **more):
    """An object as the API server has it."""
    meta = {"name": "immich-server", "namespace": "immich", "labels": labels or {}, "annotations": annotations or {}, **more.pop("metadata", {})}
    return {"apiVersion": "v1", "kind": kind, "metadata": meta, **more}


@pytest.mark.parametrize(
    ("labels", "annotations", "metadata", "whose"),
    [
        (OURS, {}, {}, ""),
        ({}, {}, {}, "somebody else"),
        ({"app.kubernetes.io/name": "immich"}, {}, {}, "somebody else"),
        ({**OURS, "homelab.immich/instance": "family"}, {}, {}, "another instance of this collection (family)"),
        ({"app.kubernetes.io/managed-by": "Helm"}, {"meta.helm.sh/release-name": "immich"}, {}, "Helm (release immich)"),
        (OURS, {"meta.helm.sh/release-name": "immich"}, {}, "Helm (release immich)"),
        (OURS, {"argocd.argoproj.io/tracking-id": "media:apps/Deployment:immich/immich-server"}, {}, "Argo CD (application media)"),
        ({"argocd.argoproj.io/instance": "media"}, {}, {}, "Argo CD (application media)"),
        (
            {"kustomize.toolkit.fluxcd.io/name": "apps", "kustomize.toolkit.fluxcd.io/namespace": "flux-system"},
            {},
            {},
            "Flux (Kustomization flux-system/apps)",
        ),
        (
            {"helm.toolkit.fluxcd.io/name": "immich", "helm.toolkit.fluxcd.io/namespace": "immich", "app.kubernetes.io/managed-by": "Helm"},
            {"meta.helm.sh/release-name": "immich"},
            {},
            "Flux (HelmRelease immich/immich)",
        ),
        ({}, {}, {"managedFields": [{"manager": "homelab.immich", "operation": "Apply"}]}, ""),
        ({"homelab.immich/instance": "family"}, {}, {"managedFields": [{"manager": "homelab.immich", "operation": "Apply"}]}, "another instance"),
        (OURS, {}, {"ownerReferences": [{"kind": "ExternalSecret", "name": "immich-db"}]}, "its controller (ExternalSecret immich-db)"),
    ],
)
def test_the_owner_of_an_object_is_named(labels, annotations, metadata, whose):
    found = owner(live(labels, annotations, metadata=metadata), "photos")
    assert found.startswith(whose) and bool(found) == bool(whose)


def test_no_value_of_a_secret_is_shown_and_yet_which_key_differs():
    before = live(kind="Secret", data={"password": "b2xk", "username": "aW1taWNo"}, annotations={LAST_APPLIED: '{"data":{"password":"b2xk"}}'})
    after = live(kind="Secret", data={"password": "bmV3", "username": "aW1taWNo"}, annotations={LAST_APPLIED: '{"data":{"password":"bmV3"}}'})
    left, right = (presentable(part, "Secret", mark) for part, mark in zip(difference(before, after), ("(one)", "(other)"), strict=True))
    shown = yaml_text([presentable(before, "Secret"), presentable(after, "Secret"), left, right])
    for value in ("b2xk", "bmV3", "aW1taWNo"):
        assert value not in shown
    assert (left["data"], right["data"]) == ({"password": "(one)"}, {"password": "(other)"})


def test_no_value_of_a_variable_that_is_named_like_a_secret_is_shown():
    spec = {"containers": [{"name": "server", "env": [{"name": "SMTP_PASSWORD", "value": "hunter2"}, {"name": "TZ", "value": "UTC"}]}]}
    shown = yaml_text(presentable(live(spec=spec), "Deployment"))
    assert "hunter2" not in shown
    assert "SMTP_PASSWORD" in shown
    assert "UTC" in shown


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("EXTRA_DSN", "postgres://u:hunter2@h/x"),
        ("DB_URL", "postgres://u:hun/te@r?hunter2@h/x"),
        ("DSN", "https://hunter2@sentry.example.net/1"),
        ("db_uri", "host=h user=u password=hunter2"),
        ("REDIS_URL", "ioredis://hunter2"),
    ],
)
def test_nothing_of_an_address_with_credentials_is_shown(name, value):
    spec = {"containers": [{"name": "server", "env": [{"name": name, "value": value}]}]}
    shown = presentable(live(spec=spec), "Deployment", "(hidden, another value)")
    assert shown["spec"]["containers"][0]["env"] == [{"name": name, "value": "(hidden, another value)"}]


def test_an_address_without_credentials_is_shown():
    env = [{"name": "IMMICH_MACHINE_LEARNING_URL", "value": "http://immich-machine-learning:3003"}, {"name": "PAGE_URL", "value": "https://h.example.net/@me"}]
    assert presentable(live(spec={"env": env}), "Deployment")["spec"]["env"] == env


def test_no_user_of_a_url_is_shown_wherever_it_stands():
    args = ["--target=redis://:hunter2@cache:6379/0", "redis://u:hunter2@a,redis://u:hunter2@b"]
    part = {
        "data": {"config.yaml": "proxy: http://me:hunter2@proxy:3128\ntimezone: UTC\n"},
        "spec": {"args": args, "env": [{"name": "PROXY", "value": "http://me:hunter2@p"}]},
    }
    shown = presentable(part, "ConfigMap")
    assert "hunter2" not in yaml_text(shown)
    assert shown["data"]["config.yaml"] == "proxy: http://(hidden)@proxy:3128\ntimezone: UTC\n"
    assert shown["spec"]["args"][0] == "--target=redis://(hidden)@cache:6379/0"
    assert without_userinfo("cannot reach postgres://u:hunter2@h/x: no route") == "cannot reach postgres://(hidden)@h/x: no route"


def test_what_the_api_server_keeps_for_itself_is_no_difference():
    one = live(metadata={"resourceVersion": "1", "managedFields": [{}], "uid": "a", "generation": 1}, status={"phase": "Bound"})
    other = live(metadata={"resourceVersion": "2", "generation": 7})
    assert comparable(one) == comparable(other)


def test_a_difference_shows_what_differs_and_nothing_else():
    extra = {"name": "EXTRA", "value": "1"}
    before = {"spec": {"replicas": 1, "containers": [{"name": "server", "image": "a", "env": [{"name": "TZ", "value": "UTC"}, extra]}]}}
    after = {"spec": {"replicas": 1, "containers": [{"name": "server", "image": "a", "env": [{"name": "TZ", "value": "Europe/Amsterdam"}]}]}}
    left, right = difference(before, after)
    assert left == {"spec": {"containers": [{"name": "server", "env": [{"name": "TZ", "value": "UTC"}, extra]}]}}
    assert right == {"spec": {"containers": [{"name": "server", "env": [{"name": "TZ", "value": "Europe/Amsterdam"}]}]}}


def test_a_side_of_which_nothing_differs_is_not_shown():
    left, right = difference({"a": {"x": 1, "y": 2}, "c": 1}, {"a": {"x": 1}, "c": 2})
    assert left == {"a": {"y": 2}, "c": 1}
    assert right == {"c": 2}


def test_an_empty_thing_that_appears_is_shown():
    assert difference({"volume": {"name": "x"}}, {"volume": {"name": "x", "emptyDir": {}}})[1] == {"volume": {"emptyDir": {}}}


def test_lists_without_names_are_shown_whole():
    assert difference({"args": ["a", "b"]}, {"args": ["a"]}) == ({"args": ["a", "b"]}, {"args": ["a"]})


@pytest.mark.parametrize(("text", "number"), [("1Ki", 1024), ("1Ti", 1024**4), ("500M", 5e8), ("20", 20), ("1.5Gi", 1.5 * 1024**3), ("1e3", 1000)])
def test_quantities(text, number):
    assert quantity(text) == pytest.approx(number)


def test_what_is_no_quantity_is_an_error():
    with pytest.raises(ValueError, match="12 GB is not a quantity"):
        quantity("12 GB")


def test_the_title_names_a_namespace_only_where_there_is_one():
    assert title(live()) == "Deployment immich/immich-server"
    assert title({"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": "x"}}) == "PersistentVolume x"


def test_a_file_is_shown_line_by_line():
    assert yaml_text({"data": {"immich.json": '{\n  "trash": {"days": 60}\n}', "one": "line", "empty": ""}}).splitlines() == [
        "data:",
        "  immich.json: |-",
        "    {",
        '      "trash": {"days": 60}',
        "    }",
        "  one: line",
        "  empty: ''",
    ]
