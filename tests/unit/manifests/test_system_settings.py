# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Immich's settings as they follow from an inventory, through the API or in a file."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.homelab.immich.plugins.plugin_utils.system_settings import laid_over, secret_settings, system_settings

URL = "https://photos.example.net"


def settings(given: dict[str, Any], acceleration: str = "none", version: str = "v3.3.5") -> dict[str, Any]:
    return system_settings(given, URL, acceleration, version)


def test_immich_never_scans_by_itself_whatever_an_inventory_says() -> None:
    off = {"scan": {"enabled": False}, "watch": {"enabled": False}}
    assert settings({})["library"] == off
    given = {"library": {"scan": {"enabled": True, "cronExpression": "0 0 * * *"}, "watch": {"enabled": True}}}
    assert settings(given)["library"] == {"scan": {"enabled": False, "cronExpression": "0 0 * * *"}, "watch": {"enabled": False}}


@pytest.mark.parametrize(("acceleration", "accel"), [("none", "disabled"), ("vaapi", "vaapi"), ("qsv", "qsv"), ("nvenc", "nvenc"), ("rkmpp", "rkmpp")])
def test_the_setting_for_videos_follows_the_hardware(acceleration: str, accel: str) -> None:
    assert settings({}, acceleration)["ffmpeg"] == {"accel": accel}
    assert settings({"ffmpeg": {"accel": "nvenc", "crf": 20}}, acceleration)["ffmpeg"] == {"accel": "nvenc", "crf": 20}


def test_what_is_said_wins_over_what_follows_and_leaves_the_rest() -> None:
    found = settings({"server": {"loginPageMessage": "Hello"}, "trash": {"days": 60}})
    assert found["server"] == {"externalDomain": URL, "loginPageMessage": "Hello"} and found["trash"] == {"days": 60}
    assert settings({"server": {"externalDomain": "https://other.example.net"}})["server"]["externalDomain"] == "https://other.example.net"


def test_a_value_is_written_as_the_version_calls_it() -> None:
    opus = {"ffmpeg": {"targetAudioCodec": "opus"}}
    assert settings(opus, version="v2.4.1")["ffmpeg"]["targetAudioCodec"] == "libopus"
    assert settings(opus, version="v3.1.0")["ffmpeg"]["targetAudioCodec"] == "opus"


def test_a_list_replaces_and_nothing_that_was_given_changes() -> None:
    under, over = {"a": {"b": [1, 2], "c": 3}}, {"a": {"b": [4]}, "d": {"e": {}}}
    assert laid_over(under, over) == {"a": {"b": [4], "c": 3}, "d": {"e": {}}}
    assert under == {"a": {"b": [1, 2], "c": 3}} and over == {"a": {"b": [4]}, "d": {"e": {}}}


def test_only_named_secrets_are_taken() -> None:
    assert secret_settings({"database": {"existing": "x"}}) == {}
    assert secret_settings({"smtp": {"existing": "x"}}) == {"notifications.smtp.transport.password": ("smtp", "password")}
