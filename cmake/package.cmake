# A Debian package, by tools/debian-package (cpack). On NetBSD packages come from pkgsrc (pkgsrc/pkgjail).
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME pkgjail)
set(CPACK_PACKAGE_CONTACT "The pkgjail developers <pkgjail@localhost>" CACHE STRING "Maintainer, as packages name it")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "pkgsrc binary packages as confined services")
set(CPACK_PACKAGE_DESCRIPTION
    "pkgjail installs pkgsrc binary packages into jails of their own, starts them\nconfined and within limits, upgrades them with a way back, and clones them.")
set(CPACK_DEBIAN_PACKAGE_SECTION admin)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_DEPENDS "runc | crun")
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS "iproute2, nftables")
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_STRIP_FILES ON)
include(CPack)
