#!/usr/bin/env bash
# The launcher and the host layer, seen from the shell: options, exit codes, the pretended files, statistics.
# usage: launcher.sh SOFTGPU. Prints every check that fails; exit 0: none did.
set -u
softgpu=$1
failed=0
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

# expect WHAT WANTED ACTUAL
expect() {
    if [ "$2" != "$3" ]; then
        printf 'FAILED: %s: wanted "%s", got "%s"\n' "$1" "$2" "$3"
        failed=1
    fi
}
# status COMMAND...: prints its exit status
status() {
    "$@" >"$folder/out" 2>"$folder/err"
    echo $?
}

expect "status of the program" 7 "$(status "$softgpu" sh -c 'exit 7')"
expect "no program" 2 "$(status "$softgpu")"
expect "unknown program" 127 "$(status "$softgpu" /no/such/program)"
expect "not a program" 126 "$(status "$softgpu" /dev)"
for bad in --gpus=0 --gpus=17 --gpus=x --kernel=new --arch=gfx1 --vram=1K --vram=9X --sysmem=1 --cus=0 --watchdog=-1 --watchdog=soon \
    --fail=x --fail=NONE:1:EIO --fail=0x16:0:EIO --fail=0x16:1:EWHAT --fail=0x16:1:delay=0 --fail=0x16:1:delay=1s --trace=all --nonsense; do
    expect "$bad" 2 "$(status "$softgpu" "$bad" true)"
    expect "$bad leaves a message" 1 "$(grep -c "Try 'softgpu --help'" "$folder/err")"
done
expect "--help" 0 "$(status "$softgpu" --help)"
expect "--help names the models" 1 "$(grep -c 'gfx906.*gfx90a' "$folder/out")"
expect "--version" 0 "$(status "$softgpu" --version)"

nodes=/sys/class/kfd/kfd/topology/nodes
expect "nodes of two GPUs" "0 1 2" "$("$softgpu" --gpus=2 ls $nodes | xargs)"
expect "the same under the device's path" "0 1 2" \
    "$("$softgpu" --gpus=2 ls /sys/devices/virtual/kfd/../kfd//kfd/topology/./nodes/ | xargs)"
expect "gfx_target_version" "gfx_target_version 90010" \
    "$("$softgpu" --arch=gfx90a grep gfx_target_version $nodes/1/properties)"
expect "size of system memory" "size_in_bytes 536870912" \
    "$("$softgpu" --sysmem=512M grep size_in_bytes $nodes/0/mem_banks/0/properties)"
expect "a node that does not exist" 1 "$(status "$softgpu" cat $nodes/2/gpu_id)"
expect "reading only" 2 "$(status "$softgpu" sh -c "echo 1 >$nodes/1/gpu_id")"
expect "/dev/kfd is a device" 0 "$(status "$softgpu" test -c /dev/kfd)"
expect "render node" "/dev/dri/renderD129" "$("$softgpu" --gpus=2 ls /dev/dri/renderD129)"
expect "no such render node" 2 "$(status "$softgpu" ls /dev/dri/renderD129)"
expect "amdgpu is loaded" 1 "$("$softgpu" grep -c '^amdgpu ' /proc/modules)"
expect "children inherit it" 0 "$(status "$softgpu" sh -c 'sh -c "test -c /dev/kfd"')"

if command -v rocminfo >/dev/null; then
    expect "rocminfo" 0 "$(status "$softgpu" --stats="$folder/stats.json" --gpus=2 rocminfo)"
    expect "agents" 2 "$(grep -c 'Name: *gfx906 *$' "$folder/out")"
    expect "nothing on standard error" "" "$(cat "$folder/err")"
    expect "statistics" '"GET_VERSION": {"nr": 1, "calls": 1}' \
        "$(grep -o '"GET_VERSION": {[^}]*}' "$folder/stats.json")"
    # Linux does not let go of the event page either (kfd_ioctl_free_memory_of_gpu).
    expect "buffers given back but the event page" '"live_buffers": 1' "$(grep -o '"live_buffers": [0-9]*' "$folder/stats.json")"
    "$softgpu" --fail=GET_VERSION:5:EIO --fail=ACQUIRE_VM:1:EIO rocminfo >/dev/null 2>&1
    expect "an injected failure" 1 $(($? != 0))
    SECONDS=0
    expect "with a late call" 0 "$(status "$softgpu" --fail=GET_VERSION:1:delay=2000 rocminfo)"
    expect "a late call takes its time" 1 $((SECONDS >= 2))
    for what in 'memory:map 0x.*MMIO' 'host:open /dev/kfd'; do
        expect "trace of ${what%%:*}" 1 "$("$softgpu" --trace="${what%%:*}" rocminfo 2>&1 >/dev/null | grep -c -m 1 "${what#*:}")"
    done
    expect "a trace" 1 "$("$softgpu" --trace=ioctl rocminfo 2>&1 >/dev/null | grep -c 'ACQUIRE_VM = 0')"
else
    echo "rocminfo is missing"
    failed=1
fi
exit $failed
