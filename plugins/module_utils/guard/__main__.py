# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The guard's own command line: see --help."""

from __future__ import annotations

import argparse
import datetime
import json
import os
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, TextIO

from ..immich.changes import Change, PlanErrors
from ..immich.client import Client
from ..immich.errors import ImmichError
from ..immich.transport import HttpTransport, TransportError
from .brake import release, set_brake
from .config import Config, ConfigError, Limits, libraries
from .manifest import Damaged
from .report import EXIT_CODES, Report
from .run import Guard
from .shared import Files, in_cluster
from .signals import Pushgateway, Webhook, metrics, worth_telling
from .state import Busy
from .views import view_of
from .zipped import archive

_CODES = """\
exit codes:
  0  scanned, or would be
  2  the command line or the config is wrong
  3  put off: the server or another guard is busy, files are arriving, quiet hours
  4  refused: the scan would do harm; nothing was changed
  5  the server could not be asked, or the scan did not end well
  6  the scan trashed more than it may; the brake is set
  7  the scan trashed more than it may; the brake could NOT be set
"""
_CONNECTION = {"url": None, "ca_cert": None, "validate_certs": True, "timeout": 30, "api_key_file": None, "wait": 3600, "libraries": ()}
_CONNECTION |= {"configmap": None, "webhook": None, "metrics": None, "pushgateway": None}
_WAIT_S, _LONGEST_S = 1.0, 15.0


def main(arguments: list[str] | None = None) -> int:
    """Run a command; return how the process ends."""
    parser = argparse.ArgumentParser(prog="guard", description="Scan external libraries of Immich without losing one.", epilog=_CODES,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", nargs="?", default="scan", choices=("scan", "plan", "paths", "watch", "brake", "release", "pack"),
                        help="scan (the default); plan: say what a scan would do; paths: the same by file, + new, - removed, ! not readable; "
                             "watch: scan nothing, and brake when others scanned too much away; brake, release: by hand; "
                             "pack: write this program as one file, which any Python 3.11 runs")
    parser.add_argument("--config", type=Path, help="JSON file that says which server, which libraries and which limits (docs/safety.md)")
    parser.add_argument("--library", action="append", help="only this library of the config")
    parser.add_argument("--accept", action="append", default=[], metavar="NAME=NUMBER", help="let through once what the refusal counted")
    parser.add_argument("--in-quiet-hours", action="store_true", help="scan although these are quiet hours")
    parser.add_argument("--to", type=Path, help="where pack writes")
    given = parser.parse_args(arguments)
    if given.command == "pack":
        if given.to is None:
            parser.error("pack needs --to")
        given.to.write_bytes(archive())
        return 0
    if given.config is None:
        parser.error(f"{given.command} needs --config")
    try:
        return _run(given.command, json.loads(given.config.read_text(encoding="utf-8")), given)
    except (ConfigError, OSError, ValueError) as error:
        _tell(f"{given.config}: {error}", to=sys.stderr)
        return 2


def _run(command: str, settings: Mapping[str, Any], given: argparse.Namespace) -> int:
    connection = {name: settings.get(name, default) for name, default in _CONNECTION.items()}
    unknown = sorted(set(settings) - set(_CONNECTION) - set(Config.__dataclass_fields__))
    if unknown:
        raise ConfigError(f"{', '.join(unknown)} is not known.")
    if not connection["url"] or not settings.get("memory"):
        raise ConfigError("url and memory are needed: the server, and a folder that the guard may write to.")
    config = Config(**{name: tuple(value) if isinstance(value, list) else value for name, value in settings.items() if name not in _CONNECTION})
    config = replace(config, accept={**config.accept, **dict(map(_accepted, given.accept))}, in_quiet_hours=config.in_quiet_hours or given.in_quiet_hours)
    limits = libraries(connection["libraries"])
    webhook = Webhook.read(connection["webhook"]) if connection["webhook"] else None
    gateway = Pushgateway.read(connection["pushgateway"]) if connection["pushgateway"] else None
    if given.library:
        limits = [entry for entry in limits if entry.name in given.library]
    check = command in ("plan", "paths")
    try:
        api = _client(connection, read_only=check)
        shared = in_cluster(connection["configmap"]) if connection["configmap"] else None
        guard = Guard(api, view_of(config, api), config, limits, shared=shared, check_mode=check)
        if command not in ("brake", "release"):
            guard.learn()
        if check:
            return _look(guard, limits, by_path=command == "paths")
        with guard.state.alone():
            before = guard.state.records() if webhook else []
            if command in ("brake", "release"):
                code = _brake(api, guard, command)
            else:
                look = guard.watch if command == "watch" else partial(_scanned, guard, connection["wait"])
                code = _scan(look, limits, webhook, before)
                # the next look is soon
                code = 0 if (command, code) == ("watch", EXIT_CODES["later"]) else code
            if connection["metrics"]:
                _measure(guard, Path(connection["metrics"]))
            if gateway:
                _push(guard, gateway)
            return code
    except Busy as reason:
        _tell(f"Put off: {reason}.")
        return 0 if command == "watch" else EXIT_CODES["later"]
    except (ImmichError, PlanErrors, Damaged, OSError) as error:  # the folder memory may be full, or away
        _tell(str(error), to=sys.stderr)
        if webhook and command in ("scan", "watch"):
            _send(webhook, Report(", ".join(entry.name for entry in limits), "", "failed", str(error)))
        return EXIT_CODES["failed"]


