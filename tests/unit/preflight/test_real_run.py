# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a real run refuses."""

from __future__ import annotations

from typing import Any

import pytest

from .conftest import Homelab


@pytest.fixture
def real(homelab: Homelab) -> Homelab:
    """The default inventory with everything that is an example replaced."""
    homelab.photos.update(
        {
            "immich_rehearsal": False,
            "immich_url": "https://photos.home.net",
            "immich_admin_email": "admin@home.net",
            "immich_admin_password": "8q3-hunter22",
            "immich_ingress": [{"hosts": ["photos.home.net"]}],
            "immich_users": [],
        }
    )
    homelab.library["owner"] = "admin@home.net"
    homelab.tank.update(immich_rehearsal=False, ansible_host="10.0.0.10", nas_api_key="1-8q3hunter22")
    for export in homelab.exports:
        export["clients"] = ["10.0.0.0/24"]
    return homelab


def test_an_inventory_of_ones_own(real: Homelab) -> None:
    assert real.problems() == []


def test_the_examples_are_for_rehearsals(homelab: Homelab) -> None:
    homelab.photos["immich_rehearsal"] = homelab.tank["immich_rehearsal"] = False
    text = "an example that leads nowhere. Write your own, or set immich_rehearsal: true."
    secret = "is a secret of the examples, which everybody knows. Put your own in a vault, or set immich_rehearsal: true."
    assert homelab.errors() == [
        f"immich_url is https://photos.example.net, {text}",
        f"immich_ingress[0]: hosts[0] is photos.example.net, {text}",
        f"immich_admin_email is admin@example.net, {text}",
        f"immich_admin_password {secret}",
        f"immich_users[0] (Family): email is family@example.net, {text}",
        f"immich_users[0] (Family): password {secret}",
        f"immich_libraries[0] (NAS photos): owner is admin@example.net, {text}",
        f"nas_exports[0] (photos): clients[0] is 192.0.2.0/24, {text}",
        f"nas_exports[1] (immich): clients[0] is 192.0.2.0/24, {text}",
        f"nas_api_key {secret}",
        f"ansible_host is 192.0.2.10, {text}",
    ]


@pytest.mark.parametrize(
    "example",
    ["198.51.100.7", "http://203.0.113.9:2283", "http://[2001:db8::5]:2283", "https://photos.example.com", "https://a.b.example.org:8443"],
)
def test_an_example_address(real: Homelab, example: str) -> None:
    real.photos["immich_api_url"] = example if "//" in example else f"http://{example}"
    (error,) = real.errors()
    assert error.startswith("immich_api_url is ") and error.endswith("an example that leads nowhere. Write your own, or set immich_rehearsal: true.")


@pytest.mark.parametrize(
    "value",
    ["http://192.0.20.1", "http://10.192.0.2", "http://myexample.net", "http://my-example.net", "http://example.net.home.net", "http://[fd00::db8]:2283"],
)
def test_what_only_looks_like_an_example(real: Homelab, value: str) -> None:
    real.photos["immich_api_url"] = value
    assert real.errors() == []


@pytest.mark.parametrize("value", ["", None])
def test_a_real_run_without_a_context(real: Homelab, value: Any) -> None:
    real.photos["immich_context"] = value
    assert (
        "immich_context is not set, and a real run never guesses the cluster. Set it to a context of your kubeconfig (kubectl config get-contexts)."
        in real.errors()
    )


def test_a_rehearsal_without_a_context(homelab: Homelab) -> None:
    del homelab.photos["immich_context"]
    assert homelab.errors() == []


def test_hosts_that_disagree(homelab: Homelab) -> None:
    del homelab.tank["immich_rehearsal"]
    (problem,) = homelab.problems()
    assert problem.text == "immich_rehearsal is true for photos and false for tank. Set it once, for all hosts."
    assert (problem.host, problem.others) == ("photos", ("tank",))


def test_rehearsal_from_the_command_line_is_text(homelab: Homelab) -> None:
    homelab.photos["immich_rehearsal"] = homelab.tank["immich_rehearsal"] = "true"
    assert homelab.errors() == []
    homelab.photos["immich_rehearsal"] = homelab.tank["immich_rehearsal"] = "maybe"
    assert homelab.errors() == ['immich_rehearsal is the text "maybe", not true or false. Write it without quotes, and with -e as JSON.']


@pytest.mark.parametrize("variable", ["nas_api_user", "nas_api_key"])
def test_truenas_without_credentials(real: Homelab, variable: str) -> None:
    real.tank[variable] = ""
    assert real.errors() == [f"{variable} is not set, and TrueNAS needs it. Set it, or nas_provider: none to only look whether the NAS answers."]


@pytest.mark.parametrize("url", ["ws://tank.home.net", "http://10.0.0.10", "tank.home.net"])
def test_truenas_without_tls(real: Homelab, url: str) -> None:
    real.tank["nas_api_url"] = url
    assert real.errors() == [f"nas_api_url is {url}. Write it with wss, such as wss://tank.home.net: TrueNAS revokes a key that reaches it without TLS."]


def test_another_nas_needs_no_credentials(real: Homelab) -> None:
    real.tank.update(nas_provider="none", nas_api_user="", nas_api_key="")
    assert real.errors() == []
