# What a Debian package is made of; tools/debian-package makes it. On NetBSD packages come from pkgsrc (pkgsrc/pkgjail).
option(PKGJAIL_DEBIAN "Lay files out as Debian's packages do" OFF)
if(NOT PKGJAIL_DEBIAN)
    return()
endif()

install(FILES etc/pkgjail.conf etc/repositories.conf DESTINATION /etc/pkgjail)
install(DIRECTORY DESTINATION /var/db/pkgjail DIRECTORY_PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE)
install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR} RENAME copyright)
install(FILES ${CMAKE_BINARY_DIR}/pkgjail.cdx.json DESTINATION ${CMAKE_INSTALL_DOCDIR})

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME pkgjail)
set(CPACK_PACKAGE_CONTACT "pkgjail maintainers <maintainers@pkgjail.invalid>" CACHE STRING "Maintainer, as the package names it")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "pkgsrc binary packages as confined services")
set(CPACK_DEBIAN_PACKAGE_DESCRIPTION
    "pkgjail installs pkgsrc binary packages into jails and runs them as confined
services: with limits, a way back from an upgrade that fails, snapshots and
clones. There is no central daemon, and the host's own files stay as they are.")
set(CPACK_DEBIAN_PACKAGE_SECTION admin)
set(CPACK_DEBIAN_PACKAGE_RELEASE 1)
# dpkg-shlibdeps sees what programs are linked to; others are loaded later.
set(CPACK_DEBIAN_PACKAGE_DEPENDS "runc | crun")
foreach(library ${PKGJAIL_LOADED_LIBRARIES})
    get_filename_component(library ${library} REALPATH)
    execute_process(COMMAND dpkg-query -S ${library} OUTPUT_VARIABLE owner COMMAND_ERROR_IS_FATAL ANY)
    string(REGEX REPLACE ":.*" "" owner ${owner})
    string(APPEND CPACK_DEBIAN_PACKAGE_DEPENDS ", ${owner}")
endforeach()
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS "ca-certificates, gpgv, nftables")
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA ${CMAKE_SOURCE_DIR}/tools/debian/conffiles
    ${CMAKE_SOURCE_DIR}/tools/debian/prerm ${CMAKE_SOURCE_DIR}/tools/debian/postrm)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE
    WORLD_READ WORLD_EXECUTE)
set(CPACK_STRIP_FILES ON)
include(CPack)
