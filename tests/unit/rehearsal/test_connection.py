# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One lookup decides where a run connects to, and in a rehearsal nothing leads elsewhere."""

from __future__ import annotations

import pytest
from ansible.errors import AnsibleLookupError
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.loader import lookup_loader
from ansible.template import Templar, trust_as_template

# What a person, an environment or an inventory may set to lead a rehearsal astray.
ASTRAY = {
    "immich_kubeconfig": "/home/me/.kube/config",
    "immich_context": "prod",
    "immich_api_url": "https://photos.example.net",
    "ansible_host": "198.51.100.7",
    "nas_api_url": "wss://198.51.100.7",
    "nas_api_user": "root",
    "nas_api_key": "1-real",
    "nas_api_ca_cert": "/etc/ssl/real.pem",
    "nas_api_validate_certs": False,
}
HOST = {"inventory_hostname": "tank", "immich_url": "https://photos.example.net", "ansible_inventory_sources": ["/inventories/homelab"]}


def look_up(*terms, **variables):
    variables = HOST | {name: trust_as_template(value) if isinstance(value, str) else value for name, value in variables.items()}
    templar = Templar(DataLoader(), variables)
    return lookup_loader.get("homelab.immich.connection", loader=DataLoader(), templar=templar).run(list(terms), variables)


def test_a_rehearsal_has_every_connection_on_this_machine(running):
    kubernetes, immich, truenas, public = look_up("kubernetes", "immich", "truenas", "public", immich_rehearsal=True)
    assert kubernetes == {"kubeconfig": f"{running}/kubeconfig", "context": "rehearsal", "rehearsal": True}
    proxy = "http://127.0.0.1:18080/api/v1/namespaces/immich/services/immich-server:2283/proxy"
    assert immich == kubernetes | {"url": proxy, "ca_cert": None, "namespace": "immich", "service": "immich-server"}
    assert truenas == {
        "url": "wss://127.0.0.1:18443/tank",
        "username": "rehearsal",
        "api_key": "not-a-secret",
        "ca_cert": f"{running}/pki/ca.crt",
        "validate_certs": True,
        "rehearsal": True,
    }
    assert public == {"url": "http://127.0.0.1:18080/host/photos.example.net", "rehearsal": True}


def test_no_variable_leads_a_rehearsal_elsewhere(running, monkeypatch):
    monkeypatch.setenv("K8S_AUTH_HOST", "https://198.51.100.7:6443")
    monkeypatch.setenv("KUBECONFIG", "/home/me/.kube/config")
    terms = ("kubernetes", "immich", "truenas", "public")
    assert look_up(*terms, immich_rehearsal=True, **ASTRAY) == look_up(*terms, immich_rehearsal=True)


def test_a_rehearsal_touches_no_variable_that_needs_a_vault(running):
    [truenas] = look_up("truenas", immich_rehearsal=True, nas_api_key="{{ vault_nas_api_key }}", immich_context="{{ nowhere }}")
    assert truenas["api_key"] == "not-a-secret"


@pytest.mark.parametrize("answer", ["true", "yes", "{{ not false }}"])
def test_a_rehearsal_may_be_asked_for_on_the_command_line(running, answer):
    assert look_up("kubernetes", immich_rehearsal=answer)[0]["rehearsal"] is True


def test_an_instance_of_another_name_has_its_own_service(running):
    [immich] = look_up("immich", immich_rehearsal=True, immich_name="{{ 'fam' }}ily", immich_namespace="photos")
    assert immich["url"].endswith("/api/v1/namespaces/photos/services/family-server:2283/proxy")


def test_without_a_rehearsal_nothing_is_reached(place):
    with pytest.raises(AnsibleLookupError) as failed:
        look_up("kubernetes", immich_rehearsal=True, **ASTRAY)
    assert "ansible-playbook homelab.immich.site -i" in str(failed.value) and "--skip-tags always" in str(failed.value)
    assert "198.51.100.7" not in str(failed.value)


def test_a_rehearsal_that_has_ended_counts_as_none(running):
    (running / "pids" / "kube-apiserver").write_text("1")
    with pytest.raises(AnsibleLookupError, match=r"has ended.*homelab.immich.site"):
        look_up("immich", immich_rehearsal=True)


def test_a_real_run_connects_to_what_the_inventory_says(place):
    kubernetes, immich, truenas, public = look_up("kubernetes", "immich", "truenas", "public", **ASTRAY | {"nas_api_url": ""})
    assert kubernetes == {"kubeconfig": "/home/me/.kube/config", "context": "prod", "rehearsal": False}
    assert immich == kubernetes | {"url": "https://photos.example.net", "ca_cert": None, "namespace": "immich", "service": "immich-server"}
    assert truenas == {
        "url": "wss://198.51.100.7",
        "username": "root",
        "api_key": "1-real",
        "ca_cert": "/etc/ssl/real.pem",
        "validate_certs": False,
        "rehearsal": False,
    }
    assert public == {"url": "https://photos.example.net", "rehearsal": False}


def test_a_real_run_that_says_little_goes_through_the_cluster_and_trusts_this_machine(place):
    kubernetes, immich, truenas = look_up("kubernetes", "immich", "truenas", immich_context="homelab")
    assert kubernetes == {"kubeconfig": None, "context": "homelab", "rehearsal": False}
    assert immich["url"] is None
    assert truenas["url"] == "wss://tank" and truenas["ca_cert"] is None and truenas["validate_certs"] is True


def test_an_api_address_of_its_own_is_used(place):
    assert look_up("truenas", nas_api_url="wss://truenas.example.net/api/v25.10.0")[0]["url"] == "wss://truenas.example.net/api/v25.10.0"


def test_an_unknown_term_is_named(place):
    with pytest.raises(AnsibleLookupError, match="kubernetes, immich, truenas, public; there is no 'nextcloud'"):
        look_up("nextcloud")
