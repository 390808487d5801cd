# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tells others what came of a run: a webhook when somebody has to look, and metrics, in a file for node_exporter's textfile collector or to a Pushgateway."""

from __future__ import annotations

import datetime
import json
import os
import urllib.parse
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..immich.transport import HttpTransport, TransportError
from .config import ConfigError
from .report import EXIT_CODES

BAD = ("refused", "failed", "braked", "unbraked")
KINDS = ("ntfy", "gotify", "generic")
# ntfy makes a file of what is longer
_MESSAGE_BYTES = 3500
_TIMEOUT_S = 15.0


@dataclass(frozen=True)
class Webhook:
    """Where a message goes."""

    kind: str
    # of ntfy with the topic, of Gotify without /message
    url: str
    token_file: str = ""

    @classmethod
    def read(cls, given: object) -> Webhook:
        """Read the config's `webhook`."""
        if not isinstance(given, Mapping) or not {"kind", "url"} <= set(given) <= set(cls.__dataclass_fields__):
            has = ", ".join(sorted(map(str, given))) if isinstance(given, Mapping) else f"a {type(given).__name__}"  # what it says may be secret
            raise ConfigError(f"webhook has {has}; write kind ({', '.join(KINDS)}), url, and token_file where one is needed.")
        hook = cls(**given)
        if hook.kind not in KINDS:
            raise ConfigError(f"kind of webhook is {hook.kind!r}; it is one of {', '.join(KINDS)}.")
        parts = urllib.parse.urlsplit(hook.url)
        if parts.scheme not in ("http", "https") or not parts.hostname or (hook.kind == "ntfy" and not parts.path.strip("/")):
            raise ConfigError("the address of the webhook is not one such as https://ntfy.example.net/immich; of ntfy it ends with the topic.")
        return hook

    def send(self, report: Mapping[str, Any]) -> None:
        """Tell what came of one library; raises TransportError or OSError."""
        parts = urllib.parse.urlsplit(self.url)
        path, body = payload(self.kind, parts.path, report)
        headers = {"content-type": "application/json"}
        if self.token_file:
            token = Path(os.path.expandvars(self.token_file)).read_text(encoding="utf-8").strip()
            headers |= {"x-gotify-key": token} if self.kind == "gotify" else {"authorization": f"Bearer {token}"}
        transport = HttpTransport(f"{parts.scheme}://{parts.netloc}")
        try:
            target = f"{path}?{parts.query}" if parts.query else path
            answer = transport.send("POST", target, headers, json.dumps(body).encode(), _TIMEOUT_S)
        finally:
            transport.close()
        if not 200 <= answer.status < 300:
            raise TransportError(f"it answered {answer.status}", sent=True, advice="check its address and its token")


@dataclass(frozen=True)
class Pushgateway:
    """Where metrics are pushed to: the address with the job and its labels, all of whose metrics are replaced."""

    url: str

    @classmethod
    def read(cls, given: object) -> Pushgateway:
        """Read the config's `pushgateway`."""
        parts = urllib.parse.urlsplit(given if isinstance(given, str) else "")
        if parts.scheme not in ("http", "https") or not parts.hostname or "/metrics/job/" not in parts.path:
            raise ConfigError(f"pushgateway is {given!r}; write its address with the job, such as https://push.example.net/metrics/job/immich_guard.")
        return cls(str(given))

    def push(self, text: str) -> None:
        """Put the metrics in the place of those of before; raises TransportError or OSError."""
        parts = urllib.parse.urlsplit(self.url)
        transport = HttpTransport(f"{parts.scheme}://{parts.netloc}")
        try:
            answer = transport.send("PUT", parts.path, {"content-type": "text/plain; version=0.0.4; charset=utf-8"}, text.encode(), _TIMEOUT_S)
        finally:
            transport.close()
        if not 200 <= answer.status < 300:
            raise TransportError(f"it answered {answer.status}", sent=True, advice="check its address")


def payload(kind: str, path: str, report: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Where below the host a message is sent to, and the message as this kind of receiver takes it."""
    bad = report["outcome"] in BAD
    title = f"Immich, library {report['library']}: {report['outcome']}"
    message = "\n".join([report["message"], *report["notes"]]).encode()[:_MESSAGE_BYTES].decode(errors="ignore")
    if kind == "ntfy":
        before, _slash, topic = path.rstrip("/").rpartition("/")
        tag = "warning" if bad else "white_check_mark"
        return f"{before}/", {"topic": topic, "title": title, "message": message, "priority": 5 if bad else 3, "tags": [tag]}
    if kind == "gotify":
        return f"{path.rstrip('/')}/message", {"title": title, "message": message, "priority": 8 if bad else 4}
    keys = ("at", "library", "owner", "outcome", "message", "notes", "before", "after", "trashed", "returned")
    return path or "/", {key: report.get(key) for key in keys}


def worth_telling(outcome: str, records: Iterable[Mapping[str, Any]], library: str, owner: str) -> bool:
    """Whether somebody has to look, or need not look any more. `records` are those before this run."""
    if outcome in BAD:
        return True
    last = [entry["outcome"] for entry in records if (entry["library"], entry["owner"]) == (library, owner) and entry["outcome"] not in ("later", "watched")]
    return outcome == "scanned" and bool(last) and last[-1] in BAD


def metrics(records: Iterable[Mapping[str, Any]], *, braked: bool) -> str:
    """What the records say, in the text format of Prometheus."""
    last: dict[tuple[str, str], Mapping[str, Any]] = {}
    good: dict[tuple[str, str], Mapping[str, Any]] = {}
    for entry in records:
        key = entry["library"], entry["owner"]
        if entry["outcome"] == "watched":
            continue
        last[key] = entry
        if entry["outcome"] == "scanned":
            good[key] = entry
    lines: list[str] = []

    def gauge(name: str, what: str, samples: Iterable[tuple[str, float]]) -> None:
        lines.extend([f"# HELP immich_guard_{name} {what}", f"# TYPE immich_guard_{name} gauge"])
        lines.extend(f"immich_guard_{name}{labels} {value:.17g}" for labels, value in samples)

    gauge("last_run_timestamp_seconds", "When the library was looked at last.", [(_labels(key), _time(entry)) for key, entry in last.items()])
    gauge("last_scan_timestamp_seconds", "When the library was scanned well last.", [(_labels(key), _time(entry)) for key, entry in good.items()])
    outcomes = [outcome for outcome in EXIT_CODES if outcome not in ("planned", "watched")]
    samples = [(_labels(key, outcome=outcome), float(entry["outcome"] == outcome)) for key, entry in last.items() for outcome in outcomes]
    gauge("outcome", "1 for what came of the last run, 0 for what did not.", samples)
    gauge("trashed_assets", "How many assets the last run found newly trashed.", [(_labels(key), entry["trashed"]) for key, entry in last.items()])
    gauge("brake_set", "1 while nothing is purged because a scan trashed too much, or a person said so.", [("", float(braked))])
    return "\n".join(lines) + "\n"


def _labels(key: tuple[str, str], **more: str) -> str:
    named = {"library": key[0], "owner": key[1], **more}
    escaped = {name: value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n") for name, value in named.items()}
    return "{" + ",".join(f'{name}="{value}"' for name, value in escaped.items()) + "}"


def _time(entry: Mapping[str, Any]) -> float:
    return datetime.datetime.fromisoformat(entry["at"]).timestamp()
