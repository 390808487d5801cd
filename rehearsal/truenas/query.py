# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Query filters and options of the TrueNAS API, as its documentation has them."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

_OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "=": lambda have, want: have == want,
    "!=": lambda have, want: have != want,
    ">": lambda have, want: have is not None and have > want,
    ">=": lambda have, want: have is not None and have >= want,
    "<": lambda have, want: have is not None and have < want,
    "<=": lambda have, want: have is not None and have <= want,
    "~": lambda have, want: have is not None and re.match(want, have) is not None,
    "in": lambda have, want: have in want,
    "nin": lambda have, want: have not in want,
    "rin": lambda have, want: have is not None and want in have,
    "rnin": lambda have, want: have is not None and want not in have,
    "^": lambda have, want: have is not None and have.startswith(want),
    "!^": lambda have, want: have is not None and not have.startswith(want),
    "$": lambda have, want: have is not None and have.endswith(want),
    "!$": lambda have, want: have is not None and not have.endswith(want),
}


class BadQuery(ValueError):
    """The filters or options are not what the API takes."""


class NothingFound(LookupError):
    """`get` was asked for and nothing matches."""


def query(entries: list[dict[str, Any]], filters: list[Any], options: dict[str, Any]) -> Any:
    """The entries that pass all filters: a list, one of them (`get`), or how many (`count`)."""
    found = [entry for entry in entries if all(_passes(entry, one) for one in filters)]
    for key in reversed(options.get("order_by") or []):
        field = key.removeprefix("-")
        found.sort(key=lambda entry, field=field: (_get(entry, field) is None, _get(entry, field)), reverse=key.startswith("-"))
    if options.get("count"):
        return len(found)
    if options.get("get"):
        if not found:
            raise NothingFound
        return _select(found[0], options)
    offset, limit = options.get("offset") or 0, options.get("limit") or 0
    return [_select(entry, options) for entry in found[offset : offset + limit if limit else None]]


def _passes(entry: dict[str, Any], one: Any) -> bool:
    if isinstance(one, list) and len(one) == 2 and one[0] == "OR":
        # each branch is one filter, or a list of filters that must all hold
        return any(all(_passes(entry, part) for part in (branch if branch and isinstance(branch[0], list) else [branch])) for branch in one[1])
    if not isinstance(one, list) or len(one) != 3 or one[1] not in _OPERATORS:
        raise BadQuery(f"Invalid filter {one!r}")
    field, operator, wanted = one
    return _OPERATORS[operator](_get(entry, field), wanted)


def _get(entry: Any, field: str) -> Any:
    for part in field.split("."):
        entry = entry.get(part) if isinstance(entry, dict) else None
    return entry


def _select(entry: dict[str, Any], options: dict[str, Any]) -> dict[str, Any]:
    chosen = options.get("select") or []
    return {field: _get(entry, field) for field in chosen} if chosen else entry
