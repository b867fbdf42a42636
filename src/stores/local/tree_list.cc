// Listing objects: a walk through the directory that looks only where the prefix can be.
#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include <fcntl.h>
#include <sys/stat.h>

#include "base/text.h"
#include "stores/local/directory.h"
#include "stores/local/object_info.h"
#include "stores/local/tree.h"

namespace sluice::stores::local {

namespace {

bool starts_with(std::string_view text, std::string_view prefix) {
  return text.substr(0, prefix.size()) == prefix;
}

// A directory that waits to be read: its components, and its keys' common beginning ("a/b/").
struct Waiting {
  std::vector<std::string> components;
  std::string beginning;
};

}  // namespace

Result<std::vector<ListedObject>> Tree::list_objects(const std::string& prefix) {
  std::vector<ListedObject> list;
  std::vector<Waiting> waiting(1);
  while (!waiting.empty()) {
    const Waiting here = std::move(waiting.back());
    waiting.pop_back();
    const auto directory = open_directory(root_, here.components);
    if (!directory) {
      if (directory.error().code() == Errc::kNotFound) continue;  // removed meanwhile
      return fail(directory.error());
    }
    SLUICE_TRY(const std::vector<std::string> names, names_in(*directory));
    for (const std::string& name : names) {
      const std::string key = here.beginning + name;
      struct stat info {};
      // Names that cannot be keys are not ours.
      if (key.size() > kKeyBytesMax || !is_utf8(key) || !stat_in(*directory, name, &info)) continue;
      if (S_ISREG(info.st_mode) && starts_with(key, prefix)) {
        list.emplace_back(ObjectKey(key), ByteCount(static_cast<std::uint64_t>(info.st_size)),
                          modified_of(info));
      }
      if (!S_ISDIR(info.st_mode) || key == ".sluice/local") continue;
      std::string below = key + "/";
      if (!starts_with(below, prefix) && !starts_with(prefix, below)) continue;
      Waiting next{here.components, std::move(below)};
      next.components.push_back(name);
      waiting.push_back(std::move(next));
    }
  }
  std::sort(list.begin(), list.end(),
            [](const ListedObject& a, const ListedObject& b) { return a.key < b.key; });
  return list;
}

}  // namespace sluice::stores::local
