# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Exclusion patterns: as globs for the crawler, as SQL LIKE for the check of known assets."""

from __future__ import annotations

import functools
import re


@functools.cache
def glob(pattern: str, ignore_case: bool = False) -> re.Pattern[str]:
    """A glob as picomatch reads it (`**`, `*`, `?`, `[…]`, `{a,b}`, backslash escapes; hidden names match)."""
    out, index, braces = "", 0, 0
    while index < len(pattern):
        char = pattern[index]
        if pattern.startswith("**", index) and (index == 0 or pattern[index - 1] == "/"):
            end = index + 2
            if end == len(pattern):  # /** also matches the folder itself
                out = out[:-1] + "(?:/.*)?" if out.endswith("/") else out + ".*"
                index = end
                continue
            if pattern[end] == "/":
                out += "(?:.*/)?"
                index = end + 1
                continue
        if char == "\\" and index + 1 < len(pattern):
            out += re.escape(pattern[index + 1])
            index += 2
            continue
        if char == "*":
            while pattern.startswith("*", index + 1):
                index += 1
            out += "[^/]*"
        elif char == "?":
            out += "[^/]"
        elif char == "[" and "]" in pattern[index + 2:]:
            end = pattern.index("]", index + 2)
            body = pattern[index + 1:end]
            out += "[" + ("^" + body[1:] if body[0] in "!^" else body).replace("\\", "\\\\") + "]"
            index = end
        elif char == "{" and "}" in pattern[index:]:
            out, braces = out + "(?:", braces + 1
        elif char == "}" and braces:
            out, braces = out + ")", braces - 1
        elif char == "," and braces:
            out += "|"
        else:
            out += re.escape(char)
        index += 1
    return re.compile(out, re.DOTALL | (re.IGNORECASE if ignore_case else 0))


def glob_to_like(pattern: str) -> str:
    """The server's own translation of a glob for SQL: lossy, sets in brackets vanish and alternatives run together."""
    pattern = re.sub(r"\[[^\]]*\]|[{},]", "", pattern)
    return re.sub(r"\*+", "%", pattern).replace("?", "_")


@functools.cache
def like(pattern: str) -> re.Pattern[str]:
    """SQL LIKE: `%` and `_` are wildcards wherever they come from, a path's own included."""
    out, index = "", 0
    while index < len(pattern):
        char = pattern[index]
        if char == "\\" and index + 1 < len(pattern):
            index += 1
            out += re.escape(pattern[index])
        else:
            out += {"%": ".*", "_": "."}.get(char, re.escape(char))
        index += 1
    return re.compile(out, re.DOTALL)
