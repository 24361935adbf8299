// SPDX-License-Identifier: MIT
// What a failed or finished operation must leave as it was: descriptors, address space, and under
// softgpu its buffers and page tables. Take one before and one after, compare. Warm the operation
// up once first: ROCr and HIP create queues, pools and blit kernels at their first use.
#pragma once

#include "machine.hpp"
#ifdef HS_MAPPING_TAP
#include "mapping_tap.hpp"
#endif

#include <algorithm>
#include <cstdio>
#include <dirent.h>
#include <sstream>

namespace hs_test
{

// What a descriptor or mapping is of. That a name was unlinked is another process' doing:
// libhsakmt's shared memory, for one, is by whichever ROCm program of the machine ends first.
inline std::string name_of(std::string path)
{
    constexpr char unlinked[] = " (deleted)";
    if (path.ends_with(unlinked))
        path.resize(path.size() - std::strlen(unlinked));
    return path;
}

// One line for each descriptor: "number -> target".
inline std::vector<std::string> open_descriptors()
{
    std::vector<std::string> list;
    DIR *folder = opendir("/proc/self/fd");
    REQUIRE(folder != nullptr);
    while (const dirent *entry = readdir(folder)) {
        char target[512];
        const std::string path = std::string("/proc/self/fd/") + entry->d_name;
        const ssize_t length = readlink(path.c_str(), target, sizeof target - 1);
        if (length < 0 || std::atoi(entry->d_name) == dirfd(folder))
            continue;
        list.push_back(std::string(entry->d_name) + " -> " +
                       name_of({target, static_cast<size_t>(length)}));
    }
    closedir(folder);
    std::sort(list.begin(), list.end());
    return list;
}

struct Mapping {
    uint64_t begin, end;
    std::string kind; // permissions and what is mapped
};

// The address space as /proc/self/maps has it. Neighbouring mappings of equal kind are joined,
// because Linux joins and splits them as it likes.
inline std::vector<Mapping> all_mappings()
{
    std::vector<Mapping> list;
    FILE *file = std::fopen("/proc/self/maps", "re");
    REQUIRE(file != nullptr);
    char line[4352]; // a path and 128 bytes before it
    while (std::fgets(line, sizeof line, file) != nullptr) {
        uint64_t begin = 0, end = 0;
        char perms[5] = "";
        int path = 0;
        if (std::sscanf(line, "%lx-%lx %4s %*s %*s %*s %n", &begin, &end, perms, &path) != 3)
            FAIL("/proc/self/maps has a line that is none: " << line);
        std::string what = line + path;
        if (what.ends_with('\n'))
            what.pop_back();
        const std::string kind = std::string(perms) + " " + name_of(what);
        if (!list.empty() && list.back().end == begin && list.back().kind == kind)
            list.back().end = end;
        else
            list.push_back({begin, end, kind});
    }
    std::fclose(file);
    return list;
}

#ifdef HS_MAPPING_TAP
// AddressSanitizer's runtime maps and unmaps when it likes, by system calls of its own. Kept are
// the mappings, and pieces of mappings, that the program has made by mmap(), which is all that the
// library, ROCr and HIP can leave behind.
inline std::vector<Mapping> mappings_of_interest()
{
    const std::vector<AddressRange> mine = mapped_by_the_program();
    std::vector<Mapping> list;
    for (const Mapping &m : all_mappings())
        for (const auto &[begin, end] : mine)
            if (begin < m.end && m.begin < end)
                list.push_back({std::max(begin, m.begin), std::min(end, m.end), m.kind});
    return list;
}
#else
inline std::vector<Mapping> mappings_of_interest()
{
    return all_mappings();
}
#endif

// Every mapping but the C library's heap and stacks, which tests and runtimes use as they go.
inline std::vector<std::string> mappings()
{
    const std::vector<Mapping> list = mappings_of_interest();
    std::vector<std::string> text;
    for (size_t i = 0; i < list.size(); i++) {
        const Mapping &m = list[i];
        if (m.kind.ends_with(" [heap]") || m.kind.ends_with(" [stack]"))
            continue;
        // A heap of a thread: 64 MiB, aligned, its used part writable and the rest PROT_NONE
        // (glibc, malloc/arena.c).
        constexpr uint64_t heap = 64 << 20;
        if (m.begin % heap == 0 && m.kind == "rw-p " && i + 1 < list.size() &&
            list[i + 1].begin == m.end && list[i + 1].kind == "---p " &&
            list[i + 1].end % heap == 0) {
            i++;
            continue;
        }
        char line[64];
        std::snprintf(line, sizeof line, "%lx-%lx ", m.begin, m.end);
        text.push_back(line + m.kind);
    }
    return text;
}

struct ProcessState {
    std::vector<std::string> descriptors, address_space;
    uint64_t buffers = 0, userptr_buffers = 0, userptr_ranges = 0, userptr_bytes = 0, gpu_pages = 0;

    static ProcessState now()
    {
        ProcessState state;
        if (const auto stats = softgpu_counters()) {
            state.buffers = stats->live_buffers;
            state.userptr_buffers = stats->live_userptr_buffers;
            state.userptr_ranges = stats->live_userptr_ranges;
            state.userptr_bytes = stats->live_userptr_bytes;
            state.gpu_pages = stats->mapped_pages;
        }
        state.descriptors = open_descriptors();
        state.address_space = mappings();
        return state;
    }
};

// "" if equal, else what is more or less in `after`.
inline std::string difference(const ProcessState &before, const ProcessState &after)
{
    std::ostringstream text;
    const auto lines = [&text](const char *what, const std::vector<std::string> &a,
                               const std::vector<std::string> &b) {
        std::vector<std::string> gone, come;
        std::set_difference(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(gone));
        std::set_difference(b.begin(), b.end(), a.begin(), a.end(), std::back_inserter(come));
        for (const std::string &line : gone)
            text << "\n  " << what << " gone: " << line;
        for (const std::string &line : come)
            text << "\n  " << what << " more: " << line;
    };
    const auto number = [&text](const char *what, uint64_t a, uint64_t b) {
        if (a != b)
            text << "\n  " << what << ": " << a << " before, " << b << " after";
    };
    lines("descriptor", before.descriptors, after.descriptors);
    lines("mapping", before.address_space, after.address_space);
    number("buffers", before.buffers, after.buffers);
    number("userptr buffers", before.userptr_buffers, after.userptr_buffers);
    number("userptr ranges", before.userptr_ranges, after.userptr_ranges);
    number("userptr bytes", before.userptr_bytes, after.userptr_bytes);
    number("GPU pages", before.gpu_pages, after.gpu_pages);
    return text.str();
}

#define REQUIRE_STATE_UNCHANGED(before)                                                            \
    REQUIRE(hs_test::difference((before), hs_test::ProcessState::now()) == "")

} // namespace hs_test
