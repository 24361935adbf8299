# The instruction set: decoder against LLVM, instructions against a second interpreter (HS_SEED, HS_ROUNDS, HS_ONLY),
# the coverage page.
hs_add_catch_test(isa_decode isa_decode.cpp LIBRARIES sg_device ${CMAKE_DL_LIBS} LABELS unit SANITIZE address)
# The reference interpreter: a second GFX9 in plain code, and the machine code that both are given.
add_library(isa_ref OBJECT isa_model.cpp ref/generate.cpp ref/machine.cpp ref/matrix.cpp ref/memory.cpp
            ref/packed.cpp ref/program.cpp ref/scalar.cpp ref/vector.cpp ref/wave.cpp)
target_link_libraries(isa_ref PRIVATE hs_flags sg_device)
target_compile_options(isa_ref PRIVATE -ffp-contract=off)
hs_add_catch_test(isa_ops isa_ops.cpp $<TARGET_OBJECTS:isa_ref> LIBRARIES sg_device LABELS unit SANITIZE address)
hs_add_catch_test(isa_named isa_named.cpp $<TARGET_OBJECTS:isa_ref> LIBRARIES sg_device LABELS unit SANITIZE address)
hs_add_catch_test(isa_programs isa_programs.cpp $<TARGET_OBJECTS:isa_ref> LIBRARIES sg_device LABELS unit fuzz
                  SANITIZE address)
hs_add_catch_test(isa_coverage isa_coverage.cpp $<TARGET_OBJECTS:isa_ref> LIBRARIES sg_device LABELS unit SANITIZE address)
if(TARGET isa_coverage)
    target_compile_definitions(isa_coverage PRIVATE HS_SOURCE_DIR="${CMAKE_SOURCE_DIR}"
                               EXEC_PROGRAMS="${CMAKE_CURRENT_BINARY_DIR}/exec_programs.gfx906.o")
    add_dependencies(isa_coverage exec_programs_object)
endif()
