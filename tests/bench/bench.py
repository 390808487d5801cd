# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Time site.yml with nothing to change, beside a looped playbook and a script that keep the same objects: `make bench`.

Medians of three, taken in turns, on a rehearsal of its own. Prints a table and writes the figures to build/bench.json.
"""

from __future__ import annotations

import base64
import json
import os
import platform
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

CHECKOUT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(CHECKOUT / "collections"), str(CHECKOUT / "tests" / "acceptance")]

from ansible.release import __version__ as ansible_version  # noqa: E402
from ansible_collections.homelab.immich.rehearsal import binaries  # noqa: E402
from ansible_collections.homelab.immich.rehearsal.progress import Progress  # noqa: E402
from guard import measure as measure_guard  # noqa: E402
from guard import measure_scan  # noqa: E402
from harness import Homelab, Run, audit  # noqa: E402
from nas import measure as measure_nas  # noqa: E402

ROUNDS = 3
COUNTS = {"user": (1, 200), "library": (1, 50, 500)}
MODULES = {"user": "bench_users", "library": "bench_libraries"}
BENCH = Path("tests/bench")
LARGEST = "synology-amd-gpu"  # of inventories/: two instances in one run


class Meter:
    """What both APIs of a rehearsal were asked since it was last read."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._seen = self._now()

    def _now(self) -> tuple[int, int]:
        return len(audit(self._home)), len((self._home / "logs" / "immich-requests.log").read_text().splitlines())

    def read(self) -> dict[str, int]:
        """Requests since the last reading."""
        before, self._seen = self._seen, self._now()
        return {"kubernetes": self._seen[0] - before[0], "immich": self._seen[1] - before[1]}


def kubectl(folder: Path) -> str | None:
    """The kubectl on PATH, else one that is built from what the rehearsal pins; None where that fails."""
    on_path = shutil.which("kubectl")
    if on_path:
        return on_path
    target = binaries.folder() / "kubectl"
    if not target.exists():
        print("There is no kubectl on PATH; building one: some minutes, once ...", flush=True)
        # in a copy, for the rehearsal needs no kubectl and its go.sum has no line for what only kubectl imports
        for name in ("go.mod", "go.sum"):
            shutil.copy(binaries.SOURCE / name, folder)
        environment = binaries.go_environment() | {"GOBIN": str(folder), "GOFLAGS": "-mod=mod -modcacherw"}
        command = [binaries.go(Progress()), "install", "-trimpath", "-ldflags", "-s -w", "k8s.io/kubernetes/cmd/kubectl"]
        if subprocess.run(command, cwd=folder, env=environment, check=False).returncode:
            return None
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(folder / "kubectl", target)
    return str(target)


def script(lab: Homelab, folder: Path) -> Callable[[], float] | str:
    """The script with everything it needs written down beforehand, ready to be timed; or why there is none."""
    missing = [name for name in ("bash", "curl", "jq") if not shutil.which(name)]
    if missing:
        return f"not timed: it needs {' and '.join(missing)}"
    program = kubectl(folder)
    if program is None:
        return "not timed: there is no kubectl on PATH, and it could not be built"
    objects = json.loads((folder / "objects.json").read_text())
    for name, items in {
        "others": [item for item in objects if item["kind"] != "Secret"],
        "secrets": [item for item in objects if item["kind"] == "Secret"],
    }.items():
        (folder / f"{name}.json").write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": items}))
    wanted = {
        "settings": {"server": {"externalDomain": "https://photos.example.net"}, "library": {"scan": {"enabled": False}, "watch": {"enabled": False}}},
        "users": [{"name": "Family", "email": "family@example.net"}],
        "libraries": [{"name": "NAS photos", "importPaths": ["/mnt/photos"]}],
    }
    (folder / "wanted.json").write_text(json.dumps(wanted))
    url = f"{lab.state['immich']}/api/v1/namespaces/immich/services/immich-server:2283/proxy/api"
    command = [CHECKOUT / BENCH / "script.sh", program, *(folder / f"{name}.json" for name in ("others", "secrets")), url, folder / "wanted.json"]

    def run() -> float:
        began = time.monotonic()
        subprocess.run(command, env=lab.environment | {"KUBECONFIG": lab.state["kubeconfig"]}, stdout=subprocess.DEVNULL, check=True, timeout=120)
        return time.monotonic() - began

    return run


