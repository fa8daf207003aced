#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/tensor.hpp"

// The generator of WEIGHTGEN.md: numbers that are a function of a tag and a name, bit for bit the
// same everywhere.

namespace vitrine::golden {

class WeightGenerator {
 public:
  explicit WeightGenerator(std::string tag) : tag_(std::move(tag)) {}

  /// Multiples of 2^-23 in [-1, 1).
  void unit(const std::string& name, float* out, int64_t count) const;
  /// Integers in [0, modulus).
  std::vector<int32_t> integers(const std::string& name, int64_t count, uint32_t modulus) const;

  /// The values of a network's parameter or buffer, by its name in timm's state dict.
  void parameter(const std::string& name, Tensor& tensor) const;

  struct Batch {
    Tensor images;  ///< (B, C, H, W)
    std::vector<int32_t> labels;
  };
  /// A training batch; `shape` is (C, H, W).
  Batch batch(const std::string& name, int64_t count, const std::vector<int64_t>& shape,
              int64_t classes) const;

 private:
  std::string tag_;
};

}  // namespace vitrine::golden
