// stratified_split and split_every_class: which items are set aside.

#include "models/data/stratified_split.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <map>

namespace vitrine {
namespace {

/// `sizes[c]` items of class c.
std::vector<int32_t> labels_of(const std::vector<int>& sizes) {
  std::vector<int32_t> labels;
  for (size_t c = 0; c < sizes.size(); ++c) {
    labels.insert(labels.end(), static_cast<size_t>(sizes[c]), static_cast<int32_t>(c));
  }
  return labels;
}

/// How many of each class were chosen.
std::map<int32_t, int> chosen_of(const TwoParts& parts, const std::vector<int32_t>& labels) {
  CHECK(parts.chosen.size() + parts.rest.size() == labels.size());
  CHECK(std::ranges::is_sorted(parts.chosen));
  std::map<int32_t, int> counts;
  for (const int64_t i : parts.chosen) ++counts[labels[static_cast<size_t>(i)]];
  return counts;
}

Random random_of(uint64_t seed) { return {seed, RandomPlace::kSplit, 0}; }

TEST_CASE("split: where every class has its share, a rule for small ones changes nothing",
          "[models]") {
  const auto labels = labels_of({100, 50, 30});
  const auto plain = stratified_split(labels, 0.1, random_of(3));
  const auto every = split_every_class(labels, 0.1, random_of(3));
  CHECK(plain.chosen == every.chosen);
  CHECK(plain.rest == every.rest);
  CHECK(chosen_of(plain, labels) == std::map<int32_t, int>{{0, 10}, {1, 5}, {2, 3}});
}

TEST_CASE("split: every class of two or more gives at least one", "[models]") {
  // One of class 1 and of class 3 would be 0.3 and 0.2.
  const auto labels = labels_of({100, 3, 60, 2, 1});
  for (uint64_t seed = 0; seed < 20; ++seed) {
    const auto counts = chosen_of(split_every_class(labels, 0.1, random_of(seed)), labels);
    CHECK(counts.contains(1));
    CHECK(counts.contains(3));
    CHECK(counts.at(3) == 1);
  }
}

TEST_CASE("split: every class keeps at least one", "[models]") {
  const auto labels = labels_of({1, 1, 2, 40, 1});
  for (const double fraction : {0.05, 0.3, 0.7, 0.95}) {
    for (uint64_t seed = 0; seed < 10; ++seed) {
      const auto counts = chosen_of(split_every_class(labels, fraction, random_of(seed)), labels);
      CHECK(!counts.contains(0));
      CHECK(!counts.contains(1));
      CHECK(!counts.contains(4));
      CHECK(counts.at(2) == 1);
      CHECK(counts.at(3) < 40);
    }
  }
  CHECK(split_every_class(labels_of({1, 1}), 0.5, random_of(1)).chosen.empty());
}

TEST_CASE("split: nothing at all rather than much more than was asked for", "[models]") {
  // 40 items, one in a hundred: one of each of two classes would be five in a hundred.
  CHECK(split_every_class(labels_of({20, 20}), 0.01, random_of(1)).chosen.empty());
  // Twelve classes of five: a twelfth is five pictures, one of each twelve.
  CHECK(
      split_every_class(labels_of(std::vector<int>(12, 5)), 1.0 / 12, random_of(1)).chosen.empty());
  // Of eight each: eight pictures, and twelve are few enough.
  CHECK(
      split_every_class(labels_of(std::vector<int>(12, 8)), 1.0 / 12, random_of(1)).chosen.size() ==
      12);
  CHECK(split_every_class(labels_of({20, 20}), 0, random_of(1)).chosen.empty());
  CHECK(split_every_class({}, 0.1, random_of(1)).rest.empty());
}

}  // namespace
}  // namespace vitrine
