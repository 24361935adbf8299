# The instruction set: decoder against LLVM, instructions against a model of their own.
hs_add_catch_test(isa_decode isa_decode.cpp LIBRARIES sg_device ${CMAKE_DL_LIBS} LABELS unit SANITIZE address)
