# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The stand-in refuses what Immich refuses, starts when Immich starts, and remembers what Immich remembers."""

from __future__ import annotations

import asyncio
import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from ansible_collections.homelab.immich.rehearsal.immich import Instance, Mount, NotReady, create_app, cron
from ansible_collections.homelab.immich.rehearsal.immich.testing import Server

RELEASES = ("2.0.0", "2.5.5", "3.1.0", "3.3.5")
FOLDERS = ("backups", "encoded-video", "library", "profile", "thumbs", "upload")


class Answer(NamedTuple):
    status: int
    body: Any
    headers: dict[str, str]

    @property
    def message(self) -> Any:
        return self.body["message"]


def call(server: Server, method: str, path: str, body: Any = None, key: str = "", token: str = "", **headers: str) -> Answer:
    sent = {"content-type": "application/json", **headers}
    sent |= {"x-api-key": key} if key else {}
    sent |= {"x-immich-user-token": token} if token else {}
    request = urllib.request.Request(f"{server.url}{path}", None if body is None else json.dumps(body).encode(), sent, method=method)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            text = answer.read()
            return Answer(answer.status, json.loads(text) if text else None, dict(answer.headers))
    except urllib.error.HTTPError as error:
        return Answer(error.code, json.loads(error.read()), dict(error.headers))


def sign_up(server: Server) -> tuple[dict[str, Any], str]:
    """The first admin and a session of theirs."""
    admin = call(server, "POST", "/api/auth/admin-sign-up", {"email": "Admin@Example.net", "name": "Admin", "password": "admin"})
    assert admin.status == 201
    return admin.body, call(server, "POST", "/api/auth/login", {"email": "admin@example.net", "password": "admin"}).body["accessToken"]


def new_key(server: Server, token: str, *permissions: str) -> str:
    return call(server, "POST", "/api/api-keys", {"permissions": permissions}, token=token).body["secret"]


@pytest.fixture(params=RELEASES)
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Server]:
    with Server(request.param, {}, tmp_path) as server:
        yield server


@pytest.fixture
def modern(server: Server) -> bool:
    return server.instance.version.startswith("3.")


# -- who may


def test_a_fresh_server_wants_an_admin_once(server: Server) -> None:
    assert call(server, "GET", "/api/server/config").body["isInitialized"] is False
    admin, _token = sign_up(server)
    assert (admin["isAdmin"], admin["email"], admin["storageLabel"]) == (True, "admin@example.net", "admin")
    assert "password" not in admin
    assert call(server, "GET", "/api/server/config").body["isInitialized"] is True
    again = call(server, "POST", "/api/auth/admin-sign-up", {"email": "b@example.net", "name": "B", "password": "b"})
    assert (again.status, again.message) == (400, "The server already has an admin")


def test_setup_that_is_closed(server: Server) -> None:
    server.set_env(IMMICH_ALLOW_SETUP="false")
    if server.instance.version == "2.0.0":  # not a variable of that release
        assert sign_up(server)
        return
    assert call(server, "GET", "/api/server/config").body["isInitialized"] is True
    refused = call(server, "POST", "/api/auth/admin-sign-up", {"email": "b@example.net", "name": "B", "password": "b"})
    assert (refused.status, refused.message) == (400, "Admin setup is disabled")


def test_errors_have_the_shape_of_their_release(server: Server, modern: bool) -> None:
    answer = call(server, "GET", "/api/libraries", key="wrong")
    if modern:
        assert answer.body == {"message": "Invalid API key"}
        assert answer.headers["X-Correlation-ID"]
    else:
        correlation_id = answer.body.pop("correlationId")
        assert answer.body == {"message": "Invalid API key", "error": "Unauthorized", "statusCode": 401} and correlation_id
    invalid = call(server, "POST", "/api/auth/admin-sign-up", {"email": "nobody", "name": "x", "password": "x"})
    if modern:
        assert invalid.message == "Validation failed"
        assert [(issue["path"], issue["message"]) for issue in invalid.body["errors"]] == [(["email"], "Invalid input: expected email, received string")]
    else:
        assert invalid.message == ["email must be an email"]


