# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What has become of the files since the last good scan: counted from two sorted lists, whatever their length."""

from __future__ import annotations

import gzip
import random
import time
import tracemalloc
from pathlib import Path

import pytest
from ansible_collections.homelab.immich.plugins.module_utils.guard.crawl import Seen
from ansible_collections.homelab.immich.plugins.module_utils.guard.manifest import Damaged, compare, merged, plan, read, write


def written(path: Path, names: list[str]) -> Path:
    for _item in write(path, (Seen(name) for name in names)):
        pass
    return path


@pytest.mark.parametrize("seed", range(20))
def test_added_and_removed_are_the_differences(seed: int, tmp_path: Path) -> None:
    chance = random.Random(seed)
    every = [f"/p/{chance.choice('ab-./_')}{number}.jpg" for number in range(200)]
    old, new = set(chance.sample(every, 120)), set(chance.sample(every, 120))
    result = plan(read(written(tmp_path / "files.gz", sorted(old))), map(Seen, sorted(new)))
    assert (result.known, result.found, result.added, result.removed) == (len(old), len(new), len(new - old), len(old - new))
    assert result.examples["removed"] == sorted(old - new)[:5] and result.examples["added"] == sorted(new - old)[:5]


def test_names_that_no_list_likes(tmp_path: Path) -> None:
    names = sorted(["/p/two\nlines.jpg", "/p/back\\slash.jpg", "/p/\\n.jpg", "/p/not\udcffutf8.jpg", "/p/\r.jpg", "/p/ä\u2028.jpg", "/p/\\\\n\n\\.jpg"])
    assert list(read(written(tmp_path / "files.gz", names))) == names


def test_a_folder_that_cannot_be_read_is_not_removed() -> None:
    known = ["/p/a.jpg", "/p/b/1.jpg", "/p/b/2/3.jpg", "/p/b-.jpg", "/p/c.jpg", "/p/d.jpg"]
    now = [Seen("/p/a.jpg"), Seen("/p/b-.jpg"), Seen("/p/b/", "Permission denied"), Seen("/p/b/2/", "Input/output error")]
    now.append(Seen("/p/c.jpg", "Stale file handle"))
    result = plan(sorted(known), now)
    assert (result.removed, result.unreadable) == (4, 3)
    assert result.examples["unreadable"] == ["/p/b/ (Permission denied)", "/p/b/2/ (Input/output error)", "/p/c.jpg (Stale file handle)"]
    assert [item.path for what, item in compare(sorted(known), now) if what == "removed"] == ["/p/d.jpg"]


def test_it_says_where_what_is_gone_was() -> None:
    assert plan(["/p/2019/a/1.jpg", "/p/2019/b/2.jpg", "/p/2020/3.jpg"], [Seen("/p/2020/3.jpg")]).removed_below == "/p/2019"


def test_a_sentinel_that_was_there_is_missed() -> None:
    result = plan(["/p/.immich-guard/x/", "/p/1.jpg", "/p/sub/.immich-guard/x/"], [Seen("/p/.immich-guard/x/"), Seen("/p/1.jpg")])
    assert result.sentinels_lost == ["/p/sub/.immich-guard/x"] and (result.known, result.found, result.removed) == (1, 1, 0)


def test_a_file_from_the_future_has_arrived_now() -> None:
    now = time.time()
    assert plan([], [Seen("/p/1.jpg", "", now + 9999)], now).youngest == now


def test_a_list_that_is_cut_off_is_not_believed(tmp_path: Path) -> None:
    path = written(tmp_path / "files.gz", [f"/p/{number:06}.jpg" for number in range(5000)])
    path.write_bytes(path.read_bytes()[:-2000])
    with pytest.raises(Damaged, match="remove it, and the next scan begins a new list"):
        plan(read(path), [])
    path.write_bytes(gzip.compress(b"/p/1.jpg\n")[:-4] + b"xxxx")
    with pytest.raises(Damaged):
        list(read(path))


def test_a_walk_that_breaks_off_leaves_no_list_to_believe(tmp_path: Path) -> None:
    def broken():
        yield Seen("/p/1.jpg")
        raise OSError("gone")

    with pytest.raises(OSError):
        plan(None, write(tmp_path / "new.gz", broken()))


def test_walks_that_overlap_count_a_file_once() -> None:
    assert [item.path for item in merged([map(Seen, ["/a", "/c"]), map(Seen, ["/b", "/c"])])] == ["/a", "/b", "/c"]


def test_memory_does_not_grow_with_the_library(tmp_path: Path) -> None:
    def peak(count: int) -> int:
        path = written(tmp_path / f"{count}.gz", [])
        tracemalloc.start()
        plan(read(path), write(tmp_path / "new.gz", (Seen(f"/p/{number:07}.jpg") for number in range(count))))
        plan(read(tmp_path / "new.gz"), ())
        used = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return used

    peak(10)
    assert peak(50_000) < peak(500) + 200_000
