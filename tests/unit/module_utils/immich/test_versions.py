# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What each Immich version has, compared with its published API."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible_collections.homelab.immich.plugins.module_utils.immich import versions

VERSIONS = ["v1.135.3", "v2.0.0", "v2.4.1", "v2.5.5", "v2.7.5", "v3.0.0", "v3.1.0"]


def contract(reference: Path, version: str) -> dict:
    return json.loads((reference / "openapi" / f"immich-{version}.json").read_text())


@pytest.mark.parametrize("version", VERSIONS)
def test_every_permission_that_a_key_would_get_exists_in_that_version(reference: Path, version: str) -> None:
    known = set(contract(reference, version)["components"]["schemas"]["Permission"]["enum"])
    for purpose in versions.PURPOSES:
        needed = versions.permissions(version, [purpose])
        assert needed, "a key needs at least one permission"
        assert set(needed) <= known


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    ("capability", "path"),
    [
        ("api_keys_me", "/api-keys/me"),
        ("queues_api", "/queues"),
        ("maintenance_api", "/admin/maintenance"),
        ("backups_api", "/admin/database-backups"),
        ("integrity_api", "/admin/integrity/summary"),
        ("admin_config_api", "/admin/config"),
    ],
)
def test_an_endpoint_is_claimed_exactly_where_the_contract_has_it(reference: Path, version: str, capability: str, path: str) -> None:
    assert getattr(versions.capabilities(version), capability) == (path in contract(reference, version)["paths"])


@pytest.mark.parametrize("version", VERSIONS)
def test_every_call_is_in_the_contract_with_its_permission_and_status(reference: Path, version: str) -> None:
    paths = {re.sub(r"/jobs/{id}", "/jobs/{name}", path): calls for path, calls in contract(reference, version)["paths"].items()}
    known = versions.capabilities(version)
    for call in versions.endpoints(version):
        found = paths[call.path][call.method.lower()]
        declared = found.get("x-immich-permission")
        assert list(found["responses"])[0] == str(call.status), call
        if known.undeclared_needs_all:
            needs_key = bool(found.get("security"))
            expected = declared or (call.permission if needs_key and call.permission in (versions.ALL, versions.ANY_KEY) else versions.ANYBODY)
            assert call.permission == expected, call
    for call in set(versions.endpoints(versions.NEWEST)) - set(versions.endpoints(version)):
        before = paths.get(call.path, {}).get(call.method.lower())
        assert before is None or list(before["responses"])[0] != str(call.status), call


def settings_of(schemas: dict, name: str, prefix: str = "") -> Iterator[str]:
    for key, value in schemas[name]["properties"].items():
        yield f"{prefix}{key}"
        target = value.get("$ref") or next((part["$ref"] for part in value.get("allOf", []) if "$ref" in part), "")
        if "properties" in schemas.get(target.rpartition("/")[2], {}):
            yield from settings_of(schemas, target.rpartition("/")[2], f"{prefix}{key}.")


@pytest.mark.parametrize("version", VERSIONS)
def test_the_settings_are_those_of_the_contract(reference: Path, version: str) -> None:
    newest = set(settings_of(contract(reference, VERSIONS[-1])["components"]["schemas"], "SystemConfigDto"))
    here = set(settings_of(contract(reference, version)["components"]["schemas"], "SystemConfigDto"))
    assert {path for path in newest if versions.setting_since(path) <= versions.parse(version)} == newest & here


@pytest.mark.parametrize(
    ("version", "vectorchord", "accepted"),
    [
        ("v1.135.3", "0.4.3", True),
        ("v1.135.3", "0.5.0", False),
        ("v2.0.1", "0.5.3", False),
        ("v2.1.0", "0.5.3", True),
        ("v2.4.1", "1.0.0", False),
        ("v2.5.0", "1.1.1", True),
        ("v3.3.5", "1.1.1", True),
        ("v3.3.5", "2.0.0", False),
        ("v3.3.5", "0.2.9", False),
        ("v3.3.5", "0.3", True),
    ],
)
def test_the_vectorchord_that_a_version_starts_with(version: str, vectorchord: str, accepted: bool) -> None:
    assert versions.vectorchord_ok(version, vectorchord) is accepted


