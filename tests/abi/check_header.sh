#!/bin/sh
# A public header compiles alone, twice in one file, in every standard it promises, without a warning.
# usage: check_header.sh INCLUDE_DIR HEADER LANGUAGE STANDARD... -- FLAG...   (LANGUAGE: c or c++)
set -eu
include=$1
header=$2
language=$3
shift 3
standards=
while [ "$1" != -- ]; do
    standards="$standards $1"
    shift
done
shift
if [ "$language" = c ]; then
    compilers="gcc clang-15"
    extra="-Wstrict-prototypes -Wmissing-prototypes"
else
    compilers="g++ clang++-15"
    extra="-Wold-style-cast -Wzero-as-null-pointer-constant"
fi
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
printf '#include <%s>\n#include <%s>\nint hs_not_empty;\n' "$header" "$header" >"$tmp/alone"
done=0
for compiler in $compilers; do
    command -v "$compiler" >/dev/null || {
        echo "$compiler is not installed: not checked"
        continue
    }
    for standard in $standards; do
        # shellcheck disable=SC2086 # extra is a list of words
        "$compiler" -x "$language" "-std=$standard" -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wundef \
            $extra -Werror -fsyntax-only "-I$include" "$@" "$tmp/alone" ||
            {
                echo "FAILED: <$header> with $compiler -std=$standard"
                exit 1
            }
        done=$((done + 1))
    done
done
echo "<$header>: $done combinations of compiler and standard"
[ $done -gt 0 ]
