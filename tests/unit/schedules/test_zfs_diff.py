# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What `zfs diff` says about a library, and what the module makes of a NAS with ZFS."""

from __future__ import annotations

import datetime
import json
import os
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import examples
import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.homelab.immich.plugins.module_utils.guard.crawl import rules
from ansible_collections.homelab.immich.plugins.module_utils.guard.manifest import Plan
from ansible_collections.homelab.immich.plugins.module_utils.zfs_diff import DiffError, Entry, meaning, parse, plain
from ansible_collections.homelab.immich.plugins.modules import zfs_changes
from ansible_collections.homelab.immich.plugins.plugin_utils.zfs import libraries_of_nas

FOLDERS = {"/mnt/photos": "/tank/photos"}
DEFAULTS = ["**/@eaDir/**", "**/._*"]


def told(*lines: str, below: dict[str, list[str]] | None = None, known: int = 100, patterns: list[str] | None = None) -> Plan:
    def files_below(folder: str) -> list[str]:
        return (below or {})[folder]

    wanted = rules(DEFAULTS if patterns is None else patterns)
    return meaning(parse("\t".join(line.split("|")) for line in lines), FOLDERS, wanted, files_below, known=known, now=1_000.0)


def test_lines_are_read() -> None:
    lines = ["1763750000.123456789\t-\tF\t/tank/photos/a\\0040b\\0134.jpg\n", "1763750001.5\tR\t/\t/tank/photos/2019\t/tank/photos/2020\n"]
    removed, moved = parse(lines)
    assert removed == Entry("removed", False, "/tank/photos/a b\\.jpg", "", 1763750000.123456789)
    assert moved == Entry("renamed", True, "/tank/photos/2020", "/tank/photos/2019", 1763750001.5)
    [linked] = parse(["1.0\tM\tF\t/tank/photos/a.jpg\t(+1)\n"])
    assert (linked.what, linked.path, linked.names) == ("changed", "/tank/photos/a.jpg", 1)


@pytest.mark.parametrize(
    ("written", "path"),
    [
        ("/a", "/a"),
        (r"/caf\0303\0251.jpg", "/café.jpg"),
        (r"/a\0011b\0012", "/a\tb\n"),
        (r"/\0377.jpg", os.fsdecode(b"/\xff.jpg")),
        (r"/a\0134\0040", "/a\\ "),
    ],
)
def test_names_are_read_as_they_are(written: str, path: str) -> None:
    assert plain(written) == path


@pytest.mark.parametrize("line", ["cannot open 'tank': permission denied\n", "1.0\tX\tF\t/a\n", "1.0\tR\tF\t/a\n", "\n"])
def test_what_is_no_line_is_an_error(line: str) -> None:
    with pytest.raises(DiffError, match="is not understood"):
        list(parse([line]))


def test_what_a_scan_would_do() -> None:
    plan = told(
        "1.0|M|/|/tank/photos/",
        "1.0|-|F|/tank/photos/2019/a.jpg",
        "1.0|-|F|/tank/photos/2019/notes.txt",
        "900.0|+|F|/tank/photos/new.heic",
        "5.0|M|F|/tank/photos/edited.jpg",
        "5.0|+|F|/tank/other/x.jpg",
    )
    assert (plan.known, plan.found, plan.added, plan.removed, plan.renamed) == (100, 100, 1, 1, 0)
    assert plan.removed_below == "/mnt/photos/2019" and plan.youngest == 900.0
    assert plan.examples["removed"] == ["/mnt/photos/2019/a.jpg"] and plan.examples["added"] == ["/mnt/photos/new.heic"]


def test_a_renamed_file_is_a_lost_one_and_a_new_one() -> None:
    plan = told("1.0|R|F|/tank/photos/a.jpg|/tank/photos/b.jpg")
    assert (plan.added, plan.removed, plan.renamed) == (1, 1, 1) and plan.examples["renamed"] == ["/mnt/photos/a.jpg -> /mnt/photos/b.jpg"]


