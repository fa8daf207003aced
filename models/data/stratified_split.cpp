#include "models/data/stratified_split.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "models/data/shuffle.hpp"

namespace vitrine {
namespace {

/// The numbers 0 .. n - 1, shuffled, then sorted by class.
std::vector<int64_t> by_class(std::span<const int32_t> labels, Random& random) {
  std::vector<int64_t> items(labels.size());
  std::iota(items.begin(), items.end(), int64_t{0});
  shuffle(items, random);
  std::ranges::stable_sort(items, {}, [&](int64_t i) { return labels[static_cast<size_t>(i)]; });
  return items;
}

/// Which of `items` are picked: the middle of each of `count` equal parts.
std::vector<bool> pick_evenly(const std::vector<int64_t>& items, double fraction) {
  const auto n = static_cast<int64_t>(items.size());
  const int64_t count = std::llround(fraction * static_cast<double>(n));
  std::vector<bool> chosen(items.size(), false);
  for (int64_t j = 0; j < count; ++j) {
    const int64_t at = (2 * j + 1) * n / (2 * count);
    chosen[static_cast<size_t>(items[static_cast<size_t>(at)])] = true;
  }
  return chosen;
}

TwoParts parts_of(const std::vector<bool>& chosen) {
  TwoParts parts;
  for (size_t i = 0; i < chosen.size(); ++i) {
    (chosen[i] ? parts.chosen : parts.rest).push_back(static_cast<int64_t>(i));
  }
  return parts;
}

}  // namespace

TwoParts stratified_split(std::span<const int32_t> labels, double fraction, Random random) {
  return parts_of(pick_evenly(by_class(labels, random), fraction));
}

TwoParts split_every_class(std::span<const int32_t> labels, double fraction, Random random) {
  const std::vector<int64_t> items = by_class(labels, random);
  std::vector<bool> chosen = pick_evenly(items, fraction);
  const auto label = [&](size_t at) { return labels[static_cast<size_t>(items[at])]; };
  for (size_t begin = 0, end = 0; begin < items.size(); begin = end) {
    size_t taken = 0;
    for (end = begin; end < items.size() && label(end) == label(begin); ++end) {
      taken += chosen[static_cast<size_t>(items[end])] ? 1 : 0;
    }
    const auto first = static_cast<size_t>(items[begin]);
    if (taken == end - begin) {
      chosen[first] = false;
    } else if (taken == 0 && end - begin > 1) {
      chosen[first] = true;
    }
  }
  TwoParts parts = parts_of(chosen);
  const double wanted = fraction * static_cast<double>(labels.size());
  if (static_cast<double>(parts.chosen.size()) > 2 * wanted) {
    parts = parts_of(std::vector<bool>(labels.size(), false));
  }
  return parts;
}

}  // namespace vitrine
