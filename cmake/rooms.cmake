include(${CMAKE_CURRENT_LIST_DIR}/embed.cmake)
include(${CMAKE_CURRENT_LIST_DIR}/call_names.cmake)

# pkgjail_room(NAME [ROOMS lower rooms…] [LINK libraries…]): one folder of pkgjail/ is one static library.
function(pkgjail_room name)
    cmake_parse_arguments(ARG "" "" "ROOMS;LINK" ${ARGN})
    file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/pkgjail/${name}/*.cpp)
    # main.cpp belongs to a program, not to the room's library.
    list(FILTER sources EXCLUDE REGEX "/main[^/]*\\.cpp$")
    if(NOT sources)
        add_library(pkgjail_${name} INTERFACE)
        set(scope INTERFACE)
    else()
        add_library(pkgjail_${name} STATIC ${sources})
        set(scope PUBLIC)
        pkgjail_warnings(pkgjail_${name})
        target_compile_definitions(pkgjail_${name} PRIVATE PKGJAIL_VERSION="${PROJECT_VERSION}")
        # Only base looks at it. The other rooms are compiled alike with and without, so that ccache has them.
        if(PKGJAIL_FAILPOINTS OR NOT name STREQUAL "base")
            target_compile_definitions(pkgjail_${name} PRIVATE PKGJAIL_FAILPOINTS)
        endif()
    endif()
    if(name STREQUAL "catalog" AND sources)
        pkgjail_embed_migrations(pkgjail_catalog pkgjail/catalog/migration_texts.hpp)
    endif()
    if(name STREQUAL "confine" AND sources AND CMAKE_SYSTEM_NAME STREQUAL "Linux")
        pkgjail_call_names(pkgjail_confine pkgjail/confine/call_table.hpp)
    endif()
    target_include_directories(pkgjail_${name} ${scope} ${CMAKE_SOURCE_DIR})
    foreach(room ${ARG_ROOMS})
        target_link_libraries(pkgjail_${name} ${scope} pkgjail_${room})
    endforeach()
    target_link_libraries(pkgjail_${name} ${scope} ${ARG_LINK})
endfunction()

function(pkgjail_warnings target)
    target_compile_options(${target} PRIVATE
        $<$<COMPILE_LANGUAGE:CXX>:-Wall -Wextra -Wshadow -Wconversion>
        $<$<AND:$<BOOL:${PKGJAIL_WERROR}>,$<COMPILE_LANGUAGE:CXX>>:-Werror>
        # GCC 12 sees std::optional's storage read before it is set where it is not (GCC bug 80635).
        $<$<AND:$<BOOL:${PKGJAIL_WERROR}>,$<CXX_COMPILER_ID:GNU>>:-Wno-error=maybe-uninitialized>)
    # GCC 12 takes the prepending of a literal to a temporary std::string for overlapping memory (its bug 105329).
    if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
        target_compile_options(${target} PRIVATE $<$<AND:$<COMPILE_LANGUAGE:CXX>,$<NOT:$<CONFIG:Debug>>>:-Wno-restrict>)
    endif()
    if(PKGJAIL_SANITIZE)
        target_compile_options(${target} PRIVATE -fsanitize=${PKGJAIL_SANITIZE} -fno-omit-frame-pointer)
        # Hundreds of megabytes say where each check stands. What is loaded anywhere has them moved at every start.
        target_link_options(${target} PUBLIC -fsanitize=${PKGJAIL_SANITIZE} -no-pie)
        get_target_property(type ${target} TYPE)
        if(type STREQUAL "EXECUTABLE")
            set(options ${CMAKE_SOURCE_DIR}/tests/sanitize/options.cpp)
            target_sources(${target} PRIVATE ${options})
            set_source_files_properties(${options} TARGET_DIRECTORY ${target} PROPERTIES
                COMPILE_OPTIONS -fno-sanitize=all COMPILE_DEFINITIONS PKGJAIL_FINDINGS="${CMAKE_BINARY_DIR}/findings")
        endif()
    endif()
endfunction()
