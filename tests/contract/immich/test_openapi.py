# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The stand-in against the API contract of each release that it plays: routes, data, and every answer of a driven session."""

from __future__ import annotations

import copy
import functools
import gzip
import json
import re
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from ansible_collections.homelab.immich.rehearsal.immich.dialects import DIALECTS, data, names, parse, permissions, present
from ansible_collections.homelab.immich.rehearsal.immich.routes import ROUTES
from ansible_collections.homelab.immich.rehearsal.immich.testing import Server

# A release without a contract document of its own: the document that it is read with, and what is known to differ (it is the generated client's part).
NEWER = {"3.3.5": "3.1.0"}
SAFE_INTEGER = 2**53 - 1


class Contract:
    """One OpenAPI 3.0 document, as JSON schemas that also refuse what the document does not name."""

    def __init__(self, reference: Path, release: str) -> None:
        self.release, self.version = release, parse(release)
        self.document = json.loads((reference / "openapi" / f"immich-v{NEWER.get(release, release)}.json").read_text())
        self.schemas = self.document["components"]["schemas"]
        if release in NEWER:
            self.newer()
        self.strict = {name: strict(schema) for name, schema in self.schemas.items()}

    def newer(self) -> None:
        """3.2 and 3.3 on top of 3.1.0."""
        uuid = {"type": "string", "format": "uuid"}
        self.schemas["UserAdminResponseDto"]["properties"]["clusterGroupId"] = uuid
        self.schemas["ApiKeyCreateResponseDto"]["properties"] |= self.schemas["ApiKeyResponseDto"]["properties"]
        self.schemas["MemoriesResponse"]["properties"]["sidebarWeb"] = {"type": "boolean"}
        self.schemas["PeopleResponse"]["properties"]["updateStrategy"] = {"type": "string", "enum": ["self", "everyone"]}
        self.schemas["SystemConfigOAuthDto"]["properties"]["accountManagementUrl"] = {"type": "string"}
        self.schemas["Permission"]["enum"] = list(permissions(self.version))
        for path in ("", "/defaults"):
            self.document["paths"][f"/admin/config{path}"] = copy.deepcopy(self.document["paths"][f"/system-config{path}"])
            for method, operation in self.document["paths"][f"/admin/config{path}"].items():
                operation["x-immich-permission"] = "adminConfig.update" if method == "put" else "adminConfig.read"
        rotate = copy.deepcopy(self.document["paths"]["/api-keys"]["post"]) | {"x-immich-permission": "apiKey.rotate"}
        del rotate["requestBody"]
        self.document["paths"]["/api-keys/{id}/rotate"] = {"post": rotate}

    def operation(self, method: str, path: str) -> dict[str, Any] | None:
        for template in sorted(self.document["paths"], key=lambda item: "{" in item):
            if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", template), path):
                return self.document["paths"][template].get(method.lower())
        return None

    def schema(self, name: str) -> dict[str, Any]:
        """A schema by its name, whose capitals are not the same in every release."""
        name = OLD_NAMES.get(name, name) if self.version < (2, 4, 0) else name
        return next(schema for key, schema in self.schemas.items() if key.lower() == name.lower())

    def faults(self, schema: dict[str, Any], value: Any) -> list[str]:
        whole = strict(schema) | {"components": {"schemas": self.strict}}
        validator = jsonschema.Draft202012Validator(whole, format_checker=jsonschema.FormatChecker())
        return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(value)]


