# The three targets that everybody uses, here and in CI: format, lint, check.

# Version 14 of both tools, and no other: each version formats differently and finds different things.
function(pkgjail_is_version_14 result program)
    execute_process(COMMAND ${program} --version OUTPUT_VARIABLE text ERROR_QUIET)
    if(NOT text MATCHES "version 14\\.")
        set(${result} FALSE PARENT_SCOPE)
    endif()
endfunction()
find_program(CLANG_FORMAT_14 NAMES clang-format-14 clang-format VALIDATOR pkgjail_is_version_14)
find_program(CLANG_TIDY_14 NAMES clang-tidy-14 clang-tidy VALIDATOR pkgjail_is_version_14)

file(GLOB_RECURSE PKGJAIL_CXX_FILES CONFIGURE_DEPENDS
    ${CMAKE_SOURCE_DIR}/pkgjail/*.cpp ${CMAKE_SOURCE_DIR}/pkgjail/*.hpp
    ${CMAKE_SOURCE_DIR}/tests/*.cpp ${CMAKE_SOURCE_DIR}/tests/*.hpp)
if(CLANG_FORMAT_14)
    set(format_check ${CLANG_FORMAT_14} --dry-run --Werror ${PKGJAIL_CXX_FILES})
    add_custom_target(format COMMAND ${CLANG_FORMAT_14} -i ${PKGJAIL_CXX_FILES} COMMENT "format" VERBATIM)
    add_custom_target(format-check COMMAND ${format_check} COMMENT "format-check" VERBATIM)
else()
    set(format_check sh -c "echo 'skipped: no clang-format 14'; exit 77")
endif()
if(PKGJAIL_TESTS)
    add_test(NAME format-check COMMAND ${format_check})
    set_tests_properties(format-check PROPERTIES SKIP_RETURN_CODE 77)
endif()

# A stamp for each source that passed, so that only what changed since (it, a header it reads, .clang-tidy) is looked
# at again: all of it is minutes of work. What is looked for, and what not and why, stands in .clang-tidy.
if(CLANG_TIDY_14)
    file(GLOB_RECURSE lint_sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/pkgjail/*.cpp)
    set(lint_stamps)
    foreach(source IN LISTS lint_sources)
        file(RELATIVE_PATH name ${CMAKE_SOURCE_DIR} ${source})
        set(stamp ${CMAKE_BINARY_DIR}/lint/${name}.passed)
        get_filename_component(folder ${stamp} DIRECTORY)
        file(MAKE_DIRECTORY ${folder})
        add_custom_command(OUTPUT ${stamp}
            COMMAND ${CLANG_TIDY_14} --quiet -p ${CMAKE_BINARY_DIR} --extra-arg=-Wp,-MD,${stamp}.d,-MT,${stamp} ${source}
            COMMAND ${CMAKE_COMMAND} -E touch ${stamp}
            DEPENDS ${source} ${CMAKE_SOURCE_DIR}/.clang-tidy DEPFILE ${stamp}.d
            COMMENT "lint ${name}" VERBATIM)
        list(APPEND lint_stamps ${stamp})
    endforeach()
    add_custom_target(lint DEPENDS ${lint_stamps})
endif()

add_custom_target(check COMMAND ${CMAKE_CTEST_COMMAND} --output-on-failure USES_TERMINAL VERBATIM)
