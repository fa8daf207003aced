#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/random.hpp"

namespace vitrine {

/// Two parts of the numbers 0 .. n - 1, both ascending.
struct TwoParts {
  std::vector<int64_t> rest;
  std::vector<int64_t> chosen;
};

/// Chooses round(fraction n) of n labelled items at random, so that every class keeps its share to
/// within one item: items are shuffled, sorted by class without disturbing the order inside one,
/// and picked at equal distances. A function of the labels, the fraction and `random`.
TwoParts stratified_split(std::span<const int32_t> labels, double fraction, Random random);

/// Chooses as stratified_split, except that every class of two or more items gives at least one and
/// keeps at least one, and the item of a class of one is kept. Where that would be more than twice
/// the fraction nothing is chosen: a few items of some classes judge nothing.
TwoParts split_every_class(std::span<const int32_t> labels, double fraction, Random random);

}  // namespace vitrine
