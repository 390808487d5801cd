# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Immich's system settings as the inventory makes them, whoever owns them: the API or a file. Pure functions."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from ansible_collections.homelab.immich.plugins.module_utils.immich import settings, versions

# Immich's own timer scans whatever it finds, an unmounted NAS included
NO_SCANS = {"library": {"scan": {"enabled": False}, "watch": {"enabled": False}}}
# purpose and key of a Secret -> the setting that has its value, where a file owns the settings
SECRETS = {"oauth": {"clientSecret": "oauth.clientSecret"}, "smtp": {"password": "notifications.smtp.transport.password"}}


def system_settings(given: Mapping[str, Any], url: str, acceleration: str, version: str) -> dict[str, Any]:
    """What immich_settings says, over what follows from the rest of the inventory, with Immich's own scans off."""
    follows = {"server": {"externalDomain": url}, "ffmpeg": {"accel": "disabled" if acceleration == "none" else acceleration}}
    wanted = laid_over(laid_over(follows, given), NO_SCANS)
    return settings.in_dialect(wanted, versions.capabilities(version).opus_codec)


def laid_over(under: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Settings with others laid over them, group by group."""
    result = copy.deepcopy(dict(under))
    for key, value in over.items():
        below = result.get(key)
        result[key] = laid_over(below if isinstance(below, Mapping) else {}, value) if isinstance(value, Mapping) else copy.deepcopy(value)
    return result


def secret_settings(sources: Mapping[str, Any]) -> dict[str, tuple[str, str]]:
    """The settings whose values come from Secrets: dotted name -> purpose and key, of the purposes that immich_secrets names."""
    return {setting: (purpose, key) for purpose, keys in SECRETS.items() if purpose in sources for key, setting in keys.items()}
