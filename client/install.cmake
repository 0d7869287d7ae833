# The files that `cmake --install` installs for programs that link Notch: headers, both libraries, the
# CMake package and the pkg-config file. Called by: client/CMakeLists.txt, once its targets are there.
# There are two components, so that they can be installed without the agent: a linked program needs "client" to run
# and "client-dev" to be built.
include(CMakePackageConfigHelpers)

set(NOTCH_CMAKE_DIR ${CMAKE_INSTALL_LIBDIR}/cmake/notch)

install(TARGETS notch notch_static EXPORT notch-targets
  LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT client NAMELINK_COMPONENT client-dev
  ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT client-dev
  FILE_SET HEADERS DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT client-dev)
install(EXPORT notch-targets NAMESPACE notch:: DESTINATION ${NOTCH_CMAKE_DIR} COMPONENT client-dev)

configure_package_config_file(
  ${CMAKE_CURRENT_LIST_DIR}/notch-config.cmake.in ${CMAKE_CURRENT_BINARY_DIR}/notch-config.cmake
  INSTALL_DESTINATION ${NOTCH_CMAKE_DIR})
write_basic_package_version_file(
  ${CMAKE_CURRENT_BINARY_DIR}/notch-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES
  ${CMAKE_CURRENT_BINARY_DIR}/notch-config.cmake
  ${CMAKE_CURRENT_BINARY_DIR}/notch-config-version.cmake
  DESTINATION ${NOTCH_CMAKE_DIR} COMPONENT client-dev)

# Relative folders move with the tree; an absolute one (as some distributions set) stays where it is.
if(IS_ABSOLUTE ${CMAKE_INSTALL_LIBDIR} OR IS_ABSOLUTE ${CMAKE_INSTALL_INCLUDEDIR})
  set(NOTCH_PC_PREFIX ${CMAKE_INSTALL_PREFIX})
  set(NOTCH_PC_LIBDIR ${CMAKE_INSTALL_FULL_LIBDIR})
  set(NOTCH_PC_INCLUDEDIR ${CMAKE_INSTALL_FULL_INCLUDEDIR})
else()
  cmake_path(RELATIVE_PATH CMAKE_INSTALL_PREFIX
    BASE_DIRECTORY ${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig OUTPUT_VARIABLE NOTCH_PC_UPWARDS)
  set(NOTCH_PC_PREFIX "\${pcfiledir}/${NOTCH_PC_UPWARDS}")
  set(NOTCH_PC_LIBDIR "\${prefix}/${CMAKE_INSTALL_LIBDIR}")
  set(NOTCH_PC_INCLUDEDIR "\${prefix}/${CMAKE_INSTALL_INCLUDEDIR}")
endif()
configure_file(${CMAKE_CURRENT_LIST_DIR}/notch.pc.in ${CMAKE_CURRENT_BINARY_DIR}/notch.pc @ONLY)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/notch.pc
  DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig COMPONENT client-dev)
