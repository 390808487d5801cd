# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""CRDs come from pinned modules, verified, or not at all."""

from __future__ import annotations

import json
import zipfile

import pytest
from ansible_collections.homelab.immich.rehearsal import crds, state

CRD = "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: NAME}\nspec:\n  names:\n    kind: KIND\n"


def crd(name, kind="Wanted"):
    """A CRD as a generator writes it."""
    return CRD.replace("NAME", name).replace("KIND", kind)


@pytest.fixture
def modules(place, monkeypatch):
    """A source with one module, and a Go that has it."""
    source = place / "crds"
    source.mkdir()
    (source / "go.mod").write_text("module x\n\ngo 1.26.0\n\nrequire (\n\texample.net/operator v1.2.3 // config/*.yaml: Wanted Other\n)\n")
    (source / "go.sum").write_text("example.net/operator v1.2.3 h1:good=\n")
    with zipfile.ZipFile(place / "operator.zip", "w") as archive:
        archive.writestr("example.net/operator@v1.2.3/config/a.yaml", crd("a") + "---\nkind: Namespace\n---\n" + crd("x", "Else") + "---\n" + crd("b", "Other"))
        archive.writestr("example.net/operator@v1.2.3/config/unwanted.yaml", crd("x", "Else") + "enum: [=]\n")  # that PyYAML can not read
        archive.writestr("example.net/operator@v1.2.3/other/c.yaml", crd("c"))
    (source / "kept.json").write_text(json.dumps({"kind": "CustomResourceDefinition", "metadata": {"name": "kept"}}))
    answer = {"Path": "example.net/operator", "Version": "v1.2.3", "Zip": str(place / "operator.zip"), "Sum": "h1:good="}
    monkeypatch.setattr(crds, "SOURCE", source)

    def go_answers(**changes):
        (place / "answer.json").write_text(json.dumps({key: value for key, value in {**answer, **changes}.items() if value is not None}))

    go = place / "go"
    go.write_text(f"#!/bin/sh\necho x >> {place}/asked\ncat {place}/answer.json\n! grep -q Error {place}/answer.json\n")
    go.chmod(0o755)
    monkeypatch.setattr(crds, "go", lambda _progress: str(go))
    go_answers()
    return go_answers


def test_only_the_kinds_in_the_files_of_the_pattern_are_taken_and_only_once(modules, place, heard):
    for _time in range(2):
        assert [crd["metadata"]["name"] for crd in crds.ensure(heard)] == ["kept", "a", "b"]
    assert (place / "asked").read_text() == "x\n"


def test_a_changed_module_is_refused(modules, heard):
    modules(Sum="h1:evil=")
    with pytest.raises(state.RehearsalError, match=r"example\.net/operator v1\.2\.3 has no checksum"):
        crds.ensure(heard)
    assert not list(state.cache().glob("crds-*"))


def test_a_failed_download_says_why_and_where_to_look(modules, heard):
    modules(Error="dial tcp: no such host", Sum=None, Zip=None)
    with pytest.raises(state.RehearsalError, match=r"no such host.*crds\.log"):
        crds.ensure(heard)


def test_every_pinned_module_has_its_checksum_its_pattern_and_its_kinds(checkout):
    text = (checkout / "rehearsal" / "crd_modules" / "go.mod").read_text()
    required = [line.split()[:2] for line in text.partition("require (")[2].splitlines() if line.startswith("\t")]
    assert sorted(crds.pinned()) == sorted((module, version) for module, version in required)
    sums = (checkout / "rehearsal" / "crd_modules" / "go.sum").read_text()
    for module, version in required:
        assert f"{module} {version} h1:" in sums
