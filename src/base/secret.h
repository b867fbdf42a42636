// Secret<T>: a value that has no formatter, no stream operator and no comparison that could print
// it. reveal() is the only way out; grep for it to see every use.
#pragma once

#include <utility>

namespace sluice {

template <class T>
class Secret {
 public:
  Secret() = default;
  explicit Secret(T value) : value_(std::move(value)) {}
  const T& reveal() const noexcept { return value_; }
  bool empty() const noexcept { return value_.empty(); }
  bool operator==(const Secret&) const = default;

 private:
  T value_;
};

}  // namespace sluice