def test_null_and_nothing(server: Server, modern: bool) -> None:
    """As Immich's own tests of its endpoints expect them."""
    _admin, token = sign_up(server)
    user = {"email": "b@example.net", "name": "B", "password": "b"}
    refusals = {
        "password": ("Invalid input: expected string, received null", ["password must be a string"]),
        "email": ("Invalid input: expected email, received object", ["email must be an email"]),
        "name": ("Invalid input: expected string, received null", ["name should not be empty", "name must be a string"]),
        "notify": ("Invalid input: expected boolean, received null", ["notify must be a boolean value"]),
    }
    for field, (zod, classic) in refusals.items():
        answer = call(server, "POST", "/api/admin/users", user | {field: None}, token=token)
        if modern:
            assert [(issue["path"], issue["message"]) for issue in answer.body["errors"]] == [([field], zod)]
        else:
            assert answer.message == classic
    nothing = call(server, "POST", "/api/admin/users", token=token)
    assert nothing.status == 400
    if modern:
        assert [(issue["path"], issue["message"]) for issue in nothing.body["errors"]] == [([], "Invalid input: expected object, received undefined")]
    decimal = call(server, "POST", "/api/admin/users", user | {"quotaSizeInBytes": 1.2}, token=token)
    assert (decimal.body["errors"][0]["message"] if modern else decimal.message[0]) == (
        "Invalid input: expected int, received number" if modern else "quotaSizeInBytes must be an integer number"
    )


def test_permissions_of_a_key(server: Server) -> None:
    admin, token = sign_up(server)
    key = new_key(server, token, "library.read", "library.create", "apiKey.create")
    assert call(server, "GET", "/api/libraries", key=key).status == 200
    missing = call(server, "GET", "/api/jobs", key=key)
    assert (missing.status, missing.message) == (403, "Missing required permission: job.read")
    library = call(server, "POST", "/api/libraries", {"ownerId": admin["id"]}, key=key).body
    no_permission = call(server, "POST", f"/api/libraries/{library['id']}/validate", {}, key=key)
    assert (no_permission.status, no_permission.message) == (403, "Missing required permission: all")
    assert call(server, "GET", "/api/api-keys/me", key=key).body["permissions"] == ["library.read", "library.create", "apiKey.create"]
    assert call(server, "GET", "/api/api-keys/me", token=token).message == "Not authenticated with an API Key"
    # a session wins over a key, a good one and a bad one
    assert call(server, "GET", "/api/jobs", key=key, token=token).status == 200
    assert call(server, "GET", "/api/libraries", key=key, token="bad").message == "Invalid user token"
    assert call(server, "GET", "/api/libraries").message == "Authentication required"


def test_a_key_gives_no_more_than_it_has(server: Server, modern: bool) -> None:
    _admin, token = sign_up(server)
    key = new_key(server, token, "library.read", "apiKey.create", "apiKey.update", "apiKey.read")
    more = call(server, "POST", "/api/api-keys", {"permissions": ["library.update"]}, key=key)
    assert (more.status, more.message) == (400, "Cannot grant permissions you do not have")
    assert call(server, "POST", "/api/api-keys", {"permissions": ["library.read"]}, key=key).status == 201
    own = call(server, "GET", "/api/api-keys/me", key=key).body
    assert call(server, "PUT", f"/api/api-keys/{own['id']}", {"permissions": ["all"]}, key=key).status == 400
    unknown = call(server, "POST", "/api/api-keys", {"permissions": ["library.fly"]}, token=token)
    assert unknown.status == 400
    assert modern or unknown.message[0].startswith("each value in permissions must be one of the following values: ")


@pytest.mark.parametrize(
    ("release", "permission", "status"),
    [("2.5.5", "asset.replace", 201), ("3.1.0", "asset.replace", 400), ("3.1.0", "adminConfig.read", 400), ("3.3.5", "adminConfig.read", 201)],
)
def test_permissions_come_and_go(release: str, permission: str, status: int, tmp_path: Path) -> None:
    with Server(release, {}, tmp_path) as server:
        _admin, token = sign_up(server)
        assert call(server, "POST", "/api/api-keys", {"permissions": [permission]}, token=token).status == status


