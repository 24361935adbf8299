// SPDX-License-Identifier: MIT
// softgpu's own decoder and op functions, driven one wave at a time without queues or threads, in
// one variant of the host instruction set: what the reference interpreter is compared with.
#ifndef HS_TESTS_REF_MACHINE_HPP
#define HS_TESTS_REF_MACHINE_HPP

#include "wave.hpp"

#include <memory>

namespace ref
{
const uint64_t CODE_VA = 0x100000000000, MEMORY_VA = 0x7ead00000000, LDS_VA = 1ull << 48,
               SCRATCH_VA = 2ull << 48;
enum : unsigned { MEMORY_BYTES = 4 * 4096, LDS_BYTES = 2048, PROGRAM_DWORDS = 1000 };

class Machine
{
  public:
    Machine(const char *arch, unsigned variant);
    ~Machine();
    Machine(const Machine &) = delete;

    static bool available(unsigned variant, std::string &name);
    uint8_t arch_bit() const;
    bool implements(size_t opcode) const;

    // Takes over the state, which stands at w.pc.
    void load(const Wave &w);
    void store(Wave &w) const; // the state after run()
    // Runs code that starts at CODE_VA: until s_endpgm, or `limit` instructions. Empty: well; else
    // what stopped it.
    std::string run(const std::vector<uint32_t> &code, unsigned limit);
    // What differs from the expected state in the first `vgprs` registers of both halves and in
    // everything else. Registers in `about` may be off by one unit in the last place of `types[0]`.
    std::string difference(const Wave &expected, unsigned vgprs, const std::string &types = "",
                           unsigned about = 0) const;
    std::string text(const uint32_t *words) const; // disassembled

  private:
    struct Parts;
    std::unique_ptr<Parts> parts;
};
} // namespace ref

#endif
