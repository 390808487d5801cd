# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The guard finds the files that Immich's crawler finds, and in order."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest
from ansible_collections.homelab.immich.plugins.module_utils.guard.crawl import EXTENSIONS, Rules, glob, like, outermost, rules, walk
from ansible_collections.homelab.immich.rehearsal.immich import globs
from ansible_collections.homelab.immich.rehearsal.immich.files import Files
from ansible_collections.homelab.immich.rehearsal.immich.instance import Mount
from ansible_collections.homelab.immich.rehearsal.immich.scan import media_type

DEFAULTS = ["**/@eaDir/**", "**/._*", "**/#recycle/**", "**/#snapshot/**", "**/.stversions/**", "**/.stfolder/**"]
PATTERNS = [
    *DEFAULTS, "**/*.png", "*.jpg", "**/my_dir/**", "**/IMG_?.*", "/mnt/photos/raw/**", "**/{raw,tmp}/**", "**/[ab]*.jpg", "**/[!a]b/**", "**/a/*/c.*", "**",
    "**/raw", "raw/**", "**/b**", "/mnt/**/tmp/*", "**/a\\*b*", "**/{a", "**/[a", "**/.*", "",
]
NAMES = ["a", "b", "raw", "tmp", "my_dir", "my-dir", "@eaDir", "#recycle", ".hidden", "a*b", "a.b", "IMG_1", "Ä", "a-", "a b", "ab"]
FILES = ["c.jpg", "IMG_1.JPG", "IMG_22.jpeg", "x.mp4", "y.txt", "z.xmp", "noextension", ".jpg", "._c.jpg", "b.png", "a.heic", "back\\slash.jpg", "jpg"]
FILES += ["q.Mov", "Ünïcode.JPG"]


def tree(folder: Path, chance: random.Random, depth: int = 0) -> None:
    folder.mkdir(exist_ok=True)
    for name in chance.sample(FILES, 4):
        (folder / name).write_bytes(b"x")
    if depth < 3:
        for name in chance.sample(NAMES, 3):
            tree(folder / name, chance, depth + 1)


def seen(folder: Path, wanted: Rules) -> list[str]:
    return [item.path for item in walk("/mnt/photos", wanted, lambda path: path.replace("/mnt/photos", str(folder), 1))]


def kept_by_the_server(folder: Path, patterns: list[str]) -> set[str]:
    """What the crawl takes and the check leaves."""
    skip = [globs.glob(pattern, ignore_case=True) for pattern in patterns]
    drop = [globs.like(globs.glob_to_like(pattern)) for pattern in patterns]
    found = Files((Mount("/mnt/photos", folder),)).walk("/mnt/photos", lambda path: any(pattern.fullmatch(path) for pattern in skip))
    return {path for path, _stat in found if media_type(path) and not any(pattern.fullmatch(path) for pattern in drop)}


@pytest.mark.parametrize("seed", range(30))
def test_it_finds_what_the_server_finds_sorted(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    tree(tmp_path / "photos", chance)
    patterns = chance.sample(PATTERNS, chance.randrange(6))
    found = seen(tmp_path / "photos", rules(patterns))
    assert found == sorted(found) and len(found) == len(set(found))
    assert set(found) == kept_by_the_server(tmp_path / "photos", patterns), patterns


@pytest.mark.parametrize("pattern", [pattern for pattern in PATTERNS if pattern])
def test_a_pattern_means_what_it_means_to_the_server(pattern: str) -> None:
    chance = random.Random(pattern)
    for _number in range(400):
        path = "/mnt/photos/" + "/".join(chance.choice(NAMES) for _part in range(chance.randrange(1, 4))) + chance.choice(("", "/c.jpg", "/IMG_1.png"))
        excluded, dropped = rules([pattern]).skips(path), rules([pattern]).drops(path)
        assert excluded == bool(globs.glob(pattern, ignore_case=True).fullmatch(path)), (pattern, glob(pattern), path)
        assert dropped == bool(globs.like(globs.glob_to_like(pattern)).fullmatch(path)), (pattern, like(pattern), path)


def test_the_extensions_are_those_of_the_server() -> None:
    assert all(media_type(f"/x.{extension}") for extension in EXTENSIONS)
    assert [name for name in ("txt", "xmp", "pdf", "json", "jpg_", "mp3") if name in EXTENSIONS] == []


def test_links_are_followed_and_circles_are_not(tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    (photos / "a").mkdir(parents=True)
    (photos / "a" / "1.jpg").write_bytes(b"x")
    (photos / "b").symlink_to("a")
    (photos / "a" / "up").symlink_to("..")
    (photos / "lost.jpg").symlink_to("nowhere.jpg")
    os.mkfifo(photos / "pipe.jpg")
    assert seen(photos, rules([])) == ["/mnt/photos/a/1.jpg", "/mnt/photos/b/1.jpg"]


def test_sentinels_are_seen_and_other_hidden_folders_are_not(tmp_path: Path) -> None:
    for name in (".immich-guard/photos", "sub/.immich-guard/photos", ".other/photos"):
        (tmp_path / "photos" / name).mkdir(parents=True)
        (tmp_path / "photos" / name / "x.jpg").write_bytes(b"x")
    assert seen(tmp_path / "photos", rules([])) == ["/mnt/photos/.immich-guard/photos/", "/mnt/photos/sub/.immich-guard/photos/"]


def test_an_import_path_below_another_is_walked_once() -> None:
    assert outermost(["/mnt/b", "/mnt/a/x", "/mnt/a", "/mnt/a", "/mnt/ab", "/mnt/a-b/"]) == ["/mnt/a-b", "/mnt/a", "/mnt/ab", "/mnt/b"]
    assert outermost(["/", "/mnt"]) == ["/"]
