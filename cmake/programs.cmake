# The programs: thin mains over the rooms. pkgjail is the command; pkgjail-supervisor stays beside a running jail.
function(pkgjail_program name main room)
    if(EXISTS ${CMAKE_SOURCE_DIR}/${main})
        add_executable(${name} ${main})
        pkgjail_warnings(${name})
        target_link_libraries(${name} PRIVATE pkgjail_${room})
        # A room's libraries are needed only where its code is: the supervisor stays small.
        target_link_options(${name} PRIVATE -Wl,--as-needed)
        set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
    endif()
endfunction()

pkgjail_program(pkgjail pkgjail/cli/main.cpp cli)
pkgjail_program(pkgjail-supervisor pkgjail/supervise/main.cpp supervise)

# Where an installation has its configuration; recipes and limit templates are found from the program (../share/pkgjail), so that a build directory runs as it is.
set_property(SOURCE ${CMAKE_SOURCE_DIR}/pkgjail/cli/environment.cpp APPEND PROPERTY COMPILE_DEFINITIONS
    PKGJAIL_CONFIG_DIR="${CMAKE_INSTALL_FULL_SYSCONFDIR}/pkgjail")
file(MAKE_DIRECTORY ${CMAKE_BINARY_DIR}/share/pkgjail)
file(CREATE_LINK ${CMAKE_SOURCE_DIR}/recipes ${CMAKE_BINARY_DIR}/share/pkgjail/recipes SYMBOLIC)
file(CREATE_LINK ${CMAKE_SOURCE_DIR}/etc/limits.d ${CMAKE_BINARY_DIR}/share/pkgjail/limits.d SYMBOLIC)

# Holds jails to their ports on Linux. Static, because it also runs inside jails; where there is no static C library it is
# not made, and pkgjail then says that claimed ports are not enforced.
include(CheckCSourceCompiles)
set(CMAKE_REQUIRED_LINK_OPTIONS -static)
check_c_source_compiles("int main(void) { return 0; }" PKGJAIL_STATIC_PROGRAMS)
unset(CMAKE_REQUIRED_LINK_OPTIONS)
if(CMAKE_SYSTEM_NAME STREQUAL "Linux")
    if(PKGJAIL_STATIC_PROGRAMS)
        add_executable(pkgjail-enter pkgjail/confine/enter.c)
        set_target_properties(pkgjail-enter PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin C_STANDARD 11)
        target_compile_options(pkgjail-enter PRIVATE -Wall -Wextra -Wshadow)
        target_include_directories(pkgjail-enter PRIVATE ${CMAKE_SOURCE_DIR})
        target_link_options(pkgjail-enter PRIVATE -static -s)
        add_dependencies(pkgjail-supervisor pkgjail-enter)
        add_dependencies(pkgjail pkgjail-enter)
    endif()
endif()

# Tries to get out of a jail, for `doctor --escape`. It runs inside one, so it is static where that can be.
set(PKGJAIL_ESCAPE_PLATFORM linux)
if(CMAKE_SYSTEM_NAME STREQUAL "NetBSD")
    set(PKGJAIL_ESCAPE_PLATFORM netbsd)
endif()
if(PKGJAIL_STATIC_PROGRAMS)
    add_executable(pkgjail-escape pkgjail/confine/escape.c pkgjail/confine/escape_common.c
        pkgjail/confine/escape_${PKGJAIL_ESCAPE_PLATFORM}.c)
    set_target_properties(pkgjail-escape PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin C_STANDARD 11)
    target_compile_options(pkgjail-escape PRIVATE -Wall -Wextra -Wshadow)
    target_include_directories(pkgjail-escape PRIVATE ${CMAKE_SOURCE_DIR})
    target_link_options(pkgjail-escape PRIVATE -static -s)
    add_dependencies(pkgjail pkgjail-escape)
endif()
