# Finds what the build needs. A missing piece is an error that names the Debian package which brings it.
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)

function(hs_missing what package)
    message(FATAL_ERROR "${what} not found. On Debian 12: apt-get install ${package} "
                        "(./dev build installs everything that is missing).")
endfunction()

find_path(HS_HSA_INCLUDE_DIR hsa/hsa_ext_amd.h)
find_library(HS_HSA_LIBRARY hsa-runtime64)
if(NOT HS_HSA_INCLUDE_DIR OR NOT HS_HSA_LIBRARY)
    hs_missing("ROCr (hsa/hsa_ext_amd.h, libhsa-runtime64)" libhsa-runtime-dev)
endif()
find_path(HS_HIP_INCLUDE_DIR hip/hip_runtime_api.h)
find_library(HS_HIP_LIBRARY amdhip64)
if(NOT HS_HIP_INCLUDE_DIR OR NOT HS_HIP_LIBRARY)
    hs_missing("HIP (hip/hip_runtime_api.h, libamdhip64)" libamdhip64-dev)
endif()
find_program(HS_HIPCC hipcc)
if(NOT HS_HIPCC)
    hs_missing("hipcc" hipcc)
endif()

add_library(hs_hsa INTERFACE)         # ROCr, as C sees it
target_include_directories(hs_hsa SYSTEM INTERFACE ${HS_HSA_INCLUDE_DIR})
target_link_libraries(hs_hsa INTERFACE ${HS_HSA_LIBRARY})

add_library(hs_hip_headers INTERFACE) # HIP's types without its library
target_include_directories(hs_hip_headers SYSTEM INTERFACE ${HS_HIP_INCLUDE_DIR})
target_compile_definitions(hs_hip_headers INTERFACE __HIP_PLATFORM_AMD__=1)

add_library(hs_hip INTERFACE)         # HIP, linked
target_link_libraries(hs_hip INTERFACE hs_hip_headers ${HS_HIP_LIBRARY})

if(HS_BUILD_TESTS)
    find_package(Catch2 2 QUIET)
    if(NOT Catch2_FOUND)
        hs_missing("Catch2 2" catch2)
    endif()
endif()
