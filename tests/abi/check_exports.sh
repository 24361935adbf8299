#!/bin/sh
# The set of exported symbols, four times: as committed, in the linker map, in the headers, in the library.
# usage: check_exports.sh exported.txt LIBRARY MAP HEADER...
# Whoever changes the set on purpose edits exported.txt; then a line that was in a release stays for ever.
set -eu
expected=$1
library=$2
map=$3
shift 3
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

LC_ALL=C sort "$expected" | grep -v '^#' >"$tmp/expected"
# name@@VERSION; the version node itself is an absolute symbol (A).
nm -D --defined-only --with-symbol-versions "$library" | awk '$2 != "A" { sub("@@", " ", $3); print $3 }' |
    LC_ALL=C sort >"$tmp/library"
awk '/^[A-Z_0-9.]+ *\{/ { node = $1 } /local:/ { node = "" }
     node != "" && /^ *[A-Za-z_0-9]+;/ { sub(";", "", $1); print $1, node }' "$map" |
    LC_ALL=C sort >"$tmp/map"
# A declaration is HIP_SCATTER_API type name(...: the name is what precedes the first parenthesis.
sed '/^#/d' "$@" | tr '\n' ' ' | grep -oE '(HIP|HSA)_SCATTER_API [^;(]*\(' | sed 's/ *($//; s/.*[ *]//' |
    LC_ALL=C sort >"$tmp/headers"
cut -d' ' -f1 "$tmp/expected" | LC_ALL=C sort >"$tmp/expected_names"

status=0
compare() {
    if ! diff -u "$1" "$2" >"$tmp/diff"; then
        echo "FAILED: $3 differs from $expected (-: expected, +: found)"
        sed 1,2d "$tmp/diff"
        status=1
    fi
}
compare "$tmp/expected" "$tmp/library" "$library"
compare "$tmp/expected" "$tmp/map" "$map"
compare "$tmp/expected_names" "$tmp/headers" "the set of functions declared in $*"

soname=$(readelf -d "$library" | sed -n 's/.*(SONAME).*\[\(.*\)\]/\1/p')
if [ "$soname" != libhip_scatter.so.0 ]; then
    echo "FAILED: SONAME is '$soname', not libhip_scatter.so.0"
    status=1
fi
# A program without HIP must be able to load the library.
if readelf -d "$library" | grep -q 'NEEDED.*amdhip64'; then
    echo "FAILED: the library needs libamdhip64"
    status=1
fi
count=$(wc -l <"$tmp/expected")
[ "$count" -gt 0 ] || status=1
echo "$count symbols, SONAME $soname"
exit $status
