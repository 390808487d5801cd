# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What becomes of immich_secrets."""

from __future__ import annotations

import base64
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.homelab.immich.plugins.plugin_utils import secrets

Render = Callable[..., Any]
REAL = {"immich_rehearsal": False}


def test_the_page_names_every_purpose_with_its_keys(checkout: Path) -> None:
    page = (checkout / "docs" / "secrets.md").read_text()
    rows = {line.split("`")[1]: line for line in page.splitlines() if line.startswith("| `")}
    for name, purpose in secrets.PURPOSES.items():
        cells = rows[name].split(" | ")
        assert {key for key in purpose.keys + purpose.optional if f"`{key}`" not in cells[2]} == set()
        assert cells[3].startswith("yes") is purpose.generated
    assert {row for row in rows if not row.startswith(("database_backup_", *(f"{source}:" for source in secrets.SOURCES)))} == set(secrets.PURPOSES)


def data(secret: dict[str, Any]) -> dict[str, str]:
    return {key: base64.b64decode(value).decode() for key, value in secret["data"].items()}


def test_what_is_not_named_is_generated(render: Render) -> None:
    objects = render("secrets", **REAL)
    database = objects.one("Secret", "immich-database")
    assert database["metadata"]["annotations"] == {"homelab.immich/generate": "password"}
    assert (database["type"], database["stringData"], database["metadata"]["labels"]["cnpg.io/reload"]) == (
        "kubernetes.io/basic-auth",
        {"username": "immich"},
        "true",
    )
    assert "data" not in database and "stringData" not in objects.one("Secret", "immich-cache")


def test_an_existing_secret_is_used_where_it_is_needed_and_never_written(render: Render) -> None:
    objects = render(immich_secrets={"database": {"existing": "pg"}, "cache": {"existing": "queue"}}, **REAL)
    assert objects.one("Secret", "pg")["metadata"]["annotations"] == {"homelab.immich/existing": "username,password"}
    assert objects.one("Secret", "queue")["metadata"]["annotations"] == {"homelab.immich/existing": "password"}
    assert not [item for item in objects if item["kind"] == "Secret" and ("data" in item or "stringData" in item)]
    cluster = objects.one("Cluster", "immich-db")["spec"]
    assert cluster["managed"]["roles"][0]["passwordSecret"] == cluster["bootstrap"]["initdb"]["secret"] == {"name": "pg"}
    env = objects.env("immich-server")
    assert [env[name]["secretKeyRef"]["name"] for name in ("DB_USERNAME", "DB_PASSWORD", "REDIS_PASSWORD")] == ["pg", "pg", "queue"]
    assert objects.env("immich-valkey")["REDISCLI_AUTH"]["secretKeyRef"]["name"] == "queue"


def test_values_of_the_inventory_arrive_as_they_are(render: Render) -> None:
    nasty = "a: \"b\" 'c' {{ d }} ä\n- e"
    secret = render("secrets", immich_secrets={"database": {"values": {"password": nasty}}}, **REAL).one("Secret", "immich-database")
    assert data(secret) == {"username": "immich", "password": nasty}
    assert "annotations" not in secret["metadata"] and "stringData" not in secret


def test_a_store_gives_all_that_it_has_or_the_properties_that_are_named(render: Render) -> None:
    def spec(**external: Any) -> dict[str, Any]:
        source = {"external": {"store": "ClusterSecretStore/homelab", "key": "pg", **external}}
        return render("secrets", immich_secrets={"database": source}).one("ExternalSecret", "immich-database")["spec"]

    everything = spec()
    assert everything["secretStoreRef"] == {"kind": "ClusterSecretStore", "name": "homelab"}
    assert everything["dataFrom"] == [{"extract": {"key": "pg"}}] and "data" not in everything
    named = spec(properties={"password": "pw"})
    assert named["data"] == [{"secretKey": "password", "remoteRef": {"key": "pg", "property": "pw"}}] and "dataFrom" not in named
    template = named["target"]["template"]  # what CloudNativePG wants of the Secret, and does not come from the store
    assert (template["type"], template["data"], template["mergePolicy"]) == ("kubernetes.io/basic-auth", {"username": "immich"}, "Merge")
    assert template["metadata"]["labels"] == {"cnpg.io/reload": "true"}
    assert named["target"]["deletionPolicy"] == "Retain"


def test_an_item_of_1password(render: Render) -> None:
    item = render("secrets", immich_secrets={"database": {"onepassword": "vaults/home/items/pg"}}).one("OnePasswordItem", "immich-database")
    assert (item["spec"], item["type"]) == ({"itemPath": "vaults/home/items/pg"}, "kubernetes.io/basic-auth")


def test_a_sealed_secret(render: Render) -> None:
    spec = render("secrets", immich_secrets={"database": {"sealed": {"password": "AgB"}}}).one("SealedSecret", "immich-database")["spec"]
    assert spec["encryptedData"] == {"password": "AgB"}
    assert spec["template"]["data"] == {"username": "immich"} and spec["template"]["type"] == "kubernetes.io/basic-auth"


