#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "core/formats/raw_tensor.hpp"

namespace vitrine {

/// How a tensor lies in a file, compared with timm's: (out, in) matrices, OIHW convolutions.
enum class Layout {
  kSame,        ///< alike, up to leading axes of size 1
  kFlat,        ///< one axis in timm: biases of heads (H, hd)
  kInOut,       ///< the first axis is the input, the others together the output: (D, H, hd)
  kInOutHeads,  ///< the last axis is the output, the others together the input: (H, hd, D)
  kHwio,        ///< a convolution (h, w, in, out)
};

/// The shape that a tensor of this layout has in timm.
std::vector<int64_t> timm_shape(const RawTensor& tensor, Layout layout);

/// The values in timm's order: `out` has as many elements as the tensor.
///   name   the tensor's, for messages
/// Throws FormatError for element types that are not converted.
void write_as_timm(const RawTensor& tensor, Layout layout, std::string_view name,
                   std::span<float> out);

}  // namespace vitrine
