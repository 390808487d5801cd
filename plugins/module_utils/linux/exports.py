# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""exports(5) as text and as entries. Pure functions, standard library only."""

from __future__ import annotations

import dataclasses
import ipaddress
import re
from collections.abc import Iterable

from ..nas import NOBODY, client_network

DROP_IN = "/etc/exports.d/homelab-immich.exports"
_HEAD = "# Written by the collection homelab.immich. Change the inventory, not this file.\n"
_WORD = re.compile(r'(?:"[^"]*"|\\[0-7]{3}|[^\s"])+')
_OCTAL = re.compile(r"\\([0-7]{3})")


@dataclasses.dataclass(frozen=True)
class Entry:
    """One folder exported to one client."""

    path: str
    client: str
    options: tuple[str, ...]
    where: str = ""  # file:line

    @property
    def writable(self) -> bool:
        """Whether the client may write; exports(5) says ro by default, and the last word wins."""
        return ([option for option in self.options if option in ("ro", "rw")] or ["ro"])[-1] == "rw"

    @property
    def squash(self) -> tuple[str, int, int]:
        """none, root or all, and who the squashed become."""
        last = {option.partition("=")[0]: option.partition("=")[2] for option in self.options}
        root = ([option for option in self.options if option in ("root_squash", "no_root_squash")] or ["root_squash"])[-1]
        all_users = ([option for option in self.options if option in ("all_squash", "no_all_squash")] or ["no_all_squash"])[-1]
        kind = "all" if all_users == "all_squash" else "root" if root == "root_squash" else "none"
        return kind, *(_anonymous(last.get(key)) if kind != "none" else 0 for key in ("anonuid", "anongid"))  # type: ignore[return-value]


def parse(text: str, file: str = "") -> list[Entry]:
    """The entries of an exports file, or of /var/lib/nfs/etab: continued lines, comments, quotes, octal escapes and default options."""
    entries = []
    line, start = "", 0
    for number, part in enumerate([*text.splitlines(), ""], 1):
        if not line:
            start = number
        if part.endswith("\\"):
            line += part[:-1] + " "
            continue
        words = _WORD.findall(_uncommented(line + part))
        line = ""
        if not words:
            continue
        path, defaults = unescape(words[0]), ()
        path = path.rstrip("/") or "/"
        found = []
        for word in words[1:]:
            if word.startswith("-") and not found:
                defaults = _options(word[1:])
                continue
            client, _paren, inner = word.partition("(")
            found.append(Entry(path, client_network(client or "*"), defaults + _options(inner.rstrip(")")), f"{file}:{start}"))
        entries += found or [Entry(path, "*", defaults, f"{file}:{start}")]
    return entries


def render(lines: Iterable[tuple[str, str]]) -> str:
    """The drop-in: (name of the export, its line)."""
    return _HEAD + "".join(f"# {name}\n{line}\n" for name, line in lines)


def differences(wanted: Iterable[Entry], have: Iterable[Entry]) -> list[str]:
    """Where the table of exports is not what the drop-in says of its paths, half a sentence each."""
    expected = {(entry.path, entry.client): entry for entry in wanted}
    there = {(entry.path, entry.client): entry for entry in have}
    paths = {path for path, _client in expected}
    found = []
    for (path, client), entry in expected.items():
        real = there.get((path, client))
        if real is None:
            found.append(f"{path} is not exported to {client}")
        elif (real.writable, real.squash) != (entry.writable, entry.squash):
            found.append(f"{path} is exported to {client} with {','.join(real.options)}")
    return found + [f"{path} is exported to {client}, which is not declared" for path, client in there if path in paths and (path, client) not in expected]


def narrowed(before: Iterable[Entry], after: Iterable[Entry]) -> dict[str, list[str]]:
    """By path, what a client loses: the export, writing, or who it is taken for."""
    later = {(entry.path, entry.client): entry for entry in after}
    strict = {"none": 0, "root": 1, "all": 2}
    lost: dict[str, list[str]] = {}
    for entry in before:
        new = later.get((entry.path, entry.client))
        if new is None:
            reason = f"{entry.client} may not mount it any more"
        elif entry.writable and not new.writable:
            reason = f"{entry.client} may not write any more"
        elif strict[new.squash[0]] > strict[entry.squash[0]]:
            reason = f"{entry.client} is squashed ({new.squash[0]}) now"
        else:
            continue
        lost.setdefault(entry.path, []).append(reason)
    return lost


def narrowing(before: Iterable[Entry], after: Iterable[Entry], connected: Iterable[tuple[str, str]]) -> list[str]:
    """Before a client loses something: one sentence a path, with the clients (address, name) that are connected now."""
    before, connected = list(before), list(connected)
    found = []
    for path, reasons in narrowed(before, after).items():
        specs = {entry.client for entry in before if entry.path == path}
        using = [f"{address} ({name})" if name else address for address, name in connected if any(_matches(address, spec) for spec in specs)]
        who = f"Connected now: {', '.join(using)}." if using else "No client is connected now."
        found.append(f"{path} is exported to fewer than before: {'; '.join(reasons)}. {who}")
    return found


def unescape(word: str) -> str:
    """A word without quotes and octal escapes. Escapes are bytes, so that a name in UTF-8 survives."""
    plain = _OCTAL.sub(lambda match: chr(int(match[1], 8)), word.replace('"', ""))
    try:
        return plain.encode("latin-1").decode()
    except (UnicodeEncodeError, UnicodeDecodeError):
        return plain


def _matches(address: str, client: str) -> bool:
    try:
        return ipaddress.ip_address(address) in ipaddress.ip_network(client)
    except ValueError:
        return True  # a name or a pattern: better one too many


def _uncommented(line: str) -> str:
    quoted = False
    for position, character in enumerate(line):
        quoted ^= character == '"'
        if character == "#" and not quoted:
            return line[:position]
    return line


def _options(text: str) -> tuple[str, ...]:
    return tuple(option.strip() for option in text.split(",") if option.strip())


def _anonymous(value: str | None) -> int:
    number = int(value) if value and value.lstrip("-").isdecimal() else NOBODY
    return number % 2**32 if number < 0 else number
