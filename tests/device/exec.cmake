# The executor: page tables and memory instructions by themselves, then small assembled programs on the device.
# tests/device/CMakeLists.txt includes this file.
foreach(name mem_vm mem_ops)
    hs_add_catch_test(${name} ${name}.cpp LIBRARIES sg_device LABELS unit)
endforeach()
