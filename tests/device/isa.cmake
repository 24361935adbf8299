# The instruction set: decoder against LLVM, vector instructions against a model of their own (HS_SEED, HS_ROUNDS),
# the coverage page.
hs_add_catch_test(isa_decode isa_decode.cpp LIBRARIES sg_device ${CMAKE_DL_LIBS} LABELS unit SANITIZE address)
hs_add_catch_test(isa_ops isa_ops.cpp isa_model.cpp LIBRARIES sg_device LABELS unit SANITIZE address)
hs_add_catch_test(isa_coverage isa_coverage.cpp isa_model.cpp LIBRARIES sg_device LABELS unit SANITIZE address)
foreach(test isa_ops isa_coverage)
    if(TARGET ${test})
        target_compile_options(${test} PRIVATE -ffp-contract=off)
        target_compile_definitions(${test} PRIVATE HS_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
    endif()
endforeach()
