# librunnel_tls: contexts and the engine. A library of its own, so that programs
# without TLS link nothing of OpenSSL; streams reach it through the context only.
if(RUNNEL_TLS)
    find_package(OpenSSL 3.0 REQUIRED)
    file(GLOB runnel_tls_sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/src/tls/*.c)
else()
    file(GLOB runnel_tls_sources CONFIGURE_DEPENDS src/tls/off/*.c)
endif()
add_library(runnel_tls ${runnel_tls_sources})
add_library(runnel::runnel_tls ALIAS runnel_tls)
runnel_flags(runnel_tls)
target_include_directories(runnel_tls PRIVATE ${CMAKE_CURRENT_SOURCE_DIR}/src)
target_compile_definitions(runnel_tls PRIVATE RNL_BUILDING)
if(RUNNEL_KEYLOG)
    target_compile_definitions(runnel_tls PUBLIC RNLI_KEYLOG) # public: the tests look for it
endif()
target_link_libraries(runnel_tls PUBLIC runnel)
if(RUNNEL_TLS)
    target_link_libraries(runnel_tls PRIVATE OpenSSL::SSL OpenSSL::Crypto)
endif()
set_target_properties(runnel_tls PROPERTIES
    C_VISIBILITY_PRESET hidden VERSION ${PROJECT_VERSION} SOVERSION 0)
