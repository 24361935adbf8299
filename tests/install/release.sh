#!/bin/sh
# Configures and builds what ./dev install installs, warnings being errors. Output only if that fails.
# usage: release.sh SOURCE_DIR BUILD_DIR
set -eu
log=$(mktemp)
trap 'rm -f "$log"' EXIT
{ cd "$1" && cmake --preset release -B "$2" -DHS_BUILD_TESTS=OFF && cmake --build "$2" -j "$(nproc)"; } >"$log" 2>&1 || {
    grep -vE '^\[[0-9]+/[0-9]+\] ' "$log" | tail -50
    echo "FAILED: the release build"
    exit 1
}
