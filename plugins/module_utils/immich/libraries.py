# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What becomes of external libraries: functions of what the server has and what is wanted."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from .changes import Change, PlanErrors
from .client import Client
from .errors import ImmichError

_MAX_ENTRIES = 128
_LIBRARY = {"id": str, "name": str, "ownerId": str, "importPaths": [str], "exclusionPatterns": [str]}


@dataclass(frozen=True)
class Library:
    """A library that is wanted. None means: left alone, or Immich's own default when it is created."""

    name: str
    owner: str
    owner_id: str | None
    import_paths: tuple[str, ...] | None = None
    exclusion_patterns: tuple[str, ...] | None = None
    previous_name: str | None = None
    state: str = "present"
    allow_removal: bool = False
    allow_overlap: bool = False

    @property
    def what(self) -> str:
        """How messages call it."""
        return f'library "{self.name}" of {self.owner}'


@dataclass(frozen=True)
class LibraryPlan:
    """What becomes of one library."""

    wanted: Library
    change: Change
    current: Mapping[str, Any] | None
    body: dict[str, Any] = field(default_factory=dict)


def list_libraries(api: Client) -> list[dict[str, Any]]:
    """Read the libraries of all users."""
    return api.get("/libraries", doing="list the libraries", shape=[_LIBRARY])


def statistics(api: Client, library_id: str) -> dict[str, Any]:
    """Count a library's assets. Those that a scan put in the trash are counted too, and assetCount is always 0."""
    return api.get(f"/libraries/{library_id}/statistics", doing="count a library's assets", shape={"photos": int, "videos": int, "total": int, "usage": int})


def normalise(path: str) -> str:
    """Write an import path as the server's scan compares it: absolute, nothing doubled, no slash at the end."""
    if not path.startswith("/"):
        raise ValueError(f"import path {path!r} is not absolute; write the folder as the server sees it, like /mnt/photos")
    return posixpath.normpath(path).replace("//", "/", 1)


def keeps(prefix: str, path: str) -> bool:
    """Say whether the scan keeps assets under `path` while `prefix` is an import path: SQL LIKE 'prefix%', no slash between, _ and % as wildcards."""
    wildcards = {"_": ".", "%": ".*"}
    pattern = re.sub(r"\\(.)|(.)", lambda match: re.escape(match[1]) if match[1] else wildcards.get(match[2], re.escape(match[2])), prefix, flags=re.DOTALL)
    return re.match(pattern, f"{_clean(path).rstrip('/')}/", flags=re.DOTALL) is not None


def _ancestors(path: str) -> Iterator[str]:
    """Go from a folder to the root, the folder itself first."""
    while True:
        yield path
        if path == "/":
            return
        path = posixpath.dirname(path)


def desired(entries: Iterable[Mapping[str, Any]], owners: Mapping[str, str], *, unknown_owner_ok: bool) -> list[Library]:
    """Check what is wanted by itself; all errors at once. `owners` is id by e-mail address."""
    libraries: list[Library] = []
    errors: list[str] = []
    seen: set[tuple[str, str]] = set()
    for entry in entries:
        owner = entry["owner"].strip().lower()
        label = f'Library "{entry["name"]}" of {owner}'
        try:
            if not entry["name"].strip():
                raise ValueError("the name is empty; give it one")
            if (owner, entry["name"]) in seen:
                raise ValueError("it is listed twice; keep one entry, or give one of them another name")
            seen.add((owner, entry["name"]))
            if owner not in owners and entry["state"] == "present" and not unknown_owner_ok:
                raise ValueError(f"no user has the owner's address; create the user first, or choose from {', '.join(sorted(owners)) or 'nobody'}")
            libraries.append(
                Library(
                    name=entry["name"],
                    owner=owner,
                    owner_id=owners.get(owner),
                    import_paths=_entries("import_paths", entry["import_paths"], normalise),
                    exclusion_patterns=_entries("exclusion_patterns", entry["exclusion_patterns"], str),
                    previous_name=entry["previous_name"],
                    state=entry["state"],
                    allow_removal=entry["allow_removal"],
                    allow_overlap=entry["allow_overlap"],
                )
            )
        except ValueError as error:
            errors.append(f"{label}: {error}.")
    if errors:
        raise PlanErrors(errors)
    return libraries


def _entries(option: str, values: list[str] | None, clean: Callable[[str], str]) -> tuple[str, ...] | None:
    if values is None:
        return None
    if any(not value.strip() for value in values):
        raise ValueError(f"{option} holds an empty entry; remove it")
    result = tuple(dict.fromkeys(clean(value) for value in values))
    if len(result) > _MAX_ENTRIES:
        raise ValueError(f"{option} has {len(result)} entries; Immich takes at most {_MAX_ENTRIES}")
    return result


