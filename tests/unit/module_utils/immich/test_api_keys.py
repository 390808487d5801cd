# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What becomes of an API key."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.homelab.immich.plugins.module_utils.immich.api_keys import lacking, named, plan_removal, plan_update, read_own
from ansible_collections.homelab.immich.plugins.module_utils.immich.changes import PlanErrors
from ansible_collections.homelab.immich.plugins.module_utils.immich.client import Client
from ansible_collections.homelab.immich.plugins.module_utils.immich.errors import Forbidden
from ansible_collections.homelab.immich.plugins.module_utils.immich.transport import HttpTransport


def key(**fields: Any) -> dict[str, Any]:
    return {"id": "k1", "name": "ansible", "permissions": ["library.update", "library.read"]} | fields


def test_a_key_with_exactly_the_permissions_stays() -> None:
    planned = plan_update(key(), "ansible", ["library.read", "library.update"])
    assert not planned.change.changed and planned.steps == ()


@pytest.mark.parametrize("has", [["library.read"], ["all"], ["library.read", "library.update", "asset.delete"]])
def test_a_key_with_fewer_or_more_permissions_gets_exactly_those(has: list[str]) -> None:
    (step,) = plan_update(key(permissions=has), "ansible", ["library.read", "library.update"]).steps
    assert (step.method, step.path) == ("PUT", "/api-keys/k1")
    assert step.body == {"name": "ansible", "permissions": ["library.read", "library.update"]}


def test_what_a_key_lacks() -> None:
    assert lacking(key(), ["library.read", "job.read"]) == ["job.read"]
    assert lacking(key(permissions=["all"]), ["library.read"]) == []


def test_two_keys_of_one_name_are_listed_never_guessed() -> None:
    with pytest.raises(PlanErrors, match=r"2 keys of that name \(k1 \(2 permissions\), k2 \(1 permissions\)\)"):
        named([key(), key(id="k2", permissions=["all"])], "ansible")
    assert named([key(name="other")], "ansible") is None


def test_a_key_is_deleted_once() -> None:
    assert plan_removal(key(), "ansible").steps[0].path == "/api-keys/k1"
    assert not plan_removal(None, "ansible").change.changed


# --- servers that cannot say what a key may (before 1.139)

OLD = {"major": 1, "minor": 138, "patch": 1}


@pytest.mark.parametrize(("status", "accepted"), [(200, True), (403, True), (401, False)])
def test_on_an_old_server_a_key_is_tried_on_something_else(scripted: Any, status: int, accepted: bool) -> None:
    scripted.say(OLD)
    version = scripted.answers[0]
    scripted.say({"message": "whatever"}, status=status)
    scripted.answers.insert(0, version)
    own = read_own(Client(HttpTransport(scripted.url, rehearsal=True), api_key="k"))
    assert (own == {}) is accepted and (own is None) is not accepted
    assert [path for _method, path, _headers, _body in scripted.seen] == ["/api/server/version", "/api/users/me"]


def test_on_a_newer_server_a_key_that_may_not_be_read_is_an_error(scripted: Any) -> None:
    scripted.say({"major": 3, "minor": 1, "patch": 0})
    version = scripted.answers[0]
    scripted.say({"message": "Forbidden"}, status=403)
    scripted.answers.insert(0, version)
    with pytest.raises(Forbidden):
        read_own(Client(HttpTransport(scripted.url, rehearsal=True), api_key="k"))
