// The shared AWS files: "[name]" or "[profile name]" sections of "key = value" lines. Pure.
#pragma once

#include <map>
#include <string>
#include <string_view>

namespace sluice::stores::s3 {

using Profile = std::map<std::string, std::string>;  // lower-case key → value

enum class ProfileFile {
  kCredentials,  // sections are named as the profile
  kConfig,       // "[profile name]"; only the default profile is plain "[default]"
};

// The profile's lines; empty if it is not there. Comments (# or ; at the start of a line, or behind
// a blank), nested (indented) values and unknown sections are skipped. Total.
Profile read_profile(std::string_view file, ProfileFile kind, std::string_view name);

}  // namespace sluice::stores::s3
