# Tests in Python (standard library only, Debian's own interpreter).
#   ctest                    the fakes and tools that the others stand on
#   ctest -C e2e -L e2e      the whole program over the wire; minutes, and all cores
set(SLUICE_PYTHON /usr/bin/python3 CACHE FILEPATH "Python 3.11 or later")

foreach(name IN ITEMS fakes.test_fake_s3 tools.test_fault_proxy)
  add_test(NAME ${name} COMMAND ${SLUICE_PYTHON} -m unittest ${name}
    WORKING_DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR})
  set_tests_properties(${name} PROPERTIES TIMEOUT 300)
endforeach()

foreach(suite IN ITEMS put308_rows http_front auth tls operation store_faults crowd no_disk kill9
    cuts sizes)
  add_test(NAME e2e.${suite} CONFIGURATIONS e2e
    COMMAND ${SLUICE_PYTHON} -m unittest e2e.test_${suite}
    WORKING_DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR})
  set_tests_properties(e2e.${suite} PROPERTIES LABELS e2e TIMEOUT 900 RUN_SERIAL ON
    ENVIRONMENT "SLUICE_BIN=$<TARGET_FILE:sluice>")
endforeach()
