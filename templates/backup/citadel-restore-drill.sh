#!/bin/sh
# Proves that a copy can be used: starts a registry on it that nobody else reaches, reads from it, and stops it again.
#   citadel-restore-drill.sh /var/backups/citadel/2026-11-28T030000Z
# The copy itself is not written to. To restore for good: citadel store:copy file:COPY/documents <documents> --from-blobs file:COPY/blobs --to-blobs <blobs>
set -eu
umask 077
copy=${1:?a copy}
citadel=${CITADEL:-citadel}
port=${PORT:-4899}
work=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server" 2>/dev/null || true; wait; rm -rf "$work"' EXIT

cp -R "$copy/documents" "$copy/blobs" "$work/"
CITADEL_STORE_DOCUMENTS=file:$work/documents
CITADEL_STORE_BLOBS=file:$work/blobs
CITADEL_DATA_DIR=$work/data CITADEL_CACHE_DIR=$work/cache CITADEL_CONFIG_DIR=$work/config
export CITADEL_STORE_DOCUMENTS CITADEL_STORE_BLOBS CITADEL_DATA_DIR CITADEL_CACHE_DIR CITADEL_CONFIG_DIR
$citadel verify
$citadel serve --port "$port" >"$work/log" 2>&1 &
server=$!
tries=0
until $citadel registry:stats --registry "http://localhost:$port/"; do
  tries=$((tries + 1))
  if [ "$tries" -gt 20 ]; then
    cat "$work/log" >&2
    exit 1
  fi
  sleep 1
done
echo "the copy works: $copy"
