# `cmake --install`: programs, recipes, limit templates, example configuration, manual pages.
install(TARGETS pkgjail RUNTIME DESTINATION ${CMAKE_INSTALL_SBINDIR})
install(TARGETS pkgjail-supervisor RUNTIME DESTINATION ${CMAKE_INSTALL_LIBEXECDIR})
if(TARGET pkgjail-enter)
    install(TARGETS pkgjail-enter RUNTIME DESTINATION ${CMAKE_INSTALL_LIBEXECDIR})
endif()
install(DIRECTORY recipes etc/limits.d DESTINATION ${CMAKE_INSTALL_DATADIR}/pkgjail)
install(FILES etc/pkgjail.conf etc/repositories.conf DESTINATION ${CMAKE_INSTALL_DATADIR}/examples/pkgjail)
# Alerts, a scrape configuration and a dashboard to copy from.
install(FILES etc/prometheus/pkgjail.rules.yml etc/prometheus/scrape.yml etc/grafana/pkgjail.json
        DESTINATION ${CMAKE_INSTALL_DATADIR}/examples/pkgjail)
# Where the shells look for completion.
install(FILES etc/completion/pkgjail.bash DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions RENAME pkgjail)
install(FILES etc/completion/_pkgjail DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/site-functions)
install(FILES etc/completion/pkgjail.fish DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d)
set(PREFIX ${CMAKE_INSTALL_PREFIX})
configure_file(etc/rc.d/pkgjail ${CMAKE_BINARY_DIR}/rc.d/pkgjail @ONLY)
install(PROGRAMS ${CMAKE_BINARY_DIR}/rc.d/pkgjail DESTINATION ${CMAKE_INSTALL_DATADIR}/examples/rc.d)
file(GLOB manual_pages CONFIGURE_DEPENDS man/*.[1-9])
foreach(page ${manual_pages})
    string(REGEX REPLACE ".*\\.([1-9])$" "\\1" section ${page})
    install(FILES ${page} DESTINATION ${CMAKE_INSTALL_MANDIR}/man${section})
endforeach()
