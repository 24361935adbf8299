#!/bin/sh
# expect.sh REGEX COMMAND...: the command's exit status is 0 and its output matches. ctest alone checks only one of both.
expected=$1
shift
output=$("$@" 2>&1)
status=$?
printf '%s\n' "$output"
[ $status -eq 0 ] || {
    echo "exit status $status"
    exit 1
}
printf '%s' "$output" | tr '\n' ' ' | grep -Eq "$expected" || {
    echo "the output does not match: $expected"
    exit 1
}