def _tell(*lines: str, to: TextIO | None = None) -> None:
    """Print at once, also into a pipe."""
    to = to or sys.stdout
    to.write("".join(f"{line}\n" for line in lines))
    to.flush()


def _accepted(text: str) -> tuple[str, int]:
    name, _equals, number = text.rpartition("=")
    if not name or not number.replace(",", "").isdecimal():
        raise ConfigError(f"--accept {text!r}: write the library and the number that the refusal named, such as 'NAS photos=41180'.")
    return name, int(number.replace(",", ""))


def _client(connection: Mapping[str, Any], *, read_only: bool) -> Client:
    transport = HttpTransport(connection["url"], ca_cert=connection["ca_cert"], validate_certs=connection["validate_certs"])
    path = connection["api_key_file"]
    # systemd says in the environment where it has put a credential
    key = Path(os.path.expandvars(path)).read_text(encoding="utf-8").strip() if path else os.environ.get("IMMICH_API_KEY")
    return Client(transport, api_key=key, read_only=read_only, timeout=connection["timeout"])


def _look(guard: Guard, limits: list[Limits], *, by_path: bool) -> int:
    worst = 0
    sys.stdout.reconfigure(errors="surrogateescape")  # the names of files as they are, UTF-8 or not
    for entry in limits:
        if by_path:
            for sign, path in guard.checks.paths(entry):
                _tell(f"{sign} {path}")
        else:
            worst = max(worst, _say(guard.begin(entry)))
    return worst


def _scan(look: Callable[[Limits], Report], limits: list[Limits], webhook: Webhook | None, records: list[dict[str, Any]]) -> int:
    worst = 0
    for entry in limits:
        report = look(entry)
        worst = max(worst, _say(report))
        if webhook and worth_telling(report.outcome, records, report.library, report.owner):
            _send(webhook, report)
    return worst


def _scanned(guard: Guard, wait: float, entry: Limits) -> Report:
    begun = guard.begin(entry)
    if isinstance(begun, Report):
        return begun
    ends, pause = time.monotonic() + wait, _WAIT_S
    while (left := guard.pending(begun)) and time.monotonic() < ends:
        _tell(f'  "{entry.name}": waiting for {left}')
        time.sleep(pause)
        pause = min(pause * 1.5, _LONGEST_S)
    return guard.finish(begun, f"After {wait:g} s it still waits for {left}." if left else "")


def _send(webhook: Webhook, report: Report) -> None:
    """Tell others; that they could not be told changes nothing of what came of the scan."""
    try:
        webhook.send({"at": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"), **report.shown()})
    except (TransportError, ImmichError, OSError) as error:
        _tell(f"  The webhook could not be told: {error}.", to=sys.stderr)


def _measure(guard: Guard, file: Path) -> None:
    """Write the metrics anew; what could not be written is told, and grows old, which an alert sees."""
    try:
        text = metrics(guard.state.records(), braked=guard.state.brake() is not None)
        Files(file.parent).write(file.name, text)
    except (ImmichError, OSError) as error:
        _tell(f"  The metrics could not be written: {error}", to=sys.stderr)


def _push(guard: Guard, gateway: Pushgateway) -> None:
    """Hand the metrics over; one that does not take them changes nothing either."""
    try:
        gateway.push(metrics(guard.state.records(), braked=guard.state.brake() is not None))
    except (TransportError, ImmichError, OSError) as error:
        _tell(f"  The metrics could not be pushed: {error}", to=sys.stderr)


def _say(report: Any) -> int:
    _tell(*report.lines())
    return EXIT_CODES[report.outcome]


def _brake(api: Client, guard: Guard, command: str) -> int:
    changes: list[Change] = []
    if command == "brake":
        set_brake(api, guard.state, {"why": "by hand"}, check_mode=False, record=changes.append)
        _tell("The brake is set.")
    elif guard.state.brake() is None:
        _tell("The brake is not set, as far as this guard knows.")
    else:
        others = release(api, guard.state, check_mode=False, record=changes.append)
        _tell("The brake is released." + (f" Somebody else has changed {', '.join(others)} since; left alone." if others else ""))
    for change in changes:
        for name, value in (change.after or {}).items():
            _tell(f"  {name}: {value}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
