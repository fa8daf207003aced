#include "ops/channel_attention.hpp"

#include "core/check.hpp"
#include "core/profile.hpp"
#include "ops/binary.hpp"
#include "ops/conv2d.hpp"
#include "ops/reduce.hpp"
#include "ops/unary.hpp"

namespace vitrine {

Tensor squeeze_excitation(const Tensor& x, const Tensor& fc1, const Tensor& fc1_bias,
                          const Tensor& fc2, const Tensor& fc2_bias) {
  const ProfileScope profile("squeeze_excitation");
  check_images("squeeze_excitation", x);
  const Tensor z = mean(x, {1, 2}, true);  // (B, 1, 1, C)
  const Tensor hidden = conv2d(z, fc1, fc1_bias, {.relu = true});
  return mul(x, sigmoid(conv2d(hidden, fc2, fc2_bias)));
}

Tensor efficient_channel_attention(const Tensor& x, const Tensor& kernel) {
  constexpr const char* kName = "efficient_channel_attention";
  const ProfileScope profile(kName);
  check_images(kName, x);
  check(kernel.defined() && kernel.rank() == 3 && kernel.dim(0) == 1 && kernel.dim(1) == 1 &&
            kernel.dim(2) % 2 == 1,
        kName, "kernel must be (1, 1, k), k odd");
  const int64_t batch = x.dim(0);
  const int64_t channels = x.dim(3);
  const int64_t k = kernel.dim(2);
  const Tensor z = mean(x, {1, 2}, false).reshape({batch, 1, channels, 1});  // as a line of pixels
  const Tensor gate =
      sigmoid(conv2d(z, kernel.reshape({1, 1, 1, k}), Tensor(), {.padding = {0, 0, k / 2, k / 2}}));
  return mul(x, gate.reshape({batch, 1, 1, channels}));
}

}  // namespace vitrine