def test_a_user_who_is_no_admin(server: Server) -> None:
    _admin, token = sign_up(server)
    call(server, "POST", "/api/admin/users", {"email": "family@example.net", "name": "Family", "password": "family"}, token=token)
    theirs = call(server, "POST", "/api/auth/login", {"email": "family@example.net", "password": "family"}).body["accessToken"]
    refused = call(server, "GET", "/api/libraries", key=new_key(server, theirs, "all"))
    assert (refused.status, refused.message) == (403, "Forbidden")
    assert call(server, "GET", "/api/api-keys", token=theirs).body[0]["name"] == "API Key"
    assert call(server, "GET", "/api/api-keys", token=token).body == []


def test_rotation_ends_the_old_secret(tmp_path: Path) -> None:
    with Server("3.3.5", {}, tmp_path) as server:
        _admin, token = sign_up(server)
        key = call(server, "POST", "/api/api-keys", {"permissions": ["all"]}, token=token).body
        assert key["id"] == key["apiKey"]["id"]
        new = call(server, "POST", f"/api/api-keys/{key['id']}/rotate", key=key["secret"]).body["secret"]
        assert call(server, "GET", "/api/libraries", key=key["secret"]).status == 401
        assert call(server, "GET", "/api/libraries", key=new).status == 200


# -- users and libraries


def test_users(server: Server, modern: bool) -> None:
    admin, token = sign_up(server)
    user = {"email": "family@example.net", "name": "Family", "password": "family", "quotaSizeInBytes": 5, "storageLabel": "fam.ily", "nonsense": 1}
    created = call(server, "POST", "/api/admin/users", user, token=token).body
    assert (created["quotaSizeInBytes"], created["storageLabel"], created["status"]) == (5, "family", "active")
    assert "password" not in created and "nonsense" not in created
    twice = call(server, "POST", "/api/admin/users", user | {"email": "FAMILY@example.net"}, token=token)
    assert (twice.status, twice.message) == (400, "Email is not available" if modern else "User exists")
    one = f"/api/admin/users/{created['id']}"
    assert call(server, "PUT", one, {"storageLabel": "admin"}, token=token).message == "Storage label already in use by another account"
    assert call(server, "PUT", one, {"quotaSizeInBytes": None, "storageLabel": ""}, token=token).body["storageLabel"] is None
    assert call(server, "PUT", one, {"quotaSizeInBytes": -1}, token=token).status == 400
    own = call(server, "PUT", f"/api/admin/users/{admin['id']}", {"isAdmin": False}, token=token)
    assert own.message == "Admin status can only be changed by another admin"
    assert call(server, "DELETE", f"/api/admin/users/{admin['id']}", {}, token=token).message == "Cannot delete your own account"
    deleted = call(server, "DELETE", one, {}, token=token)
    assert (deleted.status, deleted.body["status"]) == (200, "deleted")
    assert len(call(server, "GET", "/api/admin/users", token=token).body) == 1
    assert call(server, "GET", f"/api/admin/users?withDeleted=true&id={created['id']}", token=token).body[0]["deletedAt"]
    assert call(server, "POST", "/api/auth/login", {"email": user["email"], "password": "family"}).status == 401
    assert call(server, "POST", f"{one}/restore", token=token).body["status"] == "active"
    assert call(server, "POST", "/api/auth/login", {"email": user["email"], "password": "family"}).status == 201
    call(server, "DELETE", one, {"force": True}, token=token)
    server.wait()
    assert call(server, "GET", one, token=token).message == "User not found"


def test_a_deleted_user_is_gone_after_the_delay(server: Server) -> None:
    _admin, token = sign_up(server)
    user = call(server, "POST", "/api/admin/users", {"email": "b@example.net", "name": "B", "password": "b"}, token=token).body
    call(server, "DELETE", f"/api/admin/users/{user['id']}", {}, token=token)
    server.nightly(days=6)
    assert call(server, "GET", f"/api/admin/users/{user['id']}", token=token).status == 200
    server.nightly(days=2)
    assert call(server, "GET", f"/api/admin/users/{user['id']}", token=token).status == 400


