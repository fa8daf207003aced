#pragma once

#include "ops/conv2d.hpp"

namespace vitrine::detail {

/// The sizes of one convolution.
struct ConvSizes {
  int64_t batch;
  Size2d image;  // (H, W)
  int64_t channels;
  int64_t outputs;
  Size2d kernel;
  Size2d grid;  // (H', W')
  int64_t groups;

  int64_t group_channels() const { return channels / groups; }
  int64_t group_outputs() const { return outputs / groups; }
  int64_t k() const { return kernel.h * kernel.w * group_channels(); }
  int64_t m() const { return batch * grid.h * grid.w; }
  bool pointwise() const { return kernel == Size2d{1, 1}; }
  /// Of the same convolution with so many neighbouring groups as one.
  ConvSizes joined(int64_t neighbours) const {
    ConvSizes s = *this;
    s.groups = groups / neighbours;
    return s;
  }
  Shape y() const { return {batch, grid.h, grid.w, outputs}; }
};

}  // namespace vitrine::detail