def plan_libraries(
    current: list[dict[str, Any]], wanted: list[Library], emails: Mapping[str, str], count: Callable[[str], int]
) -> tuple[list[LibraryPlan], list[dict[str, Any]]]:
    """Plan all libraries; all errors at once, before anything is sent. Also return those on the server that nobody named. `emails` is by id."""
    errors: list[str] = []
    matched: list[tuple[Library, dict[str, Any] | None]] = []
    for library in wanted:
        try:
            matched.append((library, _find(current, library)))
        except ValueError as error:
            errors.append(f"{_capital(library.what)}: {error}.")
    errors += _overlaps(current, matched, emails)
    plans: list[LibraryPlan] = []
    for library, found in matched:
        try:
            plans.append(plan_library(found, library, count))
        except ValueError as error:
            errors.append(f"{_capital(library.what)}: {error}.")
    if errors:
        raise PlanErrors(errors)
    managed = {found["id"] for _library, found in matched if found is not None}
    return plans, [item for item in current if item["id"] not in managed]


def _find(current: list[dict[str, Any]], wanted: Library) -> dict[str, Any] | None:
    """Find the library by owner and name, or by its previous name."""

    def named(name: str | None) -> list[dict[str, Any]]:
        return [item for item in current if item["ownerId"] == wanted.owner_id and item["name"] == name]

    found, previous = named(wanted.name), named(wanted.previous_name) if wanted.previous_name not in (None, wanted.name) else []
    matches = found or previous
    if len(matches) > 1:
        ids = ", ".join(item["id"] for item in matches)
        raise ValueError(f'the owner has {len(matches)} libraries named "{matches[0]["name"]}" ({ids}); rename or delete all but one in Immich')
    if found and previous and wanted.state == "present":
        raise ValueError(f'the owner also has the previous_name "{wanted.previous_name}"; remove previous_name, or rename one of the two in Immich')
    return matches[0] if matches else None


def plan_library(found: Mapping[str, Any] | None, wanted: Library, count: Callable[[str], int]) -> LibraryPlan:
    """Plan one library. `count` says how many assets a library has; it is asked only where assets could get lost."""
    before = None if found is None else _shown(found, wanted.owner)
    if wanted.state == "absent":
        if found is not None and not wanted.allow_removal and (assets := count(found["id"])):
            raise ValueError(f"it has {assets} assets, whose albums, faces and edits would be gone with it; set allow_removal: true to delete it all the same")
        return LibraryPlan(wanted, Change(wanted.what, before, None), found)
    if found is None and wanted.import_paths is None:
        raise ValueError("it does not exist, and to create it import_paths must be given")
    options = {"import_paths": wanted.import_paths, "exclusion_patterns": wanted.exclusion_patterns}
    given = {option: list(value) for option, value in options.items() if value is not None}
    after: dict[str, Any] = {**(before or {}), "name": wanted.name, "owner": wanted.owner}
    for option, value in given.items():
        # their order means nothing to the server
        if sorted(after.get(option, [])) != sorted(value) or option not in after:
            after[option] = value
    if before is not None and found is not None and not wanted.allow_removal:
        _refuse_loss(before["import_paths"], after["import_paths"], lambda: count(found["id"]))
    fields = {"name": "name", "import_paths": "importPaths", "exclusion_patterns": "exclusionPatterns"}
    body = {name: after[option] for option, name in fields.items() if option in after and (before is None or before[option] != after[option])}
    return LibraryPlan(wanted, Change(wanted.what, before, after), found, body)


def _refuse_loss(before: list[str], after: list[str], count: Callable[[], int]) -> None:
    lost = [path for path in before if not any(keeps(kept, path) for kept in after)]
    if lost and (assets := count()):
        raise ValueError(
            f"import path {', '.join(lost)} would disappear while the library has {assets} assets, and the next scan would put those under it in the trash; "
            "keep the path, or set allow_removal: true"
        )


@dataclass(frozen=True)
class _Final:
    """A library as it will be after the run; `wanted` is None where nobody named it."""

    label: str
    owner_id: str | None
    paths: tuple[str, ...]
    found: Mapping[str, Any] | None = None
    wanted: Library | None = None

    def adds(self, path: str) -> bool:
        """Say whether this run would add the path to the library."""
        before = (self.found or {}).get("importPaths", ())
        return self.wanted is not None and _clean(path) not in {_clean(old) for old in before}

    @property
    def may_overlap(self) -> bool:
        """Whether somebody said that it is meant."""
        return self.wanted is not None and self.wanted.allow_overlap


