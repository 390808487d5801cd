# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which files Immich's crawler would take, and a walk that finds them in order."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from ..paths import within

SENTINELS = ".immich-guard"
_IMAGES = "avif bmp gif heic heif hif insp jp2 jpe jpeg jpg jxl mpo png svg tif tiff webp"
_RAW = "3fr ari arw cap cin cr2 cr3 crw dcr dng erf fff iiq k25 kdc mrw nef nrw orf ori pef psd raf raw rw2 rwl sr2 srf srw x3f"
_VIDEOS = "3gp 3gpp avi flv insv m2t m2ts m4v mkv mov mp4 mpe mpeg mpg mts mxf ts vob webm wmv"
EXTENSIONS = frozenset(f"{_IMAGES} {_RAW} {_VIDEOS}".split())


class Seen(NamedTuple):
    """A file that counts; or, with a slash at the end, a sentinel; or, with a problem, what could not be looked at, a whole folder where it ends in a slash."""

    path: str
    problem: str = ""
    changed: float = 0.0


@dataclass(frozen=True)
class Rules:
    """What of a library the server takes: by extension, and by its exclusion patterns."""

    excluded: re.Pattern[str] | None
    # the check of known assets does not read the patterns as the crawler does
    dropped: re.Pattern[str] | None

    def skips(self, path: str) -> bool:
        """Whether the crawler passes over a file, or a whole folder."""
        return self.excluded is not None and self.excluded.fullmatch(path) is not None

    def drops(self, path: str) -> bool:
        """Whether the check puts a file into the trash although it is there."""
        return self.dropped is not None and self.dropped.fullmatch(path) is not None


def rules(patterns: Iterable[str]) -> Rules:
    """Read the exclusion patterns of a library."""
    patterns = list(patterns)
    return Rules(_any(map(glob, patterns), "(?:.*/)?", re.IGNORECASE), _any(map(like, patterns), ".*"))


def _any(expressions: Iterable[str], often: str, flags: int = 0) -> re.Pattern[str] | None:
    """One expression of many. What they often begin with is looked for once: a million paths go through it."""
    kinds: dict[bool, list[str]] = {True: [], False: []}
    for expression in expressions:
        kinds[expression.startswith(often)].append(f"(?:{expression.removeprefix(often)})")
    parts = [f"{often}(?:{'|'.join(kinds[True])})"] * bool(kinds[True]) + kinds[False]
    return re.compile("|".join(parts), flags | re.DOTALL) if parts else None


def glob(pattern: str) -> str:
    """Write a glob of the crawler as a regular expression: `**` between slashes is any number of folders, also none; `/**` at the end is the folder too."""
    out = ""
    position = braces = 0
    for match in re.finditer(r"(?:(?<=/)|\A)\*\*(?:/|\Z)|\*+|\\.|\?|\[[!^]?[^\]]+\]|.", pattern, re.DOTALL):
        token, position = match[0], match.end()
        if token == "**/":
            out += "(?:.*/)?"
        elif token == "**" and position == len(pattern) and (not out or out.endswith("/")):
            out = f"{out[:-1]}(?:/.*)?" if out else ".*"
        elif token[0] == "*":
            out += "[^/]*"
        elif token == "?":
            out += "[^/]"
        elif token[0] == "\\" and len(token) == 2:
            out += re.escape(token[1])
        elif token[0] == "[" and len(token) > 2:
            body = token[1:-1].replace("\\", "\\\\")
            out += f"[^{body[1:]}]" if body[0] in "!^" else f"[{body}]"
        elif token == "{" and "}" in pattern[position:]:
            out, braces = f"{out}(?:", braces + 1
        elif token == "}" and braces:
            out, braces = f"{out})", braces - 1
        elif token == "," and braces:
            out += "|"
        else:
            out += re.escape(token)
    return out