def test_libraries(server: Server, modern: bool) -> None:
    admin, token = sign_up(server)
    library = {"ownerId": admin["id"], "name": "NAS", "importPaths": ["/mnt/nothing"]}
    first = call(server, "POST", "/api/libraries", library | {"isVisible": True}, token=token).body
    second = call(server, "POST", "/api/libraries", library, token=token).body
    assert first["name"] == second["name"] and first["id"] != second["id"]
    assert first["exclusionPatterns"][:2] == ["**/@eaDir/**", "**/._*"] and "isVisible" not in first
    assert call(server, "POST", "/api/libraries", {"ownerId": admin["id"]}, token=token).body["name"] == "New External Library"
    one = f"/api/libraries/{first['id']}"
    changed = call(server, "PUT", one, {"name": "New", "ownerId": second["id"], "importPaths": []}, token=token).body
    assert (changed["name"], changed["ownerId"], changed["importPaths"]) == ("New", admin["id"], [])
    missing = call(server, "GET", "/api/libraries/11111111-1111-4111-8111-111111111111", token=token)
    assert (missing.status, missing.message) == (400, "Library not found")
    malformed = call(server, "GET", "/api/libraries/x", token=token)
    assert (malformed.status, malformed.message) == (400, "Validation failed" if modern else ["id must be a UUID"])
    for faulty in ({"importPaths": ["/a", "/a"]}, {"importPaths": [""]}, {"importPaths": [f"/{n}" for n in range(129)]}, {"name": ""}):
        assert call(server, "PUT", one, faulty, token=token).status == 400, faulty


# -- system config


def test_config_is_kept_as_what_differs(server: Server, modern: bool) -> None:
    _admin, token = sign_up(server)
    config = call(server, "GET", "/api/system-config", token=token).body
    assert config == call(server, "GET", "/api/system-config/defaults", token=token).body
    config["server"]["externalDomain"] = "https://photos.example.net/path"
    config["ffmpeg"]["targetVideoCodec"] = "hevc"
    config["library"]["scan"] |= {"enabled": False, "unknown": 1}
    config["oauth"]["buttonText"] = ""
    config["job"]["thumbnailGeneration"]["concurrency"] = 4
    answer = call(server, "PUT", "/api/system-config", config, token=token).body
    assert answer["server"]["externalDomain"] == "https://photos.example.net"
    assert answer["ffmpeg"]["acceptedVideoCodecs"] == ["h264", "hevc"]
    assert answer["oauth"]["buttonText"] == "Login with OAuth"
    assert "unknown" not in answer["library"]["scan"]
    assert server.running.db["config"] == {
        "server": {"externalDomain": "https://photos.example.net/path"},
        "ffmpeg": {"targetVideoCodec": "hevc"},
        "library": {"scan": {"enabled": False}},
        "job": {"thumbnailGeneration": {"concurrency": 4}},
    }
    server.restart()
    assert call(server, "GET", "/api/system-config", token=token).body == answer


