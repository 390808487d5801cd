# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What becomes of the system settings."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.homelab.immich.plugins.module_utils.immich.changes import PlanErrors
from ansible_collections.homelab.immich.plugins.module_utils.immich.settings import difference, in_dialect, merge, secrets
from ansible_collections.homelab.immich.plugins.module_utils.immich.versions import parse

CURRENT: dict[str, Any] = {
    "ffmpeg": {"targetVideoCodec": "h264", "acceptedVideoCodecs": ["h264", "hevc"], "targetResolution": "720", "crf": 23},
    "library": {"scan": {"enabled": True, "cronExpression": "0 0 * * *"}, "watch": {"enabled": False}},
    "machineLearning": {"urls": ["http://a", "http://b"], "facialRecognition": {"minScore": 0.7}},
    "oauth": {"clientSecret": "s3cret-old", "defaultStorageQuota": None, "enabled": False},
    "passwordLogin": {"enabled": True},
    "server": {"externalDomain": "https://photos.example.net"},
    "trash": {"enabled": True, "days": 30},
}


def changed(wanted: dict[str, Any]) -> dict[str, Any]:
    return difference(CURRENT, merge(CURRENT, wanted)).after or {}


def errors(wanted: dict[str, Any]) -> list[str]:
    with pytest.raises(PlanErrors) as raised:
        merge(CURRENT, wanted)
    return raised.value.errors


def test_only_what_is_named_changes() -> None:
    merged = merge(CURRENT, {"trash": {"days": 60}})
    assert merged == CURRENT | {"trash": {"enabled": True, "days": 60}}
    assert difference(CURRENT, merged).diff()["before"] == {"trash.days": 30}
    assert difference(CURRENT, merged).diff()["after"] == {"trash.days": 60}


def test_what_the_server_has_already_is_no_change() -> None:
    assert not difference(CURRENT, merge(CURRENT, {"trash": {"days": 30}, "library": {"watch": {"enabled": False}}})).changed
    assert not difference(CURRENT, merge(CURRENT, {})).changed


def test_the_current_settings_stay_as_they_were_read() -> None:
    merge(CURRENT, {"trash": {"days": 99}})
    assert CURRENT["trash"]["days"] == 30


@pytest.mark.parametrize(
    "wanted",
    [
        {"server": {"externalDomain": "https://photos.example.net/"}},
        {"server": {"externalDomain": "HTTPS://Photos.example.net/some/path"}},
        {"ffmpeg": {"targetResolution": 720}},
        {"trash": {"days": "30"}},
        {"trash": {"days": 30.0}},
        {"ffmpeg": {"acceptedVideoCodecs": ["hevc"]}},
        {"ffmpeg": {"acceptedVideoCodecs": ["hevc", "h264"]}},
    ],
)
def test_what_the_server_would_store_as_it_is_already_is_no_change(wanted: dict[str, Any]) -> None:
    assert changed(wanted) == {}


def test_a_changed_target_codec_is_seen_with_what_is_accepted() -> None:
    assert changed({"ffmpeg": {"targetVideoCodec": "hevc", "acceptedVideoCodecs": ["hevc"]}}) == {
        "ffmpeg.targetVideoCodec": "hevc",
        "ffmpeg.acceptedVideoCodecs": ["hevc"],
    }


def test_the_order_of_other_lists_matters() -> None:
    assert changed({"machineLearning": {"urls": ["http://b", "http://a"]}}) == {"machineLearning.urls": ["http://b", "http://a"]}


def test_values_get_the_type_that_the_server_has() -> None:
    assert changed({"ffmpeg": {"targetResolution": 1080}, "trash": {"days": "45"}, "machineLearning": {"facialRecognition": {"minScore": "0.8"}}}) == {
        "ffmpeg.targetResolution": "1080",
        "trash.days": 45,
        "machineLearning.facialRecognition.minScore": 0.8,
    }
    assert changed({"oauth": {"defaultStorageQuota": 5}}) == {"oauth.defaultStorageQuota": 5}


def test_all_errors_at_once_each_with_its_name() -> None:
    told = errors({"trahs": {"days": 3}, "trash": {"dayz": 3, "enabled": "yes", "days": [1]}, "library": 1, "server": {"externalDomain": {"x": 1}}})
    assert len(told) == 6
    assert "Setting trahs is not known to this server; did you mean trash?" in told
    assert "Setting trash.dayz is not known to this server; did you mean trash.days?" in told
    assert "Setting trash.enabled must be true or false, not a text; correct its value." in told
    assert "Setting trash.days must be a number, not a list; correct its value." in told
    assert any(text.startswith("Setting library is a group of settings, not one value") for text in told)
    assert any(text.startswith("Setting server.externalDomain is one value, not a group") for text in told)


def test_a_secret_is_never_shown() -> None:
    wanted = {"oauth": {"clientSecret": "s3cret-new", "enabled": True}}
    shown = str(difference(CURRENT, merge(CURRENT, wanted)).diff())
    assert "s3cret" not in shown and "oauth.clientSecret" in shown and "oauth.enabled" in shown
    assert secrets(wanted) == ["s3cret-new"]


def test_a_setting_whose_name_only_begins_with_password_is_no_secret() -> None:
    assert secrets({"passwordLogin": {"enabled": False}}) == []
    assert changed({"passwordLogin": {"enabled": False}}) == {"passwordLogin.enabled": False}


def test_a_setting_of_a_later_version_says_which() -> None:
    for wanted in ({"nightlyTasks": {"databaseCleanup": False}}, {"oauth": {"prompt": "login"}}):
        with pytest.raises(PlanErrors, match=r"needs Immich v(1\.136|3\.0)\.0 or later, and this server is v1\.135\.3; leave it out until the upgrade\."):
            merge(CURRENT, wanted, parse("v1.135.3"))


@pytest.mark.parametrize(("opus", "written"), [("opus", "libopus"), ("libopus", "opus")])
def test_the_codec_opus_is_written_as_the_version_calls_it(opus: str, written: str) -> None:
    wanted = {"ffmpeg": {"targetAudioCodec": written, "acceptedAudioCodecs": ["aac", written]}, "trash": {"days": 3}}
    assert in_dialect(wanted, opus) == {"ffmpeg": {"targetAudioCodec": opus, "acceptedAudioCodecs": ["aac", opus]}, "trash": {"days": 3}}
    assert wanted["ffmpeg"]["targetAudioCodec"] == written
    for odd in ({"ffmpeg": {"acceptedAudioCodecs": "x"}}, {"ffmpeg": 1}):
        assert in_dialect(odd, opus) == odd
