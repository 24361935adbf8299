# Installs libhip_scatter for programs outside of this tree: library, headers, pkg-config file, CMake package.
# softgpu installs itself (kernel/softgpu). Included by runtime/CMakeLists.txt.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(hs_package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/hip_scatter)

target_include_directories(hip_scatter INTERFACE $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
target_compile_definitions(hip_scatter INTERFACE $<INSTALL_INTERFACE:__HIP_PLATFORM_AMD__=1>)
install(TARGETS hip_scatter EXPORT hip_scatter
        LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
# The tool finds the library beside itself, wherever both lie.
set_target_properties(hip-scatter-info PROPERTIES INSTALL_RPATH "$ORIGIN/../${CMAKE_INSTALL_LIBDIR}")
install(TARGETS hip-scatter-info RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/hip_scatter DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
        FILES_MATCHING PATTERN "*.h" PATTERN "*.hpp")
install(EXPORT hip_scatter NAMESPACE hip_scatter:: FILE hip_scatterTargets.cmake
        DESTINATION ${hs_package_dir})

# Relative to the file's own place, so that an installed tree can be moved.
configure_package_config_file(${CMAKE_CURRENT_LIST_DIR}/hip_scatterConfig.cmake.in
    ${CMAKE_CURRENT_BINARY_DIR}/hip_scatterConfig.cmake INSTALL_DESTINATION ${hs_package_dir}
    NO_SET_AND_CHECK_MACRO)
# Before 1.0 a minor version may change the interface.
write_basic_package_version_file(${CMAKE_CURRENT_BINARY_DIR}/hip_scatterConfigVersion.cmake
    COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/hip_scatterConfig.cmake
              ${CMAKE_CURRENT_BINARY_DIR}/hip_scatterConfigVersion.cmake
        DESTINATION ${hs_package_dir})

file(RELATIVE_PATH hs_pc_to_prefix /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
string(REGEX REPLACE "/$" "" hs_pc_to_prefix "${hs_pc_to_prefix}")
configure_file(${CMAKE_CURRENT_LIST_DIR}/hip-scatter.pc.in ${CMAKE_CURRENT_BINARY_DIR}/hip-scatter.pc @ONLY)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/hip-scatter.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

# Man pages of every function, from the headers' comments (docs/tools/api_docs.py); without python3 there are none.
install(FILES ${PROJECT_SOURCE_DIR}/docs/man/hip-scatter-info.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
find_program(HS_PYTHON3 python3)
if(HS_PYTHON3)
    set(hs_headers ${PROJECT_SOURCE_DIR}/include/hip_scatter/hip_scatter.h
                   ${PROJECT_SOURCE_DIR}/include/hip_scatter/hsa_scatter.h)
    set(hs_api_docs ${PROJECT_SOURCE_DIR}/docs/tools/api_docs.py)
    add_custom_command(OUTPUT ${PROJECT_BINARY_DIR}/man/stamp VERBATIM
        COMMAND ${HS_PYTHON3} ${hs_api_docs} --man ${PROJECT_BINARY_DIR}/man ${hs_headers}
        COMMAND ${CMAKE_COMMAND} -E touch ${PROJECT_BINARY_DIR}/man/stamp
        DEPENDS ${hs_headers} ${hs_api_docs})
    add_custom_target(hs_man ALL DEPENDS ${PROJECT_BINARY_DIR}/man/stamp)
    install(DIRECTORY ${PROJECT_BINARY_DIR}/man/man3 DESTINATION ${CMAKE_INSTALL_MANDIR})
else()
    message(STATUS "python3 not found: the functions' man pages are not made (package python3)")
endif()