def like(pattern: str) -> str:
    """Write what the server makes of a glob for SQL's LIKE as a regular expression: brackets vanish, every row of stars is %, and a _ is any character."""
    plain = re.sub(r"\*+", "%", re.sub(r"\[[^\]]*\]|[{},]", "", pattern)).replace("?", "_")
    wildcards = {"%": ".*", "_": "."}
    return re.sub(r"\\(.)|(.)", lambda match: re.escape(match[1]) if match[1] else wildcards.get(match[2], re.escape(match[2])), plain, flags=re.DOTALL)


def outermost(paths: Iterable[str]) -> list[str]:
    """Leave out what lies below another of the folders."""
    kept: list[str] = []
    for path in sorted({path.rstrip("/") or "/" for path in paths}, key=lambda path: f"{path}/"):
        if not kept or not within(path, kept[-1]):
            kept.append(path)
    return kept


def walk(top: str, wanted: Rules, local: Callable[[str], str]) -> Iterator[Seen]:
    """
    Find the files below a folder of the server, sorted by their whole path. `local` says where a folder of the server is on this machine.

    Memory holds the names of one folder a level, whatever the number of files.
    """
    stack = [_Folder(top.rstrip("/"), wanted, local, ())]
    while stack:
        folder = stack[-1]
        name = next(folder.names, None)
        if name is None:
            stack.pop()
            continue
        path = f"{folder.path}/{name}"
        if name.endswith(PROBLEM):
            yield Seen(f"{folder.path}/", name[: -len(PROBLEM)])
        elif name == f"{SENTINELS}/":
            yield from _sentinels(path, local(path[:-1]))
        elif name.endswith("/"):
            stack.append(_Folder(path[:-1], wanted, local, folder.above))
        elif seen := _file(path, f"{folder.here}/{name}"):
            yield seen


# no file name has a NUL
PROBLEM = "\0"


class _Folder:
    """The names of one folder that matter, sorted as whole paths are: a folder with the slash that follows it."""

    def __init__(self, path: str, wanted: Rules, local: Callable[[str], str], above: tuple[tuple[int, int], ...]) -> None:
        self.path, self.here, self.above = path, local(path or "/"), above
        try:
            found = os.stat(self.here)
            # a link to a folder above leads in a circle
            names = [] if (found.st_dev, found.st_ino) in above else self._names(wanted)
            self.above = (*above, (found.st_dev, found.st_ino))
        except (FileNotFoundError, NotADirectoryError):
            names = []
        except OSError as error:
            names = [f"{error.strerror}{PROBLEM}"]
        self.names = iter(names)

    def _names(self, wanted: Rules) -> list[str]:
        names = []
        with os.scandir(self.here) as entries:
            for entry in entries:
                name = entry.name
                media = name.rpartition(".")[2].lower() in EXTENSIONS and "." in name
                try:
                    directory = entry.is_dir()
                except OSError:
                    # it cannot be told what it is; as one of both it is found to be unreadable
                    directory = not media
                if name.startswith("."):
                    if directory and name == SENTINELS:
                        names.append(f"{name}/")
                elif (directory or media) and not wanted.skips(path := f"{self.path}/{name}"):
                    if directory:
                        names.append(f"{name}/")
                    elif not wanted.drops(path):
                        names.append(name)
        names.sort()
        return names


def _file(path: str, here: str) -> Seen | None:
    """Look at a file as the server does: what cannot be looked at is lost to it, whatever the reason."""
    try:
        found = os.stat(here)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        return Seen(path, error.strerror or type(error).__name__)
    # a copy may keep the time of the original; when it arrived is in the other
    return Seen(path, "", max(found.st_mtime, found.st_ctime)) if stat.S_ISREG(found.st_mode) else None


def _sentinels(path: str, here: str) -> Iterator[Seen]:
    try:
        for name in sorted(os.listdir(here)):
            yield Seen(f"{path}{name}/")
    except OSError:
        return  # a sentinel that cannot be seen is not there
