# Writes OUTPUT with the revision of the repository SOURCE; "unknown" outside one (a tarball).
# --no-optional-locks: asking must not disturb other uses of the repository.
cmake_minimum_required(VERSION 3.25)
execute_process(
  COMMAND git --no-optional-locks describe --always --dirty --abbrev=12 --exclude=*
  WORKING_DIRECTORY ${SOURCE} OUTPUT_VARIABLE revision ERROR_QUIET
  OUTPUT_STRIP_TRAILING_WHITESPACE RESULT_VARIABLE failed)
if(failed OR NOT revision)
  set(revision "unknown")
endif()
file(CONFIGURE OUTPUT ${OUTPUT} @ONLY CONTENT
"#pragma once\nnamespace sluice::app {\ninline constexpr const char* kRevision = \"@revision@\";\n}\n")
