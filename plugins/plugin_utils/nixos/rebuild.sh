# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=sh disable=SC1091,SC2154,SC3067
# The module file, nixos-rebuild, and the way back, in one go on the NAS: it also ends well when the connection does not last.
# Before it stand say(), tell(), root, and what the caller gives: checkout file text lines clients configuration intent check.
trap '' HUP PIPE
umask 022
system=$root/run/current-system
profile=$root/nix/var/nix/profiles/system
etab=$root/var/lib/nfs/etab
if [ -r "$root/etc/set-environment" ]; then . "$root/etc/set-environment"; fi # PATH and NIX_PATH, also without a login

scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT
log=$scratch/log
: >"$log"
had=no      # whether the file was there
written=no  # whether it has been written
added=no    # whether git has been told of it

put_back() {
    if [ "$written" = yes ] && [ "$had" = yes ]; then cp -p "$scratch/before" "$file"; fi
    if [ "$written" = yes ] && [ "$had" = no ]; then rm -f "$file"; fi
    if [ "$added" = yes ]; then as_owner git -C "$top" reset -q -- "$file"; fi
    written=no added=no
}

fail() { # what happened, and what to do
    put_back
    tail -n 25 "$log" | say log
    tell failed "$1"
    exit 1
}

as_owner() { # as whoever the checkout belongs to, so that git stays usable for them
    if [ -O "$top" ]; then "$@"; else runuser -u "$(stat -c %U "$top")" -- "$@"; fi
}

rebuild() { # action, options: in a folder of our own, where it leaves the link "result"
    echo "\$ nixos-rebuild $*" >>"$log"
    (cd "$scratch" && nixos-rebuild "$@") >>"$log" 2>&1 </dev/null
}

decode() { # a path as exports(5) has it, with octal escapes
    printf '%b' "$(printf '%s' "$1" | sed 's/\\\([0-7][0-7][0-7]\)/\\0\1/g')"
}

count() { # table, client, path: how often the table exports one to the other; "-" is any client, for host names, which mountd writes in full
    found=0
    while read -r place entries; do
        if [ "$(decode "$place")" != "$3" ]; then continue; fi
        case "$2 $entries " in "- "* | *" $2("* | *" $2 "*) found=$((found + 1)) ;; esac
    done <"$1"
    echo "$found"
}

failed_units() { systemctl list-units --failed --plain --no-legend 2>/dev/null | cut -d ' ' -f 1 | tr '\n' ' '; }

# What there is

if [ "$(id -u)" != 0 ]; then fail "this needs root, and runs as $(id -un). Set ansible_become: true for this host, or ansible_user: root."; fi
if ! command -v nixos-rebuild >/dev/null; then fail "there is no nixos-rebuild. Is this NixOS? Correct nas_provider or ansible_host."; fi
given=$checkout
checkout=$(cd "$given" 2>/dev/null && pwd -P) || fail "there is no folder $given. Set nas_nixos_checkout to where flake.nix or configuration.nix is."
folder=$(cd "$(dirname "$file")" 2>/dev/null && pwd -P) || fail "there is no folder for $file. Correct nas_nixos_path."
file=$folder/$(basename "$file")
if [ -f "$checkout/flake.nix" ]; then
    flake=yes
elif [ -f "$checkout/configuration.nix" ]; then
    flake=no
else
    fail "$checkout has neither flake.nix nor configuration.nix. Set nas_nixos_checkout to where one of them is."
fi
if [ -e "$checkout/.git" ] && ! command -v git >/dev/null; then
    fail "$checkout is a git repository, and there is no git. Install it: programs.git.enable = true."
