# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Debian machine with OpenZFS and an NFS server under QEMU: built once, started for a test, reached by ssh on 127.0.0.1.

NAS_MACHINE=<folder> keeps it running between runs, for who works on these tests; `kill $(cat <folder>/pid)` ends it.
"""

from __future__ import annotations

import hashlib
import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "homelab-immich"
PACKAGES = {"qemu-system-x86_64": "qemu-system-x86", "qemu-img": "qemu-utils", "debootstrap": "debootstrap", "mke2fs": "e2fsprogs", "ssh": "openssh-client"}
# multi-threaded TCG panics this kernel
ACCELERATORS = {"kvm": "-accel kvm -cpu host -smp 2", "tcg": "-accel tcg,thread=single -cpu max -smp 1"}
BOOT_SECONDS = {"kvm": 60, "tcg": 900}
NOT_NEEDED = "systemd.mask=systemd-udev-settle.service systemd.mask=ldconfig.service"  # and slow
SILENT_SECONDS = 15  # without a word on the console
PROGRESS_SECONDS = 20
_COLOURS = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


class MachineError(Exception):
    """A sentence for who runs the test."""


def say(text: str) -> None:
    """Progress, past pytest's capture."""
    print(f"{time.strftime('%H:%M:%S')}  {text}", file=sys.__stderr__, flush=True)


def image() -> Path:
    """The folder of the image, built when there is none of this content. Only root can build one, and root installs what is missing."""
    folder = CACHE / f"nas-{hashlib.sha256((HERE / 'build').read_bytes()).hexdigest()[:12]}"
    missing = sorted(package for command, package in PACKAGES.items() if not shutil.which(command, path=f"{os.environ['PATH']}:/usr/sbin:/sbin"))
    if missing and (os.geteuid() or not shutil.which("apt-get")):
        raise MachineError(f"the machine needs {' '.join(missing)}. Run: sudo apt install {' '.join(missing)}")
    if missing:
        say(f"Installing {' '.join(missing)} by apt")
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        for words in (["update", "-qq"], ["install", "-qq", "-y", "--no-install-recommends", *missing]):
            if subprocess.run(["apt-get", *words], stdout=subprocess.DEVNULL, env=environment, check=False).returncode:
                raise MachineError(f"the machine needs {' '.join(missing)}, and apt-get {words[0]} failed, see above. Install them by hand.")
    if not folder.is_dir():
        if os.geteuid():
            command = f"sudo {HERE / 'build'} {folder} && sudo chown -R $USER {folder}"
            raise MachineError(f"there is no machine in {folder} yet, and debootstrap builds one as root only. Run once: {command}")
        say(f"Building the machine in {folder} (once, about ten minutes on two cores)")
        if subprocess.run([HERE / "build", folder], check=False).returncode:
            raise MachineError(f"the machine was not built; its last lines are above. Run {HERE / 'build'} {folder} to try again.")
    return folder


class Machine:
    """A running machine. Its disk forgets everything when it stops."""

    def __init__(self, folder: Path, work: Path, keep: bool = False) -> None:
        """`folder` is the image, `work` a folder of this run; `keep` leaves it running, and takes the one that runs there already."""
        self.folder, self.work, self.keep = folder, work, keep
        self.found = keep and (work / "port").exists()
        self.port = int((work / "port").read_text()) if self.found else _free_port()
        self.process: subprocess.Popen[bytes] | None = None
        self.options = ["-i", str(folder / "key"), "-o", f"UserKnownHostsFile={folder / 'known_hosts'}", "-o", "HostKeyAlias=nas"]
        self.options += ["-o", "StrictHostKeyChecking=yes", "-o", "IdentitiesOnly=yes", "-o", "LogLevel=ERROR", "-F", "none"]

    def start(self) -> None:
        """Start it with KVM, or without where the machine we are on has none."""
        if self.found and self.sh("true", check=False).returncode == 0:
            return say(f"The machine of {self.work} still runs")
        usable = os.access("/dev/kvm", os.R_OK | os.W_OK)
        for accelerator in ("kvm", "tcg") if usable else ("tcg",):
            say(f"Starting the machine ({accelerator}{', which takes two to three minutes' if accelerator == 'tcg' else ''})")
            began = time.monotonic()
            self._launch(accelerator)
            if self._answers(BOOT_SECONDS[accelerator]):
                say(f"ssh answers after {time.monotonic() - began:.0f} s")
                return None
            self.process.kill()
            self.process.wait()
        raise MachineError(f"the machine does not answer by ssh. Its console is {self.work / 'console.log'}, and its last line: {self._console()}")

    def stop(self) -> None:
        """Pull the plug, unless it is to be kept."""
        if self.process and not self.keep:
            self.process.kill()
            self.process.wait()

    def sh(self, script: str, check: bool = True, patience: int = 60) -> subprocess.CompletedProcess[str]:
        """Run a shell script as root on it; `patience` are the seconds until ssh answers."""
        words = ["ssh", *self.options, "-o", f"ConnectTimeout={patience}", "-p", str(self.port), "root@127.0.0.1", "sh -c " + shlex.quote(script)]
        done = subprocess.run(words, capture_output=True, text=True, timeout=300, stdin=subprocess.DEVNULL, check=False)
        if check and done.returncode:
            raise MachineError(f"{script}\n{done.stdout}{done.stderr}")
        return done

    def _launch(self, accelerator: str) -> None:
        words = ["qemu-system-x86_64", *ACCELERATORS[accelerator].split(), "-m", "1536", "-nodefaults", "-display", "none", "-no-reboot"]
        words += ["-kernel", str(self.folder / "vmlinuz"), "-initrd", str(self.folder / "initrd")]
        words += ["-append", f"root=/dev/vda rw console=ttyS0 panic=-1 {NOT_NEEDED}", "-serial", f"file:{self.work / 'console.log'}"]
        words += ["-drive", f"file={self.folder / 'disk.qcow2'},if=virtio,snapshot=on", "-device", "virtio-rng-pci"]
        words += ["-netdev", f"user,id=n,restrict=on,hostfwd=tcp:127.0.0.1:{self.port}-10.0.2.15:22", "-device", "virtio-net-pci,netdev=n"]
        log = (self.work / "qemu.log").open("wb")
        self.process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=log, start_new_session=self.keep)
        if self.keep:
            (self.work / "port").write_text(str(self.port))
            (self.work / "pid").write_text(str(self.process.pid))

    def _answers(self, seconds: int) -> bool:
        began, told = time.monotonic(), 0
        while (gone := time.monotonic() - began) < seconds and self.process and self.process.poll() is None:
            if gone > SILENT_SECONDS and not self._console():
                return False  # a KVM that is there and does not run, as in some virtual machines
            if gone // PROGRESS_SECONDS > told:
                told = int(gone // PROGRESS_SECONDS)
                say(f"{gone:4.0f} s  {self._console()[:100]}")
            try:
                if self.sh("true", check=False, patience=30).returncode == 0:
                    return True
            except subprocess.TimeoutExpired:
                pass
            time.sleep(0.5)
        return False

    def _console(self) -> str:
        """The last line that the console shows."""
        console = self.work / "console.log"
        text = _COLOURS.sub("", console.read_text(errors="replace")) if console.exists() else ""
        return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
