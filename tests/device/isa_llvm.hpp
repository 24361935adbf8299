// SPDX-License-Identifier: MIT
// LLVM 15's AMDGPU disassembler through its C interface, loaded at run time: the reference for the
// decoder. libLLVM-15.so.1 is what the distribution's hipcc runs on.
#ifndef HS_TESTS_ISA_LLVM_HPP
#define HS_TESTS_ISA_LLVM_HPP

#include <dlfcn.h>

#include <cstdint>
#include <stdexcept>
#include <string>

class LlvmDisassembler
{
  public:
    explicit LlvmDisassembler(const char *cpu)
    {
        void *library = dlopen("libLLVM-15.so.1", RTLD_NOW | RTLD_LOCAL);
        if (!library)
            throw std::runtime_error("libLLVM-15.so.1 not found (Debian package libllvm15)");
        for (const char *part : {"TargetInfo", "Target", "TargetMC", "Disassembler"})
            symbol<void (*)()>(library, std::string("LLVMInitializeAMDGPU") + part)();
        using create = void *(*)(const char *, const char *, void *, int, void *, void *);
        context = symbol<create>(library, "LLVMCreateDisasmCPU")("amdgcn-amd-amdhsa", cpu, nullptr,
                                                                 0, nullptr, nullptr);
        disassemble = symbol<decltype(disassemble)>(library, "LLVMDisasmInstruction");
        dispose = symbol<decltype(dispose)>(library, "LLVMDisasmDispose");
        if (!context)
            throw std::runtime_error(std::string("LLVM knows no ") + cpu);
    }
    ~LlvmDisassembler()
    {
        dispose(context);
    }
    LlvmDisassembler(const LlvmDisassembler &) = delete;
    LlvmDisassembler &operator=(const LlvmDisassembler &) = delete;

    // Length in dwords, 0 if the bits are no instruction; the text without leading blanks.
    unsigned operator()(const uint32_t *words, unsigned count, std::string &text) const
    {
        char buffer[512] = "";
        uint32_t copy[4] = {words[0], count > 1 ? words[1] : 0, count > 2 ? words[2] : 0, 0};
        size_t bytes = disassemble(context, reinterpret_cast<uint8_t *>(copy), 4ull * count, 0,
                                   buffer, sizeof(buffer));
        text = buffer;
        text.erase(0, text.find_first_not_of(" \t"));
        return static_cast<unsigned>(bytes / 4);
    }

  private:
    template <typename T> static T symbol(void *library, const std::string &name)
    {
        void *address = dlsym(library, name.c_str());
        if (!address)
            throw std::runtime_error(name + " not in libLLVM");
        return reinterpret_cast<T>(address);
    }

    void *context = nullptr;
    void (*dispose)(void *) = nullptr;
    size_t (*disassemble)(void *, uint8_t *, uint64_t, uint64_t, char *, size_t) = nullptr;
};

#endif
