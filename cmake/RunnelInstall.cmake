# Installing: headers, the library, find_package(runnel) and pkg-config.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)
set(runnel_cmake_dir ${CMAKE_INSTALL_LIBDIR}/cmake/runnel)

install(TARGETS runnel runnel_tls EXPORT runnelTargets
    ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR}
    LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}
    RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR}
    INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(DIRECTORY include/ DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(EXPORT runnelTargets NAMESPACE runnel:: DESTINATION ${runnel_cmake_dir})

configure_package_config_file(cmake/runnelConfig.cmake.in runnelConfig.cmake
    INSTALL_DESTINATION ${runnel_cmake_dir})
write_basic_package_version_file(runnelConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/runnelConfig.cmake
              ${CMAKE_CURRENT_BINARY_DIR}/runnelConfigVersion.cmake
    DESTINATION ${runnel_cmake_dir})

# Paths in the .pc file are relative to it, so that the tree can be moved; but a folder
# that was given as an absolute path stays where it is.
if(IS_ABSOLUTE "${CMAKE_INSTALL_LIBDIR}")
    set(runnel_pc_prefix "${CMAKE_INSTALL_PREFIX}")
else()
    file(RELATIVE_PATH runnel_pc_prefix "/${CMAKE_INSTALL_LIBDIR}/pkgconfig" /)
    string(REGEX REPLACE "/$" "" runnel_pc_prefix "\${pcfiledir}/${runnel_pc_prefix}")
endif()
foreach(folder includedir libdir)
    string(TOUPPER ${folder} upper)
    set(runnel_pc_${folder} "${CMAKE_INSTALL_${upper}}")
    if(NOT IS_ABSOLUTE "${runnel_pc_${folder}}")
        string(PREPEND runnel_pc_${folder} "\${prefix}/")
    endif()
endforeach()
set(runnel_pc_cflags)
set(runnel_pc_for public)
if(BUILD_SHARED_LIBS)
    set(runnel_pc_cflags " -DRNL_SHARED")
    set(runnel_pc_for private)
elseif(WIN32)
    set(runnel_pc_cflags " -DRNL_STATIC")
endif()
# What the libraries use is private to a shared one; an archive's programs have to link
# it themselves, also where pkg-config is not told --static.
set(runnel_pc_${runnel_pc_for} -pthread)
if(WIN32)
    set(runnel_pc_${runnel_pc_for} "-lws2_32 -lmswsock")
endif()
configure_file(cmake/runnel.pc.in runnel.pc @ONLY)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/runnel.pc
    DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
list(TRANSFORM runnel_tls_system_libs PREPEND "-l" OUTPUT_VARIABLE runnel_tls_libs)
list(JOIN runnel_tls_libs " " runnel_tls_libs_${runnel_pc_for})
if(RUNNEL_TLS)
    set(runnel_tls_${runnel_pc_for} "openssl >= 3.0")
endif()
configure_file(cmake/runnel_tls.pc.in runnel_tls.pc @ONLY)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/runnel_tls.pc
    DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

if(BUILD_SHARED_LIBS AND UNIX AND NOT APPLE)
    foreach(library runnel runnel_tls)
        target_link_options(${library} PRIVATE
            -Wl,--version-script=${CMAKE_CURRENT_SOURCE_DIR}/cmake/runnel.map)
        set_target_properties(${library} PROPERTIES
            LINK_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/cmake/runnel.map)
    endforeach()
endif()

if(PROJECT_IS_TOP_LEVEL)
    add_custom_target(uninstall COMMAND ${CMAKE_COMMAND} -DCMAKE_BINARY_DIR=${CMAKE_BINARY_DIR}
        -P ${CMAKE_CURRENT_SOURCE_DIR}/cmake/uninstall.cmake)
endif()
