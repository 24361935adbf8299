// SPDX-License-Identifier: MIT
// Kernels that synchronise, and how they are launched: for cooperative.cpp, litmus.cpp, stops.cpp.
#pragma once

#include <hip/hip_runtime_api.h>

#include <cstdint>

// Rounds of: every workgroup writes cells[group], all meet, every workgroup checks its neighbour's
// cell, all meet. `errors` counts what was not there.
hipError_t launch_grid_rounds(uint32_t groups, uint32_t rounds, uint32_t *cells, uint32_t *errors);
// The same over several GPUs: `cells` is fine-grained host memory with one cell per GPU and group.
hipError_t launch_multi_grid_rounds(int gpus, uint32_t groups, uint32_t rounds, uint32_t *cells,
                                    uint32_t *errors);

// Two or four single-wave workgroups that run a litmus test `tests` times, on `line` words of
// `memory` per test; results[test] is a bit per forbidden outcome's part (see the kernels).
enum litmus { MESSAGE_PASSING, STORE_BUFFERING, LOAD_BUFFERING, INDEPENDENT_READS, COHERENCE };
hipError_t launch_litmus(litmus which, uint32_t tests, uint32_t *memory, uint32_t *results,
                         uint32_t *start);
constexpr uint32_t litmus_line = 64; // words between one test's locations and the next one's

// Every workgroup writes its HW_ID register.
hipError_t launch_hardware_ids(uint32_t groups, uint32_t *ids, hipStream_t stream);

enum class stop { trap, debug_trap, illegal, wild_store, aperture, endless, halted, killed };
hipError_t launch_stop(stop how, uint32_t *word);
// *to = *from
hipError_t launch_load(const uint32_t *from, uint32_t *to);
