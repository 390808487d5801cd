# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The argument specs of the roles, and what they say about the variables of one host.

Ansible's own ArgumentSpecValidator judges, one mapping at a time so that a problem has an index; the sentences are ours.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from copy import deepcopy
from pathlib import Path as Folder
from typing import Any

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.module_utils.common.yaml import yaml_load
from ansible.module_utils.errors import RequiredError, UnsupportedError
from ansible_collections.homelab.immich.plugins.plugin_utils import manifests

from .model import Path, Problem, did_you_mean, either, subject

# the roles that a run of site.yml goes through; what they require is required of every host of the group
ROLES = {
    "immich": ("common", *manifests.ROLES, "instance", "libraries"),
    "nas": ("nas",),
}
# what -e name=value makes of a boolean; who uses such a variable converts it, as with | bool
BOOLEANS = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}
_CONSTRAINTS = ("mutually_exclusive", "required_together", "required_one_of", "required_if", "required_by")
_TYPES: dict[str, tuple[Any, str]] = {
    "str": (str, "text"),
    "path": (str, "text"),
    "int": (int, "a whole number"),
    "float": ((int, float), "a number"),
    "bool": (bool, "true or false"),
    "list": (list, "a list"),
    "dict": (Mapping, "a mapping"),
}
_EXAMPLES = {"list": "[one, two]", "dict": "{key: value}"}


def read(roles: Folder) -> dict[str, dict[str, Any]]:
    """The options of every role that has a spec: {role: {variable: option}}."""
    found = {}
    for path in sorted(roles.glob("*/meta/argument_specs.yml")):
        main = ((yaml_load(path.read_text(encoding="utf-8")) or {}).get("argument_specs") or {}).get("main") or {}
        found[path.parts[-3]] = main.get("options") or {}
    return found