def test_of_a_file_with_several_names_those_that_went_are_counted() -> None:
    """zfs names a file once, and says by how many hard links it has more or less (tests/vm/test_scans.py)."""
    plan = told("7.0|M|F|/tank/photos/a.jpg|(-2)", "8.0|M|F|/tank/photos/b.jpg|(+1)", "9.0|M|F|/tank/photos/notes.txt|(-1)")
    assert (plan.added, plan.removed, plan.found, plan.youngest) == (1, 2, 99, 8.0)
    assert plan.examples["removed"] == ["/mnt/photos/a.jpg (1 of its names)", "/mnt/photos/a.jpg (2 of its names)"]


def test_of_a_renamed_folder_all_files_are_lost_and_new() -> None:
    """zfs names the folder alone; a file that came into it afterwards was not there before, and one that was deleted out of it has its old place."""
    below = {"/tank/photos/2020": [f"/tank/photos/2020/{name}" for name in ("a.jpg", "sub/b.jpg", "sub/c.txt", "new.jpg")]}
    plan = told(
        "1.0|R|/|/tank/photos/2019|/tank/photos/2020", "1.0|+|F|/tank/photos/2020/new.jpg", "1.0|-|F|/tank/photos/2019/gone.jpg", below=below
    )
    assert (plan.added, plan.removed, plan.renamed) == (3, 3, 2)
    assert plan.examples["removed"] == ["/mnt/photos/2019/a.jpg", "/mnt/photos/2019/gone.jpg", "/mnt/photos/2019/sub/b.jpg"]


def test_a_folder_renamed_within_a_renamed_folder() -> None:
    below = {"/tank/photos/b": ["/tank/photos/b/1.jpg", "/tank/photos/b/y/2.jpg"]}
    plan = told("1.0|R|/|/tank/photos/a|/tank/photos/b", "1.0|R|/|/tank/photos/a/x|/tank/photos/b/y", below=below)
    assert plan.examples["renamed"] == ["/mnt/photos/a/1.jpg -> /mnt/photos/b/1.jpg", "/mnt/photos/a/x/2.jpg -> /mnt/photos/b/y/2.jpg"]
    assert (plan.added, plan.removed) == (2, 2)


def test_a_file_that_was_written_anew_under_its_name_is_the_same_asset() -> None:
    plan = told("1.0|-|F|/tank/photos/a.jpg", "2.0|+|F|/tank/photos/a.jpg")
    assert (plan.added, plan.removed) == (0, 0)
    swapped = told("1.0|R|F|/tank/photos/a.jpg|/tank/photos/b.jpg", "1.0|R|F|/tank/photos/b.jpg|/tank/photos/a.jpg")
    assert (swapped.added, swapped.removed) == (0, 0)


@pytest.mark.parametrize(
    "path", ["@eaDir/a.jpg", "x/@eaDir/b/a.jpg", "._a.jpg", ".trash/a.jpg", "a.jpg.part", "a", ".jpg", "raw/a.jpg", "skip/deep/a.jpg"]
)
def test_what_the_crawler_passes_over_is_passed_over(path: str) -> None:
    plan = told(f"1.0|-|F|/tank/photos/{path}", f"1.0|+|F|/tank/photos/{path}.JPG" if path.endswith("part") else "1.0|M|/|/tank/photos", patterns=[
        *DEFAULTS, "**/raw/**", "**/skip"
    ])
    assert plan.removed == 0 and plan.added == path.endswith("part")


def test_out_of_the_library_is_lost_and_into_it_is_new() -> None:
    assert told("1.0|R|F|/tank/photos/a.jpg|/tank/photos/.hidden/a.jpg").removed == 1
    assert told("1.0|R|F|/tank/photos/a.jpg|/tank/photos/a.jpg~").added == 0
    assert told("1.0|R|F|/tank/photos/a.part|/tank/photos/a.jpg").added == 1


