# SPDX-License-Identifier: MIT
"""LLVM 15's AMDGPU disassembler through its C interface: the reference for opcode numbers and lengths.

Used by the generator of the opcode table. libLLVM-15.so.1 comes with the distribution's hipcc."""
import ctypes
import struct


class Disassembler:
    """Disassembles one instruction of one GPU model at a time."""

    _library = None

    def __init__(self, cpu):
        lib = self._load()
        self._context = lib.LLVMCreateDisasmCPU(b"amdgcn-amd-amdhsa", cpu.encode(), None, 0, None, None)
        if not self._context:
            raise RuntimeError("LLVM knows no " + cpu)
        self._text = ctypes.create_string_buffer(1024)

    @classmethod
    def _load(cls):
        if cls._library is None:
            lib = ctypes.CDLL("libLLVM-15.so.1")
            for name in ("TargetInfo", "Target", "TargetMC", "Disassembler"):
                getattr(lib, "LLVMInitializeAMDGPU" + name)()
            lib.LLVMCreateDisasmCPU.restype = ctypes.c_void_p
            lib.LLVMCreateDisasmCPU.argtypes = [ctypes.c_char_p, ctypes.c_char_p, ctypes.c_void_p,
                                                ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p]
            lib.LLVMDisasmInstruction.restype = ctypes.c_size_t
            lib.LLVMDisasmInstruction.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_uint64,
                                                  ctypes.c_uint64, ctypes.c_char_p, ctypes.c_size_t]
            cls._library = lib
        return cls._library

    def __call__(self, *words):
        """(length in dwords, text); (0, "") for bits that are no instruction."""
        raw = struct.pack("<%dI" % len(words), *words)
        size = self._library.LLVMDisasmInstruction(self._context, raw, len(raw), 0, self._text, 1024)
        text = self._text.value.decode().strip()
        return (size // 4, text) if size else (0, "")
