// SPDX-License-Identifier: MIT
// The library loaded and unloaded by the program itself (dlopen, dlclose), with and without a live
// window. This program is not linked to it.
#include "hs_test.hpp"
#include "kernels/window_kernels.hpp"

#include <hip/hip_runtime_api.h>
#include <hip_scatter/hip_scatter.h>

#include <cstring>
#include <dlfcn.h>
#include <semaphore.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

namespace
{

struct Library {
    Library() : handle(dlopen(HS_LIBRARY, RTLD_NOW | RTLD_LOCAL))
    {
        INFO(dlerror());
        REQUIRE(handle != nullptr);
        find(register_scatter, "hipHostRegisterScatter");
        find(unregister_scatter, "hipHostUnregisterScatter");
        find(device_pointer, "hipScatterGetDevicePointer");
        find(message, "hipScatterGetLastErrorMessage");
    }
    template <typename F> void find(F *&f, const char *name)
    {
        f = reinterpret_cast<F *>(dlsym(handle, name));
        REQUIRE(f != nullptr);
    }
    void close() const
    {
        REQUIRE(dlclose(handle) == 0);
    }
    void *handle;
    decltype(hipHostRegisterScatter) *register_scatter;
    decltype(hipHostUnregisterScatter) *unregister_scatter;
    decltype(hipScatterGetDevicePointer) *device_pointer;
    decltype(hipScatterGetLastErrorMessage) *message;
};

// Two separate pages, the later one first.
struct Memory {
    Memory()
    {
        map = static_cast<char *>(
            mmap(nullptr, 3 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
        REQUIRE(map != MAP_FAILED);
        ranges[0] = {map + 2 * page, page};
        ranges[1] = {map, page};
    }
    ~Memory()
    {
        munmap(map, 3 * page);
    }
    Memory(const Memory &) = delete;
    Memory &operator=(const Memory &) = delete;
    static constexpr size_t page = 4096;
    char *map;
    hipScatterRange ranges[2];
};

void *make_window(const Library &library, const Memory &memory)
{
    void *window = nullptr;
    const hipError_t status = library.register_scatter(&window, memory.ranges, 2, 0);
    INFO(library.message());
    REQUIRE(status == hipSuccess);
    return window;
}

// Whether a kernel sees a byte of the first range's memory at the window's start.
bool sees(void *window, const Memory &memory, char value)
{
    uint8_t seen = 0;
    *static_cast<char *>(memory.ranges[0].base) = value;
    REQUIRE(hs_kernels::load_byte(window, &seen) == hipSuccess);
    return seen == static_cast<uint8_t>(value);
}

size_t open_descriptors()
{
    size_t count = 0;
    for (int fd = 0; fd < 256; fd++)
        count += access(("/proc/self/fd/" + std::to_string(fd)).c_str(), F_OK) == 0;
    return count;
}

} // namespace

TEST_CASE("a window outlives the handle that its library was opened with")
{
    const Memory memory;
    Library library;
    void *window = make_window(library, memory);
    library.close();
    CHECK(sees(window, memory, 17));

    const Library again;
    void *found = nullptr;
    REQUIRE(again.device_pointer(&found, memory.map + 5, 0) == hipSuccess);
    CHECK(found == static_cast<char *>(window) + Memory::page + 5);
    REQUIRE(again.unregister_scatter(window) == hipSuccess);
    CHECK(again.unregister_scatter(window) == hipErrorHostMemoryNotRegistered);
    again.close();
}

TEST_CASE("loading, using and unloading again and again leaves nothing behind")
{
    const Memory memory;
    size_t before = 0;
    for (int round = 0; round < 6; round++) {
        const Library library;
        void *window = make_window(library, memory);
        CHECK(sees(window, memory, static_cast<char>(20 + round)));
        REQUIRE(library.unregister_scatter(window) == hipSuccess);
        library.close();
        if (round == 0)
            before = open_descriptors();
    }
    CHECK(open_descriptors() == before);
}

TEST_CASE("threads that used the library end, and children are forked, after it was unloaded")
{
    const Memory memory;
    sem_t used, go;
    sem_init(&used, 0, 0);
    sem_init(&go, 0, 0);
    const Library library;
    void *window = make_window(library, memory), *found = nullptr;
    hipError_t status = hipErrorUnknown;
    std::thread thread([&] {
        status = library.device_pointer(&found, memory.map, 0);
        sem_post(&used);
        sem_wait(&go);
    });
    sem_wait(&used);
    REQUIRE(library.unregister_scatter(window) == hipSuccess);
    library.close();
    sem_post(&go);
    thread.join();
    CHECK(status == hipSuccess);
    CHECK(found == static_cast<char *>(window) + Memory::page);

    const pid_t child = fork();
    if (child == 0)
        _exit(7);
    int how = -1;
    REQUIRE(waitpid(child, &how, 0) == child);
    CHECK(WIFEXITED(how));
    CHECK(WEXITSTATUS(how) == 7);
}

TEST_CASE("a program may end with a window whose library it has closed")
{
    static const Memory memory; // unmapped after everything else
    const Library library;
    void *window = make_window(library, memory);
    library.close();
    CHECK(sees(window, memory, 3));
}