def test_a_sentinel_that_went_is_told() -> None:
    assert told("1.0|-|/|/tank/photos/.immich-guard/photos").sentinels_lost == ["/tank/photos/.immich-guard/photos"]


def test_a_hundred_thousand_lines_are_read_in_seconds(benchmark_seconds: Callable[[], float]) -> None:
    lines = [f"1.0|-|F|/tank/photos/{number // 1000}/{number}.jpg" for number in range(100_000)]
    assert told(*lines, known=200_000).removed == 100_000 and benchmark_seconds() < 20


@pytest.fixture
def benchmark_seconds() -> Callable[[], float]:
    began = time.process_time()
    return lambda: time.process_time() - began


ZFS = '''#!{python}
"""Plays zfs: datasets are folders, and a snapshot is a copy with its time and its properties."""
import json, os, pathlib, shutil, sys
root = pathlib.Path("{root}")
kept = json.loads((root / "zfs.json").read_text())
def say(text): sys.stdout.write(text + "\\n")
def fail(text): sys.stderr.write(text + "\\n"); sys.exit(1)
words = sys.argv[1:]
with open(root / "asked", "a") as file: file.write(" ".join(words) + "\\n")
if kept.get("denied") == words[0]: fail("cannot " + words[0] + " 'tank': permission denied")
if words[:2] == ["list", "-H"] and "filesystem" in words:
    for name, (place, mounted) in kept["datasets"].items(): say(f"{{name}}\\t{{place}}\\t{{mounted}}")
elif words[0] == "list":
    for name, facts in reversed(kept["snapshots"].items()):
        if name.startswith(words[-1] + "@"): say(name + "\\t" + facts.get("homelab.immich:scanned", "-") + "\\t" + facts.get("homelab.immich:guard", "-"))
elif words[0] == "snapshot":
    key, _e, value = words[2].partition("=")
    for name in words[3:]:
        place = kept["datasets"][name.partition("@")[0]][0]
        kept["snapshots"][name] = {{key: value, "files": sorted(str(path) for path in pathlib.Path(place).rglob("*") if path.is_file())}}
elif words[0] == "set":
    key, _e, value = words[1].partition("=")
    kept["snapshots"][words[2]][key] = value
elif words[0] == "destroy":
    if "@" not in words[1] or len(words) > 2: fail("would destroy more than a snapshot")
    del kept["snapshots"][words[1]]
elif words[0] == "diff":
    assert words[1] == "-FHt"
    place = kept["datasets"][words[2].partition("@")[0]][0]
    now = kept["snapshots"][words[3]]["files"] if "@" in words[3] else sorted(str(path) for path in pathlib.Path(place).rglob("*") if path.is_file())
    before = kept["snapshots"][words[2]]["files"]
    for sign, paths in (("-", set(before) - set(now)), ("+", set(now) - set(before))):
        for path in sorted(paths): say(f"1.5\\t{{sign}}\\tF\\t{{path}}".replace(" ", "\\\\0040"))
(root / "zfs.json").write_text(json.dumps(kept))
'''


class Nas:
    """A NAS whose zfs is a script, with one library."""

    def __init__(self, root: Path) -> None:
        self.root, self.photos, self.runs = root, root / "tank" / "my photos", 0
        self.photos.mkdir(parents=True)
        (root / "bin").mkdir()
        (root / "bin" / "zfs").write_text(ZFS.format(python=sys.executable, root=root))
        (root / "bin" / "zfs").chmod(0o755)
        self.keep({"tank": [str(root / "tank"), "yes"], "tank/photos": [str(self.photos), "yes"]})
        for number in range(10):
            (self.photos / f"{number} .jpg").write_bytes(b"a photo")

    def keep(self, datasets: dict[str, list[str]], **more: Any) -> None:
        (self.root / "zfs.json").write_text(json.dumps({"datasets": datasets, "snapshots": self.snapshots(), **more}))

    def snapshots(self) -> dict[str, Any]:
        file = self.root / "zfs.json"
        return json.loads(file.read_text())["snapshots"] if file.exists() else {}

    def run(self, *, check: bool = False, **options: Any) -> dict[str, Any]:
        library = {"name": "NAS", "owner": "me@example.net", "folders": {"/mnt/photos": str(self.photos)}, "exclusion_patterns": [], "total": 10}
        params = {"libraries": [library], "instance": "photos", "state": "plan", "snapshots": {}, "scanned": []}
        self.runs += 1  # a minute later each
        return zfs_changes.run(params | options, check, datetime.datetime(2026, 11, 21, 12, self.runs, tzinfo=datetime.UTC))


