# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""System config: defaults, what differs from them, and how the server reads it back."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import yaml

from .dialects import Version, data
from .errors import Invalid, bad_request
from .instance import NotReady
from .routes import Call, route
from .server import Server
from .validate import Validator


def leaves(node: dict, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every value of a nested mapping with its path; lists are values."""
    for name, child in node.items():
        if isinstance(child, dict):
            yield from leaves(child, (*path, name))
        else:
            yield (*path, name), child


def get(node: dict, path: tuple[str, ...]) -> Any:
    for name in path:
        node = node.get(name, {}) if isinstance(node, dict) else {}
    return None if node == {} else node


def put(node: dict, path: tuple[str, ...], value: Any) -> None:
    for name in path[:-1]:
        node = node.setdefault(name, {})
    node[path[-1]] = value


def defaults(version: Version, env: dict[str, str]) -> dict[str, Any]:
    def values(schema: dict) -> dict[str, Any]:
        return {name: rule["default"] if "type" in rule else values(rule) for name, rule in schema.items() if "type" not in rule or "default" in rule}

    config = values(data("system_config", version))
    # the only settings whose defaults come from the environment
    if "IMMICH_MACHINE_LEARNING_URL" in env:
        config["machineLearning"]["urls"] = [env["IMMICH_MACHINE_LEARNING_URL"]]
    if "IMMICH_MACHINE_LEARNING_ENABLED" in env:
        config["machineLearning"]["enabled"] = env["IMMICH_MACHINE_LEARNING_ENABLED"] != "false"
    return config


def partial(version: Version, env: dict[str, str], wanted: dict[str, Any]) -> dict[str, Any]:
    """What is kept of a config: neither defaults nor empty values."""
    kept: dict[str, Any] = {}
    default = defaults(version, env)
    for path, value in leaves(wanted):
        if value not in (None, "") and value != get(default, path):
            put(kept, path, value)
    return kept


def complete(version: Version, env: dict[str, str], kept: dict[str, Any]) -> dict[str, Any]:
    """The config that the server works with, normalised as it does."""
    config = defaults(version, env)
    for path, value in leaves(kept):
        if get(data("system_config", version), path) is not None:
            put(config, path, list(value) if isinstance(value, list) else value)
    if config["server"]["externalDomain"]:
        parts = urlsplit(config["server"]["externalDomain"])
        config["server"]["externalDomain"] = f"{parts.scheme}://{parts.netloc}"
    for kind in ("Video", "Audio"):
        accepted = config["ffmpeg"][f"accepted{kind}Codecs"] = list(config["ffmpeg"][f"accepted{kind}Codecs"])
        if config["ffmpeg"][f"target{kind}Codec"] not in accepted:
            accepted.append(config["ffmpeg"][f"target{kind}Codec"])
    return config


def from_file(version: Version, env: dict[str, str], text: str) -> dict[str, Any]:
    """The config file over the defaults; an invalid value is a server that does not start, an unknown key is nothing."""
    given = yaml.safe_load(text) or {}
    merged = defaults(version, env)
    for path, value in leaves(given):
        put(merged, path, value)
    try:
        Validator(version).body(data("system_config", version), merged)
    except Invalid as invalid:
        faults = "\n".join(f"  - [{'.'.join(map(str, issue.path))}] {issue.zod['message']}" for issue in invalid.issues)
        raise NotReady(f"Invalid system config: \n{faults}") from None
    return complete(version, env, given)


@route("GET", "/system-config", permission="systemConfig.read", admin=True)
@route("GET", "/admin/config", permission="adminConfig.read", admin=True, since="3.2.0")
def get_config(server: Server, call: Call) -> dict[str, Any]:
    return server.config


@route("GET", "/system-config/defaults", permission="systemConfig.read", admin=True)
@route("GET", "/admin/config/defaults", permission="adminConfig.read", admin=True, since="3.2.0")
def get_defaults(server: Server, call: Call) -> dict[str, Any]:
    return defaults(server.version, server.env)


@route("PUT", "/system-config", permission="systemConfig.update", admin=True, body="SystemConfigDto")
@route("PUT", "/admin/config", permission="adminConfig.update", admin=True, body="SystemConfigDto", since="3.2.0")
def update_config(server: Server, call: Call) -> dict[str, Any]:
    if server.config_file:
        raise bad_request("Cannot update configuration while IMMICH_CONFIG_FILE is in use")
    wanted, current = call.body, server.config
    if server.env.get("IMMICH_LOG_LEVEL") and wanted["logging"] != current["logging"]:
        raise bad_request("Logging cannot be changed while the environment variable IMMICH_LOG_LEVEL is set.")
    if not is_storage_template(wanted["storageTemplate"]["template"]):
        raise bad_request("Invalid storage template")
    model = wanted["machineLearning"]["clip"]["modelName"]
    if model.rpartition("/")[2].replace(":", "_") not in data("clip_models", server.version):
        raise bad_request(f"Unknown CLIP model: {model}. Please check the model name for typos and confirm this is a supported model.")
    smtp = wanted["notifications"]["smtp"]
    # a real server connects to the mail server now; here only one that has no name cannot be reached
    if smtp["enabled"] and smtp != current["notifications"]["smtp"] and not smtp["transport"]["host"]:
        raise bad_request("Invalid SMTP configuration")
    server.db["config"] = partial(server.version, server.env, wanted)
    server.config = complete(server.version, server.env, server.db["config"])
    return server.config


TOKENS = {
    "yearOptions": ["y", "yy"],
    "monthOptions": ["M", "MM", "MMM", "MMMM"],
    "weekOptions": ["W", "WW"],
    "dayOptions": ["d", "dd"],
    "hourOptions": ["h", "hh", "H", "HH"],
    "minuteOptions": ["m", "mm"],
    "secondOptions": ["s", "ss", "SSS"],
}
DATES = "|".join(sorted(token for tokens in TOKENS.values() for token in tokens))
WORDS = "#(if|unless) .+|else( if .+)?|/(if|unless)|filename|ext|filetype(full)?|assetId(Short)?|album|make|model|lensModel"
TOKEN = re.compile(f"{WORDS}|(album-(start|end)Date-)?({DATES})")


def is_storage_template(template: str) -> bool:
    """Handlebars in its strict mode: braces in pairs, and no name that the server does not fill in."""
    names = re.findall(r"{{{?\s*(.*?)\s*}?}}", template)
    return template.count("{{") == template.count("}}") == len(names) and all(TOKEN.fullmatch(name) for name in names)


@route("GET", "/system-config/storage-template-options", permission="systemConfig.read", admin=True)
def storage_template_options(server: Server, call: Call) -> dict[str, Any]:
    presets = ["{{y}}/{{y}}-{{MM}}-{{dd}}/{{filename}}", "{{y}}/{{MM}}-{{dd}}/{{filename}}", "{{y}}/{{MM}}/{{filename}}"]
    return TOKENS | {"presetOptions": presets}
