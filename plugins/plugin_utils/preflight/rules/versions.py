# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Versions of Immich, VectorChord and PostgreSQL, and what goes with what."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from ansible_collections.homelab.immich.plugins.module_utils.immich import versions

from ..model import Host, Inventory, Problem

_FLOATING = re.compile(r"(release|main|latest|v?\d+(\.\d+)?|(pr|commit)-.*)", re.IGNORECASE)


def immich(inventory: Inventory) -> Iterator[Problem]:
    """A pinned release that the collection knows."""
    for host in inventory.instances:
        wanted = host.get("immich_version")
        if wanted is None:
            continue
        try:
            known = versions.capabilities(versions.parse(wanted))
        except versions.VersionError:
            parsed = _parsed(versions.parse, wanted)
            if parsed is not None:
                text = f"is {wanted}, older than {versions.OLDEST}, the oldest that this collection knows. Use {versions.OLDEST} to {versions.NEWEST}."
            elif _FLOATING.fullmatch(str(wanted)):
                text = (
                    f"is {wanted}, a tag that moves: a restart would upgrade the database, and there is no way back. "
                    f"Use a release, such as {versions.NEWEST}{_quote(wanted)}."
                )
            else:
                text = f"is {wanted}, which is no release of Immich. Write it like {versions.NEWEST}{_quote(wanted)}."
            yield Problem(host.name, f"immich_version {text}", ("immich_version",))
            continue
        if known.newer_than_known:
            yield Problem(
                host.name,
                f"immich_version {wanted} is newer than {versions.NEWEST}, the newest that this collection knows, and is treated like that one.",
                ("immich_version",),
                warning=True,
            )


def database(inventory: Inventory) -> Iterator[Problem]:
    """Whole versions of PostgreSQL and VectorChord."""
    for host in inventory.instances:
        for variable, parse, example in (
            ("immich_database_postgres", versions.parse_postgres, "17.10"),
            ("immich_database_vectorchord", versions.parse_vectorchord, "1.1.1"),
        ):
            wanted = host.get(variable)
            if wanted is not None and _parsed(parse, wanted) is None:
                yield Problem(host.name, f'{variable} is {wanted}, which is no version. Write it like "{example}"{_quote(wanted)}.', (variable,))


def vectorchord(inventory: Inventory) -> Iterator[Problem]:
    """A VectorChord that this Immich starts with."""
    for host in inventory.instances:
        release, wanted = _release(host), _parsed(versions.parse_vectorchord, host.get("immich_database_vectorchord"))
        if release is None or wanted is None or versions.vectorchord_ok(release, wanted):
            continue
        first = versions.first_version_accepting_vectorchord(wanted)
        instead = f", or upgrade Immich to {first} or later first" if first and first > release else ""
        yield Problem(
            host.name,
            f"immich_version {host.get('immich_version')} accepts VectorChord {versions.vectorchord_range(release)}; "
            f"immich_database_vectorchord is {host.get('immich_database_vectorchord')}. Use {versions.newest_vectorchord(release)}{instead}.",
            ("immich_database_vectorchord",),
        )


def postgres(inventory: Inventory) -> Iterator[Problem]:
    """A PostgreSQL that this Immich starts with, and documents."""
    for host in inventory.instances:
        release, wanted = _release(host), _parsed(versions.parse_postgres, host.get("immich_database_postgres"))
        if release is None or wanted is None:
            continue
        known = versions.capabilities(release)
        accepts = known.postgres_documented
        says = (
            f"immich_version {host.get('immich_version')} accepts PostgreSQL {accepts}; "
            f"immich_database_postgres is {host.get('immich_database_postgres')}. Use {accepts.below.major - 1 if accepts.below else accepts.minimum.major}."
        )
        if wanted not in known.postgres:
            yield Problem(host.name, says, ("immich_database_postgres",))
        elif wanted not in accepts:
            yield Problem(host.name, f"{says} It may start with this one, but its makers do not say so.", ("immich_database_postgres",), warning=True)


def _release(host: Host) -> versions.Version | None:
    parsed = _parsed(versions.parse, host.get("immich_version"))
    return parsed if parsed is not None and parsed >= versions.OLDEST else None


def _parsed(parse: Any, value: Any) -> versions.Version | None:
    try:
        return parse(value)
    except versions.VersionError:
        return None


def _quote(value: Any) -> str:
    return "" if isinstance(value, str) else ", in quotes"


RULES = (immich, database, vectorchord, postgres)