def cpu() -> float:
    """Seconds that the processes started here have kept a core busy so far; a busy machine stretches these less than the seconds of a clock."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def unchanged(run: Run) -> Run:
    """A run that changed something times something else."""
    if run.total("changed"):
        raise SystemExit(f"A run that should have had nothing to change changed something:\n{run.output}")
    return run


def compare(lab: Homelab, folder: Path) -> dict[str, Any]:
    """site.yml, the loop and the script, in turns."""
    variables = ("-e", f"bench_objects={folder / 'objects.json'}")
    lab.play(*variables, playbook=f"{BENCH}/objects.yml")
    kept_by_script = script(lab, folder)
    runs: dict[str, Callable[..., float | Run]] = {
        "site": lambda *arguments: unchanged(lab.play(*arguments)),
        "loop": lambda *arguments: unchanged(lab.play(*variables, *arguments, playbook=f"{BENCH}/loop.yml")),
    }
    # a round of warming up, which also counts the runs of a module, as Ansible tells when it is asked to be talkative
    modules = {name: run("-vvv").output.count("Using module file ") for name, run in runs.items()}  # type: ignore[union-attr]
    if callable(kept_by_script):
        kept_by_script()
        runs["script"] = kept_by_script
    meter, requests, seconds, cpu_seconds = Meter(lab.home), {}, {name: [] for name in runs}, {name: [] for name in runs}
    for _round in range(ROUNDS):
        for name, run in runs.items():
            meter.read()
            before = cpu()
            done = run()
            cpu_seconds[name].append(cpu() - before)
            seconds[name].append(done.seconds if isinstance(done, Run) else done)
            requests[name] = meter.read()
            if name == "site":
                tasks = done.recap["photos"]["ok"] + done.recap["photos"]["skipped"]  # type: ignore[union-attr]
    medians = {name: round(statistics.median(values), 2) for name, values in seconds.items()}
    return {
        "cpu_s": {name: round(statistics.median(values), 2) for name, values in cpu_seconds.items()},
        "site_no_change_s": medians["site"],
        "loop_s": medians["loop"],
        "script_s": medians.get("script"),
        "script_note": None if callable(kept_by_script) else kept_by_script,
        "loop_ratio": round(medians["loop"] / medians["site"], 2),
        "script_ratio": round(medians["script"] / medians["site"], 2) if "script" in medians else None,
        "tasks": tasks,
        "objects": len(json.loads((folder / "objects.json").read_text())),
        "module_runs": modules,
        "requests": requests,
    }


def many(lab: Homelab) -> dict[str, Any]:
    """The modules `user` and `library` with ever more to keep: made once, then nothing to change."""
    key = base64.b64decode(lab.api("Secret").get(name="immich-api-key", namespace="immich").data.key).decode()
    meter, figures = Meter(lab.home), {}
    variables = lab.folder / "many.json"
    library = {"owner": "admin@example.net", "allow_overlap": True}  # with the homelab's own, whose folder these are in
    for number in range(max(COUNTS["library"])):
        (lab.home / "nas" / "tank" / "mnt" / "tank" / "photos" / str(number)).mkdir(exist_ok=True)
    wanted = {
        "user": lambda number: {"email": f"user-{number}@example.net", "name": f"User {number}", "password": "bench-password-1"},
        "library": lambda number: library | {"name": f"Library {number}", "import_paths": [f"/mnt/photos/{number}"]},
    }
    for module, counts in COUNTS.items():
        for count in counts:
            items = [wanted[module](number) for number in range(count)]
            variables.touch(mode=0o600)
            variables.write_text(json.dumps({"bench_key": key, "bench_users": [], "bench_libraries": [], MODULES[module]: items}))
            run = partial(lab.play, "-e", f"@{variables}", "--tags", module, playbook=f"{BENCH}/many.yml")
            first = run().seconds
            meter.read()
            again = [unchanged(run()) for _round in range(ROUNDS)]
            figures[f"{count} {module}"] = {
                "first_s": round(first, 2),
                "seconds": round(statistics.median(done.seconds for done in again), 2),
                "requests": meter.read()["immich"] // ROUNDS,
            }
    return {"many": figures, "library_requests": {str(count): figures[f"{count} library"]["requests"] for count in COUNTS["library"]}}


def largest(lab: Homelab) -> dict[str, Any]:
    """The largest inventory that we show, with nothing to change."""
    lab.play()
    runs = [unchanged(lab.play()) for _round in range(ROUNDS)]
    instances = {host: row["ok"] + row["skipped"] for host, row in runs[0].recap.items() if host in ("prod", "stage")}
    return {"inventory": LARGEST, "seconds": round(statistics.median(run.seconds for run in runs), 2), "tasks": instances}


def table(figures: dict[str, Any]) -> str:
    """The figures as a person reads them."""
    lines = [
        f"The default homelab, {figures['objects']} objects, nothing to change (median of {ROUNDS}):",
        f"  {'':<26}{'seconds':>9}{'ratio':>8}{'CPU':>8}{'module runs':>13}{'Kubernetes':>12}{'Immich':>8}  requests",
    ]
    for name, what, key in (("site", "site.yml", "site_no_change_s"), ("loop", "looped tasks", "loop_s"), ("script", "kubectl and curl", "script_s")):
        time_of, ratio = figures[key], figures.get(f"{name}_ratio", 1.0)
        if time_of is None:
            lines.append(f"  {what:<26}{figures['script_note']}")
            continue
        asked = figures["requests"][name]
        runs = figures["module_runs"].get(name, "-")
        lines.append(f"  {what:<26}{time_of:>9.2f}{ratio:>8.2f}{figures['cpu_s'][name]:>8.2f}{runs:>13}{asked['kubernetes']:>12}{asked['immich']:>8}")
    lines += [
        f"  site.yml has {figures['tasks']} task results on the instance host. It alone checks inventory, NAS and cluster, prunes, and sees that all is ready.",
        "",
        f"inventories/{figures['largest']['inventory']}: {figures['largest']['seconds']:.2f} seconds for {len(figures['largest']['tasks'])} instances, "
        f"with {max(figures['largest']['tasks'].values())} task results each.",
        "",
        "Users and libraries in one run of the module (seconds are the whole playbook):",
        f"  {'':<14}{'requests, no change':>20}{'seconds':>10}{'seconds, first run':>20}",
    ]
    lines += [f"  {name:<14}{row['requests']:>20}{row['seconds']:>10.2f}{row['first_s']:>20.2f}" for name, row in figures["many"].items()]
    lines += [
        "",
        "What the module for a TrueNAS asks, with nothing to change:",
        f"  {'':<14}{'logins':>8}{'listings':>10}{'looks at a folder':>19}",
    ]
    lines += [
        f"  {count + (' export' if count == '1' else ' exports'):<14}{row['logins']:>8}{row['listings']:>10}{row['stats']:>19}"
        for count, row in figures["truenas"].items()
    ]
    lines += ["", f"{'Plan of a guarded scan':<24}{'seconds':>10}{'megabytes':>12}"]
    lines += [f"  {int(count):<10,} files     {row['seconds']:>10}{row['megabytes']:>12}" for count, row in figures["plan"].items()]
    lines += ["", f"{'A guarded scan':<24}{'requests':>10}{'megabytes':>12}"]
    lines += [f"  {int(count):<10,} assets    {row['requests']:>10}{row['megabytes']:>12}" for count, row in figures["scan"].items()]
    return "\n".join(lines)


def main() -> None:
    """Bring up a homelab, measure, and take it down."""
    with tempfile.TemporaryDirectory(prefix="homelab-immich-bench-") as temporary:
        folder = Path(temporary)
        lab = Homelab(folder / "lab", CHECKOUT / "inventories" / "homelab")
        try:
            print("Bringing up a homelab to measure ...", flush=True)
            lab.play()
            print("Timing site.yml, the loop and the script ...", flush=True)
            figures = compare(lab, folder)
            print("Timing users and libraries ...", flush=True)
            figures |= many(lab)
            figures["truenas"] = {str(count): row for count, row in measure_nas().items()}
            print("Timing a guarded scan and its plan ...", flush=True)
            figures["scan"] = {str(count): row for count, row in measure_scan().items()}
            figures["plan"] = {str(count): row for count, row in measure_guard().items()}
        finally:
            lab.rehearsal("down")
        lab = Homelab(folder / "largest", CHECKOUT / "inventories" / LARGEST)
        try:
            print(f"Timing inventories/{LARGEST} ...", flush=True)
            figures["largest"] = largest(lab)
        finally:
            lab.rehearsal("down")
    figures["machine"] = {
        "cpus": os.cpu_count(),
        "load": round(os.getloadavg()[1], 1),  # of the last five minutes; a busy machine stretches the seconds, hardly the ratios
        "system": platform.platform(),
        "python": platform.python_version(),
        "ansible_core": ansible_version,
    }
    target = CHECKOUT / "build" / "bench.json"
    target.parent.mkdir(exist_ok=True)
    target.write_text(json.dumps(figures, indent=2) + "\n")
    print(f"\n{table(figures)}\n\nOn {os.cpu_count()} cores under a load of {figures['machine']['load']}. Written to {target.relative_to(CHECKOUT)}")


if __name__ == "__main__":
    main()
