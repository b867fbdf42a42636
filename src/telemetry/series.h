// Series<T>: the members of one prometheus family, found by their label values without a new
// allocation, and bounded in number. Thread-safe.
#pragma once

#include <array>
#include <cstddef>
#include <functional>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

#include <prometheus/family.h>

namespace sluice::telemetry {

template <class T, std::size_t N>
class Series {
 public:
  using Names = std::array<const char*, N>;
  using Values = std::array<std::string_view, N>;

  // `make` adds a member with these labels to the family, which outlives this object. `limit`
  // members at most; whatever comes later is counted in one more, with "other" as every label.
  Series(prometheus::Family<T>* family, Names names, std::size_t limit,
         std::function<T&(prometheus::Family<T>&, const prometheus::Labels&)> make)
      : family_(family), names_(names), limit_(limit), make_(std::move(make)) {}

  T& at(const Values& values) {
    std::string key;  // short keys stay inside the string object
    for (const std::string_view value : values) {
      key += value;
      key += '\x1f';
    }
    {
      const std::shared_lock lock(mutex_);
      const auto it = members_.find(key);
      if (it != members_.end()) return *it->second;
    }
    const std::unique_lock lock(mutex_);
    const auto it = members_.find(key);
    if (it != members_.end()) return *it->second;
    if (members_.size() >= limit_) {
      if (rest_ == nullptr) {
        Values others;
        others.fill("other");
        rest_ = &make_(*family_, labels(others));
      }
      return *rest_;
    }
    T& member = make_(*family_, labels(values));
    members_.emplace(std::move(key), &member);
    return member;
  }

 private:
  prometheus::Labels labels(const Values& values) const {
    prometheus::Labels out;
    for (std::size_t i = 0; i < N; ++i) out.emplace(names_[i], std::string(values[i]));
    return out;
  }

  prometheus::Family<T>* const family_;
  const Names names_;
  const std::size_t limit_;
  const std::function<T&(prometheus::Family<T>&, const prometheus::Labels&)> make_;

  // Protected by mutex_.
  std::shared_mutex mutex_;
  std::unordered_map<std::string, T*> members_;
  T* rest_ = nullptr;
};

}  // namespace sluice::telemetry
