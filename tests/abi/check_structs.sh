#!/bin/sh
# check_structs.sh STRUCT_LAYOUT_C HEADER...: the layout of every struct of the headers is held there, member by member.
set -eu
layout=$1
shift
status=0
# "struct member" for each member, from the typedefs: the last name before ';', '[' or a comment.
members=$(sed -e 's,/\*\*<.*,,' "$@" | awk '
    /^typedef struct [A-Za-z_]* \{/ { inside = 1; list = ""; next }
    inside && /^\} / { name = $2; sub(/;.*/, "", name); n = split(list, all, " ")
                       for (i = 1; i <= n; i++) print name, all[i]
                       inside = 0; next }
    inside && /^    [A-Za-z].*;/ { line = $0; sub(/[;[].*/, "", line); gsub(/\*/, " ", line)
                                n = split(line, words, " "); list = list " " words[n] }
    inside && /^        \*[a-zA-Z]/ { line = $0; sub(/[;[].*/, "", line); gsub(/[* ]/, "", line); list = list " " line }')
[ -n "$members" ] || { echo "FAILED: no struct found in $*"; exit 1; }
for name in $(printf '%s\n' "$members" | cut -d' ' -f1 | sort -u); do
    grep -q "^BYTES($name, " "$layout" || { echo "FAILED: the size of $name is not held"; status=1; }
done
printf '%s\n' "$members" | {
    while read -r name member; do
        grep -q "^AT($name, $member, " "$layout" || { echo "FAILED: $name.$member is not held"; status=1; }
    done
    exit $status
} || status=1
printf '%s\n' "$members" | wc -l | sed 's/ *$/ members/'
exit $status
