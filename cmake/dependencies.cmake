# Every library is a Debian 12 package; docs/dependencies.md gives version and reason.
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
find_package(OpenSSL 3 REQUIRED)
find_package(Boost 1.81 REQUIRED COMPONENTS json url)
find_package(pugixml REQUIRED)
find_package(spdlog REQUIRED)
find_package(SQLiteCpp REQUIRED)
find_package(tl-expected REQUIRED)
pkg_check_modules(isal REQUIRED IMPORTED_TARGET libisal)
pkg_check_modules(sqlite3 REQUIRED IMPORTED_TARGET sqlite3)
pkg_check_modules(tomlplusplus REQUIRED IMPORTED_TARGET tomlplusplus)
find_library(PROMETHEUS_CORE prometheus-cpp-core REQUIRED)
add_library(sluice_prometheus INTERFACE)
target_link_libraries(sluice_prometheus INTERFACE ${PROMETHEUS_CORE})
add_library(PkgConfig::prometheus ALIAS sluice_prometheus)
if(SLUICE_TESTS)
  find_package(GTest REQUIRED)
  add_library(sluice_gmock INTERFACE)
  target_link_libraries(sluice_gmock INTERFACE GTest::gmock GTest::gtest)
endif()

add_library(tl_expected INTERFACE)
target_link_libraries(tl_expected INTERFACE tl::expected)

# Asio through Boost 1.81. Coroutines stay on one thread each; awaitable frames are still freed
# from other threads at shutdown, so frame recycling is off.
add_library(sluice_asio INTERFACE)
target_link_libraries(sluice_asio INTERFACE Boost::headers Threads::Threads)
target_compile_definitions(sluice_asio INTERFACE BOOST_ASIO_NO_DEPRECATED
  BOOST_ASIO_DISABLE_AWAITABLE_FRAME_RECYCLING)