def strict(schema: Any) -> Any:
    """OpenAPI 3.0 as JSON Schema: nullable, and no property that is not named."""
    if isinstance(schema, list):
        return [strict(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    plain = {name: strict(value) for name, value in schema.items() if name not in ("nullable", "example", "discriminator", "deprecated")}
    if "properties" in plain and isinstance(schema.get("properties"), dict) and plain.get("type", "object") == "object":
        plain.setdefault("additionalProperties", False)
    return {"anyOf": [plain, {"type": "null"}]} if schema.get("nullable") else plain


@functools.cache
def contract_of(reference: Path, release: str) -> Contract:
    return Contract(reference, release)


@pytest.fixture(params=DIALECTS)
def contract(request: pytest.FixtureRequest, reference: Path) -> Contract:
    return contract_of(reference, request.param)


# -- the tables


def test_every_route_asks_for_what_the_contract_asks(contract: Contract) -> None:
    played = [route for route in ROUTES if present({"since": route.since, "before": route.before}, contract.version)]
    assert len(played) > 45
    for route in played:
        operation = contract.operation(route.method, route.path)
        assert operation is not None, f"{route.method} {route.path} is not in Immich {contract.release}"
        where = f"{route.method} {route.path}"
        assert route.public == (not operation.get("security")), where
        assert str(route.status) in operation["responses"], where
        assert bool(route.body or route.upload) == ("requestBody" in operation), where
        if contract.version < (1, 136, 0):
            continue  # that document names neither permissions nor who is an admin
        assert route.admin == bool(operation.get("x-immich-admin-only")), where
        if declared := operation.get("x-immich-permission"):
            assert route.permission == declared, where
        else:
            assert route.public or route.permission in ("all", ""), where


def test_no_route_of_the_contract_is_gone(contract: Contract) -> None:
    """What a deployer calls; the rest of the document (licences, assets, people) is not played."""
    server = "server/(ping|version|about|config|features|storage|statistics)"
    wanted = re.compile(rf"/(libraries|system-config|admin/(config|maintenance|database-backups|integrity)|jobs|queues|api-keys|{server}).*")
    for path, operations in contract.document["paths"].items():
        for method in operations if wanted.fullmatch(path) else ():
            assert any(
                route.method == method.upper() and route.pattern.fullmatch(path.replace("{id}", "x").replace("{name}", "x"))
                and present({"since": route.since, "before": route.before}, contract.version)
                for route in ROUTES
            ), f"{method} {path}"


OLD_NAMES = {"QueueCommandDto": "JobCommandDto", "QueuesResponseLegacyDto": "AllJobStatusResponseDto"}  # before 2.4


def test_enumerations(contract: Contract) -> None:
    assert set(permissions(contract.version)) == set(contract.schemas["Permission"]["enum"])
    assert set(names("queues", contract.version)) == set(contract.schema("QueuesResponseLegacyDto")["properties"])
    assert set(names("jobs", contract.version)) == set(contract.schemas["ManualJobName"]["enum"])


def compare(contract: Contract, ours: dict[str, Any], theirs: dict[str, Any], where: str) -> None:
    """One schema of data/ with the contract's."""
    if "$ref" in theirs:
        theirs = contract.schemas[theirs["$ref"].rpartition("/")[2]] | {"nullable": theirs.get("nullable", False)}
    if "allOf" in theirs:
        theirs = contract.schemas[theirs["allOf"][0]["$ref"].rpartition("/")[2]] | {"nullable": theirs.get("nullable", False)}
    if "type" not in ours:
        assert set(ours) == set(theirs["properties"]), where
        required = {name for name, rule in ours.items() if not rule.get("optional")}
        assert required == set(theirs.get("required", [])), where
        for name, rule in ours.items():
            compare(contract, rule, theirs["properties"][name], f"{where}.{name}")
        return
    kinds = {name: "string" for name in ("email", "uuid", "label", "cron", "time", "url", "permission", "job")}
    kind = kinds.get(ours["type"], ours["type"])
    # 2.x documents some integers as numbers
    assert kind == theirs["type"] or (kind, theirs["type"]) == ("integer", "number"), where
    if "enum" in ours:
        assert list(ours["enum"]) == theirs["enum"] or set(ours["enum"]) == set(theirs["enum"]), where
    for mine, yours in (("min", "minimum"), ("max", "maximum"), ("minItems", "minItems"), ("maxItems", "maxItems"), ("minLength", "minLength")):
        stated = theirs.get(yours)
        if stated is not None and abs(stated) != SAFE_INTEGER:
            assert ours.get(mine) == stated, f"{where}: {yours}"
    assert bool(ours.get("nullable")) == bool(theirs.get("nullable")) or contract.version < (3, 0, 0), where
    if kind == "array":
        compare(contract, ours["items"], theirs["items"], where + "[]")


def test_system_config(contract: Contract) -> None:
    compare(contract, data("system_config", contract.version), contract.schemas["SystemConfigDto"], "config")


def test_request_bodies(contract: Contract) -> None:
    for name, schema in data("requests", contract.version).items():
        if name not in ("StatisticsSearchDto", "MetadataSearchDto"):  # a search takes forty fields more
            compare(contract, schema, contract.schema(name), name)


# -- a session


class Session:
    """Calls whose every answer (and, when it is accepted, request) is held against the contract."""

    def __init__(self, contract: Contract, server: Server) -> None:
        self.contract, self.server = contract, server
        self.calls = 0
        self.headers: dict[str, str] = {}
        self.cookies: dict[str, str] = {}

    def __call__(
        self,
        method: str,
        path: str,
        body: Any = None,
        expect: int | None = None,
        headers: dict[str, str] | None = None,
        upload: tuple[str, bytes] | None = None,
    ) -> Any:
        data = None if body is None else json.dumps(body).encode()
        headers = {"content-type": "application/json", **(self.headers if headers is None else headers)}
        if upload:
            headers["content-type"] = "multipart/form-data; boundary=x"
            name, content = upload
            head = f'--x\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\nContent-Type: application/gzip\r\n\r\n'
            data = head.encode() + content + b"\r\n--x--\r\n"
        request = urllib.request.Request(f"{self.server.url}/api{path}", data, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                status, text = answer.status, answer.read()
                self.cookies |= dict(cookie.partition(";")[0].split("=", 1) for cookie in answer.headers.get_all("set-cookie", []))
                binary = answer.headers["content-type"] == "application/octet-stream"
        except urllib.error.HTTPError as error:
            status, text, binary = error.code, error.read(), False
        if binary:
            self.calls += 1
            operation = self.contract.operation(method, path.partition("?")[0])
            assert operation and status == expect and "application/octet-stream" in operation["responses"][str(status)]["content"], path
            return text
        value = json.loads(text) if text else None
        self.calls += 1
        where = f"{method} {path} ({self.contract.release})"
        assert expect is None or status == expect, f"{where}: {status} {value}"
        if status < 300:
            self.check(where, method, path.partition("?")[0], status, body, value)
        else:
            self.check_error(where, status, value)
        return value

    def check(self, where: str, method: str, path: str, status: int, body: Any, value: Any) -> None:
        operation = self.contract.operation(method, path)
        assert operation, where
        assert str(status) in operation["responses"], f"{where}: {status}"
        content = operation["responses"][str(status)].get("content", {}).get("application/json")
        if content:
            assert not (faults := self.contract.faults(content["schema"], value)), f"{where}: {faults}"
        else:
            assert value is None, f"{where}: {value}"
        if body is not None:
            schema = operation["requestBody"]["content"]["application/json"]["schema"]
            assert not (faults := self.contract.faults(schema, body)), f"{where}: {faults}"

    def check_error(self, where: str, status: int, value: Any) -> None:
        """The two shapes that a client has to read."""
        if self.contract.version >= (3, 0, 0):
            assert set(value) <= {"message", "errors"}, where
            assert ("errors" in value) == (value["message"] == "Validation failed"), where
            assert all({"path", "message", "code"} <= set(issue) for issue in value.get("errors", [])), where
        else:
            assert value["statusCode"] == status and value["correlationId"] and value["message"], where
            assert "errors" not in value, where


def test_every_answer_of_a_session(contract: Contract, tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    (photos / "2024").mkdir(parents=True)
    for number in range(3):
        (photos / "2024" / f"{number}.jpg").write_bytes(b"a photo")
    (photos / "2024" / "clip.mp4").write_bytes(b"a film")
    with Server(contract.release, {"/mnt/photos": photos}, tmp_path) as server:
        session = Session(contract, server)
        drive(session, server)
        assert session.calls > 60


def drive(call: Session, server: Server) -> None:
    new = call.contract.version
    anybody: dict[str, str] = {}

    # a fresh server
    for path in ("ping", "version", "version-history", "config", "features"):
        call("GET", f"/server/{path}", expect=200)
    call("GET", "/server/about", expect=401)
    call("GET", "/nowhere", expect=404)
    call("POST", "/auth/admin-sign-up", {"email": "no", "name": 1}, expect=400)
    admin = call("POST", "/auth/admin-sign-up", {"email": "admin@example.net", "name": "Admin", "password": "admin"}, expect=201)
    call("POST", "/auth/admin-sign-up", {"email": "b@example.net", "name": "B", "password": "b"}, expect=400)
    call("POST", "/auth/login", {"email": "admin@example.net", "password": "wrong"}, expect=401)
    token = call("POST", "/auth/login", {"email": "admin@example.net", "password": "admin"}, expect=201)["accessToken"]
    call.headers = {"x-immich-user-token": token}
    call("POST", "/auth/validateToken", expect=200)
    call("GET", "/system-metadata/admin-onboarding", expect=200)
    call("POST", "/system-metadata/admin-onboarding", {"isOnboarded": True}, expect=204)
    assert call("GET", "/server/config")["isOnboarded"]

    # keys
    key = call("POST", "/api-keys", {"name": "all", "permissions": ["all"]}, expect=201)
    call("GET", "/api-keys/me", expect=403 if new >= (1, 139, 0) else 400)
    call.headers = {"x-api-key": key["secret"]}
    if new >= (1, 139, 0):
        assert call("GET", "/api-keys/me", expect=200)["id"] == key["apiKey"]["id"]
    small = call("POST", "/api-keys", {"permissions": ["library.read"]}, expect=201)
    call("GET", "/api-keys", expect=200)
    call("GET", f"/api-keys/{small['apiKey']['id']}", expect=200)
    call("PUT", f"/api-keys/{small['apiKey']['id']}", {"name": "small", "permissions": ["library.read", "apiKey.create"]}, expect=200)
    call("POST", "/api-keys", {"permissions": ["library.fly"]}, expect=400)
    call("POST", "/api-keys", {"permissions": ["all"]}, expect=400, headers={"x-api-key": small["secret"]})
    call("GET", "/jobs", expect=403 if new >= (1, 136, 0) else 200, headers={"x-api-key": small["secret"]})
    call("PUT", "/system-config", {}, expect=403, headers={"x-api-key": small["secret"]})
    if new >= (3, 2, 0):
        call("POST", f"/api-keys/{small['apiKey']['id']}/rotate", expect=201)
        call("GET", "/libraries", expect=401, headers={"x-api-key": small["secret"]})
    call("DELETE", f"/api-keys/{small['apiKey']['id']}", expect=204)
    call("GET", f"/api-keys/{small['apiKey']['id']}", expect=400)

    # the server, asked by somebody
    for path in ("about", "storage", "statistics", "version-check"):
        call("GET", f"/server/{path}", expect=200)
    call("GET", "/system-metadata/version-check-state", expect=200)
    if new < (3, 0, 0):
        call("GET", "/server/theme", expect=200)

    # users
    user = call("POST", "/admin/users", {"email": "family@example.net", "name": "Family", "password": "family", "quotaSizeInBytes": 10**9}, expect=201)
    assert "password" not in user
    call("POST", "/admin/users", {"email": "family@example.net", "name": "Again", "password": "family"}, expect=400)
    call("PUT", f"/admin/users/{user['id']}", {"storageLabel": "family", "shouldChangePassword": False}, expect=200)
    call("GET", f"/admin/users/{user['id']}", expect=200)
    call("GET", f"/admin/users/{user['id']}/preferences", expect=200)
    if new >= (2, 2, 0):
        call("GET", f"/admin/users/{user['id']}/sessions", expect=200)
    call("DELETE", f"/admin/users/{user['id']}", {}, expect=200)
    assert len(call("GET", "/admin/users")) == 1
    assert len(call("GET", "/admin/users?withDeleted=true")) == 2
    call("POST", f"/admin/users/{user['id']}/restore", expect=200)
    call("GET", "/users/me", expect=200)
    call("GET", "/users/me/preferences", expect=200)

    # libraries
    library = call("POST", "/libraries", {"ownerId": admin["id"], "name": "NAS photos", "importPaths": ["/mnt/photos"]}, expect=201)
    one = f"/libraries/{library['id']}"
    call("GET", "/libraries", expect=200)
    call("GET", one, expect=200)
    call("GET", "/libraries/11111111-1111-4111-8111-111111111111", expect=400)
    call("GET", "/libraries/first", expect=400)
    call("PUT", one, {"importPaths": ["/mnt/photos/2024"], "exclusionPatterns": ["**/Raw/**"]}, expect=200)
    call("PUT", one, {"importPaths": ["/mnt/gone"]}, expect=400)
    call("POST", f"{one}/validate", {"importPaths": ["/mnt/photos", "/mnt/gone"]}, expect=200)
    call("POST", f"{one}/scan", expect=204)
    running = call("GET", "/jobs", expect=200)["library"]["jobCounts"]
    assert running["active"] + running["waiting"] > 0
    server.wait()
    assert call("GET", f"{one}/statistics") == {"photos": 3, "videos": 1, "total": 4, "usage": 27}
    assert call("GET", f"/admin/users/{admin['id']}/statistics?isTrashed=false")["total"] == 4
    assert call("POST", "/search/statistics", {"libraryId": library["id"]})["total"] == 4
    page = call("POST", "/search/metadata", {"libraryId": library["id"], "visibility": "timeline", "withDeleted": True, "size": 3, "page": 1}, expect=200)
    assert len(page["assets"]["items"]) == 3 and page["assets"]["nextPage"] == "2"
    gone = {"libraryId": library["id"], "isOffline": True, "trashedAfter": "1970-01-01T00:00:00.000Z", "visibility": "hidden"}
    assert call("POST", "/search/statistics", gone, expect=200)["total"] == 0
    assert call("GET", one)["refreshedAt"]

    # config
    config = call("GET", "/system-config", expect=200)
    call("GET", "/system-config/defaults", expect=200)
    call("GET", "/system-config/storage-template-options", expect=200)
    config["library"]["scan"]["enabled"] = False
    call("PUT", "/system-config", config, expect=200)
    call("PUT", "/system-config", {name: value for name, value in config.items() if name != "trash"}, expect=400)
    if new >= (3, 2, 0):
        assert call("GET", "/admin/config", expect=200) == config
        call("PUT", "/admin/config", config, expect=200)
        call("GET", "/admin/config/defaults", expect=200)

    # queues
    call("PUT", "/jobs/library", {"command": "pause"}, expect=200)
    started = call("PUT", "/jobs/library", {"command": "start", "force": False}, expect=200)
    assert started["jobCounts"]["paused"] == 1 and started["queueStatus"]["isPaused"]
    if new >= (2, 4, 0):
        call("GET", "/queues", expect=200)
        assert call("GET", "/queues/library")["statistics"]["paused"] == 1
        call("GET", "/queues/library/jobs", expect=200)
        call("DELETE", "/queues/library/jobs", {"failed": True}, expect=204)
        call("PUT", "/queues/library", {"isPaused": False}, expect=200)
        call("PUT", "/queues/backgroundTask", {"isPaused": True}, expect=400)
        call("GET", "/queues/nothing", expect=400)
    for command in ("empty", "clear-failed", "resume"):
        call("PUT", "/jobs/library", {"command": command}, expect=200)
    assert call("PUT", "/jobs/thumbnailGeneration", {"command": "start", "force": True}, expect=200)["jobCounts"]["waiting"] == 1
    call("PUT", "/jobs/nothing", {"command": "start"}, expect=400)
    call("POST", "/jobs", {"name": "backup-database"}, expect=204 if new >= (1, 138, 0) else 201)
    call("POST", "/jobs", {"name": "make-coffee"}, expect=400)
    server.wait()

    backups(call, server)
    integrity(call, server)
    maintenance(call, server)

    call("DELETE", one, expect=204)
    server.wait()
    assert call("GET", "/libraries") == []
    call.headers = {"authorization": f"Bearer {token}"}
    call("POST", "/auth/logout", expect=200)
    call("POST", "/auth/validateToken", expect=401)
    call("GET", "/libraries", expect=401, headers=anybody)


def backups(call: Session, server: Server) -> None:
    if call.contract.version < (2, 5, 0):
        call("GET", "/admin/database-backups", expect=404)
        return
    [backup] = call("GET", "/admin/database-backups", expect=200)["backups"]
    whole = call("GET", f"/admin/database-backups/{backup['filename']}", expect=200)
    assert len(whole) == backup["filesize"] and b"PostgreSQL database dump complete" in gzip.decompress(whole)
    call("GET", "/admin/database-backups/no.txt", expect=400)
    call("POST", "/admin/database-backups/upload", upload=("old.sql.gz", whole), expect=201)
    names = [item["filename"] for item in call("GET", "/admin/database-backups", expect=200)["backups"]]
    assert names == ["uploaded-old.sql.gz", backup["filename"]]
    call("DELETE", "/admin/database-backups", {"backups": ["uploaded-old.sql.gz"]}, expect=200)
    call("DELETE", "/admin/database-backups", {"backups": ["../secret"]}, expect=400)


def integrity(call: Session, server: Server) -> None:
    if call.contract.version < (3, 0, 0):
        call("GET", "/admin/integrity/summary", expect=404)
        return
    for name in ("stray.jpg", "other.jpg"):
        server.running.files.create(f"/data/upload/{name}", b"nobody's")
    call("POST", "/jobs", {"name": "integrity-untracked-files"}, expect=204)
    server.wait()
    assert call("GET", "/admin/integrity/summary", expect=200) == {"untracked_file": 2, "missing_file": 0, "checksum_mismatch": 0}
    page = call("GET", "/admin/integrity/report?type=untracked_file&limit=1", expect=200)
    [second] = call("GET", f"/admin/integrity/report?type=untracked_file&cursor={page['nextCursor']}", expect=200)["items"]
    assert {page["items"][0]["path"], second["path"]} == {"/data/upload/stray.jpg", "/data/upload/other.jpg"}
    call("GET", "/admin/integrity/report", expect=400)
    assert call("GET", f"/admin/integrity/report/{second['id']}/file", expect=200) == b"nobody's"
    assert b"/data/upload/stray.jpg" in call("GET", "/admin/integrity/report/untracked_file/csv", expect=200)
    call("DELETE", f"/admin/integrity/report/{second['id']}", expect=200)
    call("POST", "/jobs", {"name": "integrity-untracked-files-delete-all"}, expect=204)
    server.wait()
    assert call("GET", "/admin/integrity/summary", expect=200)["untracked_file"] == 0
    assert not server.running.files.host(second["path"]).exists()


def maintenance(call: Session, server: Server) -> None:
    version = call.contract.version
    if version < (2, 3, 0):
        call("POST", "/admin/maintenance", {"action": "start"}, expect=404)
        return
    call("POST", "/admin/maintenance/login", {"token": "x"}, expect=400)
    call("POST", "/admin/maintenance", {"action": "end"}, expect=201)
    if version >= (2, 5, 0):
        assert call("GET", "/admin/maintenance/status", expect=200) == {"active": False, "action": "end"}
        assert len(call("GET", "/admin/maintenance/detect-install", expect=200)["storage"]) == 6
        call("POST", "/admin/database-backups/start-restore", expect=400)
    call("POST", "/admin/maintenance", {"action": "dance"}, expect=400)
    call("POST", "/admin/maintenance", {"action": "start"}, expect=201)
    token = call.cookies["immich_maintenance_token"]
    server.ready()
    call("GET", "/server/ping", expect=200 if version >= (2, 6, 0) else 404)
    call("GET", "/libraries", expect=404)
    call("POST", "/admin/maintenance", {"action": "end"}, expect=401)
    call("POST", "/admin/maintenance/login", {"token": "x"}, expect=401)
    call("POST", "/admin/maintenance/login", {}, expect=401)
    assert call("POST", "/admin/maintenance/login", {"token": token}, expect=201) == {"username": "Admin"}
    if version >= (2, 5, 0):
        call("GET", "/admin/database-backups", expect=401)
        assert call("GET", "/admin/maintenance/status", expect=200) == {"active": True, "action": "start"}
        call("GET", "/server/version", expect=200)
        cookie = {"cookie": f"immich_maintenance_token={token}"}
        call("GET", "/admin/database-backups", expect=200, headers=cookie)
        call("POST", "/admin/maintenance", {"action": "restore_database", "restoreBackupFilename": "none.sql.gz"}, expect=201, headers=cookie)
        assert "No such file" in call("GET", "/admin/maintenance/status", expect=200, headers=cookie)["error"]
        assert call("GET", "/admin/maintenance/status", expect=200)["error"] == "Something went wrong, see logs!"
    call("POST", "/admin/maintenance", {"action": "end"}, expect=201, headers={"cookie": f"immich_maintenance_token={token}"})
    server.ready()
    call("GET", "/libraries", expect=200)
