# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A NixOS host in a folder: what the shell of one would find there, and commands that play nixos-rebuild, nix-env, zfs and id."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

# What is built depends on what the checkout says and, for a flake in git, on what git tracks there.
NIXOS_REBUILD = r"""#!/bin/sh
root=ROOT
echo "nixos-rebuild $1" >>$root/calls
for word in "$@"; do
    case $word in *#*) echo "$word" >>$root/flakes ;; esac
    case $word in nixos-config=*) at=$(dirname "${word#*=}") main=configuration.nix ;; --flake) main=flake.nix ;; /*) at=${word%%#*} ;; esac
done
play=$(cat $root/play)
[ "$play" != build ] || { echo "error: undefined variable 'nfz'" >&2; exit 1; }
seen() { [ ! -d "$at/.git" ] || [ $main = configuration.nix ] || git -C "$at" ls-files --error-unmatch "$1" >/dev/null 2>&1; }
for module in "$at"/*.nix; do
    name=$(basename "$module")
    [ $name = $main ] || { grep -q "/$name" "$at/$main" && seen $name; } || continue
    sed -n "/exports = ''/,/^ *'';/{/''/d;s/^ *//;p}" "$module" >>table.$$
    grep -v "^#" "$module" >>all.$$
done
system=$root/nix/store/$(md5sum <all.$$ | cut -c1-8)-nixos-system
mkdir -p $system/etc $system/bin
mv table.$$ $system/etc/exports
rm all.$$
sed "s|SYSTEM|$system|" $root/switch-to-configuration >$system/bin/switch-to-configuration
chmod +x $system/bin/switch-to-configuration
[ "$1" != build ] || ln -s $system result
[ "$1" != dry-activate ] || $system/bin/switch-to-configuration dry-activate
[ "$1" = switch ] || exit 0
[ "$play" != early ] || { echo "error: the profile is locked" >&2; exit 1; }
profiles=$root/nix/var/nix/profiles
number=$(($(ls $profiles | grep -c link) + 1))
ln -s $system $profiles/system-$number-link
ln -sfn system-$number-link $profiles/system
$system/bin/switch-to-configuration switch
"""
# Its failures are played once: the way back works, unless everything is to fail.
SWITCH = r"""#!/bin/sh
root=ROOT
echo "switch-to-configuration $1" >>$root/calls
play=$(cat $root/play)
[ $1 != dry-activate ] || { echo "would restart the following units: nfs-mountd.service"; exit 0; }
[ $play = trap ] || echo quiet >$root/play
if [ $play = trap ]; then mkdir $root/trapped || exit 1; fi
ln -sfn SYSTEM $root/run/current-system
if [ $play = deaf ]; then : >$root/var/lib/nfs/etab; exit 0; fi
while read -r path clients; do
    for client in $clients; do printf '%s\t%s\n' "$path" "$client"; done
done <SYSTEM/etc/exports >$root/var/lib/nfs/etab
[ $play != unmount ] || sed -i /Images/d $root/proc/self/mountinfo
if [ $play = units ] || [ $play = trap ]; then echo smartd.service loaded failed failed SMART >$root/failed; fi
[ ! -s $root/failed ] || { echo "warning: the following units failed: $(cat $root/failed)"; exit 4; }
"""
NIX_ENV = """#!/bin/sh
echo "nix-env $3 $4" >>ROOT/calls
ln -sfn system-$4-link $2
"""
COMMANDS = {
    "nixos-rebuild": NIXOS_REBUILD,
    "nix-env": NIX_ENV,
    "id": '#!/bin/sh\n[ "$1" = -u ] && echo 0 || echo root\n',
    # as a user who may become root without a password
    "sudo": '#!/bin/sh\necho sudo >>ROOT/calls\nwhile [ "$1" != /bin/sh ]; do shift; done\nexec "$@"\n',
    "zfs": "#!/bin/sh\ncat ROOT/zfs\n",
    "getent": '#!/bin/sh\n[ "$2" != node1 ] || echo "192.0.2.7      STREAM $2.example.net"\n',
    "systemctl": "#!/bin/sh\ncat ROOT/failed 2>/dev/null\n",
    "zpool": "#!/bin/sh\necho tank\n",
    "python3": "#!/bin/sh\nexit 127\n",
}
TCP = "  sl  local_address rem_address   st\n   0: 00000000:0801 00000000:0000 0A 00000000:00000000\n"
PROPERTIES = {"canmount": "on", "mounted": "yes", "keystatus": "-", "readonly": "off", "sharenfs": "off", "available": "9000000", "used": "9000"}
CONFIGURATION = '{ hostName = "cardinal"; imports = [ "./immich-exports.nix" ]; }\n'


