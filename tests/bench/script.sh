#!/usr/bin/env bash
# What the main job does for the default homelab, written as a script: kubectl for the cluster, curl and jq for Immich.
# No inventory is checked, no NAS looked at, nothing waited for. Usage: script.sh KUBECTL OBJECTS SECRETS URL WANTED
set -euo pipefail
kubectl=$1 objects=$2 secrets=$3 url=$4 wanted=$5

"$kubectl" apply --server-side --force-conflicts --field-manager=homelab.immich -f "$objects"
"$kubectl" get -f "$secrets" -o name
key=$("$kubectl" get secret immich-api-key -n immich -o 'jsonpath={.data.key}' | base64 -d)

# curl reads the header from a file, for everybody sees the command line of a process
ask() { curl --silent --show-error --fail --noproxy '*' --header @<(printf 'x-api-key: %s\ncontent-type: application/json\n' "$key") "$@"; }

now=$(ask "$url/system-config")
new=$(jq --slurpfile wanted "$wanted" '. * $wanted[0].settings' <<< "$now")
[ "$(jq -S . <<< "$now")" = "$(jq -S . <<< "$new")" ] || ask -X PUT --data "$new" "$url/system-config"

users=$(ask "$url/admin/users")
jq -c '.users[]' "$wanted" | while read -r user; do
    jq -e --argjson user "$user" 'any(.[]; .email == $user.email)' <<< "$users" > /dev/null || ask -X POST --data "$user" "$url/admin/users"
done

libraries=$(ask "$url/libraries")
jq -c '.libraries[]' "$wanted" | while read -r library; do
    jq -e --argjson library "$library" 'any(.[]; .name == $library.name and .importPaths == $library.importPaths)' <<< "$libraries" > /dev/null ||
        ask -X POST --data "$library" "$url/libraries"
done
