# SPDX-License-Identifier: GPL-2.0 OR MIT
# Parts of run-guest: the kernel image, the test programs, the initramfs, the boot. Sourced; sets image_*.

die() {
    echo "run-guest: $*" >&2
    exit 1
}

# skip REASON: what a machine cannot do is skipped, not passed (ctest's SKIP_RETURN_CODE).
skip() {
    echo "run-guest: skipped: $*" >&2
    exit 77
}

# One guest at a time is prepared below OUT; they run side by side.
lock() {
    exec 9>"$OUT/.lock"
    flock 9
}
unlock() {
    exec 9>&-
}

# need_commands COMMAND:PACKAGE...
need_commands() {
    local pair
    for pair in "$@"; do
        command -v "${pair%%:*}" >/dev/null || skip "no ${pair%%:*}: apt-get install ${pair##*:}"
    done
}

# download PACKAGE: into OUT. The package lists may be missing or old: then they are fetched, if we may.
download() {
    cd "$OUT" || return
    apt-get download -q "$1" >/dev/null 2>&1 && return
    [ "$(id -u)" = 0 ] && apt-get update -q >/dev/null 2>&1 && apt-get download -q "$1" >/dev/null 2>&1
}

# The kernel and modules of Debian's linux-image package for the installed headers: from /boot if it is installed,
# else unpacked below OUT. Nothing is installed.
fetch_image() {
    local headers release
    headers=$(ls -d /usr/src/linux-headers-"$KVER".*-amd64 2>/dev/null | grep -vE 'rt|cloud' | sort -rV | head -1)
    [ -n "$headers" ] || skip "no kernel headers: apt-get install linux-headers-amd64 (6.12: linux-headers-6.12...)"
    release=${headers#/usr/src/linux-headers-}
    if [ -e "/boot/vmlinuz-$release" ] && [ -d "/lib/modules/$release/kernel" ]; then
        image_kernel=/boot/vmlinuz-$release image_modules=/lib/modules/$release/kernel
    else
        image_kernel=$OUT/image-$release/boot/vmlinuz-$release
        image_modules=$OUT/image-$release/lib/modules/$release/kernel
        if [ ! -e "$image_kernel" ]; then
            (download "linux-image-$release") || skip "cannot download linux-image-$release"
            dpkg-deb -x "$OUT"/linux-image-"$release"_*.deb "$OUT/image-$release"
        fi
    fi
    image_amdgpu=$(find "$image_modules/drivers/gpu/drm/amd" -name 'amdgpu.ko*' | head -1)
}

# build_tests DIR: the guest's programs, static, from tests/kernel.
build_tests() {
    local dir=$1 source flags
    flags="-O2 -Wall -Wextra -Wshadow -Wmissing-prototypes -Wstrict-prototypes -Werror -std=gnu11 -D_GNU_SOURCE -static"
    mkdir -p "$dir/include/drm"
    # <linux/kfd_ioctl.h> wants <drm/drm.h>, which Debian has elsewhere; the guest's programs need nothing of it.
    echo '#include <linux/types.h>' >"$dir/include/drm/drm.h"
    flags="$flags -I$dir/include -I$top/kernel/uapi -I$here/fake"
    source=$top/tests/kernel
    # shellcheck disable=SC2086
    gcc $flags -o "$dir/kfd_errno" "$source"/kfd_errno.c "$source"/kfd_errno_gpu.c "$source"/kfd.c
    # shellcheck disable=SC2086
    gcc $flags -o "$dir/kfd_gpu" "$source"/kfd_gpu*.c "$source"/fake.c "$source"/kfd.c
    # shellcheck disable=SC2086
    gcc $flags -o "$dir/kfd_faults" "$source"/kfd_faults.c "$source"/fake.c "$source"/kfd.c
    # shellcheck disable=SC2086
    gcc $flags -o "$dir/kfd_effects" "$source"/kfd_effects.c "$source"/kfd_effects_fake.c "$source"/fake.c "$source"/kfd.c
    # shellcheck disable=SC2086
    gcc $flags -o "$dir/kfd_bench" "$source"/kfd_bench.c "$source"/fake.c "$source"/kfd.c
}

# build_library DIR: libhip_scatter and its guest test, with the distribution's ROCr; needs the project's own build.
# Without one the test is left out, and that is said.
build_library() {
    local dir=$1 library
    rm -f "$dir/library_rocr"
    library=${LIBRARY:-$(ls "$top"/build/{default,release}/runtime/libhip_scatter.so 2>/dev/null | head -1)} || true
    if [ -z "$library" ]; then
        echo "not run: the library on the real driver (no libhip_scatter below build/: ./dev build)"
        return
    fi
    library_dir=$(dirname "$library")
    gcc -O2 -Wall -Wextra -Werror -std=gnu11 -D_GNU_SOURCE -I"$dir/include" -I"$top/kernel/uapi" -I"$here/fake" \
        -I"$top/include" -o "$dir/library_rocr" "$top"/tests/kernel/{library_rocr,fake,kfd}.c \
        -L"$library_dir" -lhip_scatter -lhsa-runtime64
}

# build_shader DIR: the programs whose kernels the shader engine executes, and it; needs hipcc besides.
build_shader() {
    local dir=$1
    rm -f "$dir"/shader_* "$dir/fake_shader"
    [ -e "$dir/library_rocr" ] || return 0
    shader=$(dirname "$library_dir")/kernel/softgpu/amdkfd/fake_shader
    if [ ! -e "$shader" ] || ! command -v hipcc >/dev/null; then
        echo "not run: kernels on the real driver (no fake_shader below build/ or no hipcc: ./dev build)"
        return
    fi
    cp "$shader" "$dir/"
    hipcc --genco --offload-arch=gfx906 --no-gpu-bundle-output -O2 -std=c++20 -Wall -Wextra -Werror \
        -o "$dir/shader_kernels.co" "$top/tests/kernel/shader_kernels.hip"
    gcc -O2 -Wall -Wextra -Werror -std=gnu11 -D_GNU_SOURCE -I"$dir/include" -I"$top/kernel/uapi" -I"$here/fake" \
        -I"$top/include" -o "$dir/shader_rocr" "$top"/tests/kernel/{shader_rocr,rocr,fake,kfd}.c \
        -L"$library_dir" -lhip_scatter -lhsa-runtime64
}

# build_demo DIR: the sample, with HIP.
build_demo() {
    demo=$(dirname "$library_dir")/samples/scatter_digest
    [ -e "$1/fake_shader" ] && [ -e "$demo" ] || die "the demo wants a complete build (./dev build)"
}

# copy_libraries PROGRAM DIR: the shared libraries of a program and its loader, where they are found.
copy_libraries() {
    local file
    LD_LIBRARY_PATH=$library_dir ldd "$1" | grep -o '/[^ ]*' | while read -r file; do
        case $file in "$library_dir"/*) mkdir -p "$2/lib" && cp -L "$file" "$2/lib/" && continue ;; esac
        mkdir -p "$2$(dirname "$file")"
        cp -L "$file" "$2$file"
    done
}

# Decompressed and stripped copy of a module.
copy_module() {
    case $1 in
    *.xz) xz -dc "$1" >"$2" ;;
    *) cp "$1" "$2" ;;
    esac
    strip --strip-debug "$2"
}

# module_order FILE DIR: copy the module and what it depends on into DIR; print the names in load order.
module_order() {
    local file=$1 dir=$2 name dependency
    name=$(modinfo -F name "$file")
    [ -e "$dir/$name.ko" ] && return
    for dependency in $(modinfo -F depends "$file" | tr ',' ' '); do
        dependency=$(find "$image_modules" -name "${dependency//_/[-_]}.ko*" | head -1)
        [ -n "$dependency" ] && module_order "$dependency" "$dir"
    done
    copy_module "$file" "$dir/$name.ko"
    echo "$name.ko"
}

# make_initramfs DIR AMDGPU TESTS
make_initramfs() {
    local dir=$1 amdgpu=$2 tests=$3 file
    rm -rf "$dir"
    mkdir -p "$dir"/{bin,dev,proc,sys,tmp,modules,tests,lib/firmware/amdgpu}
    cp "$(command -v busybox)" "$dir/bin/busybox"
    module_order "$amdgpu" "$dir/modules" >"$dir/modules/order"
    cp "$here/guest/init" "$dir/init"
    cp "$OUT"/tests/kfd_* "$dir/tests/"
    cp "$top"/tests/kernel/expected/* "$dir/tests/"
    # The answers of 6.12 are those of 6.1, but for the version of the interface and a number below its newest ioctl.
    for file in "$dir"/tests/{stock,stock-fake,patched-fake}-6.1; do
        sed 's/^version .*/version 1.17/; s/^number-0x24 .*/number-0x24 EINVAL/' "$file" >"${file%-6.1}-6.12"
    done
    if [ -e "$OUT/tests/library_rocr" ] && [[ $tests = *library* ]]; then
        cp "$OUT/tests/library_rocr" "$dir/tests/"
        copy_libraries "$OUT/tests/library_rocr" "$dir"
    fi
    if [ -e "$OUT/tests/fake_shader" ] && [[ $tests =~ shader|demo ]]; then
        for file in "$OUT"/tests/{fake_shader,shader_rocr}; do
            cp "$file" "$dir/tests/"
            copy_libraries "$file" "$dir"
        done
        cp "$OUT/tests/shader_kernels.co" "$dir/tests/"
    fi
    if [[ $tests = *demo* ]]; then
        cp "$demo" "$dir/tests/"
        # HIP loads the code object manager, and with it LLVM, without being linked to it.
        for file in "$demo" "$(ldconfig -p | sed -n 's/.*libamd_comgr.so.2 .* => //p' | head -1)"; do
            copy_libraries "$file" "$dir"
        done
        mkdir -p "$dir$(dirname "$file")"
        cp -L "$file" "$dir$(dirname "$file")/"
    fi
    echo "$tests" >"$dir/tests/list"
    # Not compressed: hundreds of megabytes with LLVM, which an emulated processor would take minutes to unpack.
    (cd "$dir" && find . | cpio -o -H newc --quiet) >"$dir.cpio"
}

# machine_options MACHINE: qemu_options and kernel_options.
# counted: one CPU whose clock counts instructions, one GPU: repeats itself whatever the host does. A second NUMA node has
# memory alone.
# asan: two CPUs, two NUMA nodes, two GPUs and more memory, for a kernel with checkers.
# wide: two CPUs that really run at once, two NUMA nodes, two GPUs. iommu: that, and the GPUs behind an IOMMU.
machine_options() {
    kernel_options="tsc=reliable"
    case $1 in
    counted)
        qemu_options=(-machine q35 -accel tcg -icount "shift=1,sleep=off" -smp 1 -m "$((${MEMORY:-1024} + 64))"
            -object "memory-backend-ram,id=node0,size=${MEMORY:-1024}M" -numa node,nodeid=0,cpus=0,memdev=node0
            -object memory-backend-ram,id=node1,size=64M -numa node,nodeid=1,memdev=node1)
        kernel_options="$kernel_options numa_balancing=disable"
        add_gpus 1
        ;;
    wide | iommu)
        qemu_options=(-machine q35 -accel "tcg,thread=multi" -smp 2,sockets=2 -m 1024
            -object memory-backend-ram,id=node0,size=512M -numa node,nodeid=0,cpus=0,memdev=node0
            -object memory-backend-ram,id=node1,size=512M -numa node,nodeid=1,cpus=1,memdev=node1)
        # A busy host must not look like a kernel that hangs; pages move only when a test moves them; and what is read of a
        # page that was freed is never what it held.
        kernel_options="init_on_free=1 numa_balancing=disable no_timer_check nosoftlockup rcupdate.rcu_cpu_stall_suppress=1"
        if [ "$1" = iommu ]; then
            qemu_options+=(-device intel-iommu)
            kernel_options="$kernel_options intel_iommu=on"
        fi
        add_gpus 2
        ;;
    asan)
        qemu_options=(-machine q35 -accel "tcg,thread=multi" -smp 2,sockets=2 -m 2048
            -object memory-backend-ram,id=node0,size=1G -numa node,nodeid=0,cpus=0,memdev=node0
            -object memory-backend-ram,id=node1,size=1G -numa node,nodeid=1,cpus=1,memdev=node1)
        kernel_options="no_timer_check rcupdate.rcu_cpu_stall_suppress=1"
        add_gpus 2
        ;;
    esac
}

