# How a test is built and registered. Included by tests/CMakeLists.txt; test folders call hs_add_catch_test().
#
# hs_add_catch_test(name source... [HIP source.hip...] [LIBRARIES target...] LABELS label...
#                   [IOCTL_TAP] [DEVICE] [KERNELS kernel...] [SOFTGPU option...] [SANITIZE address|thread|none...]
#                   [TIMEOUT seconds] [ENVIRONMENT VAR=value...])
#
# Builds one Catch2 program; every TEST_CASE in it becomes a ctest test "name: case". Catch2's main is compiled
# once (tests/support/catch_main.cpp): do not define it.
#   HIP         files compiled by hipcc, linked in; the program is linked with HIP.
#   IOCTL_TAP   the test watches or fails the library's ioctls (tests/support/ioctl_tap.hpp).
#   DEVICE      the test needs a GPU: it runs natively where /dev/kfd exists, else under the build's softgpu.
#               Implied by KERNELS and SOFTGPU.
#   KERNELS     one more instance "name.kernel: case" for each, always under softgpu --kernel=<kernel>.
#   SOFTGPU     options for every run under softgpu, e.g. --gpus=2.
#   SANITIZE    in which sanitizer builds the test exists; default: address and thread, for a DEVICE test none. Under
#               AddressSanitizer a DEVICE test compares what it has mapped itself (tests/support/mapping_tap.hpp); under
#               ThreadSanitizer its ioctls pass by the sanitizer's own (tests/support/straight_ioctl.cpp).
#   TIMEOUT     for one test case; default 120.
# A test case without an assertion fails. A test that cannot run here exits with 77 (hs_skip() in
# tests/support/hs_test.hpp): ctest then reports it as skipped, not as passed.

set(HS_TEST_RUN ${CMAKE_SOURCE_DIR}/tests/support/run_test.sh)

# hs_sanitizer_allows(result list...): is the current build one in which such a test exists?
function(hs_sanitizer_allows result)
    set(allowed TRUE)
    if(HS_SANITIZE MATCHES "address" AND NOT "address" IN_LIST ARGN)
        set(allowed FALSE)
    elseif(HS_SANITIZE MATCHES "thread" AND NOT "thread" IN_LIST ARGN)
        set(allowed FALSE)
    endif()
    set(${result} ${allowed} PARENT_SCOPE)
endfunction()

