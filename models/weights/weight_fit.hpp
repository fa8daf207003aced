#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace vitrine {

/// Where the tensors of a file and of a network differ.
struct WeightFit {
  std::vector<std::string> missing, extra;
  std::vector<std::string> reshaped;  ///< "head.weight is (10, 64), wanted (1000, 64)"

  /// Throws FormatError(kMismatch) that lists them, a few of each, if there are any.
  void require(std::string_view path) const;
};

}  // namespace vitrine
