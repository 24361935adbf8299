#!/usr/bin/env bash
# lint.sh BUILD_DIR [format|clang|tidy]: three checks over the tree, all silent when there is nothing to say.
#   format  clang-format 14 over every C, C++ and HIP file, against .clang-format
#   clang   clang 15 as a second compiler over what BUILD_DIR compiles with gcc (syntax and warnings only)
#   tidy    clang-tidy 15, against .clang-tidy, over our C sources
# Called by ./dev lint and by ctest (label lint). Changes nothing.
set -eu
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
build=$(cd "$1" && pwd)
what=${2:-all}
jobs=$(nproc)
cd "$root"

# The contract between softgpu's layers: tables with comments, aligned by hand.
tables='kernel/softgpu/device/(device|inst|wave)\.h$'

sources() {
    if git rev-parse --is-inside-work-tree >/dev/null 2>&1; then # not so in an archive, or for another user
        git ls-files --cached --others --exclude-standard
    else
        find . -path ./build -prune -o -type f -print
    fi | grep -E '\.(c|h|cpp|hpp|hip)$' | grep -vE "$tables" | while read -r file; do [ ! -f "$file" ] || echo "$file"; done
}

# The sources of BUILD_DIR's compile commands that lie in our tree, not generated ones.
compiled() {
    sed -n 's/^ *"file": "\(.*\)",\{0,1\}$/\1/p' "$build/compile_commands.json" | sort -u |
        grep -F "$root/" | grep -vF "$build/"
}

check_format() {
    sources | xargs -r -P "$jobs" -n 20 clang-format-14 --dry-run --Werror
}

check_clang() {
    # The same command line with another compiler, once for each command; less the one option that only gcc knows.
    sed -n 's/^ *"command": "\(.*\)",\{0,1\}$/\1/p' "$build/compile_commands.json" | sed 's/\\\(["\\]\)/\1/g' |
        grep -vF 'catch_main.cpp' | sed -e 's/^[^ ]*g++ /clang++-15 /' -e 's/^[^ ]*c++ /clang++-15 /' \
        -e 's/^[^ ]*gcc /clang-15 /' -e 's/^[^ ]*cc /clang-15 /' -e 's/ -o [^ ]* / -fsyntax-only /' -e 's/ -Wno-restrict / /' |
        (cd "$build" && tr '\n' '\0' | xargs -0 -r -P "$jobs" -I{} sh -c '{}')
}

check_tidy() {
    local output status=0
    output=$(compiled | grep -E '\.c$' | xargs -r -P "$jobs" -n 2 clang-tidy-15 --quiet -p "$build" 2>&1) || status=1
    # What it says about findings in other people's headers, which it does not show, is noise.
    printf '%s\n' "$output" | grep -vE '^[0-9]+ warnings? (and [0-9]+ errors? )?generated\.$|^Suppressed|^Use -header' || true
    return $status
}

status=0
for check in format clang tidy; do
    if [ "$what" = all ] || [ "$what" = "$check" ]; then
        "check_$check" || { echo "lint: $check has something to say (above)" >&2; status=1; }
    fi
done
exit $status
