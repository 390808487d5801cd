# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bring a rehearsal up or down, and look at it."""

from __future__ import annotations

import hashlib
import json
import secrets
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from . import binaries, control_plane, crds, processes, state
from .progress import Progress
from .state import RehearsalError


def _lock_of(home: Path) -> Path:
    """Beside the rehearsals, for it has to be there before the home is and after it is gone."""
    return home.parent.parent / "locks" / home.name


def _locked(home: Path, progress: Progress):
    return processes.lock(_lock_of(home), progress, f"another run that works on {home.name}")


@contextmanager
def _interruptible() -> Iterator[None]:
    """Let whoever interrupts or terminates a bring-up reach its cleaning up, also in a worker of Ansible, which would just die; and let no second
    signal disturb that."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    signals = (signal.SIGINT, signal.SIGTERM)

    def interrupt(number: int, _frame: object) -> None:
        for each in signals:
            signal.signal(each, signal.SIG_IGN)
        raise KeyboardInterrupt if number == signal.SIGINT else SystemExit(128 + number)

    before = {number: signal.signal(number, interrupt) for number in signals}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def up(inventory: str, spec: dict | None, progress: Progress) -> bool:
    """Make the rehearsal of this inventory run, as `spec` says. Returns whether anything was started or changed."""
    try:
        import aiohttp  # noqa: F401
        import trustme  # noqa: F401
    except ImportError as error:
        raise RehearsalError(f"The rehearsal needs the Python package {error.name}; install what requirements.txt of homelab.immich lists.") from None
    home = state.home(inventory)
    with _interruptible(), _locked(home, progress):
        ended = [name for name, pid in control_plane.running(home).items() if not pid]
        runs = (home / "state.json").exists() and not ended
        if (home / "state.json").exists() and ended:
            progress.say(f"Rehearsal {home.name} starts again, for {', '.join(ended)} had ended; {home}/logs tells why")
        if runs and state.read(home).get("code") != _code():
            progress.say(f"Rehearsal {home.name} starts again, for its code has changed")
        elif runs:
            changed = _write_spec(home, inventory, spec)
            if changed:
                control_plane.apply_spec(home, state.read(home)["ports"]["kube-apiserver"], _read_spec(home))
            progress.say(f"Rehearsal {home.name} is already up{', its inventory changed' if changed else ''}")
            return changed
        _start(home, inventory, spec, progress)
        return True


def _start(home: Path, inventory: str, spec: dict | None, progress: Progress) -> None:
    programs = binaries.ensure(progress)
    crds.ensure(progress)
    began = time.monotonic()
    try:
        # What a crash, a reboot or an interrupted start left behind goes first; data and ports are kept.
        control_plane.stop(home)
        (home / "state.json").unlink(missing_ok=True)
        control_plane.make_home(home)
        _write_spec(home, inventory, spec)
        run = json.loads((home / "run.json").read_text()) if (home / "run.json").exists() else {"truenas_api_key": secrets.token_urlsafe(32)}
        run |= {"home": str(home), "ports": control_plane.pick_ports(run.get("ports", {}))}
        state.write_json(home / "run.json", run)
        control_plane.start(home, programs, run["ports"], progress)
        control_plane.apply_spec(home, run["ports"]["kube-apiserver"], _read_spec(home))
        state.write_json(home / "state.json", {
            "home": str(home),
            "kubeconfig": str(home / "kubeconfig"),
            "context": "rehearsal",
            "immich": f"http://127.0.0.1:{run['ports']['immich']}",
            "truenas": f"wss://127.0.0.1:{run['ports']['truenas']}",
            "ca": str(home / "pki" / "ca.crt"),
            "truenas_user": "rehearsal",
            "truenas_api_key": run["truenas_api_key"],
            "ports": run["ports"],
            "pids": control_plane.running(home),
            "started": int(time.time()),
            "code": _code(),
        })  # fmt: skip
    except BaseException:
        control_plane.stop(home, patience=2.0)
        raise
    progress.say(f"Rehearsal {home.name} is up ({time.monotonic() - began:.0f} s)")


def _code() -> str:
    """What this package consists of: a rehearsal of yesterday's stand-ins would fail in strange ways."""
    package = Path(__file__).parent
    files = sorted(path for path in package.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return hashlib.sha256(b"".join(path.relative_to(package).as_posix().encode() + path.read_bytes() for path in files)).hexdigest()


def _read_spec(home: Path) -> dict:
    return json.loads((home / "spec.json").read_text())


def _write_spec(home: Path, inventory: str, spec: dict | None) -> bool:
    """Store what the inventory asks for; without a spec the stored one stays."""
    path = home / "spec.json"
    before = _read_spec(home) if path.exists() else None
    if spec is None:
        spec = before or {"inventory": str(Path(inventory).absolute()), "storage_classes": [], "nas": {}}
    if spec == before:
        return False
    state.write_json(path, spec)
    return True


def down(home: Path, progress: Progress) -> bool:
    """End a rehearsal and remove everything of it. Returns whether there was one."""
    if not home.exists():
        return False
    with _locked(home, progress):
        if not home.exists():
            return False
        progress.step(f"Taking down rehearsal {home.name}")
        control_plane.stop(home, patience=2.0)
        control_plane.remove(home)
        _lock_of(home).unlink(missing_ok=True)
    for folder in (_lock_of(home).parent, home.parent, home.parent.parent):
        with suppress(OSError):  # other rehearsals are in it, or what is known of real instances
            folder.rmdir()
    progress.say(f"Rehearsal {home.name} is gone")
    return True
