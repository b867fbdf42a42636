#include "build_info.h"

#include <ostream>
#include <string>
#include <utility>

#include <boost/version.hpp>
#include <openssl/crypto.h>

#include "revision.h"  // written by the build

namespace sluice::app {
namespace {

#if defined(__clang__)
constexpr const char* kCompiler = "clang " __clang_version__;
#elif defined(__GNUC__)
constexpr const char* kCompiler = "gcc " __VERSION__;
#else
constexpr const char* kCompiler = "unknown";
#endif

std::string compiler() {
  std::string text = kCompiler;
  const std::size_t end = text.find_last_not_of(' ');
  return text.substr(0, text.find(" (") == std::string::npos ? end + 1 : text.find(" ("));
}

std::string boost() {
  return std::to_string(BOOST_VERSION / 100000) + "." + std::to_string(BOOST_VERSION / 100 % 1000) +
         "." + std::to_string(BOOST_VERSION % 100);
}

}  // namespace

gateway::BuildInfo build_info() {
  return {SLUICE_VERSION, kRevision, compiler()};
}

void print_version(std::ostream& out, bool json) {
  const gateway::BuildInfo build = build_info();
  const std::pair<const char*, std::string> rows[] = {
      {"version", build.version},
      {"revision", build.revision},
      {"compiler", build.compiler},
      // The library that is loaded, which may be newer than the headers.
      {"openssl", OpenSSL_version(OPENSSL_VERSION_STRING)},
      {"boost", boost()},
  };
  // No value needs escaping: they are version numbers.
  if (json) {
    const char* before = "{";
    for (const auto& [name, value] : rows) {
      out << before << '"' << name << "\": \"" << value << '"';
      before = ", ";
    }
    out << "}\n";
    return;
  }
  out << "sluice " << build.version << " (" << build.revision << ")\n";
  for (const auto& [name, value] : rows) {
    if (std::string_view(name) != "version" && std::string_view(name) != "revision") {
      out << "  " << name << ' ' << value << '\n';
    }
  }
}

}  // namespace sluice::app
