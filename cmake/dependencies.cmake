# Every library that pkgjail uses, found in one place. All are in pkgsrc and in Debian 12.
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
pkg_check_modules(CRYPTO REQUIRED IMPORTED_TARGET libcrypto)
find_package(LibArchive REQUIRED)
find_package(CURL REQUIRED)

# Two libraries are not linked: format/archive_library and repo/fetch_library load them when they are needed, by the name
# that a linked program would ask for, "libcurl.so.4".
set(PKGJAIL_LOADED_LIBRARIES "" CACHE INTERNAL "What tools/debian-package has to depend on besides what is linked")
function(pkgjail_loaded_library target soname_variable)
    get_target_property(file ${target} IMPORTED_LOCATION)
    execute_process(COMMAND ${CMAKE_READELF} -d ${file} OUTPUT_VARIABLE dynamic COMMAND_ERROR_IS_FATAL ANY)
    if(NOT dynamic MATCHES "SONAME[^\n]*\\[([^]]+)\\]")
        message(FATAL_ERROR "${file} has no SONAME by which it could be loaded")
    endif()
    set(${soname_variable} ${CMAKE_MATCH_1} PARENT_SCOPE)
    set_property(CACHE PKGJAIL_LOADED_LIBRARIES APPEND PROPERTY VALUE ${file})
endfunction()
pkgjail_loaded_library(LibArchive::LibArchive PKGJAIL_LIBARCHIVE)
pkgjail_loaded_library(CURL::libcurl PKGJAIL_LIBCURL)

find_package(SQLite3 3.37 REQUIRED)          # 3.37: STRICT tables
find_package(Boost REQUIRED COMPONENTS program_options)
find_package(fmt REQUIRED)
find_package(nlohmann_json REQUIRED)
find_program(CCACHE_PROGRAM ccache)
if(CCACHE_PROGRAM AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
    set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE_PROGRAM})
    set(CMAKE_C_COMPILER_LAUNCHER ${CCACHE_PROGRAM})
endif()
