# The fast third of ./dev lint as a test, in the default build only. The other two thirds (a second compiler, clang-tidy) take
# minutes: ./dev lint.
if(NOT HS_SANITIZE AND NOT CMAKE_BUILD_TYPE STREQUAL "Release")
    find_program(HS_CLANG_FORMAT clang-format-14)
    if(HS_CLANG_FORMAT)
        add_test(NAME lint.format COMMAND ${CMAKE_SOURCE_DIR}/cmake/lint.sh ${CMAKE_BINARY_DIR} format)
        set_tests_properties(lint.format PROPERTIES LABELS lint TIMEOUT 120)
    else()
        message(STATUS "no clang-format-14: the lint test is not registered")
    endif()
endif()