def test_config_is_taken_whole_or_not_at_all(server: Server, modern: bool) -> None:
    _admin, token = sign_up(server)
    config = call(server, "GET", "/api/system-config", token=token).body
    before = json.dumps(config)

    def put(**sections: Any) -> Answer:
        return call(server, "PUT", "/api/system-config", config | sections, token=token)

    missing = call(server, "PUT", "/api/system-config", {name: section for name, section in config.items() if name != "trash"}, token=token)
    assert missing.status == 400
    assert modern or missing.message == ["trash must be an object"]
    cron_fault = put(library={"scan": {"enabled": True, "cronExpression": "every day"}, "watch": {"enabled": False}})
    assert cron_fault.status == 400
    assert modern or cron_fault.message == ["library.scan.Invalid cron expression"]
    if modern:
        assert cron_fault.body["errors"][0]["path"] == ["library", "scan", "cronExpression"]
    assert put(trash={"enabled": True, "days": -1}).status == 400
    assert put(nightlyTasks=config["nightlyTasks"] | {"startTime": "25:00"}).status == 400
    assert put(machineLearning=config["machineLearning"] | {"urls": []}).status == 400
    assert put(ffmpeg=config["ffmpeg"] | {"targetAudioCodec": "libopus"}).status == (400 if modern else 200)
    for template in ("{{foo}}", "{{y}", "{{y}}/{{#if album}}{{album}}{{/fi}}"):
        refused = put(storageTemplate=config["storageTemplate"] | {"template": template})
        assert (refused.status, refused.message) == (400, "Invalid storage template"), template
    album = config["storageTemplate"] | {"template": "{{#if album}}{{album}}{{else}}{{y}}{{/if}}/{{album-startDate-y}}/{{filename}}"}
    assert put(storageTemplate=album).status == 200
    learning = config["machineLearning"]
    assert put(machineLearning=learning | {"clip": {"enabled": True, "modelName": "ViT-B-33__openai"}}).message.startswith("Unknown CLIP model")
    assert put(machineLearning=learning | {"clip": {"enabled": True, "modelName": "immich-app/ViT-H-14-378-quickgelu__dfn5b"}}).status == 200
    assert put(ffmpeg=config["ffmpeg"] | {"crf": "20"}).body["ffmpeg"]["crf"] == 20
    assert put().status == 200
    assert json.dumps(call(server, "GET", "/api/system-config", token=token).body) == before


def test_a_disabled_scan_may_have_any_cron_before_3(server: Server, modern: bool) -> None:
    _admin, token = sign_up(server)
    config = call(server, "GET", "/api/system-config", token=token).body
    config["library"]["scan"] = {"enabled": False, "cronExpression": "never"}
    assert call(server, "PUT", "/api/system-config", config, token=token).status == (400 if modern else 200)


def test_a_config_file_owns_the_settings(server: Server, tmp_path: Path) -> None:
    _admin, token = sign_up(server)
    (tmp_path / "media" / "immich.yaml").write_text("library: {scan: {enabled: false}}\nnonsense: {a: 1}\n")
    server.set_env(IMMICH_CONFIG_FILE="/data/immich.yaml")
    config = call(server, "GET", "/api/system-config", token=token).body
    assert config["library"]["scan"]["enabled"] is False and "nonsense" not in config
    assert call(server, "GET", "/api/server/features").body["configFile"] is True
    refused = call(server, "PUT", "/api/system-config", config, token=token)
    assert (refused.status, refused.message) == (400, "Cannot update configuration while IMMICH_CONFIG_FILE is in use")
    (tmp_path / "media" / "immich.yaml").write_text("library: {scan: {cronExpression: never}}\n")
    assert call(server, "GET", "/api/system-config", token=token).status == 200, "the file is read at start only"
    server.restart()
    assert "[library.scan.cronExpression]" in server.why()


@pytest.mark.parametrize(
    ("expression", "valid"),
    [("0 */6 * * *", True), ("0 0 2 * * *", True), ("30 4 * * mon-fri", True), ("@daily", True), ("0 0 1,15 * *", True), ("5-10/2 * * jan *", True),
     ("* * * *", False), ("0 */6 * * * * *", False), ("61 * * * *", False), ("0 24 * * *", False), ("0 0 0 * *", False), ("*/0 * * * *", False),
     ("9-5 * * * *", False), ("", False), ("@never", False), ("a b c d e", False)],
)  # fmt: skip
def test_cron(expression: str, valid: bool) -> None:
    assert (cron.fault(expression) == "") is valid


# -- start, restart, upgrade


