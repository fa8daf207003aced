#include <array>

#include "core/error.hpp"
#include "ops/avg_pool2d.hpp"
#include "ops/channel_attention.hpp"
#include "ops/conv2d.hpp"
#include "ops/max_pool2d.hpp"
#include "ops/standardize_weight.hpp"
#include "tests/golden/layout.hpp"
#include "tests/golden/ops.hpp"

// Convolution, pooling and attention to channels. The golden images are NCHW, Vitrine's NHWC.

namespace vitrine::golden {
namespace {

Size2d size_of(const OpCall& call, const char* key) {
  const Json& pair = call.params.at(key);
  return {pair.at(0), pair.at(1)};
}

Padding2d padding_of(const OpCall& call) {
  const Json& pads = call.params.at("pads_tblr");
  return {pads.at(0), pads.at(1), pads.at(2), pads.at(3)};
}

/// For "same" the manifest states the result of the rule too: both must agree.
void check_same(const OpCall& call, Size2d image, const Window& window) {
  if (call.params.at("padding") != "same") return;
  if (same_padding("same_padding", image, window) != window.padding) {
    throw Error("same_padding differs from pads_tblr");
  }
}

/// A convolution with the golden weight, or what was made of it.
Outputs convolution(OpCall& call, const Tensor& weight) {
  const Tensor images = to_nhwc(call.input("x"));
  Conv2dOptions options;
  options.stride = size_of(call, "stride");
  options.dilation = size_of(call, "dilation");
  options.padding = padding_of(call);
  options.groups = call.params.at("groups");
  check_same(call, {images.dim(1), images.dim(2)},
             {{weight.dim(2), weight.dim(3)}, options.stride, options.dilation, options.padding});
  return {{"y", to_nchw(conv2d(images, weight, call.optional("bias"), options))}};
}

Outputs run_conv2d(OpCall& call) { return convolution(call, call.input("weight")); }

Outputs run_std_conv2d(OpCall& call) {
  return convolution(call, standardize_weight(call.input("weight"), call.params.at("eps")));
}

Outputs run_max_pool2d(OpCall& call) {
  const Tensor images = to_nhwc(call.input("x"));
  const Window window{size_of(call, "kernel"), size_of(call, "stride"), {1, 1}, padding_of(call)};
  check_same(call, {images.dim(1), images.dim(2)}, window);
  return {{"y", to_nchw(max_pool2d(images, window, call.params.at("ceil_mode")))}};
}

Outputs run_avg_pool2d(OpCall& call) {
  const Size2d pad = size_of(call, "padding");
  const Window window{
      size_of(call, "kernel"), size_of(call, "stride"), {1, 1}, {pad.h, pad.h, pad.w, pad.w}};
  const AvgPool2dOptions options{.ceil_mode = call.params.at("ceil_mode"),
                                 .count_include_pad = call.params.at("count_include_pad")};
  return {{"y", to_nchw(avg_pool2d(to_nhwc(call.input("x")), window, options))}};
}

template <Tensor (*pool)(const Tensor&, Size2d)>
Outputs run_adaptive(OpCall& call) {
  return {{"y", to_nchw(pool(to_nhwc(call.input("x")), size_of(call, "size")))}};
}

Outputs se(OpCall& call) {
  return {{"y", to_nchw(squeeze_excitation(to_nhwc(call.input("x")), call.input("fc1.weight"),
                                           call.input("fc1.bias"), call.input("fc2.weight"),
                                           call.input("fc2.bias")))}};
}

Outputs eca(OpCall& call) {
  return {{"y", to_nchw(efficient_channel_attention(to_nhwc(call.input("x")),
                                                    call.input("conv.weight")))}};
}

}  // namespace

std::span<const OpAdapter> convolution_ops() {
  static constexpr auto kTable = std::to_array<OpAdapter>({
      {"conv2d", run_conv2d},
      {"std_conv2d", run_std_conv2d},
      {"max_pool2d", run_max_pool2d},
      {"avg_pool2d", run_avg_pool2d},
      {"adaptive_avg_pool2d", run_adaptive<adaptive_avg_pool2d>},
      {"adaptive_max_pool2d", run_adaptive<adaptive_max_pool2d>},
      {"se", se},
      {"eca", eca},
  });
  return kTable;
}

}  // namespace vitrine::golden
