#!/bin/sh
# A copy of the whole registry in a folder of its own, checked, with old ones removed. Run it daily, as the user of the server:
#   citadel-backup.sh /var/backups/citadel            [14: copies to keep]
# The server may run on, and hears how it went: its metrics, hooks and dashboards say so. The key of the server
# (CITADEL_SERVER_KEY, or server.key in the data folder) is not part of the copy: keep it elsewhere. Without it secrets
# and signing keys in the copy cannot be used.
set -eu
umask 077
to=${1:?a folder for the copies}
keep=${2:-14}
citadel=${CITADEL:-citadel}

noted() { $citadel store:backup-finished "$@" >&2 || echo "it could not be noted how this backup went" >&2; }

mkdir -p "$to"
new=$to/$(date -u +%Y-%m-%dT%H%M%SZ)
trap 'rm -rf "$new.part"; noted --failed' EXIT
documents=$($citadel config --get store.documents --json | sed -n 's/.*"value": *"\([^"]*\)".*/\1/p')
blobs=$($citadel config --get store.blobs --json | sed -n 's/.*"value": *"\([^"]*\)".*/\1/p')

$citadel store:copy "$documents" "file:$new.part/documents" --from-blobs "$blobs" --to-blobs "file:$new.part/blobs" --yes
env CITADEL_STORE_DOCUMENTS="file:$new.part/documents" CITADEL_STORE_BLOBS="file:$new.part/blobs" $citadel verify
mv "$new.part" "$new"
trap - EXIT
noted --place "$new"
echo "$new"

# the oldest go, and only what this script made
ls -1d "$to"/????-??-??T??????Z | sort -r | tail -n +"$((keep + 1))" | while read -r old; do rm -rf "$old"; done
