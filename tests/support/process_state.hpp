// SPDX-License-Identifier: MIT
// What a failed or finished operation must leave as it was: descriptors, address space, and under
// softgpu its buffers and page tables. Take one before and one after, compare. Warm the operation
// up once first: ROCr and HIP create queues, pools and blit kernels at their first use.
#pragma once

#include "machine.hpp"

#include <algorithm>
#include <dirent.h>
#include <fstream>
#include <sstream>

namespace hs_test
{

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
                       std::string(target, static_cast<size_t>(length)));
    }
    closedir(folder);
    std::sort(list.begin(), list.end());
    return list;
}

// The address space: every mapping but the C library's heap and stacks, which tests and runtimes
// use as they go. Neighbouring mappings of equal kind are joined, because Linux joins and splits
// them as it likes.
inline std::vector<std::string> mappings()
{
    struct Mapping {
        uint64_t begin, end;
        std::string kind;
    };
    std::vector<Mapping> list;
    std::ifstream file("/proc/self/maps");
    for (std::string line; std::getline(file, line);) {
        std::istringstream fields(line);
        std::string range, perms, offset, device, inode, path;
        fields >> range >> perms >> offset >> device >> inode >> path;
        if (path == "[heap]" || path == "[stack]")
            continue;
        const size_t dash = range.find('-');
        Mapping m = {std::stoull(range.substr(0, dash), nullptr, 16),
                     std::stoull(range.substr(dash + 1), nullptr, 16), perms + " " + path};
        if (!list.empty() && list.back().end == m.begin && list.back().kind == m.kind)
            list.back().end = m.end;
        else
            list.push_back(m);
    }
    std::vector<std::string> text;
    for (size_t i = 0; i < list.size(); i++) {
        // A heap of a thread: 64 MiB, aligned, its used part writable and the rest PROT_NONE
        // (glibc, malloc/arena.c).
        constexpr uint64_t heap = 64 << 20;
        if (list[i].begin % heap == 0 && list[i].kind == "rw-p " && i + 1 < list.size() &&
            list[i + 1].begin == list[i].end && list[i + 1].kind == "---p " &&
            list[i + 1].end % heap == 0) {
            i++;
            continue;
        }
        const Mapping &m = list[i];
        std::ostringstream line;
        line << std::hex << m.begin << "-" << m.end << " " << m.kind;
        text.push_back(line.str());
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
