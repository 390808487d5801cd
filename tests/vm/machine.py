# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Debian machine with OpenZFS and an NFS server under QEMU: built once, started for a test, reached by ssh on 127.0.0.1."""

from __future__ import annotations

import hashlib
import os
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
BOOT_SECONDS = {"kvm": 60, "tcg": 300}
SILENT_SECONDS = 15  # without a word on the console


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
        subprocess.run(["apt-get", "update", "-qq"], check=True, stdout=subprocess.DEVNULL, env=environment)
        subprocess.run(["apt-get", "install", "-qq", "-y", "--no-install-recommends", *missing], check=True, stdout=subprocess.DEVNULL, env=environment)
    if not folder.is_dir():
        if os.geteuid():
            raise MachineError(f"there is no machine in {folder} yet, and debootstrap builds one as root only. Run once: sudo {HERE / 'build'} {folder}")
        say(f"Building the machine in {folder} (once, about ten minutes on two cores)")
        subprocess.run([HERE / "build", folder], check=True)
    return folder


class Machine:
    """A running machine. Its disk forgets everything when it stops."""

    def __init__(self, folder: Path, work: Path) -> None:
        self.folder, self.work = folder, work
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.accelerator, self.seconds = "", 0.0
        self.process: subprocess.Popen[bytes] | None = None
        self.options = ["-i", str(folder / "key"), "-o", f"UserKnownHostsFile={folder / 'known_hosts'}", "-o", "HostKeyAlias=nas"]
        self.options += ["-o", "StrictHostKeyChecking=yes", "-o", "IdentitiesOnly=yes", "-o", "LogLevel=ERROR", "-o", "ConnectTimeout=5", "-F", "none"]

    def start(self) -> None:
        """Start it with KVM, or without where the machine we are on has none."""
        usable = os.access("/dev/kvm", os.R_OK | os.W_OK)
        for accelerator in ("kvm", "tcg") if usable else ("tcg",):
            say(f"Starting the machine ({accelerator})")
            began = time.monotonic()
            self._launch(accelerator)
            if self._answers(BOOT_SECONDS[accelerator]):
                self.accelerator, self.seconds = accelerator, time.monotonic() - began
                say(f"ssh answers after {self.seconds:.0f} s")
                return
            self.stop()
        console = self.work / "console.log"
        raise MachineError(f"the machine does not answer by ssh. Its console: {console}\n{console.read_text(errors='replace')[-1500:]}")

    def stop(self) -> None:
        """Pull the plug."""
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def sh(self, script: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a shell script as root on it."""
        words = ["ssh", *self.options, "-p", str(self.port), "root@127.0.0.1", "sh -c " + shlex.quote(script)]
        done = subprocess.run(words, capture_output=True, text=True, timeout=180, stdin=subprocess.DEVNULL, check=False)
        if check and done.returncode:
            raise MachineError(f"{script}\n{done.stdout}{done.stderr}")
        return done

    def _launch(self, accelerator: str) -> None:
        words = ["qemu-system-x86_64", *ACCELERATORS[accelerator].split(), "-m", "1536", "-nodefaults", "-display", "none", "-no-reboot"]
        words += ["-kernel", str(self.folder / "vmlinuz"), "-initrd", str(self.folder / "initrd")]
        words += ["-append", "root=/dev/vda rw console=ttyS0 panic=-1", "-serial", f"file:{self.work / 'console.log'}"]
        words += ["-drive", f"file={self.folder / 'disk.qcow2'},if=virtio,snapshot=on", "-device", "virtio-rng-pci"]
        words += ["-netdev", f"user,id=n,restrict=on,hostfwd=tcp:127.0.0.1:{self.port}-10.0.2.15:22", "-device", "virtio-net-pci,netdev=n"]
        self.process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=(self.work / "qemu.log").open("wb"))

    def _answers(self, seconds: int) -> bool:
        began, console = time.monotonic(), self.work / "console.log"
        while time.monotonic() < began + seconds and self.process and self.process.poll() is None:
            if time.monotonic() > began + SILENT_SECONDS and not (console.exists() and console.stat().st_size):
                return False  # a KVM that is there and does not run, as in some virtual machines
            try:
                if self.sh("true", check=False).returncode == 0:
                    return True
            except subprocess.TimeoutExpired:
                pass
            time.sleep(0.5)
        return False
