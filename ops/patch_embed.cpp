#include "ops/patch_embed.hpp"

#include <fmt/format.h>

#include "core/check.hpp"
#include "core/profile.hpp"

namespace vitrine {
namespace {

/// The convolution that a patch embedding is. Throws unless the patches fit.
Conv2dOptions convolution(std::string_view op, const Tensor& x, const Tensor& weight) {
  check_images(op, x);
  if (!weight.defined() || weight.rank() != 4 || weight.dim(1) != x.dim(3)) {
    throw ShapeError(fmt::format("[{}] weight must be (D, {}, p, q) to match x {}, got {}", op,
                                 x.dim(3), x.shape().str(),
                                 weight.defined() ? weight.shape().str() : "nothing"));
  }
  const Size2d patch{weight.dim(2), weight.dim(3)};
  if (patch.h < 1 || patch.w < 1 || x.dim(1) < patch.h || x.dim(2) < patch.w) {
    throw ShapeError(fmt::format("[{}] patches of ({}, {}) do not fit into images of ({}, {})", op,
                                 patch.h, patch.w, x.dim(1), x.dim(2)));
  }
  return {.stride = patch};
}

}  // namespace

Tensor patch_embed(const Tensor& x, const Tensor& weight, const Tensor& bias) {
  const ProfileScope profile("patch_embed");
  const Conv2dOptions options = convolution("patch_embed", x, weight);
  if (bias.defined()) check_shape("patch_embed", "bias", bias, {weight.dim(0)});
  const Tensor y = conv2d(x, weight, bias, options);
  return y.reshape({y.dim(0), y.dim(1) * y.dim(2), y.dim(3)});
}

Conv2dGradients patch_embed_backward(const Tensor& dy, const Tensor& x, const Tensor& weight,
                                     Needs needs) {
  const Conv2dOptions options = convolution("patch_embed_backward", x, weight);
  const int64_t rows = x.dim(1) / options.stride.h;
  const int64_t columns = x.dim(2) / options.stride.w;
  check_shape("patch_embed_backward", "dy", dy, {x.dim(0), rows * columns, weight.dim(0)});
  return conv2d_backward(dy.reshape({x.dim(0), rows, columns, weight.dim(0)}), x, weight, options,
                         needs);
}

}  // namespace vitrine