def _overlaps(current: list[dict[str, Any]], matched: list[tuple[Library, dict[str, Any] | None]], emails: Mapping[str, str]) -> list[str]:
    """Find import paths that would newly be inside another library's: everything below would be imported twice."""
    named = {found["id"] for _library, found in matched if found is not None}
    libraries = [
        _Final(f'library "{item["name"]}" of {emails.get(item["ownerId"], "a deleted user")}', item["ownerId"], tuple(item["importPaths"]), found=item)
        for item in current
        if item["id"] not in named
    ]
    for library, found in matched:
        if library.state == "present":
            paths = library.import_paths if library.import_paths is not None else tuple(found["importPaths"] if found else ())
            libraries.append(_Final(library.what, library.owner_id, paths, found, library))
    by_path: dict[str, list[_Final]] = {}
    for library in libraries:
        for path in library.paths:
            by_path.setdefault(_clean(path), []).append(library)
    errors: dict[frozenset[int], str] = {}
    for inner in libraries:
        for path in inner.paths:
            for folder in _ancestors(_clean(path)):
                for outer in by_path.get(folder, ()):
                    pair = frozenset({id(inner), id(outer)})
                    if inner is outer or pair in errors or inner.may_overlap or outer.may_overlap:
                        continue
                    # the library that adds a path is the one to talk about
                    if inner.adds(path):
                        errors[pair] = _overlap(inner, path, outer, folder)
                    elif outer.adds(folder):
                        errors[pair] = _overlap(outer, folder, inner, path)
    return list(errors.values())


def _overlap(new: _Final, path: str, other: _Final, other_path: str) -> str:
    hint = "choose other folders, or set allow_overlap: true if both are wanted"
    if new.found is None and other.wanted is None and other.found is not None and new.wanted is not None:
        if other.owner_id == new.owner_id:
            hint = f'if it was renamed, set previous_name: "{other.found["name"]}"; if both are wanted, allow_overlap: true'
        elif other.found["name"] == new.wanted.name:
            hint = "the owner of a library cannot be changed; keep the owner, or set allow_overlap: true to import everything again for the new one"
    return f"{_capital(new.label)}: import path {path} overlaps {other_path} of {other.label}, so photos would be imported twice; {hint}."


def _clean(path: str) -> str:
    return normalise(path) if path.startswith("/") else path


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _shown(library: Mapping[str, Any], owner: str) -> dict[str, Any]:
    return {
        "name": library["name"],
        "owner": owner,
        "import_paths": list(library["importPaths"]),
        "exclusion_patterns": list(library["exclusionPatterns"]),
    }


def carry_out(api: Client, plan: LibraryPlan) -> str | None:
    """Make one planned change; return the id of the library, None when there is none now."""
    what, found = plan.wanted.what, plan.current
    if plan.change.action == "created":
        return _create(api, plan)
    if found is None:
        return None
    if plan.change.action == "deleted":
        api.delete(f"/libraries/{found['id']}", doing=f"delete {what}")
        return None
    if plan.change.changed:
        api.put(f"/libraries/{found['id']}", plan.body, doing=f"update {what}{_with_paths(plan.body)}", shape=_LIBRARY)
    return found["id"]


def _with_paths(body: Mapping[str, Any]) -> str:
    """Name the folders: a server that refuses one does not say which."""
    paths = body.get("importPaths") or ()
    return f" with {'folder' if len(paths) == 1 else 'folders'} {', '.join(paths)}" if paths else ""


def _create(api: Client, plan: LibraryPlan) -> str:
    """Create a library: only PUT checks import paths, so they follow in a second request, and a library with bad ones does not stay."""
    what = plan.wanted.what
    body = {key: value for key, value in plan.body.items() if key != "importPaths"}
    library_id = api.post("/libraries", {"ownerId": plan.wanted.owner_id, **body}, doing=f"create {what}", shape=_LIBRARY)["id"]
    if plan.body.get("importPaths"):
        try:
            body = {"importPaths": plan.body["importPaths"]}
            api.put(f"/libraries/{library_id}", body, doing=f"create {what}{_with_paths(body)}", shape=_LIBRARY)
        except ImmichError as error:
            try:
                # new and without import paths: it has no assets to lose
                api.delete(f"/libraries/{library_id}", doing=f"remove the half-made {what} ({library_id})")
            except ImmichError as second:
                raise ImmichError(f"{error} {second}") from error
            raise
    return library_id
