# Asks a Catch2 program for its test cases and writes the ctest file that registers each of them, in each of its
# instances. Run at build time by hs_add_catch_test (HsTests.cmake), which passes the variables.
execute_process(COMMAND ${PROGRAM} --list-test-names-only
                OUTPUT_VARIABLE names RESULT_VARIABLE count ERROR_VARIABLE errors)
# Catch2 2.x returns the number of test cases.
if(NOT count MATCHES "^[1-9][0-9]*$")
    message(FATAL_ERROR "${PROGRAM} lists no test cases (${count}): ${errors}")
endif()
string(REPLACE "^" ";" instances "${INSTANCES}")
string(REPLACE "^" ";" labels "${LABELS}")
string(REPLACE "^" ";" environment "${ENVIRONMENT}")
# ';' and brackets would disturb CMake's lists.
string(REGEX MATCH "[];[]" bad "${names}")
if(bad)
    message(FATAL_ERROR "${PROGRAM}: a test case's name must not contain ; [ or ]")
endif()
string(REPLACE "\n" ";" names "${names}")
set(text "")
foreach(name IN LISTS names)
    if(name STREQUAL "")
        continue()
    endif()
    string(REPLACE "," "\\," pattern "${name}") # Catch2's own separator in test specifications
    foreach(instance IN LISTS instances)
        string(REGEX MATCH "^([^|]*)\\|([^|]*)\\|(.*)$" _ "${instance}")
        set(suffix "${CMAKE_MATCH_1}")
        set(mode "${CMAKE_MATCH_2}")
        separate_arguments(options UNIX_COMMAND "${CMAKE_MATCH_3}")
        set(command "[==[${PROGRAM}]==] [==[${pattern}]==] -w NoAssertions --durations yes")
        if(NOT mode STREQUAL "direct")
            set(run "[==[${RUN}]==] ${mode} [==[${LAUNCHER}]==]")
            foreach(option IN LISTS options)
                string(APPEND run " [==[${option}]==]")
            endforeach()
            set(command "${run} -- ${command}")
        endif()
        set(test "[==[${NAME}${suffix}: ${name}]==]")
        if(mode STREQUAL "native") # ctest counts a skipped test among the passed ones: do not even register it
            string(APPEND text "if(EXISTS /dev/kfd)\n")
        endif()
        string(APPEND text "add_test(${test} ${command})\n"
               "set_tests_properties(${test} PROPERTIES TIMEOUT ${TIMEOUT} SKIP_RETURN_CODE 77 "
               "FAIL_REGULAR_EXPRESSION \"No test cases matched\" "
               "LABELS [==[${labels}]==]")
        if(environment)
            string(APPEND text " ENVIRONMENT [==[${environment}]==]")
        endif()
        string(APPEND text ")\n")
        if(mode STREQUAL "native")
            string(APPEND text "endif()\n")
        endif()
    endforeach()
endforeach()
file(WRITE ${FILE} "${text}")
