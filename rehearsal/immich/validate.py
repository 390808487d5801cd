# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests against the schemas in data/: unknown fields are dropped, every fault is collected."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from . import cron
from .dialects import Version, names, permissions
from .errors import NO_UUID, Invalid, Issue

EMAIL = re.compile(r"[a-zA-Z0-9.!#$%&'*+/=?^_`{|}~-]+@[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?)*")
MISSING = object()
Path = tuple[str | int, ...]


def is_uuid(value: Any) -> bool:
    """Immich takes version 4 only."""
    try:
        return isinstance(value, str) and str(uuid.UUID(value)) == value.lower() and uuid.UUID(value).version == 4
    except ValueError:
        return False


def is_url(value: str) -> bool:
    parts = urlsplit(value)
    return bool(parts.scheme and parts.netloc)


def number(value: Any) -> Any:
    """A number that came as a string; anything else as it is."""
    try:
        return float(value) if isinstance(value, str) else value
    except ValueError:
        return value


def empty(needed: Any, given: Any) -> list[str]:
    """What 2.x says besides about a field that is not there."""
    return ["should not be empty"] if needed and given in (MISSING, None) else []


def type_name(value: Any) -> str:
    """What JavaScript calls the type of a JSON value."""
    if value is MISSING:
        return "undefined"
    if value is None:
        return "null"
    return {bool: "boolean", int: "number", float: "number", str: "string", list: "array", dict: "object"}[type(value)]


