#pragma once

#include <span>

#include "models/c_api/vitrine.h"
#include "models/data/preprocess.hpp"

namespace vitrine {

/// The pictures of a call of the C interface, as this version knows them.
class Pictures {
 public:
  /// Throws UsageError if the array is null, or its pictures are smaller than the first version's
  /// or hold something that this version does not know.
  Pictures(const vitrine_picture* pictures, size_t count);

  size_t count() const { return count_; }

  /// Picture i, decoded, prepared and normalised.
  ///   to   (rule.height, rule.width, rule.channels)
  /// Throws UsageError and ShapeError that name the picture and what of it is impossible, and
  /// IoError and FormatError for its file.
  void prepare(size_t i, const Preprocess& rule, std::span<float> to) const;

 private:
  vitrine_picture at(size_t i) const;

  const std::byte* bytes_;
  size_t count_;
  size_t size_ = 0;  // bytes from one picture to the next
};

}  // namespace vitrine
