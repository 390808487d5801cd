# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the actions accept, and how apply waits: show progress, give up."""

from __future__ import annotations

import importlib

import pytest
import yaml
from ansible.errors import AnsibleActionFail
from ansible_collections.homelab.immich.plugins.action import apply, cluster_check
from ansible_collections.homelab.immich.plugins.doc_fragments.kubernetes import ModuleDocFragment

STARTING = {"object": "Deployment immich/immich-server", "why": "the pod is starting", "hopeless": False}
BROKEN = {"object": "Cluster immich/immich-db", "why": "Cluster is unrecoverable", "hopeless": True}


@pytest.fixture
def wait(monkeypatch):
    """Wait while each answer of the API server holds for ten seconds; returns the result (or why it gave up), the lines a person saw, and the clock."""
    clock = [0.0]
    monkeypatch.setattr(apply.time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(apply.time, "sleep", lambda seconds: clock.__setitem__(0, clock[0] + seconds))

    def run(*answers, timeout=900):
        clock[0] = 0.0
        monkeypatch.setattr(apply.readiness, "pending", lambda *_given: answers[int(clock[0] / 10)])
        lines = []
        try:
            return apply.wait(None, [], [], timeout, lines.append), lines, clock[0]
        except apply.GaveUp as error:
            return str(error), lines, clock[0]

    return run


def test_a_person_sees_what_is_waited_for(wait):
    result, lines, _clock = wait([STARTING], [STARTING], [STARTING], [])
    assert result == {"ready": True, "pending": []}
    assert lines == [f"waiting for Deployment immich/immich-server (the pod is starting) ({seconds} s)" for seconds in (10, 20)]


def test_what_is_ready_is_not_waited_for(wait):
    assert wait([]) == ({"ready": True, "pending": []}, [], 0)


def test_the_time_is_up_exactly_when_it_was_said(wait):
    why, _lines, clock = wait([STARTING], [STARTING], timeout=14)
    assert why == "not ready (waited 14 s, wait_timeout is 14 s): Deployment immich/immich-server (the pod is starting)."
    assert clock == 14


def test_a_server_that_is_still_starting_has_the_time_that_its_deployment_gives(wait):
    migrating = {**STARTING, "patience": 30}
    assert wait([migrating], [migrating], [], timeout=14)[0]["ready"]
    why, _lines, clock = wait(*[[migrating]] * 4, timeout=14)
    assert "not ready (waited 30 s, its progressDeadlineSeconds is 30 s)" in why
    assert clock == 30
    assert "waited 14 s" in wait([migrating, BROKEN | {"hopeless": False}], [migrating, STARTING], timeout=14)[0]


def test_what_does_not_help_itself_ends_the_wait_when_seen_twice(wait):
    why, _lines, clock = wait(*[[BROKEN]] * 5)
    assert "waiting longer does not help" in why and "Cluster is unrecoverable" in why
    assert clock == 20
    assert wait([STARTING], [BROKEN], [STARTING], [])[0]["ready"]


def test_the_objects_lose_what_templates_leave_on_them():
    [item] = apply.plain([{"kind": "Secret", "metadata": {"name": type("Tagged", (str,), {})("x")}}])
    assert item["metadata"]["name"].__class__ is str


@pytest.mark.parametrize("objects", [None, "text", [], [1], [{"kind": "Secret"}]])
def test_what_is_no_list_of_objects_is_one_sentence(objects):
    with pytest.raises(AnsibleActionFail, match="objects is not a list of Kubernetes objects"):
        apply.plain(objects)


@pytest.mark.parametrize("action", [apply, cluster_check])
def test_an_action_takes_what_its_module_documents(action):
    name = action.__name__.rpartition(".")[2]
    module = importlib.import_module(f"ansible_collections.homelab.immich.plugins.modules.{name}")
    documented = yaml.safe_load(module.DOCUMENTATION)["options"] | yaml.safe_load(ModuleDocFragment.DOCUMENTATION)["options"]
    assert {option: {key: value for key, value in about.items() if key != "description"} for option, about in documented.items()} == action.SPEC
