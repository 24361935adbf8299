#!/bin/sh
# Runs one test program where it belongs. ctest calls it: run_test.sh MODE LAUNCHER [softgpu options] -- PROGRAM ARGS
#   device   on the machine's GPU if it has one, else under softgpu
#   softgpu  under softgpu whatever the machine has
#   native   on the machine's GPU; without one: exit 77 (ctest registers such a test only where /dev/kfd exists)
# HS_FORCE_SOFTGPU=1 makes "device" mean "softgpu".
set -eu
mode=$1
launcher=$2
shift 2
options=
while [ "$1" != -- ]; do
    options="$options $1"
    shift
done
shift
if [ -c /dev/kfd ] && [ "${HS_FORCE_SOFTGPU:-0}" != 1 ]; then
    real=yes
else
    real=no
fi
case $mode in
native)
    [ $real = yes ] || {
        echo "skipped: this machine has no /dev/kfd"
        exit 77
    }
    exec "$@"
    ;;
device)
    [ $real = no ] || exec "$@"
    ;;
softgpu) ;;
*)
    echo "run_test.sh: unknown mode $mode" >&2
    exit 2
    ;;
esac
# shellcheck disable=SC2086 # options are words without spaces
exec "$launcher" $options "$@"
