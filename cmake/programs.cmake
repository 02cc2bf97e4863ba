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
target_compile_definitions(pkgjail_cli PRIVATE PKGJAIL_CONFIG_DIR="${CMAKE_INSTALL_FULL_SYSCONFDIR}/pkgjail")
file(MAKE_DIRECTORY ${CMAKE_BINARY_DIR}/share/pkgjail)
file(CREATE_LINK ${CMAKE_SOURCE_DIR}/recipes ${CMAKE_BINARY_DIR}/share/pkgjail/recipes SYMBOLIC)
file(CREATE_LINK ${CMAKE_SOURCE_DIR}/etc/limits.d ${CMAKE_BINARY_DIR}/share/pkgjail/limits.d SYMBOLIC)
