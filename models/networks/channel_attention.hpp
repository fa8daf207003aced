#pragma once

#include <string>

#include "models/networks/parameter.hpp"
#include "ops/channel_attention.hpp"
#include "ops/conv2d.hpp"

namespace vitrine {

/// Squeeze and excitation (parameters fc1.weight (R, C, 1, 1), fc1.bias (R), fc2.weight
/// (C, R, 1, 1), fc2.bias (C)) or efficient channel attention (conv.weight (1, 1, k)).
struct ChannelAttention {
  Parameter fc1_weight, fc1_bias, fc2_weight, fc2_bias;
  Parameter kernel;

  static ChannelAttention squeeze(int64_t channels, int64_t squeezed) {
    ChannelAttention a;
    a.fc1_weight.value = Tensor::empty({squeezed, channels, 1, 1});
    a.fc1_bias.value = Tensor::empty({squeezed});
    a.fc2_weight.value = Tensor::empty({channels, squeezed, 1, 1});
    a.fc2_bias.value = Tensor::empty({channels});
    return a;
  }
  static ChannelAttention efficient(int64_t kernel_size) {
    ChannelAttention a;
    a.kernel.value = Tensor::empty({1, 1, kernel_size});
    return a;
  }

  bool defined() const { return fc1_weight.defined() || kernel.defined(); }
  /// (B, H, W, C) -> (B, H, W, C)
  Tensor operator()(const Tensor& x) const {
    if (kernel.defined()) return efficient_channel_attention(x, kernel.value);
    return squeeze_excitation(x, fc1_weight.value, fc1_bias.value, fc2_weight.value,
                              fc2_bias.value);
  }
  /// No more training.
  void freeze() {
    for (Parameter* p : {&fc1_weight, &fc1_bias, &fc2_weight, &fc2_bias, &kernel}) {
      if (p->defined()) p->value.freeze();
    }
    if (fc1_weight.defined()) pack_conv2d_weight(fc1_weight.value);
    if (fc2_weight.defined()) pack_conv2d_weight(fc2_weight.value);
  }

  template <class F>
  void visit(const std::string& name, F&& f) {
    if (kernel.defined()) f(name + ".conv.weight", kernel, Role::kWeight);
    if (!fc1_weight.defined()) return;
    f(name + ".fc1.weight", fc1_weight, Role::kWeight);
    f(name + ".fc1.bias", fc1_bias, Role::kVector);
    f(name + ".fc2.weight", fc2_weight, Role::kWeight);
    f(name + ".fc2.bias", fc2_bias, Role::kVector);
  }
};

}  // namespace vitrine
