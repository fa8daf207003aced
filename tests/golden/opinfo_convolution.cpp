#include <array>
#include <cmath>
#include <limits>

#include "ops/avg_pool2d.hpp"
#include "ops/batch_norm.hpp"
#include "ops/conv2d.hpp"
#include "ops/group_norm.hpp"
#include "ops/interpolate.hpp"
#include "ops/max_pool2d.hpp"
#include "ops/rms_norm.hpp"
#include "tests/golden/layout.hpp"
#include "tests/golden/opinfo.hpp"

// Convolution, pooling, and the norms that go with them. PyTorch's images are NCHW.

namespace vitrine::golden {
namespace {

using Tensors = std::vector<Tensor>;

/// PyTorch takes (C, H, W) too: a batch of one.
struct Images {
  Tensor nhwc;
  bool single;

  explicit Images(OpinfoCall& call) {
    const Tensor x = call.input();
    if (x.rank() != 3 && x.rank() != 4) call.not_offered("of other ranks");
    single = x.rank() == 3;
    nhwc = to_nhwc(single ? x.reshape({1, x.dim(0), x.dim(1), x.dim(2)}) : x);
  }
  Tensor back(const Tensor& y) const {
    const Tensor nchw = to_nchw(y);
    return single ? nchw.reshape({nchw.dim(1), nchw.dim(2), nchw.dim(3)}) : nchw;
  }
  /// Numbers in the order of y as a tensor of PyTorch's.
  Tensor back(const std::vector<int32_t>& numbers, const Shape& shape) const {
    return back(Tensor::from(std::vector<float>(numbers.begin(), numbers.end()), shape));
  }
  Size2d size() const { return {nhwc.dim(1), nhwc.dim(2)}; }
};

/// One number for both axes, or one for each; `otherwise` if there is none.
Size2d pair(OpinfoCall& call, size_t position, const char* name, Size2d otherwise) {
  const std::vector<int64_t> values = call.integers(position, name);
  if (values.empty()) return otherwise;
  return {values.front(), values.back()};
}

Padding2d symmetric(Size2d pad) { return {pad.h, pad.h, pad.w, pad.w}; }

Tensors run_conv2d(OpinfoCall& call) {
  const Images images(call);
  const Tensor weight = call.tensor(0, "weight");
  const Tensor bias = call.tensor(1, "bias");
  Conv2dOptions options;
  options.stride = pair(call, 2, "stride", {1, 1});
  options.dilation = pair(call, 4, "dilation", {1, 1});
  options.groups = call.integer(5, "groups").value_or(1);
  const Json* padding = call.take(3, "padding");
  if (padding == nullptr || !padding->is_string()) {
    options.padding = symmetric(pair(call, 3, "padding", {0, 0}));
  } else if (*padding == "same") {
    options.padding =
        same_padding("conv2d", images.size(),
                     {{weight.dim(2), weight.dim(3)}, options.stride, options.dilation});
  }
  call.done();
  return {images.back(conv2d(images.nhwc, weight, bias, options))};
}

Tensors run_max_pool2d(OpinfoCall& call) {
  const Images images(call);
  Window window;
  window.kernel = pair(call, 0, "kernel_size", {});
  window.stride = pair(call, 1, "stride", window.kernel);
  window.padding = symmetric(pair(call, 2, "padding", {0, 0}));
  window.dilation = pair(call, 3, "dilation", {1, 1});
  const bool ceil = call.flag(4, "ceil_mode", false);
  const bool indices = call.flag(5, "return_indices", false);
  call.done();
  if (!indices) return {images.back(max_pool2d(images.nhwc, window, ceil))};
  const MaxPool2d result = max_pool2d_with_indices(images.nhwc, window, ceil);
  return {images.back(result.y), images.back(result.indices, result.y.shape())};
}

Tensors run_avg_pool2d(OpinfoCall& call) {
  const Images images(call);
  Window window;
  window.kernel = pair(call, 0, "kernel_size", {});
  window.stride = pair(call, 1, "stride", window.kernel);
  window.padding = symmetric(pair(call, 2, "padding", {0, 0}));
  AvgPool2dOptions options;
  options.ceil_mode = call.flag(3, "ceil_mode", false);
  options.count_include_pad = call.flag(4, "count_include_pad", true);
  options.divisor = call.integer(5, "divisor_override");
  call.done();
  return {images.back(avg_pool2d(images.nhwc, window, options))};
}

/// The size of an adaptive pooling: null is that of the image.
Size2d output_size(OpinfoCall& call, const Images& images) {
  const Json* size = call.take(0, "output_size");
  if (size == nullptr) call.not_offered("without a size");
  const auto at = [&](const Json& value, int64_t otherwise) {
    return value.is_null() ? otherwise : value.get<int64_t>();
  };
  if (!size->is_array()) return {at(*size, 0), at(*size, 0)};
  if (size->size() != 2) call.not_offered("with a size that is no pair");
  return {at(size->at(0), images.size().h), at(size->at(1), images.size().w)};
}

Tensors run_adaptive_avg_pool2d(OpinfoCall& call) {
  const Images images(call);
  const Size2d size = output_size(call, images);
  call.done();
  return {images.back(adaptive_avg_pool2d(images.nhwc, size))};
}

Tensors run_adaptive_max_pool2d(OpinfoCall& call) {
  const Images images(call);
  const Size2d size = output_size(call, images);
  const bool indices = call.flag(1, "return_indices", false);
  call.done();
  if (!indices) return {images.back(adaptive_max_pool2d(images.nhwc, size))};
  const MaxPool2d result = adaptive_max_pool2d_with_indices(images.nhwc, size);
  return {images.back(result.y), images.back(result.indices, result.y.shape())};
}

/// A size, or a factor that PyTorch keeps as it is unless it is told to recompute it.
Tensors run_interpolate(OpinfoCall& call) {
  const Tensor x = call.input();
  const std::vector<int64_t> size = call.integers(0, "size");
  const Json* factor = call.take(1, "scale_factor");
  const Json* mode = call.take(2, "mode");
  InterpolateOptions options;
  options.mode = mode == nullptr || *mode == "nearest" ? Interpolation::kNearest
                 : *mode == "bicubic"                  ? Interpolation::kBicubic
                                                       : Interpolation::kBilinear;
  options.align_corners = call.flag(3, "align_corners", false);
  const bool recompute = call.flag(4, "recompute_scale_factor", false);
  options.antialias = call.flag(5, "antialias", false);
  call.done();
  if (x.rank() != 4) call.not_offered("of other ranks");
  const Tensor images = to_nhwc(x);
  if (factor == nullptr) {
    if (size.size() != 2) call.not_offered("with a size that is no pair");
    return {to_nchw(interpolate(images, {size[0], size[1]}, options))};
  }
  if (!factor->is_number()) call.not_offered("with a factor per axis");
  const double scale = *factor;
  const auto scaled = [&](int64_t n) {
    return static_cast<int64_t>(std::floor(static_cast<double>(n) * scale));
  };
  if (!recompute) options.scale_h = options.scale_w = scale;
  return {to_nchw(interpolate(images, {scaled(x.dim(2)), scaled(x.dim(3))}, options))};
}

float number_or(const Json* value, float otherwise) {
  return value == nullptr ? otherwise : value->get<float>();
}

Tensors run_group_norm(OpinfoCall& call) {
  const Tensor x = call.input();
  const int64_t groups = call.integer(0, "num_groups").value();
  const Tensor weight = call.tensor(1, "weight");
  const Tensor bias = call.tensor(2, "bias");
  const float eps = number_or(call.take(3, "eps"), 1e-5F);
  call.done();
  return {channels_first(group_norm(channels_last(x), groups, weight, bias, eps))};
}

Tensors run_rms_norm(OpinfoCall& call) {
  const Tensor x = call.input();
  const std::vector<int64_t> normalized = call.integers(0, "normalized_shape");
  const Tensor weight = call.tensor(1, "weight");
  const float eps = number_or(call.take(2, "eps"), std::numeric_limits<float>::epsilon());
  call.done();
  if (normalized.size() != 1) call.not_offered("over several axes");
  return {rms_norm(x, weight, eps)};
}

Tensors run_batch_norm(OpinfoCall& call) {
  const Tensor x = call.input();
  Tensor mean = call.tensor(0, "running_mean");
  Tensor var = call.tensor(1, "running_var");
  const Tensor weight = call.tensor(2, "weight");
  const Tensor bias = call.tensor(3, "bias");
  BatchNormOptions options;
  options.training = call.flag(4, "training", false);
  options.momentum = number_or(call.take(5, "momentum"), options.momentum);
  options.eps = number_or(call.take(6, "eps"), options.eps);
  call.done();
  if (x.rank() < 2) call.not_offered("of a vector");
  // The sample is run twice: what it updates must be its own.
  if (mean.defined()) mean = mean.clone();
  if (var.defined()) var = var.clone();
  return {channels_first(batch_norm(channels_last(x), weight, bias, mean, var, options))};
}

}  // namespace

std::span<const OpinfoAdapter> opinfo_convolution_calls() {
  static constexpr auto kTable = std::to_array<OpinfoAdapter>({
      {"nn.functional.conv2d", run_conv2d},
      {"nn.functional.max_pool2d", run_max_pool2d},
      {"nn.functional.avg_pool2d", run_avg_pool2d},
      {"nn.functional.adaptive_avg_pool2d", run_adaptive_avg_pool2d},
      {"nn.functional.adaptive_max_pool2d", run_adaptive_max_pool2d},
      {"nn.functional.group_norm", run_group_norm},
      {"nn.functional.batch_norm", run_batch_norm},
      {"nn.functional.rms_norm", run_rms_norm},
      {"nn.functional.interpolate", run_interpolate},
  });
  return kTable;
}

}  // namespace vitrine::golden