# add_gpus COUNT: ivshmem functions, whose memory is VRAM and doorbells.
add_gpus() {
    local i
    for ((i = 0; i < $1; i++)); do
        qemu_options+=(-object "memory-backend-ram,id=vram$i,size=64M,share=on" -device "ivshmem-plain,memdev=vram$i")
    done
}

# boot NAME MACHINE AMDGPU TESTS: run and judge one guest.
boot() {
    local name=$1 log=$OUT/guest-$1.log start=$SECONDS
    machine_options "$2"
    make_initramfs "$OUT/initramfs-$name" "$3" "$4"
    unlock
    timeout "$TIMEOUT" qemu-system-x86_64 "${qemu_options[@]}" \
        -cpu max -nographic -no-reboot -nodefaults -serial stdio -monitor none \
        -kernel "$image_kernel" -initrd "$OUT/initramfs-$name.cpio" \
        -append "console=ttyS0 ${KARGS:-quiet} panic=-1 oops=panic log_buf_len=4M $kernel_options" </dev/null 2>&1 |
        stdbuf -oL tr -d '\r' >"$log" || true
    [ -n "${VERBOSE:-}" ] && cat "$log"
    grep -a '^| ' "$log" || true
    if ! grep -aq '^@@ guest done, 0 failed' "$log"; then
        grep -aE '^(FAIL|@@|not ok)|BUG:|Oops|Kernel panic|WARNING:|Call Trace' "$log" | head -40 || true
        die "guest $name failed after $((SECONDS - start)) s: $log"
    fi
    if grep -aq '^@@ kernel complained' "$log"; then
        awk '/^@@ kernel complained/ { found = 1 } found && n++ < 60' "$log"
        die "guest $name: the kernel complained: $log"
    fi
    echo "guest $name: $(grep -ac '^@@ ok' "$log") test programs, $(grep -ac '^ok ' "$log") cases passed, $((SECONDS - start)) s"
}