fi
git=yes
top=$(git -c safe.directory='*' -C "$checkout" rev-parse --show-toplevel 2>/dev/null) || top=$checkout git=no
case $file in "$top"/*) ;; *) fail "$file is not in $top, where the configuration is. Correct nas_nixos_path." ;; esac
if [ -L "$file" ]; then fail "$file is a symbolic link. Set nas_nixos_path to the file itself."; fi
if [ -e "$file" ]; then
    had=yes
    if [ -s "$file" ] && ! head -n 1 "$file" | grep -q 'homelab\.immich'; then
        fail "$file is there and was not written by this collection. Set nas_nixos_path to a file of its own."
    fi
    cp -p "$file" "$scratch/before"
fi
tracked=yes
if [ "$flake$git" = yesyes ]; then
    git -c safe.directory='*' -C "$top" ls-files --error-unmatch -- "$file" >/dev/null 2>&1 || tracked=no
fi
if [ "$tracked" = no ] && [ "$intent" != yes ]; then
    how="sudo touch $file && sudo git -C $top add --intent-to-add $file"
    fail "git does not track $file, and a flake sees only what git tracks. Run on the NAS: $how; or set nas_nixos_intent_to_add: true."
fi

# The file: in check mode into a copy of the checkout, which is all that check mode writes but what the build leaves in the Nix store

printf '%s' "$text" >"$scratch/new"
work=$top
if [ "$check" = yes ]; then
    work=$scratch/checkout
    cp -a "$top" "$work" || fail "no copy of $top could be made in $scratch. Make room there."
fi
target=$work${file#"$top"}
if ! cmp -s "$scratch/new" "$target"; then
    if [ "$check" != yes ]; then written=yes; fi
    if [ "$had" = yes ]; then like=$scratch/before; else like=$checkout; fi
    new=$target.new
    if ! { cp "$scratch/new" "$new" && chmod 0644 "$new" && chown --reference="$like" "$new" && mv "$new" "$target"; } 2>>"$log"; then
        rm -f "$new"
        fail "$file could not be written. Look at the folder and the disk it is on."
    fi
    tell wrote "$file"
    if [ "$git" = yes ]; then tell uncommitted "$file"; fi
fi
if [ "$tracked" = no ]; then
    if [ "$check" = yes ]; then
        git -c safe.directory='*' -C "$work" add --intent-to-add -- "$target" 2>>"$log" || fail "git add --intent-to-add $file fails. Correct what it says."
    else
        added=yes
        as_owner git -C "$top" add --intent-to-add -- "$file" 2>>"$log" || fail "git add --intent-to-add $file fails. Correct what it says."
    fi
fi

# Build, and look at what would be exported

at=$work${checkout#"$top"}
if [ "$flake" = yes ]; then
    set -- --flake "$at${configuration:+#$configuration}"
else
    set -- --no-flake -I "nixos-config=$at/configuration.nix"
fi
rebuild build "$@" || fail "nixos-rebuild build fails, so nothing was switched. Correct what it says."
result=$(readlink -f "$scratch/result")
table=$result/etc/exports
while IFS= read -r line; do
    if [ -n "$line" ] && ! grep -qxF -- "$line" "$table" 2>/dev/null; then
        what="built, the configuration in $checkout does not export ${line%% *} as $file says"
        fail "$what. Add the file to the imports of that configuration; a run writes the file and builds again."
    fi
done <<LINES
$lines
LINES
while read -r client place; do
    if [ -n "$place" ] && [ "$client" != - ] && [ "$(count "$table" "$client" "$place")" -gt 1 ]; then
        fail "the configuration exports $place to $client already, elsewhere than in $file. Take it out there."
    fi
done <<CLIENTS
$clients
CLIENTS
if [ "$result" = "$(readlink -f "$system")" ]; then
    tell same "$result"
    if [ "$result" != "$(readlink -f "$profile")" ]; then tell boots "$(readlink -f "$profile")"; fi
    exit 0
fi
if [ "$check" = yes ]; then
    rebuild dry-activate "$@" || fail "nixos-rebuild dry-activate fails. Correct what it says."
    sed -n '/^would /,$p' "$log" | say plan
    tell differs "$result"
    exit 0
fi

# Switch, and back if the exports are not there afterwards

running=$(readlink -f "$system")
generation=$(readlink "$profile")
units=$(failed_units)
rebuild switch "$@"
code=$?
missing=
while read -r client place; do
    if [ -n "$place" ] && { [ ! -r "$etab" ] || [ "$(count "$etab" "$client" "$place")" = 0 ]; }; then missing="$missing, $place"; fi
done <<CLIENTS
$clients
CLIENTS
broken=
for unit in $(failed_units); do
    case " $units" in *" $unit "*) ;; *) broken="$broken, $unit" ;; esac
done
if [ "$code" != 0 ] && [ -z "$broken" ] && [ "$(readlink -f "$system")" = "$result" ] && [ "$(readlink -f "$profile")" = "$result" ]; then
    code=0 # it also fails for units that had failed before
    tell units "$units"
fi
if [ "$code" = 0 ] && [ -z "$missing" ]; then
    tell switched "$result"
    exit 0
fi
if [ "$code" = 0 ]; then
    why="after nixos-rebuild switch ${missing#, } is not exported"
else
    why="nixos-rebuild switch fails${broken:+ (${broken#, })}"
fi
{
    if [ "$(readlink "$profile")" != "$generation" ]; then
        number=${generation%-link}
        echo "\$ nix-env --switch-generation ${number##*-}"
        nix-env --profile "$profile" --switch-generation "${number##*-}"
    fi
    "$profile/bin/switch-to-configuration" switch
    if [ "$(readlink -f "$system")" != "$running" ]; then "$running/bin/switch-to-configuration" test; fi
} >>"$log" 2>&1 </dev/null
if [ "$(readlink -f "$system")" = "$running" ]; then
    fail "$why, so the generation before was switched back to and the file put back. Look at systemctl status nfs-server nfs-mountd, and at what it says."
fi
fail "$why, and the way back failed too. Run nixos-rebuild switch --rollback on the NAS at once, and look at what it says."
