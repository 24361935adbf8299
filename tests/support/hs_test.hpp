// SPDX-License-Identifier: MIT
// Small helpers shared by all tests, with and without a device. Header only; depends on Catch2 and
// libc.
#pragma once

#include <catch2/catch.hpp>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <unistd.h>

namespace hs_test
{

// Ends the program with the status that ctest reports as "skipped". For what this machine cannot
// do, never for what the code cannot do.
[[noreturn]] inline void skip(const char *reason)
{
    std::printf("skipped: %s\n", reason);
    std::fflush(nullptr);
    _exit(77);
}

// The seed of a test's random inputs: HS_SEED from the environment, else a new one. Print it
// through INFO so that a failure can be replayed: HS_SEED=<value> ctest -R <test>.
inline uint64_t seed()
{
    const char *text = std::getenv("HS_SEED");
    if (text != nullptr && *text != '\0')
        return std::strtoull(text, nullptr, 0);
    std::random_device source;
    return (static_cast<uint64_t>(source()) << 32) | source();
}

} // namespace hs_test

// A generator named `name`, whose seed is printed when the test case fails.
#define HS_RANDOM(name)                                                                            \
    const uint64_t name##_seed = hs_test::seed();                                                  \
    INFO("replay with HS_SEED=" << name##_seed);                                                   \
    std::mt19937_64 name(name##_seed)
