# The executor: page tables and memory instructions by themselves, then small assembled programs on the device.
# tests/device/CMakeLists.txt includes this file.
hs_add_catch_test(mem_ops mem_ops.cpp LIBRARIES sg_device LABELS unit)
hs_add_catch_test(mem_vm mem_vm.cpp LIBRARIES sg_device LABELS unit)
# Not under ThreadSanitizer: it does not survive the SIGSEGV that is provoked on the main thread.
hs_add_catch_test(mem_guard mem_guard.cpp LIBRARIES sg_device LABELS unit SANITIZE address)

find_program(HS_LLVM_MC NAMES llvm-mc-15 llvm-mc)
if(NOT HS_LLVM_MC)
    hs_missing("llvm-mc" llvm-15)
endif()
set(object ${CMAKE_CURRENT_BINARY_DIR}/exec_programs.gfx906.o)
add_custom_command(OUTPUT ${object}
    COMMAND ${HS_LLVM_MC} -triple=amdgcn-amd-amdhsa -mcpu=gfx906 -filetype=obj
            ${CMAKE_CURRENT_SOURCE_DIR}/exec_programs.s -o ${object}
    DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/exec_programs.s COMMENT "llvm-mc exec_programs.s" VERBATIM)
add_custom_target(exec_programs_object DEPENDS ${object})
hs_add_catch_test(exec_programs exec_programs.cpp exec_shim.c LIBRARIES sg_device LABELS unit)
if(TARGET exec_programs)
    target_compile_definitions(exec_programs PRIVATE EXEC_PROGRAMS="${object}")
    add_dependencies(exec_programs exec_programs_object)
endif()
