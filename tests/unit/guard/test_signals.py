# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What others are told: the message that each kind of receiver gets, and the metrics."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from ansible_collections.homelab.immich.plugins.module_utils.guard import __main__ as command
from ansible_collections.homelab.immich.plugins.module_utils.guard.config import ConfigError
from ansible_collections.homelab.immich.plugins.module_utils.guard.signals import Pushgateway, Webhook, metrics, payload, worth_telling
from ansible_collections.homelab.immich.plugins.module_utils.immich.client import Client
from ansible_collections.homelab.immich.plugins.module_utils.immich.transport import HttpTransport, TransportError
from ansible_collections.homelab.immich.rehearsal.immich.testing import Server

EMAIL, PASSWORD = "admin@example.net", "correct-horse-1"
REFUSED = {"at": "2026-11-21T03:00:00+00:00", "library": "NAS", "owner": EMAIL, "outcome": "refused", "message": "Refused: it would.", "notes": ["A note."]}
REFUSED |= {"before": {"total": 3}, "after": None, "trashed": 0, "returned": 0, "plan": {"removed": 3}}


@dataclass
class Receiver:
    """A server that is told."""

    url: str = ""
    status: int = 200
    told: list[tuple[str, dict[str, str], Any]] = field(default_factory=list)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    here = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            content = self.rfile.read(int(self.headers["content-length"]))
            body = json.loads(content) if self.command == "POST" else content.decode()
            here.told.append((self.path, {name.lower(): value for name, value in self.headers.items()}, body))
            self.send_response(here.status)
            self.send_header("content-length", "0")
            self.end_headers()

        do_PUT = do_POST

        def log_message(self, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    here.url = f"http://127.0.0.1:{server.server_port}"
    yield here
    server.shutdown()
    server.server_close()


def test_ntfy(receiver: Receiver, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("tk_abc\n")
    Webhook("ntfy", f"{receiver.url}/sub/immich", str(tmp_path / "token")).send(REFUSED)
    [(path, headers, body)] = receiver.told
    assert path == "/sub/" and headers["authorization"] == "Bearer tk_abc"
    message = "Refused: it would.\nA note."
    assert body == {"topic": "immich", "title": "Immich, library NAS: refused", "message": message, "priority": 5, "tags": ["warning"]}


def test_gotify(receiver: Receiver, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("Aabc")
    Webhook("gotify", f"{receiver.url}/push/", str(tmp_path / "token")).send(REFUSED | {"outcome": "scanned"})
    [(path, headers, body)] = receiver.told
    assert path == "/push/message" and headers["x-gotify-key"] == "Aabc" and "authorization" not in headers
    assert body == {"title": "Immich, library NAS: scanned", "message": "Refused: it would.\nA note.", "priority": 4}


def test_generic(receiver: Receiver) -> None:
    Webhook("generic", f"{receiver.url}/hooks/1?to=me").send(REFUSED)
    [(path, headers, body)] = receiver.told
    assert path == "/hooks/1?to=me" and "authorization" not in headers and headers["content-type"] == "application/json"
    assert body == {name: value for name, value in REFUSED.items() if name != "plan"}


def test_a_long_message_is_cut_where_ntfy_would_make_a_file_of_it() -> None:
    _path, body = payload("ntfy", "/immich", REFUSED | {"message": "写" * 3000})
    assert 3400 < len(body["message"].encode()) <= 3500


def test_a_receiver_that_refuses_is_an_error(receiver: Receiver) -> None:
    receiver.status = 401
    with pytest.raises(TransportError, match="it answered 401"):
        Webhook("generic", receiver.url).send(REFUSED)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ("https://ntfy.example.net/x", "write kind"),
        ({"kind": "ntfy"}, "write kind"),
        ({"kind": "ntfy", "url": "https://ntfy.example.net/x", "topic": "x"}, "write kind"),
        ({"kind": "mail", "url": "https://ntfy.example.net/x"}, "kind of webhook is 'mail'"),
        ({"kind": "ntfy", "url": "https://ntfy.example.net/"}, "it ends with the topic"),
        ({"kind": "generic", "url": "ftp://ntfy.example.net/x"}, "is not one such as"),
    ],
)
def test_a_webhook_that_cannot_be(given: object, says: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(says)):
        Webhook.read(given)


@pytest.mark.parametrize(
    ("outcome", "before", "told"),
    [
        ("refused", [], True),
        ("refused", ["refused"], True),
        ("unbraked", ["scanned"], True),
        ("scanned", [], False),
        ("scanned", ["scanned"], False),
        ("scanned", ["scanned", "refused", "later"], True),  # all is well again
        ("later", ["refused"], False),
    ],
)
def test_who_is_told_when(outcome: str, before: list[str], told: bool) -> None:
    records = [{"library": "NAS", "owner": EMAIL, "outcome": entry} for entry in before]
    others = [{"library": "NAS", "owner": "family@example.net", "outcome": "refused"}]
    assert worth_telling(outcome, records + others, "NAS", EMAIL) is told


def test_metrics_say_when_what_and_how_many() -> None:
    scanned = REFUSED | {"outcome": "scanned", "at": "2026-11-20T03:00:00+00:00", "trashed": 2}
    odd = scanned | {"library": 'a "b"\\c\nd'}
    text = metrics([scanned, odd, REFUSED], braked=True)
    nas = 'library="NAS",owner="admin@example.net"'
    assert f"immich_guard_last_run_timestamp_seconds{{{nas}}} 1795230000\n" in text
    assert f"immich_guard_last_scan_timestamp_seconds{{{nas}}} 1795143600\n" in text
    assert f'immich_guard_outcome{{{nas},outcome="refused"}} 1\n' in text and f'immich_guard_outcome{{{nas},outcome="scanned"}} 0\n' in text
    assert f"immich_guard_trashed_assets{{{nas}}} 0\n" in text and "immich_guard_brake_set 1\n" in text
    assert r'{library="a \"b\"\\c\nd",' in text
    assert_metrics(text)
    assert "immich_guard_brake_set 0\n" in metrics([], braked=False)


def assert_metrics(text: str) -> None:
    """The text format of Prometheus, version 0.0.4: each family once, with its type before its samples, no sample twice, a line feed at the end."""
    assert text.endswith("\n") and not text.endswith("\n\n")
    sample = re.compile(r'(immich_guard_\w+)(\{(?:[a-z_]+="(?:[^"\\\n]|\\["\\n])*",?)+\})? \d+(?:\.\d+)?')
    types, seen, family = set(), set(), ""
    for line in text[:-1].split("\n"):
        if line.startswith("# TYPE "):
            _hash, _type, family, kind = line.split(" ")
            assert family not in types and kind == "gauge"
            types.add(family)
        elif not line.startswith("# HELP "):
            match = sample.fullmatch(line)
            assert match and match[1] == family and match.group(1, 2) not in seen, line
            seen.add(match.group(1, 2))


def test_metrics_are_pushed(receiver: Receiver) -> None:
    text = metrics([REFUSED, REFUSED | {"library": 'a "b"\\c\nd'}], braked=True)
    Pushgateway.read(f"{receiver.url}/sub/metrics/job/immich_guard/instance/photos").push(text)
    [(path, headers, body)] = receiver.told
    assert path == "/sub/metrics/job/immich_guard/instance/photos" and headers["content-type"].startswith("text/plain; version=0.0.4")
    assert body == text
    assert_metrics(body)
    receiver.status = 400
    with pytest.raises(TransportError, match="it answered 400"):
        Pushgateway.read(f"{receiver.url}/metrics/job/x").push(text)


@pytest.mark.parametrize("given", ["https://push.example.net", "push.example.net/metrics/job/x", 7, "ftp://push.example.net/metrics/job/x"])
def test_a_pushgateway_that_cannot_be(given: object) -> None:
    with pytest.raises(ConfigError, match="write its address with the job"):
        Pushgateway.read(given)


@pytest.fixture
def guard(tmp_path: Path, receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The command line, on a library of three photos, with a webhook and metrics."""
    photos = tmp_path / "photos"
    (photos / ".immich-guard" / "photos").mkdir(parents=True)
    for number in range(3):
        (photos / f"{number}.jpg").write_bytes(b"a photo")
    monkeypatch.setattr(command, "_WAIT_S", 0.01)
    with Server("3.3.5", {"/mnt/photos": photos}, tmp_path) as server:
        admin = Client(HttpTransport(server.url))
        user = admin.post("/auth/admin-sign-up", {"email": EMAIL, "name": "Admin", "password": PASSWORD}, doing="sign up")
        admin.login(EMAIL, PASSWORD)
        admin.post("/libraries", {"ownerId": user["id"], "name": "NAS", "importPaths": ["/mnt/photos"]}, doing="make it")
        key = admin.post("/api-keys", {"name": "guard", "permissions": ["all"]}, doing="make a key")["secret"]
        config = {
            "url": server.url,
            "api_key_file": str(tmp_path / "key"),
            "memory": str(tmp_path / "memory"),
            "view": "mount",
            "folders": {"/mnt/photos": str(photos)},
            "sentinels": ["/mnt/photos/.immich-guard/photos"],
            "libraries": [{"name": "NAS", "owner": EMAIL}],
            "webhook": {"kind": "generic", "url": receiver.url},
            "metrics": str(tmp_path / "collector" / "immich_guard.prom"),
        }
        (tmp_path / "guard.json").write_text(json.dumps(config))
        (tmp_path / "key").write_text(key)
        yield lambda *arguments: command.main([*arguments, "--config", str(tmp_path / "guard.json")])


def test_a_refusal_and_its_end_are_told_and_measured(guard: Any, receiver: Receiver, tmp_path: Path) -> None:
    sentinel, file = tmp_path / "photos" / ".immich-guard" / "photos", tmp_path / "collector" / "immich_guard.prom"
    assert guard() == 0 and receiver.told == [] and 'outcome="scanned"} 1' in file.read_text()
    sentinel.rmdir()
    assert guard("plan") == 4 and receiver.told == []  # somebody only looks
    assert guard() == 4 and 'outcome="refused"} 1' in file.read_text()
    sentinel.mkdir()
    assert guard() == 0
    assert [body["outcome"] for _path, _headers, body in receiver.told] == ["refused", "scanned"]
    assert "sentinel" in receiver.told[0][2]["message"]
    assert guard("brake") == 0 and "immich_guard_brake_set 1" in file.read_text()


def test_a_key_that_is_revoked_is_told(guard: Any, receiver: Receiver, tmp_path: Path) -> None:
    (tmp_path / "key").write_text("k3y-nobody-may-see")
    assert guard() == 5
    [(_path, _headers, body)] = receiver.told
    assert (body["library"], body["outcome"]) == ("NAS", "failed") and "Invalid API key" in body["message"] and "nobody-may-see" not in body["message"]


def test_a_receiver_that_is_away_changes_nothing(guard: Any, receiver: Receiver, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    receiver.status = 500
    (tmp_path / "photos" / ".immich-guard" / "photos").rmdir()
    (tmp_path / "collector").write_text("no folder")
    assert guard() == 4
    said = capsys.readouterr().err
    assert "The webhook could not be told: it answered 500" in said and "The metrics could not be written" in said


def test_the_command_pushes_its_metrics(guard: Any, receiver: Receiver, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "guard.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"webhook": None, "pushgateway": f"{receiver.url}/metrics/job/immich_guard"}))
    assert guard() == 0
    [(_path, _headers, body)] = receiver.told
    assert 'outcome="scanned"} 1' in body
    assert_metrics(body)
    receiver.status = 500
    assert guard() == 0 and "The metrics could not be pushed: it answered 500" in capsys.readouterr().err