def test_markers_are_written_once_and_missed_ever_after(server: Server, tmp_path: Path) -> None:
    media = tmp_path / "media"
    assert server.why() == ""
    assert sorted(folder.name for folder in media.iterdir()) == list(FOLDERS)
    assert all((folder / ".immich").read_text().isdigit() for folder in media.iterdir())
    (media / "thumbs" / ".immich").unlink()
    assert server.why() == "", "a server that runs does not look again"
    server.restart()
    assert server.why().startswith('Failed to read: "<UPLOAD_LOCATION>/thumbs/.immich (/data/thumbs/.immich)')
    assert call(server, "GET", "/api/server/ping").status == 503
    server.set_env(IMMICH_IGNORE_MOUNT_CHECK_ERRORS="true")
    assert call(server, "GET", "/api/server/ping").status == 200
    server.set_env(IMMICH_IGNORE_MOUNT_CHECK_ERRORS="false")
    (media / "thumbs" / ".immich").touch()
    assert call(server, "GET", "/api/server/ping").body == {"res": "pong"}


def test_each_folder_goes_where_its_mount_is(tmp_path: Path) -> None:
    thumbs = tmp_path / "disk"
    thumbs.mkdir()
    with Server("3.1.0", {"/data": tmp_path / "nas", "/data/thumbs": thumbs}, tmp_path) as server:
        assert server.why() == ""
        assert (thumbs / ".immich").exists() and not (tmp_path / "nas" / "thumbs").exists()


def test_a_read_only_media_location(tmp_path: Path) -> None:
    (tmp_path / "nas").mkdir()
    with Server("3.1.0", (Mount("/data", tmp_path / "nas", read_only=True),), tmp_path) as server:
        assert server.why().startswith('Failed to create "<UPLOAD_LOCATION>/encoded-video/.immich')


def test_markers_of_an_older_life_are_taken_over(tmp_path: Path) -> None:
    """An empty database beside a used media location starts: what is wrong with that is for others to see."""
    with Server("3.1.0", {}, tmp_path) as server:
        assert server.why() == ""
        with Server("3.1.0", {}, tmp_path, database="another") as other:
            assert other.why() == ""
            assert call(other, "GET", "/api/server/config").body["isInitialized"] is False


def test_an_upgrade_is_remembered_and_a_way_back_is_none(tmp_path: Path) -> None:
    with Server("2.5.5", {}, tmp_path) as server:
        _admin, token = sign_up(server)
        config = call(server, "GET", "/api/system-config", token=token).body
        config["ffmpeg"]["crf"] = 30
        call(server, "PUT", "/api/system-config", config, token=token)
        server.become("v3.3.5")
        history = call(server, "GET", "/api/server/version-history").body
        assert [entry["version"] for entry in history] == ["3.3.5", "2.5.5"]
        assert call(server, "GET", "/api/system-config", token=token).body["ffmpeg"]["crf"] == 30
        assert call(server, "GET", "/api/server/version").body == {"major": 3, "minor": 3, "patch": 5, "prerelease": None}
        with pytest.raises(NotReady, match="downgrading to v3.1.0 is not supported"):
            server.become("3.1.0")
        assert "corrupted migrations" in server.why() and "3.3.5" in server.why()
        server.become("3.3.5")
        assert len(call(server, "GET", "/api/server/version-history").body) == 2


@pytest.mark.parametrize(("version", "reason"), [("1.135.2", "not played by the rehearsal yet"), ("v3", "not a release"), ("release", "not a release")])
def test_versions_that_are_not_played(version: str, reason: str, tmp_path: Path) -> None:
    with Server(version, {}, tmp_path) as server:
        assert reason in server.why()


@pytest.mark.parametrize(("release", "has_it"), [("3.1.0", False), ("3.2.0", True), ("v3.3.1", True), ("9.9.9", True)])
def test_a_release_in_between_has_what_it_has(release: str, has_it: bool, tmp_path: Path) -> None:
    with Server(release, {}, tmp_path) as server:
        _admin, token = sign_up(server)
        assert call(server, "GET", "/api/admin/config", token=token).status == (200 if has_it else 404)


