// SPDX-License-Identifier: MIT
// For device tests under ThreadSanitizer: the program's ioctl(), which comes before those of all
// libraries and calls softgpu's. ThreadSanitizer has an ioctl() of its own, which would come first
// otherwise, and gcc 12's ignores every access that is made inside of it when an uninstrumented
// library calls it: the whole driver, in each call of ROCr's. Without softgpu it is the next one.
#include <cstdarg>
#include <cstring>
#include <dlfcn.h>
#include <link.h>
#include <sys/ioctl.h>

namespace
{

using IoctlFunction = int (*)(int, unsigned long, void *);

int find_softgpu(dl_phdr_info *info, size_t, void *handle)
{
    const char *name = std::strrchr(info->dlpi_name, '/');
    if (name == nullptr || std::strcmp(name, "/libsoftgpu.so") != 0)
        return 0;
    *static_cast<void **>(handle) = dlopen(info->dlpi_name, RTLD_LAZY | RTLD_NOLOAD);
    return 1;
}

IoctlFunction next_ioctl()
{
    void *softgpu = nullptr;
    dl_iterate_phdr(find_softgpu, &softgpu);
    return reinterpret_cast<IoctlFunction>(
        dlsym(softgpu != nullptr ? softgpu : RTLD_NEXT, "ioctl"));
}

} // namespace

extern "C" __attribute__((visibility("default"))) int ioctl(int fd, unsigned long request,
                                                            ...) noexcept
{
    static const IoctlFunction next = next_ioctl();
    va_list arguments;
    va_start(arguments, request);
    void *argument = va_arg(arguments, void *);
    va_end(arguments);
    return next(fd, request, argument);
}
