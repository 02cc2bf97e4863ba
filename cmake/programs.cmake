# The programs: thin mains over the rooms. pkgjail is the command; pkgjail-supervisor stays beside a running jail.
function(pkgjail_program name main room)
    if(EXISTS ${CMAKE_SOURCE_DIR}/${main})
        add_executable(${name} ${main})
        pkgjail_warnings(${name})
        target_link_libraries(${name} PRIVATE pkgjail_${room})
        set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
    endif()
endfunction()

pkgjail_program(pkgjail pkgjail/cli/main.cpp cli)
pkgjail_program(pkgjail-supervisor pkgjail/supervise/main.cpp supervise)
