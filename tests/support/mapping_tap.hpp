// SPDX-License-Identifier: MIT
// What of the address space the program has mapped itself, by calls of mmap() and its relatives
// from anywhere in the process. AddressSanitizer's runtime makes its own mappings (allocator,
// quarantine, shadow) by system calls of its own, when it likes: they are not among these.
// mapping_tap.cpp defines the four functions in front of the C library's (and softgpu's and the
// sanitizer's).
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

namespace hs_test
{

using AddressRange = std::pair<uint64_t, uint64_t>; // first byte, end

// Sorted, neighbours joined.
std::vector<AddressRange> mapped_by_the_program();

} // namespace hs_test
