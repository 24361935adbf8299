# hs_add_hip_objects(target source.hip... [OPTIONS flags...])
# An object library of HIP sources compiled by hipcc (host and device part), for every architecture in
# HS_HIP_ARCHS. CMake's own HIP language wants a full ROCm tree; Debian's hipcc is enough for us.
set(HS_HIP_ARCHS gfx906 CACHE STRING "Device architectures that the tests and samples are compiled for")

function(hs_add_hip_objects target)
    cmake_parse_arguments(arg "" "" "OPTIONS;INCLUDES" ${ARGN})
    set(arch_flags)
    foreach(arch IN LISTS HS_HIP_ARCHS)
        list(APPEND arch_flags --offload-arch=${arch})
    endforeach()
    set(flags -O2 -g1 -fPIC -std=c++20 -Wall -Wextra -D_GNU_SOURCE)
    if(HS_WERROR)
        list(APPEND flags -Werror)
    endif()
    foreach(dir IN LISTS arg_INCLUDES)
        list(APPEND flags -I${dir})
    endforeach()
    set(objects)
    foreach(source IN LISTS arg_UNPARSED_ARGUMENTS)
        get_filename_component(path ${source} ABSOLUTE)
        get_filename_component(name ${source} NAME)
        set(object ${CMAKE_CURRENT_BINARY_DIR}/${target}.${name}.o)
        add_custom_command(
            OUTPUT ${object}
            COMMAND ${HS_HIPCC} -x hip ${arch_flags} ${flags} ${arg_OPTIONS} -MMD -MF ${object}.d -c ${path} -o ${object}
            DEPENDS ${path}
            DEPFILE ${object}.d
            COMMENT "hipcc ${name}" VERBATIM)
        list(APPEND objects ${object})
    endforeach()
    add_library(${target} OBJECT IMPORTED GLOBAL)
    set_property(TARGET ${target} PROPERTY IMPORTED_OBJECTS ${objects})
    add_custom_target(${target}_build DEPENDS ${objects})
    add_dependencies(${target} ${target}_build)
endfunction()