def test_what_to_advise_when_a_vectorchord_is_refused() -> None:
    assert versions.vectorchord_range("v2.4.1") == ">=0.3 <0.6"
    assert versions.vectorchord_range("v3.1.0") == ">=0.3 <2"
    assert versions.newest_vectorchord("v2.0.0") == "0.4.3"
    assert versions.newest_vectorchord("v2.4.1") == "0.5.3"
    assert str(versions.first_version_accepting_vectorchord("1.1.1")) == "v2.5.0"
    assert str(versions.first_version_accepting_vectorchord("0.4.3")) == "v1.135.3"
    assert versions.first_version_accepting_vectorchord("2.0.0") is None


@pytest.mark.parametrize(
    ("version", "location"), [("v1.135.3", "/usr/src/app/upload"), ("v1.136.0", "/usr/src/app/upload"), ("v1.137.0", "/data"), ("v3.3.5", "/data")]
)
def test_where_the_media_is(version: str, location: str) -> None:
    assert versions.capabilities(version).media_location == location


def test_the_postgres_that_a_version_accepts() -> None:
    known = versions.capabilities("v2.5.5")
    assert versions.parse_postgres("17.10") in known.postgres and versions.parse_postgres("13.9") not in known.postgres
    assert versions.parse_postgres("18") in known.postgres_documented and versions.parse_postgres("19.1") not in known.postgres_documented
    assert str(known.postgres) == ">=14" and str(known.postgres_documented) == ">=14 <19"


def test_versions_are_ordered_by_number_not_by_letter() -> None:
    assert versions.parse("v2.10.0") > versions.parse("2.9.9")
    assert str(versions.parse("3.3.5")) == "v3.3.5" and versions.parse("v3.3.5").plain == "3.3.5"


@pytest.mark.parametrize("value", ["release", "v3", "3.1", "v3.0.0-rc.1", "", "v1.2.3.4", "１.２.３", None, True, "v3.3.5\nx"])
def test_what_is_not_a_version_is_told_in_one_sentence(value: object) -> None:
    with pytest.raises(versions.VersionError, match=r'is not a version; write it like "v3\.3\.5"\.$'):
        versions.parse(value)


def test_an_unquoted_version_says_so() -> None:
    with pytest.raises(versions.VersionError, match="quote it, YAML reads it as a number"):
        versions.parse(2.5)
    with pytest.raises(versions.VersionError, match="17.1 .*quote it"):
        versions.parse_postgres(17.1)


def test_a_version_below_the_table_is_an_error_and_one_above_says_that_it_is_unknown() -> None:
    with pytest.raises(versions.VersionError, match=r"v1\.135\.2 is older than v1\.135\.3, the oldest supported"):
        versions.capabilities("v1.135.2")
    newer = versions.capabilities("v4.0.0")
    assert newer.newer_than_known and newer.admin_config_api
    assert not versions.capabilities("v3.3.5").newer_than_known


def test_names_of_permissions_follow_the_dialect() -> None:
    assert "admin.user.read" in versions.permissions("v1.135.3", ["users"])
    assert "adminUser.read" in versions.permissions("v1.138.1", ["users"])
    assert versions.permissions("v3.1.0", ["settings"]) == ["systemConfig.read", "systemConfig.update"]
    assert versions.permissions("v3.3.5", ["settings"]) == ["adminConfig.read", "adminConfig.update", "systemConfig.read", "systemConfig.update"]
    assert versions.permissions("v3.3.5", ["libraries", "validate"]) == ["all"]
    assert versions.permissions("v3.3.5", []) == []


def test_a_purpose_that_nobody_knows_lists_those_that_are() -> None:
    with pytest.raises(versions.VersionError, match="'library' .* choose from backups, dashboard, guard, integrity, libraries"):
        versions.permissions("v3.3.5", ["library"])
