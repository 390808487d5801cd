# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Locks and processes of a rehearsal. A process id is ours only while its command line names our folder: ids are reused, folders are not."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from .progress import Progress

LINUX = os.path.isdir("/proc/self")  # elsewhere ps says what /proc says


@contextmanager
def lock(path: Path, progress: Progress, waiting_for: str) -> Iterator[None]:
    """Hold a lock file; it goes when we do, however we end."""
    waited = False
    while True:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            file = open(path, "a")  # noqa: SIM115
        except FileNotFoundError:  # a holder has just removed the empty folder
            continue
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # A holder may have removed the file while we waited; then the lock is on nothing.
            if path.exists() and os.path.samestat(os.fstat(file.fileno()), path.stat()):
                break
        except BlockingIOError:
            if not waited:
                progress.step(f"Waiting for {waiting_for}")
                waited = True
            progress.tick()
            time.sleep(0.2)
        file.close()
    try:
        yield
    finally:
        file.close()


def _command_line(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return "" if LINUX else _ps(pid, "command=")


def pid(home: Path, name: str) -> int | None:
    """The id of this rehearsal's process of that name, if it lives."""
    try:
        number = int((home / "pids" / name).read_text())
    except (FileNotFoundError, ValueError):
        return None
    return number if f"{home}/" in _command_line(number) else None


def start(home: Path, name: str, command: list[str], env: dict[str, str] | None = None) -> None:
    """Start a process that outlives us. It gets a clean environment: ETCD_*, KUBECONFIG or a proxy of the user mean nothing to it."""
    with open(home / "logs" / f"{name}.log", "ab") as log:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            cwd=home,
            env={"PATH": os.environ.get("PATH", os.defpath), "HOME": str(home), "LANG": "C.UTF-8", **(env or {})},
        )
    try:
        (home / "pids" / name).write_text(str(process.pid))
        # Linux shows an empty command line for a moment after exec; later that means that the process has ended.
        while not _command_line(process.pid) and process.poll() is None:
            time.sleep(0.005)
    except BaseException:
        process.kill()
        raise
    process.returncode = 0  # its end is not ours to report; without this Popen warns about a child that still runs


def stop(home: Path, names: Iterable[str], patience: float) -> None:
    """End these processes and wait until they are gone; those that linger are killed."""
    pids = {name: number for name in names if (number := pid(home, name))}
    for send, limit in ((signal.SIGTERM, patience), (signal.SIGKILL, 10.0)):
        for number in pids.values():
            with suppress(ProcessLookupError):
                os.kill(number, send)
        deadline = time.monotonic() + limit
        while pids and time.monotonic() < deadline:
            pids = {name: number for name, number in pids.items() if not _ended(number)}
            time.sleep(0.05)
        if not pids:
            break
    for name in names:
        (home / "pids" / name).unlink(missing_ok=True)


def _ended(number: int) -> bool:
    """Whether a process is gone with its ports: it does not exist, or waits for a parent that does not care."""
    with suppress(ChildProcessError):  # it is not our own child
        return os.waitpid(number, os.WNOHANG)[0] != 0
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return True
    try:
        return Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return _ps(number, "stat=").startswith("Z") if not LINUX else True


def _ps(number: int, column: str) -> str:
    return subprocess.run(["ps", "-ww", "-o", column, "-p", str(number)], capture_output=True, text=True, check=False).stdout.strip()