function(hs_add_catch_test name)
    cmake_parse_arguments(arg "DEVICE;IOCTL_TAP" "TIMEOUT"
                          "HIP;LIBRARIES;LABELS;KERNELS;SOFTGPU;SANITIZE;ENVIRONMENT" ${ARGN})
    if(NOT arg_LABELS)
        message(FATAL_ERROR "hs_add_catch_test(${name}): LABELS is missing")
    endif()
    if(arg_KERNELS OR arg_SOFTGPU)
        set(arg_DEVICE TRUE)
    endif()
    if(NOT arg_SANITIZE AND arg_DEVICE)
        set(arg_SANITIZE none)
    elseif(NOT arg_SANITIZE)
        set(arg_SANITIZE address thread)
    endif()
    if(NOT arg_TIMEOUT)
        set(arg_TIMEOUT 120)
    endif()
    hs_sanitizer_allows(wanted ${arg_SANITIZE})
    if(NOT wanted)
        return()
    endif()

    add_executable(${name} ${arg_UNPARSED_ARGUMENTS})
    target_link_libraries(${name} PRIVATE hs_catch_main hs_flags ${arg_LIBRARIES})
    set_property(TARGET ${name} PROPERTY LINK_DEPENDS ${CMAKE_SOURCE_DIR}/cmake/HsDiscoverTests.cmake)
    if(arg_IOCTL_TAP)
        target_sources(${name} PRIVATE ${CMAKE_SOURCE_DIR}/tests/support/ioctl_tap.cpp)
        target_link_libraries(${name} PRIVATE hs_uapi ${CMAKE_DL_LIBS})
        set_target_properties(${name} PROPERTIES ENABLE_EXPORTS ON) # ioctl() must come before the libraries'
    endif()
    if(arg_DEVICE AND HS_SANITIZE MATCHES "address") # see process_state.hpp
        target_sources(${name} PRIVATE ${CMAKE_SOURCE_DIR}/tests/support/mapping_tap.cpp)
        target_compile_definitions(${name} PRIVATE HS_MAPPING_TAP=1)
        target_link_libraries(${name} PRIVATE ${CMAKE_DL_LIBS})
        set_target_properties(${name} PROPERTIES ENABLE_EXPORTS ON) # mmap() must come before the libraries'
    endif()
    if(arg_DEVICE AND HS_SANITIZE MATCHES "thread") # see straight_ioctl.cpp
        set(support ${CMAKE_SOURCE_DIR}/tests/support)
        target_sources(${name} PRIVATE ${support}/straight_ioctl.cpp)
        target_link_libraries(${name} PRIVATE ${CMAKE_DL_LIBS})
        target_link_options(${name} PRIVATE LINKER:--version-script=${support}/straight_ioctl.map)
        set_property(TARGET ${name} APPEND PROPERTY LINK_DEPENDS ${support}/straight_ioctl.map)
        # Names for addresses are looked up by calls that softgpu intercepts: a report would wait for itself.
        list(APPEND arg_ENVIRONMENT "TSAN_OPTIONS=suppressions=${support}/rocm.tsan symbolize=0")
    endif()
    if(arg_HIP)
        hs_add_hip_objects(${name}_hip ${arg_HIP}
                           INCLUDES ${CMAKE_SOURCE_DIR}/include ${CMAKE_SOURCE_DIR}/tests/support)
        target_link_libraries(${name} PRIVATE ${name}_hip hs_hip)
        add_dependencies(${name} ${name}_hip_build)
    endif()

    # One line per instance: "suffix|mode|softgpu options". Mode as in run_test.sh.
    string(JOIN " " softgpu_options ${arg_SOFTGPU}) # a list's semicolons would make two instances of one
    set(instances)
    if(NOT arg_DEVICE)
        list(APPEND instances "|direct|")
    elseif(NOT arg_KERNELS)
        list(APPEND instances "|device|${softgpu_options}")
    endif()
    foreach(kernel IN LISTS arg_KERNELS)
        list(APPEND instances ".${kernel}|softgpu|--kernel=${kernel} ${softgpu_options}")
    endforeach()
    if(arg_KERNELS)
        list(APPEND instances ".native|native|")
    endif()
    set(launcher "")
    if(arg_DEVICE)
        set(launcher ${CMAKE_BINARY_DIR}/softgpu)
    endif()

    set(file ${CMAKE_CURRENT_BINARY_DIR}/${name}_tests.cmake)
    string(JOIN "^" instances_joined ${instances})
    string(JOIN "^" labels_joined ${arg_LABELS})
    string(JOIN "^" environment_joined ${arg_ENVIRONMENT})
    if(HS_SANITIZE)
        string(REGEX REPLACE ",.*" "" prefix "${HS_SANITIZE}")
        set(prefix "${prefix}/")
    else()
        set(prefix "")
    endif()
    add_custom_command(TARGET ${name} POST_BUILD BYPRODUCTS ${file} VERBATIM
        COMMAND ${CMAKE_COMMAND} -DPROGRAM=$<TARGET_FILE:${name}> -DNAME=${prefix}${name} -DFILE=${file}
                -DRUN=${HS_TEST_RUN} -DLAUNCHER=${launcher} "-DINSTANCES=${instances_joined}"
                "-DLABELS=${labels_joined}" "-DENVIRONMENT=${environment_joined}"
                -DTIMEOUT=${arg_TIMEOUT} -P ${CMAKE_SOURCE_DIR}/cmake/HsDiscoverTests.cmake)
    # Not built: one failing test that says so, rather than silence.
    set(include_file ${CMAKE_CURRENT_BINARY_DIR}/${name}_include.cmake)
    file(WRITE ${include_file}
         "if(EXISTS \"${file}\")\n    include(\"${file}\")\nelse()\n"
         "    add_test(${prefix}${name}_NOT_BUILT ${name}_NOT_BUILT)\nendif()\n")
    set_property(DIRECTORY APPEND PROPERTY TEST_INCLUDE_FILES ${include_file})
endfunction()
