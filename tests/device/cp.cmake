# The packet processors against a fake executor, driver and page table. tests/device/CMakeLists.txt includes this file.
add_library(cp_fake OBJECT cp_fake.c cp_fake_vm.c
    ${CMAKE_SOURCE_DIR}/kernel/softgpu/device/arch.c ${CMAKE_SOURCE_DIR}/kernel/softgpu/device/guard.c
    ${CMAKE_SOURCE_DIR}/kernel/softgpu/device/log.c)
target_include_directories(cp_fake PUBLIC ${CMAKE_SOURCE_DIR}/kernel/softgpu/device ${CMAKE_CURRENT_SOURCE_DIR})
target_link_libraries(cp_fake PRIVATE hs_flags)

foreach(part aql sdma pm4)
    hs_add_catch_test(cp_${part} cp_${part}.cpp $<TARGET_OBJECTS:cp_fake> $<TARGET_OBJECTS:sg_cp>
                      LIBRARIES Threads::Threads LABELS unit)
    if(TARGET cp_${part})
        target_include_directories(cp_${part} PRIVATE ${CMAKE_SOURCE_DIR}/kernel/softgpu/device)
    endif()
endforeach()
