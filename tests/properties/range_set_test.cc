// RangeSet against the plainest model there is: one bit for each byte.
#include "core/range_set.h"

#include <bitset>
#include <cstdint>
#include <tuple>
#include <vector>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace sluice::core {
namespace {

constexpr std::size_t kBytes = 64;
using Model = std::bitset<kBytes>;

struct Change {
  bool add;
  std::uint64_t begin;
  std::uint64_t end;
  ByteRange range() const { return ByteRange(ByteOffset(begin), ByteOffset(end)); }
};

rc::Gen<Change> a_change() {
  return rc::gen::map(
      rc::gen::tuple(rc::gen::arbitrary<bool>(), rc::gen::inRange<std::uint64_t>(0, kBytes),
                     rc::gen::inRange<std::uint64_t>(0, kBytes)),
      [](const std::tuple<bool, std::uint64_t, std::uint64_t>& t) {
        const auto [add, a, b] = t;
        return Change{add, std::min(a, b), std::max(a, b)};
      });
}

void apply(const Change& change, RangeSet* set, Model* model) {
  if (change.add) {
    set->add(change.range());
  } else {
    set->remove(change.range());
  }
  for (std::uint64_t at = change.begin; at < change.end; ++at) model->set(at, change.add);
}

RC_GTEST_PROP(RangeSetProperties, IsTheSetOfItsBytes, ()) {
  RangeSet set;
  Model model;
  for (const Change& change : *rc::gen::container<std::vector<Change>>(a_change())) {
    apply(change, &set, &model);
    RC_ASSERT(set.size() == ByteCount(model.count()));
    RC_ASSERT(set.empty() == model.none());
    std::uint64_t last = 0;
    Model covered;
    for (const ByteRange& range : set.ranges()) {
      RC_ASSERT(range.begin() < range.end());
      // Sorted, and with a hole between: touching ranges are one.
      RC_ASSERT(covered.none() || range.begin().value() > last);
      last = range.end().value();
      for (std::uint64_t at = range.begin().value(); at < last; ++at) covered.set(at);
    }
    RC_ASSERT(covered == model);
  }
  const Change probe = *a_change();
  bool all = true;
  for (std::uint64_t at = probe.begin; at < probe.end; ++at) all = all && model.test(at);
  RC_ASSERT(set.contains(probe.range()) == all);
  std::uint64_t end = probe.begin;
  while (end < kBytes && model.test(end)) ++end;
  RC_ASSERT(set.end_of_run(ByteOffset(probe.begin)) == ByteOffset(end));

  // The missing ranges are just what has to be added, and nothing that is there already.
  RangeSet filled = set;
  for (const ByteRange& hole : set.missing(probe.range())) {
    for (std::uint64_t at = hole.begin().value(); at < hole.end().value(); ++at) {
      RC_ASSERT(!model.test(at));
    }
    filled.add(hole);
  }
  RC_ASSERT(filled.contains(probe.range()));
}

// However the same bytes were put together, it is the same set.
RC_GTEST_PROP(RangeSetProperties, OrderOfAddingDoesNotMatter, ()) {
  std::vector<Change> changes = *rc::gen::container<std::vector<Change>>(a_change());
  RangeSet forward;
  for (const Change& change : changes) forward.add(change.range());
  RangeSet backward;
  for (auto change = changes.rbegin(); change != changes.rend(); ++change) {
    backward.add(change->range());
  }
  RC_ASSERT(forward == backward);
}

}  // namespace
}  // namespace sluice::core
