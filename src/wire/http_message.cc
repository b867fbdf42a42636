#include "wire/http_message.h"

#include <algorithm>

#include "base/text.h"

namespace sluice::wire {

void Headers::set(std::string name, std::string value) {
  remove(name);
  add(std::move(name), std::move(value));
}

void Headers::remove(std::string_view name) {
  std::erase_if(list_, [&](const Header& h) { return equals_ignoring_case(h.name, name); });
}

const std::string* Headers::find(std::string_view name) const noexcept {
  const auto it = std::find_if(list_.begin(), list_.end(), [&](const Header& h) {
    return equals_ignoring_case(h.name, name);
  });
  return it == list_.end() ? nullptr : &it->value;
}

std::size_t Headers::count(std::string_view name) const noexcept {
  return static_cast<std::size_t>(
      std::count_if(list_.begin(), list_.end(),
                    [&](const Header& h) { return equals_ignoring_case(h.name, name); }));
}

}  // namespace sluice::wire
