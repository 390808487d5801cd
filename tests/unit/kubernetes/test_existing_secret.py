# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Secret that the inventory names is looked at, and never written."""

from __future__ import annotations

import pytest
from ansible_collections.homelab.immich.plugins.module_utils.kubernetes import plan
from ansible_collections.homelab.immich.plugins.module_utils.kubernetes.client import Resource

NAMED = {
    "apiVersion": "v1",
    "kind": "Secret",
    "metadata": {"name": "pg", "namespace": "immich", "annotations": {"homelab.immich/existing": "username,password"}},
    "type": "Opaque",
}


class Cluster:
    """An API server with these objects, which takes no write; it is client and listing in one."""

    def __init__(self, *there):
        self.there = {(item["kind"], item["metadata"]["name"]): item for item in there}

    def resource(self, api_version, kind):
        return Resource(api_version, kind, f"{kind.lower()}s", kind != "Namespace")

    def get(self, resource, name, namespace=""):
        return self.there.get((resource.kind, name))


def applied(*there):
    cluster = Cluster({"kind": "Namespace", "metadata": {"name": "immich"}}, *there)
    return plan.apply(cluster, cluster, [NAMED], "photos", [], False)


def secret(**data):
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "pg", "namespace": "immich"}, "data": data}


def test_one_that_has_the_keys_is_left_as_it_is():
    [step] = applied(secret(username="bWU=", password="cHc=", more="eA=="))
    assert (step.action, step.before, step.after) == ("keep", None, None)


def test_one_that_is_made_by_a_controller_is_fine_too():
    made = secret(username="bWU=", password="cHc=")
    made["metadata"]["ownerReferences"] = [{"kind": "ExternalSecret", "name": "pg"}]
    assert applied(made)[0].action == "keep"


def test_one_that_lacks_a_key_is_refused():
    with pytest.raises(plan.Refused, match="Secret immich/pg exists but has no key password") as refused:
        applied(secret(username="aHVudGVyMg=="))
    assert "aHVudGVyMg" not in str(refused.value)


def test_one_that_is_not_there_is_refused():
    with pytest.raises(plan.Refused) as refused:
        applied()
    assert refused.value.problems == [
        "Secret immich/pg does not exist, and immich_secrets names it. Make it with the keys username and password, or choose another source."
    ]
