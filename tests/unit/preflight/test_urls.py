# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""URLs and host names."""

from __future__ import annotations

import pytest

from .conftest import Homelab


@pytest.mark.parametrize(
    ("url", "advice"),
    [
        ("https://photos.example.net/immich", "Remove what follows the host (Immich cannot live below a path): https://photos.example.net."),
        ("https://photos.example.net/?a=b", "Remove what follows the host (Immich cannot live below a path): https://photos.example.net."),
        ("https://photos.example.net#x", "Remove what follows the host (Immich cannot live below a path): https://photos.example.net."),
        ("https://photos.example.net:8443/", "Remove the slash at its end: https://photos.example.net:8443."),
        ("photos.example.net", "Write it with http or https and a host, such as https://photos.example.net."),
        ("ftp://photos.example.net", "Write it with http or https and a host, such as https://photos.example.net."),
        ("https://", "Write it with http or https and a host, such as https://photos.home.net."),
        ("https://photos.example.net:99999", "Write scheme and host, and a port from 1 to 65535 if need be, such as https://photos.home.net:8443."),
        ("https://photos_1.example.net", "photos_1.example.net is no host name. Use letters, digits, dots and dashes."),
    ],
)
def test_a_url_that_is_more_or_less(homelab: Homelab, url: str, advice: str) -> None:
    homelab.photos["immich_url"] = url
    assert homelab.errors() == [f"immich_url is {url}. {advice}"]


def test_a_url_with_a_password_in_it(homelab: Homelab) -> None:
    homelab.photos["immich_api_url"] = "http://admin:hunter22@192.0.2.5:2283"
    assert homelab.errors() == ["immich_api_url is http://…@192.0.2.5:2283. Remove the user and password: http://192.0.2.5:2283."]


@pytest.mark.parametrize("url", ["http://192.0.2.5:2283", "http://[2001:db8::5]:2283", "http://immich-server.immich.svc:2283"])
def test_a_url_for_the_collection(homelab: Homelab, url: str) -> None:
    homelab.photos["immich_api_url"] = url
    assert homelab.errors() == []


def test_an_api_url_with_the_path_of_the_api(homelab: Homelab) -> None:
    homelab.photos["immich_api_url"] = "http://192.0.2.5:2283/api"
    assert homelab.errors() == ["immich_api_url is http://192.0.2.5:2283/api. Remove what follows the host (the path /api is added): http://192.0.2.5:2283."]


@pytest.mark.parametrize("name", ["https://photos.example.net", "photos.example.net/", "photos.example.net:443", "Photos.example.net"])
def test_a_host_that_is_none(homelab: Homelab, name: str) -> None:
    homelab.photos["immich_ingress"][0]["hosts"] = ["photos.example.net", name]
    assert homelab.errors() == [
        f"immich_ingress[0]: hosts[1] is {name}. Write a host name in lower case, without scheme, port or path, such as photos.home.net."
    ]


def test_a_url_that_no_ingress_lets_in_is_a_warning(homelab: Homelab) -> None:
    homelab.photos["immich_ingress"][0]["hosts"] = ["photo.example.net"]
    assert homelab.errors() == []
    assert homelab.warnings() == [
        "immich_url names the host photos.example.net, and immich_ingress lets in photo.example.net. "
        "Nobody reaches it unless something else forwards that name. Did you mean photo.example.net?"
    ]


def test_a_wildcard_lets_in_a_host(homelab: Homelab) -> None:
    homelab.photos["immich_ingress"][0]["hosts"] = ["*.example.net"]
    assert homelab.warnings() == []
