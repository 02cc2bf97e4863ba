# The three targets that everybody uses, here and in CI: format, lint, check.
file(GLOB_RECURSE PKGJAIL_CXX_FILES CONFIGURE_DEPENDS
    ${CMAKE_SOURCE_DIR}/pkgjail/*.cpp ${CMAKE_SOURCE_DIR}/pkgjail/*.hpp
    ${CMAKE_SOURCE_DIR}/tests/*.cpp ${CMAKE_SOURCE_DIR}/tests/*.hpp)
find_program(CLANG_FORMAT clang-format)
if(CLANG_FORMAT)
    add_custom_target(format COMMAND ${CLANG_FORMAT} -i ${PKGJAIL_CXX_FILES} VERBATIM)
    add_custom_target(format-check COMMAND ${CLANG_FORMAT} --dry-run --Werror ${PKGJAIL_CXX_FILES} VERBATIM)
endif()
find_program(RUN_CLANG_TIDY NAMES run-clang-tidy run-clang-tidy-14)
if(RUN_CLANG_TIDY)
    add_custom_target(lint COMMAND ${RUN_CLANG_TIDY} -quiet -p ${CMAKE_BINARY_DIR} "${CMAKE_SOURCE_DIR}/pkgjail/.*" VERBATIM)
endif()
add_custom_target(check COMMAND ${CMAKE_CTEST_COMMAND} --output-on-failure USES_TERMINAL VERBATIM)
