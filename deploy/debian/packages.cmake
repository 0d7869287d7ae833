# The Debian packages, one per component of cmake --install. Called by: deploy/CMakeLists.txt, which includes CPack
# between the settings at the end of this file and notch_package_components().

# notch_install_zipped(SOURCE DESTINATION COMPONENT): as gzip -9n makes it, the same bytes each time.
function(notch_install_zipped source destination component)
  cmake_path(GET destination FILENAME name)
  cmake_path(GET destination PARENT_PATH folder)
  set(zipped ${CMAKE_CURRENT_BINARY_DIR}/${component}/${name})
  file(MAKE_DIRECTORY ${CMAKE_CURRENT_BINARY_DIR}/${component})
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${source})
  execute_process(COMMAND gzip -9nc ${source} WORKING_DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR}
    OUTPUT_FILE ${zipped} COMMAND_ERROR_IS_FATAL ANY)
  install(FILES ${zipped} DESTINATION ${folder} COMPONENT ${component})
endfunction()

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME notch)
set(CPACK_PACKAGE_VENDOR "The Notch authors")
# The maintainer of what is built here: whoever hands packages on names himself.
set(NOTCH_PACKAGE_CONTACT "The Notch authors <notch@example.org>" CACHE STRING "Maintainer of the packages")
set(CPACK_PACKAGE_CONTACT ${NOTCH_PACKAGE_CONTACT})
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_COMPONENTS_ALL agent agent-etc tools client client-dev preload)
set(CPACK_STRIP_FILES ON)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS
  OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(NOTCH_PACKAGE_RELEASE 1 CACHE STRING "Revision of the packages")
set(CPACK_DEBIAN_PACKAGE_RELEASE ${NOTCH_PACKAGE_RELEASE})
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_PRE_BUILD_SCRIPTS ${CMAKE_CURRENT_LIST_DIR}/required_programs.cmake)
set(same_version "(= ${PROJECT_VERSION}-${CPACK_DEBIAN_PACKAGE_RELEASE})")

set(CPACK_COMPONENT_AGENT_DESCRIPTION "agent that adds up and serves a host's metrics
Processes write counters, gauges and histograms into memory they share with
this agent, without a system call or a lock. It adds them up, keeps what dead
processes counted, and serves everything to Prometheus.")
set(CPACK_DEBIAN_AGENT_PACKAGE_NAME notch-agent)
set(CPACK_DEBIAN_AGENT_PACKAGE_SECTION net)
set(CPACK_DEBIAN_AGENT_PACKAGE_DEPENDS
  "systemd | systemd-standalone-sysusers, systemd | systemd-standalone-tmpfiles")
set(CPACK_DEBIAN_AGENT_PACKAGE_SUGGESTS "prometheus, notch-tools")
set(CPACK_DEBIAN_AGENT_PACKAGE_CONTROL_EXTRA
  ${CMAKE_CURRENT_LIST_DIR}/postinst ${CMAKE_CURRENT_LIST_DIR}/prerm ${CMAKE_CURRENT_LIST_DIR}/postrm
  ${CMAKE_CURRENT_LIST_DIR}/conffiles)

set(CPACK_COMPONENT_TOOLS_DESCRIPTION "runs programs with metrics of their own
The command notch: notch run starts a program that nobody changed under a
library that counts its files, sockets, allocations, locks and HTTP requests.
The agent that serves the metrics is in notch-agent.")
set(CPACK_DEBIAN_TOOLS_PACKAGE_NAME notch-tools)
set(CPACK_DEBIAN_TOOLS_PACKAGE_SECTION utils)
set(CPACK_DEBIAN_TOOLS_PACKAGE_DEPENDS "notch-preload ${same_version}")
set(CPACK_DEBIAN_TOOLS_PACKAGE_RECOMMENDS notch-agent)

set(CPACK_COMPONENT_CLIENT_DESCRIPTION "counters in shared memory, read by the Notch agent
Counters, gauges and histograms that a program writes without a system call,
a lock or a thread. This package has the library that programs need to run.")
set(CPACK_DEBIAN_CLIENT_PACKAGE_NAME libnotch1)
set(CPACK_DEBIAN_CLIENT_PACKAGE_SECTION libs)
set(CPACK_DEBIAN_CLIENT_PACKAGE_SUGGESTS notch-agent)
# CPack's own would call ldconfig in scripts, which Debian leaves to a trigger.
configure_file(${CMAKE_CURRENT_LIST_DIR}/shlibs.in ${CMAKE_CURRENT_BINARY_DIR}/shlibs @ONLY)
set(CPACK_DEBIAN_CLIENT_PACKAGE_CONTROL_EXTRA
  ${CMAKE_CURRENT_BINARY_DIR}/shlibs ${CMAKE_CURRENT_LIST_DIR}/triggers)

set(CPACK_COMPONENT_CLIENT-DEV_DESCRIPTION "counters in shared memory: files to build programs with
Headers for C++20 and C, the static library, and what CMake and pkg-config
need to find them.")
set(CPACK_DEBIAN_CLIENT-DEV_PACKAGE_NAME libnotch-dev)
set(CPACK_DEBIAN_CLIENT-DEV_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_CLIENT-DEV_PACKAGE_DEPENDS "libnotch1 ${same_version}")

set(CPACK_COMPONENT_PRELOAD_DESCRIPTION "library that counts what a program asks of libc
Preloaded into programs that nobody changed, by notch run of notch-tools.
It counts files, sockets, name lookups, allocations, waits for locks, threads
and HTTP requests, and adds no system call, thread or descriptor of its own.")
set(CPACK_DEBIAN_PRELOAD_PACKAGE_NAME notch-preload)
set(CPACK_DEBIAN_PRELOAD_PACKAGE_SECTION utils)

# The files in the documentation folder of each package.
set(changelog ${CMAKE_CURRENT_BINARY_DIR}/changelog)
configure_file(${CMAKE_CURRENT_LIST_DIR}/changelog.in ${changelog} @ONLY)
foreach(pair agent:notch-agent tools:notch-tools client:libnotch1 client-dev:libnotch-dev preload:notch-preload)
  string(REPLACE ":" ";" pair ${pair})
  list(GET pair 0 component)
  list(GET pair 1 package)
  set(folder ${CMAKE_INSTALL_DATAROOTDIR}/doc/${package})
  install(FILES debian/copyright DESTINATION ${folder} COMPONENT ${component})
  notch_install_zipped(${changelog} ${folder}/changelog.Debian.gz ${component})
endforeach()

# The agent's package has two components: what cmake --install lays down, and its file in /etc.
function(notch_package_components)
  cpack_add_component(agent GROUP agent)
  cpack_add_component(agent-etc GROUP agent)
  foreach(component tools client client-dev preload)
    cpack_add_component(${component})
  endforeach()
endfunction()