def options_of(group: str, specs: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """The options that hosts of a group are checked with."""
    options = {variable: option for role in ROLES[group] for variable, option in specs.get(role, {}).items()}
    if "immich_rehearsal" in specs.get("common", {}):
        options["immich_rehearsal"] = specs["common"]["immich_rehearsal"]
    return options


class Checked:
    """The variables of one host held against a spec: the values that pass, defaults filled in, and the problems of the others."""

    def __init__(self, host: str, options: Mapping[str, Any], given: Mapping[str, Any], broken: Iterable[Path] = ()) -> None:
        self.problems: list[Problem] = []
        self.secrets: set[Path] = set()
        self._host = host
        self._given = given
        self._broken = frozenset(broken)  # their templates failed: reported already, neither missing nor of a wrong type
        self.values = self._mapping((), {"options": options}, given)

    def _mapping(self, at: Path, option: Mapping[str, Any], value: Mapping[str, Any]) -> dict[str, Any]:
        """Check which keys a mapping has, then each of its values."""
        options = option["options"]
        present = {key: entry for key, entry in value.items() if entry is not None or (*at, key) in self._broken}
        keys = {key: {"type": "raw", "required": entry.get("required", False)} for key, entry in options.items()}
        flat = {key: "" if isinstance(entry, list | Mapping) else entry for key, entry in present.items()}  # the validator copies all it gets
        misspelt = {key: did_you_mean(key, options) for key in present if key not in options}
        for error in ArgumentSpecValidator(keys, **{name: option[name] for name in _CONSTRAINTS if name in option}).validate(flat).errors.errors:
            if isinstance(error, UnsupportedError):
                for key, near in misspelt.items():
                    self._say((*at, key), f"is not a known key.{near or f' Use {either(options)}.'}")
            elif isinstance(error, RequiredError):
                for key in (key for key, entry in options.items() if entry.get("required") and key not in present):
                    if f" Did you mean {key}?" not in misspelt.values():
                        self._say((*at, key), f"is required and not set: {_about(options[key])}")
            else:  # a constraint between keys, which Ansible's sentence names
                self._say(at, f"is incomplete or contradictory: {error}.")
        clean = {}  # defaults of variables are filled in; those of keys are not, for the roles, since Ansible does not do that either
        for key, entry in options.items():
            if entry.get("no_log"):
                self.secrets.add((*at, key))
            if key in value and key not in present and entry.get("default") is not None:  # templates would get the null, not the default
                self._say((*at, key), f"is empty. Give it a value, or remove it to have the default ({_shown(entry['default'])}).")
            checked = self._value((*at, key), entry, present[key]) if key in present else None if at else deepcopy(entry.get("default"))
            if checked is not None:
                clean[key] = checked
        return clean

    def _value(self, at: Path, option: Mapping[str, Any], value: Any) -> Any:
        """Check one value, and what is in it; None when it is wrong."""
        if at in self._broken:
            return None
        kind, secret = option.get("type", "str"), bool(option.get("no_log"))
        if len(at) == 1 and isinstance(value, str):  # a variable may come from -e name=value, which makes text of everything
            value = BOOLEANS.get(value.lower(), value) if kind == "bool" else int(value) if kind == "int" and value.isdecimal() else value
        if wrong := _wrong_type(kind, value, secret):
            return self._say(at, wrong)
        if kind == "list":
            element = {key: entry for key, entry in option.items() if key not in ("required", "default")} | {"type": option.get("elements", "raw")}
            return [self._value((*at, index), element, entry) for index, entry in enumerate(value)]
        if kind == "raw" and "options" in option:  # one mapping, or a list of them
            option = option | {"type": "dict"}
            if isinstance(value, list):
                return [self._value((*at, index), option, entry) for index, entry in enumerate(value)]
            return self._value(at, option, value)
        if kind == "dict" and "options" in option:
            return self._mapping(at, option, value)
        judged = ArgumentSpecValidator({"value": {key: option[key] for key in ("type", "choices") if key in option}}).validate({"value": value})
        if judged.error_messages:
            shown = "not one of the possible values" if secret else f"{value}, which is not possible"
            return self._say(at, f"is {shown}. Use {either(option.get('choices') or [_TYPES[kind][1]])}.")
        return value

    def _say(self, at: Path, text: str) -> None:
        """Add a problem about the value at a place."""
        self.problems.append(Problem(self._host, f"{subject(at, self._given)} {text}", at))


def _wrong_type(kind: str, value: Any, secret: bool) -> str:
    """What a value is instead of its type, and how to write it; nothing when it fits. What is checked is what templates get: nothing is converted."""
    wanted, name = _TYPES.get(kind, (object, ""))
    if isinstance(value, wanted) and not (isinstance(value, bool) and kind in ("int", "float")):
        return ""
    shown = "" if secret else f" {_shown(value)}"
    if kind in ("str", "path"):
        if isinstance(value, bool):
            return f"is {_shown(value)}: YAML reads a bare yes, no, on, off, true or false so. Put the text in quotes."
        if isinstance(value, int):
            return ""  # loses nothing
        if isinstance(value, float):
            return f"is the number{shown}, not text: YAML drops digits (17.10 becomes 17.1). Put it in quotes."
        if not isinstance(value, list | Mapping):
            return f"is a {type(value).__name__.lstrip('_').removeprefix('AnsibleTagged').lower()}, not text. Put it in quotes."
    if isinstance(value, str):
        if kind == "list":
            return f"is text, not a list. Write {'it in brackets' if secret else f'[{value}]'}."
        if kind != "dict":
            quoted = "" if secret else f' "{value}"'
            return f"is the text{quoted}, not {name}. Write it without quotes, and with -e as JSON."
    found = "a list" if isinstance(value, list) else "a mapping" if isinstance(value, Mapping) else f"{shown.strip() or 'something else'}"
    return f"is {found}, not {name}. Write {_EXAMPLES.get(kind, name)}."


def _shown(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _about(option: Mapping[str, Any]) -> str:
    """The first sentence of an option's description, without Ansible's markup."""
    description = option.get("description") or ""
    first = description if isinstance(description, str) else description[0]
    plain = re.sub(r"[A-Z]\(([^)]*)\)", r"\1", first).strip()
    sentence = re.split(r"\.\s+(?=[A-Z])", plain)[0].rstrip(".")
    word = sentence.partition(" ")[0]
    return f"{sentence if word.isupper() and len(word) > 1 else sentence[:1].lower() + sentence[1:]}."
