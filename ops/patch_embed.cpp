#include "ops/patch_embed.hpp"

#include <fmt/format.h>

#include "core/check.hpp"
#include "core/profile.hpp"
#include "ops/conv2d.hpp"

namespace vitrine {

Tensor patch_embed(const Tensor& x, const Tensor& weight, const Tensor& bias) {
  const ProfileScope profile("patch_embed");
  check_images("patch_embed", x);
  if (!weight.defined() || weight.rank() != 4 || weight.dim(1) != x.dim(3)) {
    throw ShapeError(fmt::format("[patch_embed] weight must be (D, {}, p, q) to match x {}, got {}",
                                 x.dim(3), x.shape().str(),
                                 weight.defined() ? weight.shape().str() : "nothing"));
  }
  const Size2d patch{weight.dim(2), weight.dim(3)};
  if (patch.h < 1 || patch.w < 1 || x.dim(1) < patch.h || x.dim(2) < patch.w) {
    throw ShapeError(
        fmt::format("[patch_embed] patches of ({}, {}) do not fit into images of ({}, {})", patch.h,
                    patch.w, x.dim(1), x.dim(2)));
  }
  if (bias.defined())
    check_shape("patch_embed", "bias", bias, {weight.dim(0)}, "weight", weight.shape());
  const Tensor y = conv2d(x, weight, bias, {.stride = patch});
  return y.reshape({y.dim(0), y.dim(1) * y.dim(2), y.dim(3)});
}

}  // namespace vitrine
