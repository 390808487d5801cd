# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Carry out a plan on a Linux host, and prove what is exported afterwards. Standard library only."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile

from .exports import DROP_IN, differences, parse
from .look import ETAB, LinuxError, run
from .steps import Plan, Step

# What would be exported with the new file in place: in a mount namespace of its own, where the table of exports is a scratch copy.
_TRIAL = """
mount --bind "$1/exports.d" /etc/exports.d && mount --bind "$1/nfs" /var/lib/nfs || exit 90
exec exportfs -ra
"""


def carry_out(plan: Plan) -> None:
    """All steps, the export last. LinuxError says what failed and what was done before it."""
    done: list[str] = []
    os.umask(0o022)  # whatever the login has: clients have to see the sentinels
    try:
        for step in plan.steps:
            if step.kind in ("service", "file", "reload"):
                continue
            _folder_step(step)
            done.append(f"{step.kind} {step.target}")
        if any(step.kind in ("service", "file", "reload") for step in plan.steps):
            _export(plan)
    except (LinuxError, OSError) as error:
        so_far = f" Done before that: {', '.join(done)}; the next run goes on from there." if done else " Nothing was changed."
        raise LinuxError(f"{_plain(error)}{so_far}") from None


def missing_sentinels(plan: Plan) -> list[str]:
    """The sentinels that are not there after all."""
    return [place for place in plan.sentinels if not os.path.isdir(place)]


def _folder_step(step: Step) -> None:
    if step.kind == "create":
        run("zfs", "create", *(word for option in step.values for word in ("-o", option)), step.target)
        if run("zfs", "get", "-Hp", "-o", "value", "mounted,canmount", step.target).split()[0] != "yes":
            raise LinuxError(f"the dataset {step.target} was created and is not mounted. Run zfs mount {step.target}.")
    elif step.kind == "set":
        run("zfs", "set", f"{step.values[0]}={step.values[1]}", step.target)
    elif step.kind == "folder":
        uid, gid, mode = step.values
        os.makedirs(os.path.dirname(step.target), mode=0o755, exist_ok=True)
        os.mkdir(step.target)
        _own(step.target, uid, gid, mode)
    elif step.kind == "own":
        _own(step.target, *step.values)


def _own(path: str, uid: int, gid: int, mode: int) -> None:
    os.chown(path, uid, gid)
    os.chmod(path, mode)  # last: a change of owner may clear bits


def _export(plan: Plan) -> None:
    """Try the file, put it in place, start the server, and go back to the file before when the table is not as declared."""
    os.makedirs(os.path.dirname(DROP_IN), exist_ok=True)
    before = None
    if os.path.exists(DROP_IN):
        with open(DROP_IN, encoding="utf-8") as stream:
            before = stream.read()
    if before != plan.text:
        _try(plan)
    _write(plan.text)
    try:
        if any(step.kind == "service" for step in plan.steps):
            run("systemctl", "enable", "--now", "nfs-server.service")
        complaints = _exportfs()
        wrong = differences(plan.entries, parse(_table()))
        if wrong:
            raise LinuxError(f"exportfs took {DROP_IN} otherwise than declared: {'; '.join(wrong)}. {complaints}".strip())
        if not (os.path.exists("/proc/fs/nfsd/threads") and int(_text("/proc/fs/nfsd/threads")) > 0):
            raise LinuxError("the NFS server has no threads in the kernel. Look at systemctl status nfs-server")
        if "+4" not in _text("/proc/fs/nfsd/versions").split():
            raise LinuxError("the NFS server does not serve version 4, which the cluster mounts. Remove vers4=n from /etc/nfs.conf")
    except LinuxError as error:
        if before is None:
            os.unlink(DROP_IN)
        else:
            _write(before)
        _exportfs()
        raise LinuxError(f"{error} The exports before were restored.") from None


def _try(plan: Plan) -> None:
    scratch = tempfile.mkdtemp(prefix="homelab-immich-")
    try:
        shutil.copytree(os.path.dirname(DROP_IN), f"{scratch}/exports.d")
        os.mkdir(f"{scratch}/nfs")
        with open(f"{scratch}/exports.d/{os.path.basename(DROP_IN)}", "w", encoding="utf-8") as stream:
            stream.write(plan.text)
        done = subprocess.run(["unshare", "--mount", "sh", "-c", _TRIAL, "sh", scratch], capture_output=True, text=True, check=False)
        if done.returncode == 90 or "unshare" in done.stderr:
            return  # no mount namespaces here, as in a container: the table is compared after the fact all the same
        table = f"{scratch}/nfs/etab"
        wrong = differences(plan.entries, parse(_text(table)) if os.path.exists(table) else [])
        said = [line for line in done.stderr.splitlines() if wrong or DROP_IN in line]  # not every complaint names the file
        if wrong or said:
            raise LinuxError(f"exportfs refuses what is declared: {' '.join(said) or '; '.join(wrong)}. Correct options or clients.")
    finally:
        shutil.rmtree(scratch)


def _write(text: str) -> None:
    scratch = f"{os.path.dirname(DROP_IN)}/.{os.path.basename(DROP_IN)}.new"  # exportfs reads no dot files
    with open(scratch, "w", encoding="utf-8") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    os.chmod(scratch, 0o644)
    os.replace(scratch, DROP_IN)


def _exportfs() -> str:
    done = subprocess.run(["exportfs", "-ra"], env={**os.environ, "LC_ALL": "C"}, capture_output=True, text=True, check=False)
    return " ".join(done.stderr.split())


def _table() -> str:
    return _text(ETAB)


def _text(file: str) -> str:
    with open(file, encoding="utf-8", errors="surrogateescape") as stream:
        return stream.read()


def _plain(error: Exception) -> str:
    text = str(error)
    if "No space left" in text or "out of space" in text:
        text += ". The pool or the disk is full: make room"
    return text.rstrip(".") + "."
