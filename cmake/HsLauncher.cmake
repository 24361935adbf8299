# hs_link_launcher(): target hs_softgpu, which builds the software GPU and makes it reachable as
# <binary dir>/softgpu. The launcher finds its library beside its own resolved path, so a symbolic link is enough.
function(hs_link_launcher)
    add_custom_target(hs_softgpu)
    if(NOT TARGET softgpu)
        message(STATUS "kernel/softgpu has no target 'softgpu' in this version: tests on the software GPU cannot run")
        return()
    endif()
    set(link ${CMAKE_BINARY_DIR}/softgpu)
    add_custom_command(OUTPUT ${link} VERBATIM DEPENDS softgpu
        COMMAND ${CMAKE_COMMAND} -E create_symlink $<TARGET_FILE:softgpu> ${link})
    add_custom_target(hs_softgpu_link ALL DEPENDS ${link})
    add_dependencies(hs_softgpu hs_softgpu_link)
endfunction()