class Validator:
    """One pass over one request."""

    def __init__(self, version: Version) -> None:
        self.version = version
        self.issues: list[Issue] = []

    def body(self, schema: dict, value: Any) -> dict[str, Any]:
        """The request as the server reads it; raises Invalid with every fault."""
        if value is MISSING and self.version >= (3, 0, 0):
            raise Invalid([Issue((), self.wrong_type("object", MISSING), ())])
        clean = self.fields(schema, value if isinstance(value, dict) else {}, ())
        if self.issues:
            raise Invalid(self.issues)
        return clean

    def fault(self, path: Path, zod: dict, *classic: str) -> None:
        """classic: what follows the field's name, or a whole message after a "!" (2.x puts the path of its section in front of either)."""
        section = "".join(f"{part}." for part in path[:-1])
        self.issues.append(Issue(path, zod, tuple(section + (text[1:] if text.startswith("!") else f"{path[-1]} {text}") for text in classic)))

    def fields(self, schema: dict, value: dict, path: Path) -> dict[str, Any]:
        clean = {}
        for name, rule in schema.items():
            given, where = value.get(name, MISSING), (*path, name)
            if "type" not in rule:  # a section
                if isinstance(given, dict):
                    clean[name] = self.fields(rule, given, where)
                else:
                    self.fault(where, self.wrong_type("object", given), "must be an object")
                continue
            if given is MISSING and rule.get("optional"):
                continue
            if given is None and rule.get("nullable"):
                clean[name] = None
                continue
            if self.version < (3, 0, 0) and value.get(rule.get("enabled_by"), True) is False:
                clean[name] = rule["default"] if given is MISSING else given
                continue
            clean[name] = self.value(rule, given, where)
        return clean

    @staticmethod
    def wrong_type(expected: str, given: Any) -> dict[str, Any]:
        return {"expected": expected, "code": "invalid_type", "message": f"Invalid input: expected {expected}, received {type_name(given)}"}

    def value(self, rule: dict, given: Any, path: Path) -> Any:
        return getattr(self, f"a_{rule['type']}")(rule, given, path)

    def a_string(self, rule: dict, given: Any, path: Path) -> Any:
        if "enum" in rule:
            return self.one_of(rule["enum"], given, path)
        if not isinstance(given, str):
            self.fault(path, self.wrong_type("string", given), *empty(rule.get("nonempty"), given), "must be a string")
        elif rule.get("nonempty") and (given == "" if self.version < (3, 0, 0) else given.strip() == ""):
            self.fault(path, {"code": "custom", "message": "Array items must not be empty"}, "should not be empty")
        elif len(given) < rule.get("minLength", 0):
            self.fault(path, self.too_small("string", rule["minLength"], "characters"), "should not be empty")
        elif "pattern" in rule and not re.search(rule["pattern"], given):
            regex = f"/{rule['pattern']}/"
            zod = {"origin": "string", "code": "invalid_format", "format": "regex", "pattern": regex, "message": f"Invalid string: must match pattern {regex}"}
            self.fault(path, zod, "must be a 6-digit numeric string")
        return given

    def one_of(self, allowed: list, given: Any, path: Path) -> Any:
        if given not in allowed or isinstance(given, bool):
            options = "|".join(f'"{item}"' if isinstance(item, str) else str(item) for item in allowed)
            self.fault(
                path,
                {"code": "invalid_value", "values": list(allowed), "message": f"Invalid option: expected one of {options}"},
                f"must be one of the following values: {', '.join(str(item) for item in allowed)}",
            )
        return given

    def a_permission(self, rule: dict, given: Any, path: Path) -> Any:
        return self.one_of(list(permissions(self.version)), given, path)

    def a_job(self, rule: dict, given: Any, path: Path) -> Any:
        return self.one_of(list(names("jobs", self.version)), given, path)

    def a_boolean(self, rule: dict, given: Any, path: Path) -> Any:
        # 3.x reads a boolean out of a string in the config only, where every field has a default
        if given in ("true", "false") and ("default" in rule or self.version < (3, 0, 0)):
            return given == "true"
        if not isinstance(given, bool):
            self.fault(path, self.wrong_type("boolean", given), *empty(not rule.get("optional"), given), "must be a boolean value")
        return given

    @staticmethod
    def too_small(origin: str, minimum: float, unit: str = "") -> dict[str, Any]:
        have = f"have >={minimum} {unit}" if unit else f"be >={minimum}"
        return {"origin": origin, "code": "too_small", "minimum": minimum, "inclusive": True, "message": f"Too small: expected {origin} to {have}"}

    @staticmethod
    def too_big(origin: str, maximum: float, unit: str = "") -> dict[str, Any]:
        have = f"have <={maximum} {unit}" if unit else f"be <={maximum}"
        return {"origin": origin, "code": "too_big", "maximum": maximum, "inclusive": True, "message": f"Too big: expected {origin} to {have}"}

    def a_number(self, rule: dict, given: Any, path: Path) -> Any:
        given = number(given) if rule.get("numeric") else given
        if isinstance(given, bool) or not isinstance(given, int | float):
            self.fault(path, self.wrong_type("number", given), "must be a number conforming to the specified constraints")
        elif given < rule.get("min", given):
            self.fault(path, self.too_small("number", rule["min"]), f"must not be less than {rule['min']}")
        elif given > rule.get("max", given):
            self.fault(path, self.too_big("number", rule["max"]), f"must not be greater than {rule['max']}")
        return given

    def a_integer(self, rule: dict, given: Any, path: Path) -> Any:
        given = number(given) if rule.get("numeric") else given
        if isinstance(given, bool) or not isinstance(given, int | float):
            self.fault(path, self.wrong_type("number", given), "must be an integer number")
            return given
        if given != int(given):
            zod = {"expected": "int", "format": "safeint", "code": "invalid_type", "message": "Invalid input: expected int, received number"}
            self.fault(path, zod, "must be an integer number")
            return given
        return self.a_number(rule, int(given), path)

    def a_array(self, rule: dict, given: Any, path: Path) -> Any:
        if not isinstance(given, list):
            self.fault(path, self.wrong_type("array", given), "must be an array")
            return given
        if len(given) < rule.get("minItems", 0):
            self.fault(path, self.too_small("array", rule["minItems"], "items"), f"must contain at least {rule['minItems']} elements")
        if len(given) > rule.get("maxItems", len(given)):
            self.fault(path, self.too_big("array", rule["maxItems"], "items"), f"must contain no more than {rule['maxItems']} elements")
        if rule.get("unique") and len({str(item) for item in given}) < len(given):
            self.fault(path, {"code": "custom", "message": "Array must have unique items"}, f"!All {path[-1]}'s elements must be unique")
        return [self.item(rule["items"], item, (*path, index)) for index, item in enumerate(given)]

    def item(self, rule: dict, given: Any, path: Path) -> Any:
        """An entry of an array: class-validator names the array, zod the entry (a refinement: the array)."""
        before = len(self.issues)
        clean = self.value(rule, given, path)
        if len(self.issues) > before:
            issue = self.issues[before]
            fault = issue.classic[0].split(f"{path[-1]} ", 1)[1]
            section = "".join(f"{part}." for part in path[:-2])
            where = path[:-1] if issue.zod["code"] == "custom" else path
            self.issues[before:] = [Issue(where, issue.zod, (f"{section}each value in {path[-2]} {fault}",))]
        return clean

    def checked(self, rule: dict, given: Any, path: Path, valid: Callable[[str], bool], zod: dict, classic: str) -> Any:
        if not isinstance(given, str):
            wrong = self.wrong_type("string", given)
            if "received" in zod["message"]:  # a format with a message of its own keeps it, with what JavaScript's typeof says
                kind = "object" if type_name(given) in ("null", "array") else type_name(given)
                wrong["message"] = zod["message"].replace("received string", f"received {kind}")
            self.fault(path, wrong, *empty(rule.get("nonempty"), given), classic)
        elif not valid(given):
            self.fault(path, zod, classic)
        return given

    def a_uuid(self, rule: dict, given: Any, path: Path) -> Any:
        if not isinstance(given, str):
            self.fault(path, self.wrong_type("string", given), "must be a UUID")
            return given
        return self.checked(rule, given, path, is_uuid, NO_UUID, "must be a UUID")

    def a_email(self, rule: dict, given: Any, path: Path) -> Any:
        zod = {"origin": "string", "code": "invalid_format", "format": "email", "message": "Invalid input: expected email, received string"}
        clean = self.checked(rule, given, path, lambda text: bool(EMAIL.fullmatch(text)), zod, "must be an email")
        return clean.lower() if isinstance(clean, str) else clean

    def a_label(self, rule: dict, given: Any, path: Path) -> Any:
        """A storage label: dots and what a file name may not hold are taken out."""
        if not isinstance(given, str):
            if self.version < (3, 0, 0):
                return ""
            self.fault(path, self.wrong_type("string", given), "must be a string")
            return given
        return re.sub(r'[/?<>\\:*|"\x00-\x1f\x80-\x9f.]', "", given).rstrip(" ")[:255]

    def a_cron(self, rule: dict, given: Any, path: Path) -> Any:
        reason = cron.fault(given) if isinstance(given, str) else ""
        return self.checked(
            rule, given, path, lambda text: not reason, {"code": "custom", "message": f"Invalid cron expression. {reason}"}, "!Invalid cron expression"
        )

    def a_time(self, rule: dict, given: Any, path: Path) -> Any:
        zod = {"origin": "string", "code": "invalid_format", "format": "time", "message": "Invalid input: expected string in HH:MM format, received string"}
        return self.checked(rule, given, path, lambda text: bool(re.fullmatch(r"(?:[01]\d|2[0-3]):[0-5]\d", text)), zod, f"!{path[-1]} must be in HH:mm format")

    def a_url(self, rule: dict, given: Any, path: Path) -> Any:
        zod = {"code": "custom", "message": rule["message"]} if "message" in rule else {"code": "invalid_format", "format": "url", "message": "Invalid URL"}
        return self.checked(rule, given, path, lambda text: is_url(text) or (text == "" and not rule.get("nonempty")), zod, "must be a URL address")