@pytest.fixture
def nas(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Nas:
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    return Nas(tmp_path)


def test_a_first_scan_has_nothing_to_compare_with_and_the_next_has(nas: Nas) -> None:
    first = nas.run()
    assert first["changed"] and first["plans"] == {}
    done = nas.run(state="done", snapshots=first["snapshots"], scanned=["NAS"])
    assert not done["destroyed"] and len(nas.snapshots()) == 1
    for number in range(3):
        (nas.photos / f"{number} .jpg").unlink()
    (nas.photos / "new.jpg").write_bytes(b"a photo")
    look = nas.run(check=True)
    assert not look["changed"] and look["snapshots"] == {} and len(nas.snapshots()) == 1
    plan = look["plans"]["NAS"]
    assert (plan["known"], plan["removed"], plan["added"]) == (10, 3, 1) and plan["examples"]["removed"][0] == "/mnt/photos/0 .jpg"
    assert Plan(**plan).shown() | {"youngest": plan["youngest"]} == plan


def test_a_scan_that_was_refused_leaves_the_snapshot_of_the_last_good_one(nas: Nas) -> None:
    good = nas.run()["snapshots"]
    nas.run(state="done", snapshots=good, scanned=["NAS"])
    [name] = nas.snapshots()
    refused = nas.run()
    assert len(nas.snapshots()) == 2
    gone = nas.run(state="done", snapshots=refused["snapshots"], scanned=[])
    assert list(nas.snapshots()) == [name] and gone["destroyed"] == [f"tank/photos@{refused['snapshots']['NAS']}"]
    better = nas.run()["snapshots"]
    nas.run(state="done", snapshots=better, scanned=["NAS"])
    assert list(nas.snapshots()) == [f"tank/photos@{better['NAS']}"]


def test_a_snapshot_that_no_good_scan_followed_is_never_compared_with(nas: Nas) -> None:
    """The run ended in the middle: what was there then is not known to be whole."""
    nas.run()
    again = nas.run()
    assert again["plans"] == {}
    nas.run(state="done", snapshots=again["snapshots"], scanned=["NAS"])
    assert list(nas.snapshots()) == [f"tank/photos@{again['snapshots']['NAS']}"]


def test_snapshots_of_others_are_left_alone(nas: Nas) -> None:
    first = nas.run()["snapshots"]["NAS"]
    prefix = first.rpartition("-")[0]
    others = {
        "tank/photos@auto-2026": {},
        f"tank/photos@{prefix}-19990101T000000Z": {"homelab.immich:guard": "family/me@example.net/NAS", "homelab.immich:scanned": "yes"},
        "tank/photos@mine": {"homelab.immich:guard": "photos/me@example.net/NAS", "homelab.immich:scanned": "yes"},
    }
    snapshots = {name: {"files": [], **facts} for name, facts in others.items()} | nas.snapshots()
    kept = {"datasets": {"tank/photos": [str(nas.photos), "yes"]}, "snapshots": snapshots}
    (nas.root / "zfs.json").write_text(json.dumps(kept))
    assert nas.run(state="done", snapshots={"NAS": "none"}, scanned=["NAS"], check=True)["destroyed"] == [f"tank/photos@{first}"]
    assert nas.run(state="done", snapshots={"NAS": first}, scanned=[])["destroyed"] == [f"tank/photos@{first}"]
    assert list(nas.snapshots()) == list(others)


def test_datasets_below_are_compared_too_and_one_that_is_not_mounted_is_told(nas: Nas) -> None:
    below = nas.photos / "2019"
    below.mkdir()
    (below / "x.jpg").write_bytes(b"a photo")
    datasets = {"tank": [str(nas.root / "tank"), "yes"], "tank/photos": [str(nas.photos), "yes"], "tank/photos/2019": [str(below), "yes"]}
    nas.keep(datasets)
    taken = nas.run()["snapshots"]
    assert sorted(name.partition("@")[0] for name in nas.snapshots()) == ["tank/photos", "tank/photos/2019"]
    nas.run(state="done", snapshots=taken, scanned=["NAS"])
    nas.keep(datasets | {"tank/photos/2019": [str(below), "no"]})
    shutil.rmtree(below)
    assert nas.run(check=True)["plans"]["NAS"]["sentinels_lost"] == ["/mnt/photos/2019"]


def test_what_zfs_refuses_says_what_to_allow(nas: Nas) -> None:
    nas.keep({"tank/photos": [str(nas.photos), "yes"]}, denied="snapshot")
    with pytest.raises(zfs_changes.ZfsError, match=r"permission denied.*zfs allow -u USER diff,snapshot,destroy,mount,userprop DATASET"):
        nas.run()


def test_photos_that_are_in_no_dataset(nas: Nas) -> None:
    nas.keep({"tank/other": ["/tank/other", "yes"], "tank/photos": [str(nas.photos), "no"]})
    with pytest.raises(zfs_changes.ZfsError, match="is in no dataset that is mounted"):
        nas.run()


def test_without_zfs_another_view_is_named(nas: Nas, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(zfs_changes.ZfsError, match="There is no zfs here"):
        nas.run()


def test_the_example_of_the_documentation(nas: Nas) -> None:
    [task] = examples.of("modules/zfs_changes")
    given = ArgumentSpecValidator(zfs_changes.SPEC).validate(task["homelab.immich.zfs_changes"])
    assert given.error_messages == [] and task["check_mode"] is True
    nas.keep({"tank/photos": ["/tank/photos", "yes"]})
    result = zfs_changes.run(given.validated_parameters, True, datetime.datetime.now(datetime.UTC))
    assert result == {"changed": False, "plans": {}, "snapshots": {}}


LIBRARY = {"name": "NAS", "owner": "Me@example.net", "import_paths": ["/mnt/photos/family"]}
EXPORT = {"name": "photos", "dataset": "tank/photos"}
HOST = {"inventory_hostname": "attic", "ansible_host": "192.0.2.10", "nas_provider": "linux", "nas_exports": [EXPORT]}
VOLUME = {"mount": "/mnt/photos", "pods": ["server"], "nfs": {"server": "192.0.2.10", "path": "/tank/photos"}}


def test_which_libraries_are_on_which_nas() -> None:
    live = [{"name": "NAS", "owner": "me@example.net", "import_paths": ["/mnt/photos/family"], "exclusion_patterns": ["**/raw/**"], "statistics": {"total": 7}}]
    [found] = libraries_of_nas([LIBRARY, LIBRARY | {"name": "Gone", "state": "absent"}], [VOLUME], [HOST], live)
    assert found["host"] == "attic"
    [entry] = found["libraries"]
    assert entry["folders"] == {"/mnt/photos/family": "/tank/photos/family"} and entry["exclusion_patterns"] == ["**/raw/**"] and entry["total"] == 7


def test_a_library_that_is_on_no_nas_needs_another_view() -> None:
    with pytest.raises(ValueError, match="immich_guard_view is zfs, and /mnt/photos/family of library NAS is on no NFS export"):
        libraries_of_nas([LIBRARY], [VOLUME | {"nfs": None}], [HOST], [])
