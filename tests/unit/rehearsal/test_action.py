# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the bring-up reads from an inventory."""

from __future__ import annotations

import pytest
from ansible.errors import AnsibleActionFail, AnsibleUndefinedVariable
from ansible_collections.homelab.immich.plugins.action import rehearsal


class Lazy(dict):
    """The variables of a host, of which some need a vault that is not there."""

    def get(self, name, default=None):
        if str(super().get(name, "")).startswith("{{ vault"):
            raise AnsibleUndefinedVariable(f"'{name}' is undefined")
        return super().get(name, default)


def test_classes_and_nas_are_collected_from_all_hosts():
    hostvars = {
        "tank": Lazy(
            nas_provider="truenas", ansible_host="192.0.2.10", nas_exports=[{"name": "photos", "dataset": "tank/photos"}], nas_api_key="{{ vault_key }}"
        ),
        "other": Lazy(),
        "photos": Lazy(
            immich_volumes=[{"name": "media", "nfs": {"export": "immich"}}, {"name": "thumbs", "storage_class": "longhorn"}],
            immich_database_storage_class="local-path",
            immich_database_node_selector={"board": "pi"},
            immich_cache_storage_class="",
            immich_ingress=[{"type": "ingress", "hosts": ["photos.example.net"], "class": "traefik", "issuer": "letsencrypt"}, {"type": "ingress"}],
            immich_dashboard={"type": "homepage", "namespace": "home"},
            immich_admin_password="{{ vault_password }}",
        ),
        "family": Lazy(
            immich_namespace="family",
            immich_volumes=[
                {"name": "thumbs", "storage_class": "ceph"},
                {"name": "media", "existing_claim": "uploads"},
                {"name": "disk", "host_path": {"path": "/srv", "node": "attic"}},
            ],
            immich_server_node_selector={},
            immich_ingress=[{"gateways": ["network/public/https", "nonsense"]}, {"type": "tailscale"}, {"issuer": {"kind": "Issuer", "name": "x"}}],
        ),
    }
    spec = rehearsal.from_inventory(hostvars, {"all": list(hostvars), "nas": ["tank", "other"], "immich": ["photos", "family"]})
    assert spec["storage_classes"] == ["ceph", "local-path", "longhorn"]
    assert (spec["ingress_classes"], spec["issuers"]) == (["tailscale", "traefik"], ["letsencrypt"])
    assert (spec["gateways"], spec["namespaces"]) == (["network/public/https"], ["home"])
    assert (spec["nodes"], spec["node_selectors"]) == (["attic"], [{"board": "pi"}])
    assert spec["claims"] == [{"namespace": "family", "name": "uploads", "modes": ["ReadWriteMany"]}]
    assert spec["nas"] == {
        "tank": {"provider": "truenas", "address": "192.0.2.10", "exports": [{"name": "photos", "dataset": "tank/photos"}]},
        "other": {"provider": "none", "address": "other", "exports": []},
    }
    assert "vault" not in str(spec)


def test_a_variable_that_cannot_be_resolved_is_named_with_its_host():
    hostvars = {"tank": Lazy(nas_exports="{{ vault_exports }}")}
    with pytest.raises(AnsibleActionFail, match="nas_exports of host tank cannot be resolved"):
        rehearsal.from_inventory(hostvars, {"all": ["tank"], "nas": ["tank"]})


@pytest.mark.parametrize(("values", "rehearses"), [((True, "yes"), True), ((False, None), False), ((None, None), False), (("true", "on"), True)])
def test_hosts_that_agree_are_understood(values, rehearses):
    hostvars = {name: Lazy(immich_rehearsal=value) for name, value in zip("ab", values, strict=True)}
    assert rehearsal.rehearses(hostvars, ["a", "b"]) is rehearses


def test_hosts_that_disagree_are_named():
    hostvars = {"tank": Lazy(), "nas2": Lazy(immich_rehearsal=False), "photos": Lazy(immich_rehearsal=True)}
    with pytest.raises(AnsibleActionFail, match=r"true for photos and false for nas2, tank.*all\.vars"):
        rehearsal.rehearses(hostvars, list(hostvars))
