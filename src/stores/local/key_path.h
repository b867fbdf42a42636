// From an object key to a place below the root directory, without ever leaving it.
//
// Keys come from strangers. A key is taken apart at '/', each component must be a plain file name,
// and the way down goes from directory to directory with O_NOFOLLOW: no "..", no symbolic link and
// no race with somebody who makes one leads out of the root.
#pragma once

#include <string>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "stores/local/fd.h"

namespace sluice::stores::local {

inline constexpr std::size_t kKeyBytesMax = 1024;
inline constexpr std::size_t kNameBytesMax = 255;

struct KeyPath {
  std::vector<std::string> directories;
  std::string name;

  // Ours, not a user's: below ".sluice/".
  bool hidden() const { return !directories.empty() && directories.front() == ".sluice"; }
  bool parked() const { return hidden() && directories.size() > 1 && directories[1] == "parked"; }
};

// kRejected: not a name a file can have here; the detail says why.
Result<KeyPath> parse_key(const ObjectKey& key);

// A directory below `top`, by its components. kNotFound: there is none, or something on the way is
// not a directory.
Result<Fd> open_directory(const Fd& top, const std::vector<std::string>& components);

// The same, made where it is missing, and durable. kRejected: something on the way is a file or a
// symbolic link.
Result<Fd> make_directory(const Fd& top, const std::vector<std::string>& components);

// kRejected: an object of this key can never be: a directory has its name, or a file the name of
// one of its directories. Changes nothing.
Result<Ok> check_room(const Fd& top, const KeyPath& path);

}  // namespace sluice::stores::local
