# Compiler flags for all of our own C and C++ code: target_link_libraries(x PRIVATE hs_flags).
set(CMAKE_C_STANDARD 11)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS ON)            # _GNU_SOURCE interfaces: memfd, mremap, RTLD_NEXT
set(CMAKE_CXX_STANDARD 20)            # std::span in the C++ face
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_C_VISIBILITY_PRESET hidden)
set(CMAKE_CXX_VISIBILITY_PRESET hidden)

option(HS_BUILD_TESTS "Build the tests (needs Catch2 and hipcc)" ON)
option(HS_WERROR "Warnings are errors" ON)
option(HS_ASSERTIONS "Keep assert() in optimised builds" OFF)
set(HS_SANITIZE "" CACHE STRING "Sanitizers for all of our code: address,undefined or thread")
option(HS_DELAYS "Delay our C code now and then, to find what depends on timing (tests/support/delays.c; gcc)" OFF)

add_library(hs_flags INTERFACE)
target_compile_definitions(hs_flags INTERFACE _GNU_SOURCE)
target_compile_options(hs_flags INTERFACE
    -Wall -Wextra -Wshadow -Wpointer-arith -Wcast-align -Wwrite-strings -Wundef -Wvla
    $<$<COMPILE_LANGUAGE:C>:-Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition>
    $<$<BOOL:${HS_WERROR}>:-Werror>)
# std::string::operator+ under -O3: a false alarm of gcc 12 (bug 105651).
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
    target_compile_options(hs_flags INTERFACE $<$<COMPILE_LANGUAGE:CXX>:-Wno-restrict>)
endif()
if(HS_ASSERTIONS)
    string(REPLACE "-DNDEBUG" "" CMAKE_C_FLAGS_RELWITHDEBINFO "${CMAKE_C_FLAGS_RELWITHDEBINFO}")
    string(REPLACE "-DNDEBUG" "" CMAKE_CXX_FLAGS_RELWITHDEBINFO "${CMAKE_CXX_FLAGS_RELWITHDEBINFO}")
endif()
if(HS_SANITIZE)
    target_compile_options(hs_flags INTERFACE -fsanitize=${HS_SANITIZE} -fno-omit-frame-pointer
                           -fno-sanitize-recover=all)
    # Instrumentation hides from gcc 12 what it needs to see before it warns of this one: false alarms in <regex>.
    target_compile_options(hs_flags INTERFACE -Wno-maybe-uninitialized)
    target_link_options(hs_flags INTERFACE -fsanitize=${HS_SANITIZE})
endif()
if(HS_DELAYS)
    # Every binary has hooks of its own. Not in what executes instructions: there, calls have to be cheap.
    set(excluded device/isa/ device/ops_ device/texel device/tlb device/vm_copy support/delays)
    list(JOIN excluded "," excluded)
    target_compile_options(hs_flags INTERFACE $<$<COMPILE_LANGUAGE:C>:-finstrument-functions
                           -finstrument-functions-exclude-file-list=${excluded}>)
    target_sources(hs_flags INTERFACE ${PROJECT_SOURCE_DIR}/tests/support/delays.c)
endif()