@pytest.mark.parametrize(
    ("env", "reason"),
    [({"IMMICH_PORT": "tcp://10.0.0.1:2283"}, "IMMICH_PORT=tcp://10.0.0.1:2283 (must be a number)"),
     ({"IMMICH_LOG_LEVEL": "info"}, "IMMICH_LOG_LEVEL=info"),
     ({"IMMICH_MEDIA_LOCATION": "upload"}, "must be an absolute path"),
     ({"DB_VECTOR_EXTENSION": "pgvecto.rs"}, "DB_VECTOR_EXTENSION=pgvecto.rs"),
     ({"IMMICH_ALLOW_SETUP": "perhaps"}, "must be a boolean value"),
     ({"IMMICH_WORKERS_EXCLUDE": "api"}, "the api worker"),
     ({"IMMICH_CONFIG_FILE": "/etc/immich.yaml"}, "Unable to load configuration file: /etc/immich.yaml")],
)  # fmt: skip
def test_an_environment_that_stops_the_server(env: dict[str, str], reason: str, tmp_path: Path) -> None:
    with Server("3.1.0", {}, tmp_path, env=env) as server:
        assert reason in server.why()


def test_a_new_database_is_an_empty_server(tmp_path: Path) -> None:
    with Server("3.1.0", {}, tmp_path) as server:
        sign_up(server)
    with Server("3.1.0", {}, tmp_path) as server:
        assert call(server, "GET", "/api/server/config").body["isInitialized"] is True
    with Server("3.1.0", {}, tmp_path, database="another") as server:
        assert call(server, "GET", "/api/server/config").body["isInitialized"] is False


def test_a_backup_is_a_file_in_the_media_location(server: Server, tmp_path: Path) -> None:
    _admin, token = sign_up(server)
    assert call(server, "POST", "/api/jobs", {"name": "backup-database"}, token=token).status == 204
    server.wait()
    backups = [file.name for file in (tmp_path / "media" / "backups").iterdir() if file.name != ".immich"]
    assert len(backups) == 1 and backups[0].startswith("immich-db-backup-") and f"-v{server.instance.version}-pg" in backups[0]


# -- behind the API server, and in tests of others


def test_the_service_proxy(tmp_path: Path) -> None:
    (tmp_path / "nas").mkdir()
    instance = Instance("photos", "3.3.5", {}, (Mount("/data", tmp_path / "nas"),), "a-uid")

    def instances(namespace: str, service: str) -> Instance:
        if service == "immich-server":
            return instance
        raise {"waits": NotReady("no pod is ready")}.get(service, LookupError(service))

    async def get(client: TestClient[web.Request, web.Application], service: str, path: str) -> tuple[int, Any]:
        answer = await client.get(f"/api/v1/namespaces/immich/services/{service}/proxy{path}")
        return answer.status, await answer.json()

    async def session() -> None:
        async with TestClient(TestServer(create_app(instances, tmp_path))) as client:
            assert await get(client, "immich-server:2283", "/api/server/ping") == (200, {"res": "pong"})
            assert await get(client, "http:immich-server:2283", "/api/server/ping") == (200, {"res": "pong"})
            status, body = await get(client, "waits:2283", "/api/server/ping")
            assert (status, body["kind"], body["message"]) == (503, "Status", 'no endpoints available for service "waits"')
            status, body = await get(client, "gone:2283", "/api/server/ping")
            assert (status, body["reason"], body["message"]) == (404, "NotFound", 'services "gone" not found')
            assert (await client.get("/api/server/ping")).status == 404

    asyncio.run(session())


def test_requests_are_recorded_and_fail_on_demand(tmp_path: Path) -> None:
    with Server("3.1.0", {}, tmp_path) as server:
        _admin, token = sign_up(server)
        call(server, "GET", "/api/libraries", token=token, **{"user-agent": "a test"})
        assert server.requests[-1] == ("GET", "/api/libraries", 200, "a test")
        assert [request.path for request in server.mutations] == ["/api/auth/admin-sign-up"]
        server.faults.status(503, times=2)
        assert [call(server, "GET", "/api/server/ping").status for _time in range(3)] == [503, 503, 200]
        server.faults.reset()
        with pytest.raises((ConnectionError, urllib.error.URLError)):
            call(server, "GET", "/api/server/ping")
        proxied = call(server, "GET", "/api/v1/namespaces/immich/services/immich-server:2283/proxy/api/server/ping")
        assert proxied.body == {"res": "pong"} and server.requests[-1].path == "/api/server/ping"
