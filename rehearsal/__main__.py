# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`python -m ansible_collections.homelab.immich.rehearsal up|down|status|logs -i INVENTORY`."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from . import bringup, control_plane, state
from .api import ApiError
from .progress import Progress


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="rehearsal", description="A Kubernetes API server and stand-ins for Immich and the NAS, on this machine only.")
    commands = parser.add_subparsers(dest="command", required=True)
    inventory = argparse.ArgumentParser(add_help=False)
    inventory.add_argument("-i", "--inventory", default="inventories/homelab", help="the inventory that is rehearsed (default: %(default)s)")
    command = commands.add_parser("up", parents=[inventory], help="start the rehearsal; does nothing when it runs already")
    command.add_argument("--spec", type=Path, metavar="FILE", help="JSON with storage classes and NAS hosts; site.yml derives it from the inventory")
    command = commands.add_parser("down", parents=[inventory], help="end the rehearsal and remove everything of it")
    command.add_argument("--all", action="store_true", help="every rehearsal of this user")
    commands.add_parser("status", parents=[inventory], help="what runs, and where")
    command = commands.add_parser("logs", parents=[inventory], help="the logs of one component, or the end of all")
    command.add_argument("component", nargs="?", choices=[*control_plane.COMPONENTS, "audit"], help="the component whose log is printed")
    arguments = parser.parse_args()

    progress = Progress()
    try:
        return globals()[f"_{arguments.command}"](arguments, progress)
    except (state.RehearsalError, ApiError) as error:
        progress.end()
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        progress.say("Interrupted; nothing was left running. Run it again to go on.")
        return 130


def _up(arguments: argparse.Namespace, progress: Progress) -> int:
    spec = json.loads(arguments.spec.read_text()) if arguments.spec else None
    bringup.up(arguments.inventory, spec, progress)
    return 0


def _down(arguments: argparse.Namespace, progress: Progress) -> int:
    homes = sorted(path for path in state.homes().glob("*") if path.is_dir()) if arguments.all else [state.home(arguments.inventory)]
    if not [home for home in homes if bringup.down(home, progress)]:
        progress.say("No rehearsal was running")
    return 0


def _status(arguments: argparse.Namespace, progress: Progress) -> int:
    home = state.home(arguments.inventory)
    facts = state.read(home)
    pids = control_plane.running(home)
    print(f"Rehearsal {home.name}   {'up' if all(pids.values()) else 'broken: run up again'}")
    for name, pid in pids.items():
        print(f"  {name:<24}{f'running, pid {pid}' if pid else 'ended'}")
    print(f"  Home        {home}\n  Kubernetes  kubectl --kubeconfig {facts['kubeconfig']}\n  Immich      {facts['immich']}\n  TrueNAS     {facts['truenas']}")
    return 0 if all(pids.values()) else 1


def _logs(arguments: argparse.Namespace, progress: Progress) -> int:
    home = state.home(arguments.inventory)
    if not home.exists():
        raise state.NotRunning(f"No rehearsal is running in {home}.")
    for path in [*sorted((home / "logs").iterdir()), home / "audit.log"]:
        if arguments.component is None and path.stem != "audit":
            print(f"==> {path} <==", *path.read_text(errors="replace").splitlines()[-10:], sep="\n")
        elif path.stem == arguments.component:
            sys.stdout.write(path.read_text(errors="replace"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
