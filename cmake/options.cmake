# Flags travel with this target only; nothing is set globally.
add_library(sluice_options INTERFACE)
target_include_directories(sluice_options INTERFACE ${CMAKE_SOURCE_DIR}/src)
target_compile_options(sluice_options INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wnon-virtual-dtor
  -Wold-style-cast -Woverloaded-virtual -Wswitch-enum
  -fno-omit-frame-pointer
  $<$<BOOL:${SLUICE_WERROR}>:-Werror>
  $<$<CXX_COMPILER_ID:GNU>:-fcoroutines>
  $<$<CONFIG:Debug>:-D_GLIBCXX_ASSERTIONS>)
target_compile_definitions(sluice_options INTERFACE SLUICE_VERSION="${PROJECT_VERSION}")
if(SLUICE_SANITIZE)
  target_compile_options(sluice_options INTERFACE -fsanitize=${SLUICE_SANITIZE} -fno-sanitize-recover=all)
  target_link_options(sluice_options INTERFACE -fsanitize=${SLUICE_SANITIZE})
endif()
find_program(MOLD mold)
if(MOLD)
  target_link_options(sluice_options INTERFACE -fuse-ld=mold)
endif()
