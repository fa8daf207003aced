#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "core/images/image.hpp"
#include "core/random.hpp"
#include "models/data/picture_operation.hpp"

namespace vitrine {

/// RandAugment (Cubuk et al. 2020, arXiv 1909.13719) and DeiT III's three augmentations (Touvron et
/// al. 2022, arXiv 2204.07118) as timm's auto_augment.py defines them.
class AutoAugment {
 public:
  /// `text` is "rand" followed by any of, each with a dash before it:
  ///   m9       the level of operations [10]
  ///   mstd0.5  standard deviation of the level [0]; above 100, it is uniform between 0 and m
  ///   mmax15   the largest level [10]
  ///   n2       operations per picture [2]
  ///   p0.5     probability that each of them is applied [0.5]
  ///   inc1     those of which more is more [inc0]
  ///   tNAME    other operations: weights, 3a, 3aw
  /// or "3a": one of solarize, grey, blur. Throws UsageError.
  explicit AutoAugment(std::string_view text);

  /// Changes the picture; a function of the arguments alone.
  ///   filters   of geometry, one of them drawn each time
  ///   fill      (channels)
  void operator()(Image& image, std::span<const ResizeFilter> filters,
                  std::span<const uint8_t> fill, Random& random) const;

 private:
  /// An operation that may be drawn.
  struct Choice {
    const PictureOperation* operation;
    double weight = 1;
    double low = 0, high = 0;  // its level is uniform between them, where the policy has no other
  };

  void read(std::string_view text);
  double draw_level(const Choice& choice, Random& random) const;

  std::vector<Choice> choices_;
  bool replace_ = true;  // an operation may be drawn twice
  int64_t count_ = 2;
  double probability_ = 0.5;
  bool own_levels_ = false;
  double level_ = 10, level_stddev_ = 0, level_max_ = 10;
};

}  // namespace vitrine
