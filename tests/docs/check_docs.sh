#!/bin/sh
# The API reference says what the headers say, and every exported function has a man page without a fault.
# usage: check_docs.sh SOURCE_DIR api|man
set -eu
source=$1
headers="$source/include/hip_scatter/hip_scatter.h $source/include/hip_scatter/hsa_scatter.h"
generator=$source/docs/tools/api_docs.py
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

case $2 in
api)
    # shellcheck disable=SC2086 # a list of files
    python3 "$generator" --check $headers
    # shellcheck disable=SC2086
    python3 "$generator" --markdown "$tmp/api.md" $headers
    diff -u "$source/docs/api.md" "$tmp/api.md" || {
        echo "FAILED: docs/api.md is not what the headers say. Renew it:"
        echo "  docs/tools/api_docs.py --markdown docs/api.md include/hip_scatter/h*.h"
        exit 1
    }
    ;;
man)
    command -v groff >/dev/null || {
        echo "skipped: groff is not installed"
        exit 77
    }
    # shellcheck disable=SC2086
    python3 "$generator" --man "$tmp" $headers
    count=0
    for name in $(grep -v '^#' "$source/tests/abi/exported.txt" | cut -d' ' -f1); do
        [ -s "$tmp/man3/$name.3" ] || {
            echo "FAILED: $name has no man page"
            exit 1
        }
        count=$((count + 1))
    done
    for page in "$tmp"/man3/*.3 "$source"/docs/man/*.1; do
        groff -man -Tutf8 -ww "$page" >"$tmp/out" 2>"$tmp/faults"
        if [ -s "$tmp/faults" ] || ! [ -s "$tmp/out" ]; then
            echo "FAILED: $page"
            cat "$tmp/faults"
            exit 1
        fi
    done
    echo "$count functions, each with a man page"
    [ $count -gt 0 ]
    ;;
esac
