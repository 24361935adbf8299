#!/bin/sh
# Installs the build into a temporary prefix, moves it, and uses it from outside of the tree.
# usage: install.sh BUILD_DIR CONSUMER_DIR build|run
#   build  find_package and pkg-config both give a program that links to the installed library
#   run    that program works: on the machine's GPU, else under the installed softgpu
set -eu
build=$1
consumer=$2
what=$3
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

cmake --install "$build" --prefix "$tmp/first" >"$tmp/log" || {
    cat "$tmp/log"
    exit 1
}
# An installed tree may be moved: nothing in it may name its first place, or the build.
mv "$tmp/first" "$tmp/prefix"
if grep -rlI -e "$tmp/first" -e "$build" "$tmp/prefix"; then
    echo "FAILED: these installed files name the prefix or the build folder"
    exit 1
fi

cmake -G Ninja -S "$consumer" -B "$tmp/cmake" "-DCMAKE_PREFIX_PATH=$tmp/prefix" >"$tmp/log" 2>&1 &&
    cmake --build "$tmp/cmake" >>"$tmp/log" 2>&1 || {
    cat "$tmp/log"
    echo "FAILED: find_package(hip_scatter)"
    exit 1
}
pc=$(find "$tmp/prefix" -name hip-scatter.pc)
PKG_CONFIG_PATH=$(dirname "$pc")
export PKG_CONFIG_PATH
libdir=$(pkg-config --variable=libdir hip-scatter)
# shellcheck disable=SC2046 # words
${CC:-cc} -std=c11 -D_DEFAULT_SOURCE -Wall -Wextra -Werror $(pkg-config --cflags hip-scatter) \
    "$consumer/consumer.c" -o "$tmp/by_pkg_config" $(pkg-config --libs hip-scatter) -lamdhip64 \
    "-Wl,-rpath,$libdir" || {
    echo "FAILED: pkg-config hip-scatter"
    exit 1
}
for program in "$tmp/cmake/consumer" "$tmp/by_pkg_config"; do
    used=$(ldd "$program" | sed -n 's/.*libhip_scatter.so.0 => \([^ ]*\).*/\1/p')
    [ "$(readlink -f "$used")" = "$(readlink -f "$libdir/libhip_scatter.so.0")" ] || {
        echo "FAILED: $program uses '$used', not the installed library"
        exit 1
    }
done
[ "$what" = run ] || {
    (cd "$tmp/prefix" && find . -type f | LC_ALL=C sort)
    exit 0
}

on=
if [ ! -c /dev/kfd ] || [ "${HS_FORCE_SOFTGPU:-0}" = 1 ]; then
    on=$tmp/prefix/bin/softgpu
    [ -x "$on" ] || {
        echo "skipped: no /dev/kfd, and this version installs no softgpu"
        exit 77
    }
fi
for program in "$tmp/cmake/consumer" "$tmp/by_pkg_config"; do
    $on "$program" >"$tmp/out" || {
        echo "FAILED: $program"
        cat "$tmp/out"
        exit 1
    }
    cat "$tmp/out"
    grep -q '^consumer: ok' "$tmp/out"
done
$on "$tmp/prefix/bin/hip-scatter-info" >"$tmp/out" || {
    echo "FAILED: the installed hip-scatter-info"
    cat "$tmp/out"
    exit 1
}
head -n 1 "$tmp/out"