@pytest.fixture
def sops(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """A program of that name which decrypts every file to a text."""

    def decrypts_to(text: str) -> None:
        (tmp_path / "plain").write_text(text)
        program = tmp_path / "sops"
        program.write_text(f'#!/bin/sh\ncase "$*" in *--version*) echo sops 3.10.2 ;; *) test -f {tmp_path}/pg.sops.yaml && cat {tmp_path}/plain ;; esac\n')
        program.chmod(0o755)
        (tmp_path / "pg.sops.yaml").write_text("sops: {}")
        monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")

    return decrypts_to


def test_a_file_that_is_encrypted_with_sops(render: Render, sops: Callable[[str], None], tmp_path: Path) -> None:
    sops(f"kind: Secret\ndata:\n  password: {base64.b64encode(b'pw').decode()}\nstringData:\n  username: somebody\n")
    objects = render("secrets", immich_secrets={"database": {"sops": "pg.sops.yaml"}}, inventory_dir=str(tmp_path), **REAL)
    assert data(objects.one("Secret", "immich-database")) == {"password": "pw", "username": "immich"}


@pytest.mark.parametrize("text", ["hunter2", "kind: Secret\ndata: {password: hunter2!}", "a: [hunter2", "kind: Secret\nstringData: {pw: hunter2}"])
def test_a_file_without_the_password_shows_nothing_of_it(render: Render, sops: Callable[[str], None], tmp_path: Path, text: str) -> None:
    sops(text)
    with pytest.raises(Exception, match="immich_secrets: the decrypted (file is not a Secret|Secret has no password)") as failure:
        render("secrets", immich_secrets={"database": {"sops": "pg.sops.yaml"}}, inventory_dir=str(tmp_path), **REAL)
    assert "hunter2" not in str(failure.value)


@pytest.mark.parametrize("source", [{"existing": "pg"}, {"values": {"password": "hunter2"}}, {"sops": "missing.sops.yaml"}])
def test_a_rehearsal_reads_no_real_secret(render: Render, source: dict[str, Any]) -> None:
    (secret,) = [item for item in render("secrets", immich_secrets={"database": source}) if item["type"] == "kubernetes.io/basic-auth"]
    assert secret["metadata"]["annotations"] == {"homelab.immich/generate": "password"} and "data" not in secret
    assert secret["metadata"]["name"] == source.get("existing", "immich-database")


@pytest.mark.parametrize(
    ("name", "entry", "texts"),
    [
        ("database", {"existing": "pg"}, []),
        ("cache", {"values": {"password": "x"}}, []),
        ("cache", {"external": {"store": "SecretStore/a", "key": "b"}}, []),
        ("datbase", {"existing": "pg"}, ["is for nothing that this collection knows. Use database, cache, "]),
        ("smb", {"values": {"username": "a", "password": "b", "domain": "c"}}, []),
        ("smb", {"sealed": {"password": "b"}}, ["sealed has no username. It needs username and password."]),
        ("cache_url", {"values": {"url": "ioredis://e30="}}, []),
        ("cache_url", {"values": {"url": "redis://:hunter2@redis"}}, ["values.url does not begin with ioredis://, and Immich ignores any other"]),
        ("cache", {}, ["does not have exactly one source. Give it one of existing, values, external, onepassword, sealed or sops, with what it needs."]),
        ("cache", {"existing": "a", "sops": "b"}, ["does not have exactly one source."]),
        ("cache", {"vault": "a"}, ["does not have exactly one source."]),
        ("cache", "a", ["does not have exactly one source."]),
        ("cache", {"existing": {"name": "a"}}, ["existing is no text. Name a Secret in the namespace of the instance."]),
        ("cache", {"values": "hunter2"}, ["values is no mapping."]),
        ("cache", {"values": {"pasword": "hunter2"}}, ["values has no password. It needs password.", "values.pasword has no meaning here. Use password."]),
        ("cache", {"sealed": {"password": 123}}, ["sealed.password is no text. Put it in quotes."]),
        ("cache", {"external": {"store": "homelab"}}, ["external.key is not set.", "external.store is not a store."]),
        ("cache", {"external": {"store": "SecretStore/a", "key": "b", "propertys": {}}}, ["external.propertys is not a known key."]),
        ("cache", {"external": {"store": "SecretStore/a", "key": "b", "properties": {"pw": "x"}}}, ["external.properties has no password.", "properties.pw"]),
    ],
)
def test_what_is_wrong_with_an_entry(name: str, entry: Any, texts: list[str]) -> None:
    found = secrets.problems(name, entry, ["database", "cache", "cache_url", "smb"])
    assert len(found) == len(texts) and all(text in said for text, said in zip(texts, found, strict=True)), found
    assert "hunter2" not in str(found)