class Host:
    """A NixOS host that runs its first generation, without NFS. Its datasets are mounted below `tank`."""

    def __init__(self, tmp: Path) -> None:
        self.root, self.tank, self.checkout = tmp / "root", tmp / "tank", tmp / "nixos"
        for folder in ("bin", "proc/self", "proc/net", "proc/fs/nfsd", "var/lib/nfs", "run", "etc/exports.d", "nix/var/nix/profiles", "nix/store"):
            (self.root / folder).mkdir(parents=True)
        for name, text in COMMANDS.items():
            (self.root / "bin" / name).write_text(text.replace("ROOT", str(self.root)))
            (self.root / "bin" / name).chmod(0o755)
        (self.root / "switch-to-configuration").write_text(SWITCH.replace("ROOT", str(self.root)))
        (self.root / "proc/net/tcp").write_text(TCP)
        self.datasets({})
        self.play("quiet")
        self.checkout.mkdir()
        (self.checkout / "configuration.nix").write_text('{ hostName = "cardinal"; }\n')
        subprocess.run(
            ["nixos-rebuild", "switch", "-I", f"nixos-config={self.checkout}/configuration.nix"], cwd=tmp, env=os.environ | self.environment, check=True
        )
        (self.checkout / "configuration.nix").write_text(CONFIGURATION)
        (self.root / "calls").write_text("")

    @property
    def environment(self) -> dict[str, str]:
        """With this the scripts find this host and not the machine that they run on."""
        return {"HOMELAB_IMMICH_ROOT": str(self.root), "PATH": f"{self.root}/bin:{os.environ['PATH']}"}

    @property
    def file(self) -> Path:
        """The module file."""
        return self.checkout / "immich-exports.nix"

    @property
    def running(self) -> str:
        """The system that runs."""
        return os.path.realpath(self.root / "run/current-system")

    @property
    def generation(self) -> str:
        """The one that boots."""
        return os.readlink(self.root / "nix/var/nix/profiles/system")

    @property
    def etab(self) -> str:
        """The table of exports."""
        return (self.root / "var/lib/nfs/etab").read_text()

    def calls(self) -> list[str]:
        """What was called since the last time."""
        file = self.root / "calls"
        found = file.read_text().splitlines()
        file.write_text("")
        return found

    def wait_for(self, call: str) -> None:
        """Until that has been called, at most half a minute."""
        end = time.monotonic() + 30
        while call not in (self.root / "calls").read_text() and time.monotonic() < end:
            time.sleep(0.02)

    def play(self, what: str) -> None:
        """What goes wrong next: build, early (before the new generation), units (some fail), deaf (nothing is exported),
        unmount (the dataset goes away), trap (some fail, and so does the way back)."""
        (self.root / "play").write_text(f"{what}\n")

    def datasets(self, found: dict[str, dict[str, str]]) -> None:
        """ZFS as it is now: {dataset: properties that are not as usual}; one that is mounted is mounted below `tank`."""
        lines, mounts = [], ["20 1 8:1 / / rw - ext4 /dev/sda1 rw"]
        for name, changed in found.items():
            place = changed.get("mountpoint") or str(self.tank / name.partition("/")[2])
            properties = {"mountpoint": place} | PROPERTIES | {"quota": "0", "recordsize": "131072", "compression": "lz4"} | changed
            lines += [f"{name}\t{key}\t{value}\t{'local' if key in changed else 'default'}" for key, value in properties.items()]
            if properties["mounted"] == "yes":
                if place.startswith(str(self.tank)):
                    Path(place).mkdir(parents=True, exist_ok=True)
                mounts.append(f"{30 + len(mounts)} 20 0:{30 + len(mounts)} / {place} rw - zfs {name} rw")
        (self.root / "zfs").write_text("".join(f"{line}\n" for line in lines))
        (self.root / "proc/self/mountinfo").write_text("".join(f"{line}\n" for line in mounts))

    def flake(self) -> None:
        """The configuration is a flake in a git repository that does not know the module file."""
        (self.checkout / "configuration.nix").rename(self.checkout / "flake.nix")
        self.git("init", "--quiet")
        self.git("add", "flake.nix")

    def git(self, *words: str) -> str:
        """Run git in the checkout."""
        return subprocess.run(["git", "-C", self.checkout, *words], capture_output=True, text=True, check=True).stdout
