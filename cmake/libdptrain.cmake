# libdptrain from the objects of its rooms: shared, with nothing in sight but dptrain_*, and static, as
# one object in which the names of ours are local, so that they meet no others in a program.
set(DP_LIBRARY_ROOMS dp_library dp_model dp_vocabulary dp_unicode dp_kernels dp_formats dp_system
    dp_base)
get_target_property(objects dp_kernels DP_KERNEL_OBJECTS)
foreach(room ${DP_LIBRARY_ROOMS} ${objects})
    set_target_properties(${room} PROPERTIES POSITION_INDEPENDENT_CODE ON C_VISIBILITY_PRESET hidden)
endforeach()

add_library(libdptrain SHARED $<TARGET_OBJECTS:dp_library>)
target_link_libraries(libdptrain PRIVATE dp_model dp_vocabulary)
target_link_options(libdptrain PRIVATE -Wl,--as-needed)
target_include_directories(libdptrain PUBLIC $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>
                                             $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
set_target_properties(libdptrain PROPERTIES
    OUTPUT_NAME dptrain EXPORT_NAME dptrain VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR}
    LIBRARY_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/lib)

set(archives ${DP_LIBRARY_ROOMS})
list(TRANSFORM archives REPLACE "(.+)" "$<TARGET_FILE:\\1>")
set(static ${PROJECT_BINARY_DIR}/lib/libdptrain.a)
add_custom_command(OUTPUT ${static}
    COMMAND ${CMAKE_LINKER} -r -o dptrain.o $<TARGET_OBJECTS:dp_library> --start-group ${archives}
            --end-group
    COMMAND ${CMAKE_OBJCOPY} --localize-hidden dptrain.o
    COMMAND ${CMAKE_COMMAND} -E rm -f ${static}
    COMMAND ${CMAKE_AR} rcs ${static} dptrain.o
    DEPENDS ${DP_LIBRARY_ROOMS} ${archives} COMMAND_EXPAND_LISTS VERBATIM)
add_custom_target(libdptrain_static ALL DEPENDS ${static})
add_dependencies(libdptrain_static libdptrain) # which makes the folder

include(CMakePackageConfigHelpers)
set(package ${CMAKE_INSTALL_LIBDIR}/cmake/dptrain)
file(RELATIVE_PATH up /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
configure_file(${PROJECT_SOURCE_DIR}/cmake/dptrain.pc.in ${PROJECT_BINARY_DIR}/lib/dptrain.pc @ONLY)
configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/dptrainConfig.cmake.in
                              ${PROJECT_BINARY_DIR}/lib/dptrainConfig.cmake
                              INSTALL_DESTINATION ${package} PATH_VARS CMAKE_INSTALL_LIBDIR
                                                                       CMAKE_INSTALL_INCLUDEDIR)
write_basic_package_version_file(${PROJECT_BINARY_DIR}/lib/dptrainConfigVersion.cmake
                                 COMPATIBILITY SameMinorVersion)
install(TARGETS libdptrain EXPORT dptrainTargets LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(EXPORT dptrainTargets NAMESPACE dptrain:: DESTINATION ${package})
install(FILES ${PROJECT_BINARY_DIR}/lib/dptrainConfig.cmake
              ${PROJECT_BINARY_DIR}/lib/dptrainConfigVersion.cmake DESTINATION ${package})
install(FILES ${static} DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(FILES ${PROJECT_BINARY_DIR}/lib/dptrain.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/dptrain DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
# For a wheel, beside the package's modules: one file, by the name that they open.
install(FILES $<TARGET_FILE:libdptrain> RENAME libdptrain.so DESTINATION dptrain COMPONENT python
        EXCLUDE_FROM_ALL)
