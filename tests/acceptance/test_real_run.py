# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A run that is no rehearsal: a kubeconfig with a context, an address of Immich's API, a NAS that nobody manages.

The cluster is the rehearsal's all the same, and Immich the stand-in, at an address of its own as a real one has.
"""

from __future__ import annotations

import pytest
import yaml
from ansible_collections.homelab.immich.rehearsal.immich.testing import Server
from harness import Homelab


@pytest.fixture(scope="module")
def real(homelab, tmp_path_factory):
    """A second homelab whose inventory names the first one's cluster as a real one."""
    folder = tmp_path_factory.mktemp("real")
    (folder / "photos").mkdir()
    with Server("3.3.5", {"/mnt/photos": folder / "photos"}, folder, env={"TZ": "Europe/Amsterdam"}) as immich:
        lab = Homelab(folder, homelab.inventory)
        vault = lab.inventory / "group_vars" / "all" / "vault.yml"
        vault.write_text(yaml.safe_dump({name: "0pen-5esame-" + name for name in yaml.safe_load(vault.read_text())}))

        def home(content):
            content["vars"]["immich_rehearsal"] = False
            [(_name, nas)] = content["children"]["nas"]["hosts"].items()
            content["children"]["nas"]["hosts"] = {"diskstation": {"ansible_host": "127.0.0.1", "nas_provider": "none", "nas_exports": nas["nas_exports"]}}
            for export in nas["nas_exports"]:
                export["clients"] = ["10.0.0.0/24"]
            photos = content["children"]["immich"]["hosts"].pop("photos")
            content["children"]["immich"]["hosts"]["family"] = photos | {
                "immich_context": "rehearsal",
                "immich_kubeconfig": homelab.state["kubeconfig"],
                "immich_api_url": immich.url,
                "immich_namespace": "family",
                "immich_url": "https://photos.home.arpa",
                "immich_ingress": [{"type": "ingress", "hosts": ["photos.home.arpa"], "class": "traefik", "issuer": "letsencrypt"}],
                "immich_admin_email": "me@home.arpa",
                "immich_users": [{"name": "You", "email": "you@home.arpa", "quota": "10Gi", "password": "{{ vault_immich_family_password }}"}],
                "immich_libraries": [{"name": "NAS", "owner": "me@home.arpa", "import_paths": ["/mnt/photos"]}],
            }

        lab.edit(home)
        yield lab


def test_a_real_run_goes_from_nothing_to_a_library_and_stays_there(homelab, real):
    plan = real.play("--check", "--diff")
    assert "after the first start" in plan.output
    first = real.play()
    assert first.total("failed") == 0
    assert "(rehearsal)" not in first.output
    assert real.play().total("changed") == 0
    assert not (real.folder / "state/homelab-immich/rehearsals").exists()
    namespaces = {item.metadata.name for item in homelab.api("Namespace").get().items}
    assert {"immich", "family"} <= namespaces


def test_another_cluster_than_last_time_is_refused(real):
    [memory] = (real.folder / "state/homelab-immich/instances").glob("family-*.json")
    kept = memory.read_text()
    known = yaml.safe_load(kept)
    memory.write_text(kept.replace(next(iter(known.values())), "00000000-0000-0000-0000-000000000000"))
    run = real.play(check=False)
    assert run.recap["family"]["failed"] == 1, run.output
    assert "immich_accept_cluster" in run.output
    memory.write_text(kept)


def test_the_wrong_context_is_named_with_those_that_exist(real):
    run = real.play("-e", "immich_context=production", check=False)
    assert run.recap["family"]["failed"] == 1
    assert "production" in run.output
    assert "rehearsal" in run.output
