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
