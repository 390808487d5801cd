# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What becomes of Immich's system settings: functions of what the server has and what is wanted."""

from __future__ import annotations

import copy
import difflib
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from .changes import Change, PlanErrors
from .client import Client
from .errors import Forbidden, ImmichError, NotFound
from .versions import NEWEST, Version, setting_since

_WHAT = "system settings"
_SECRET = re.compile(r"(secret|password|token|apikey)$", re.IGNORECASE)
# the server adds the codec that it transcodes to, and their order means nothing
_ACCEPTED = {
    "ffmpeg.acceptedVideoCodecs": "targetVideoCodec",
    "ffmpeg.acceptedAudioCodecs": "targetAudioCodec",
    "ffmpeg.acceptedContainers": "",
}
_OPUS = ("opus", "libopus")


def read(api: Client) -> tuple[str, dict[str, Any]]:
    """Read all settings; return the address to write them to as well."""
    doing = "read the system settings"
    if api.capabilities.admin_config_api:
        try:
            return "/admin/config", api.get("/admin/config", doing=doing, shape=dict)
        except (NotFound, Forbidden):
            # the older address is still served, and a key made for an older server has no adminConfig permission
            return "/system-config", api.get("/system-config", doing=doing, shape=dict)
    return "/system-config", api.get("/system-config", doing=doing, shape=dict)


def ensure(api: Client, wanted: Mapping[str, Any], *, check_mode: bool, record: Callable[[Change], None]) -> list[str]:
    """Make the settings what is wanted, leaving all others alone; return the names of those that changed."""
    path, current = read(api)
    wanted = in_dialect(wanted, api.capabilities.opus_codec)
    merged = merge(current, wanted, api.version)
    change = difference(current, merged)
    names = ", ".join(change.after or ())
    if change.changed and api.get("/server/features", doing="see who owns the settings", shape={"configFile": bool})["configFile"]:
        raise ImmichError(
            f"Could not update the system settings {names}: the server takes them from the file of IMMICH_CONFIG_FILE and refuses changes; "
            "change them in that file, or start the server without it."
        )
    answer = merged
    if change.changed and not check_mode:
        # the server takes the whole object only
        answer = api.put(path, merged, doing=f"update the system settings {names}", shape=dict)
    record(change)
    refused = difference(answer, merge(answer, wanted, api.version)).after
    if refused:
        raise ImmichError(f"The server did not take the system settings {', '.join(refused)}: it kept other values; choose values that it accepts.")
    return list(change.after or ())


def secrets(wanted: Mapping[str, Any]) -> list[str]:
    """Find the values that must not be shown."""
    return [value for path, value in flat(wanted) if isinstance(value, str) and value and is_secret(path)]


def is_secret(path: str) -> bool:
    """Say whether a setting holds a secret, by its name."""
    return _SECRET.search(path) is not None


def flat(settings: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Go through the settings as (dotted path, value)."""
    for key, value in settings.items():
        path = f"{prefix}{key}"
        if isinstance(value, Mapping) and value:
            yield from flat(value, f"{path}.")
        else:
            yield path, value


def in_dialect(wanted: Mapping[str, Any], opus: str) -> dict[str, Any]:
    """Write the audio codec Opus as this version calls it, so that one inventory serves all."""
    result = copy.deepcopy(dict(wanted))
    codecs = result.get("ffmpeg")
    if isinstance(codecs, dict):
        if codecs.get("targetAudioCodec") in _OPUS:
            codecs["targetAudioCodec"] = opus
        if isinstance(codecs.get("acceptedAudioCodecs"), list):
            codecs["acceptedAudioCodecs"] = [opus if codec in _OPUS else codec for codec in codecs["acceptedAudioCodecs"]]
    return result


def merge(current: Mapping[str, Any], wanted: Mapping[str, Any], version: Version = NEWEST) -> dict[str, Any]:
    """Lay what is wanted over what the server has; all errors at once."""
    errors: list[str] = []
    result = _merge(current, wanted, "", version, errors)
    if errors:
        raise PlanErrors(errors)
    return result


def _merge(current: Mapping[str, Any], wanted: Mapping[str, Any], prefix: str, version: Version, errors: list[str]) -> dict[str, Any]:
    result = copy.deepcopy(dict(current))
    for key, value in wanted.items():
        path = f"{prefix}{key}"
        if key not in current and setting_since(path) > version:
            errors.append(f"Setting {path} needs Immich {setting_since(path)} or later, and this server is {version}; leave it out until the upgrade.")
        elif key not in current:
            close = difflib.get_close_matches(str(key), list(current), 1)
            hint = f"did you mean {prefix}{close[0]}?" if close else f"here it has {', '.join(sorted(map(str, current)))}."
            errors.append(f"Setting {path} is not known to this server; {hint}")
        elif isinstance(current[key], Mapping) != isinstance(value, Mapping):
            kind = "a group of settings" if isinstance(current[key], Mapping) else "one value"
            errors.append(f"Setting {path} is {kind}, not {'a group' if isinstance(value, Mapping) else 'one value'}; write it as the server has it.")
        elif isinstance(value, Mapping):
            result[key] = _merge(current[key], value, f"{path}.", version, errors)
        else:
            try:
                converted = _as(current[key], value)
            except ValueError as error:
                errors.append(f"Setting {path} {error}.")
                continue
            if not same(path, current[key], converted, {**current, **wanted}):
                result[key] = converted
    return result


def _as(current: Any, value: Any) -> Any:
    """Write a value in the type that the server uses: YAML reads 720 as a number where Immich keeps the text "720"."""
    if current is None or value is None or type(current) is type(value):
        return value
    if isinstance(current, bool) or isinstance(value, bool):
        raise ValueError(f"must be {_kind(current)}, not {_kind(value)}; correct its value")
    if isinstance(current, str) and isinstance(value, int | float):
        return str(value)
    if isinstance(current, int | float) and isinstance(value, int | float):
        return value
    if isinstance(current, int | float) and isinstance(value, str):
        try:
            return float(value) if "." in value else int(value)
        except ValueError:
            pass
    raise ValueError(f"must be {_kind(current)}, not {_kind(value)}; correct its value")


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, int | float):
        return "a number"
    return "a text" if isinstance(value, str) else "a list"


def same(path: str, current: Any, wanted: Any, group: Mapping[str, Any]) -> bool:
    """Compare as the server does when it stores a value."""
    if path == "server.externalDomain" and isinstance(current, str) and isinstance(wanted, str):
        return _origin(current) == _origin(wanted)
    if path in _ACCEPTED and isinstance(current, list) and isinstance(wanted, list):
        added = {group.get(_ACCEPTED[path])}
        return {*map(str, current)} - added == {*map(str, wanted)} - added
    return bool(current == wanted)


def _origin(url: str) -> str:
    try:
        parts = urlsplit(url)
        return f"{parts.scheme}://{parts.netloc}".lower() if parts.netloc else url
    except ValueError:
        return url


def difference(current: Mapping[str, Any], merged: Mapping[str, Any]) -> Change:
    """Show just the settings that differ, by dotted path."""
    old, new = dict(flat(current)), dict(flat(merged))
    names = [name for name in sorted(new) if name not in old or old[name] != new[name]]
    before, after = {name: old.get(name) for name in names}, {name: new[name] for name in names}
    return Change(_WHAT, before, after, secret=frozenset(filter(is_secret, names)))
