#include "models/networks/resnetv2.hpp"

#include <fmt/format.h>

#include "models/networks/checkpointed.hpp"
#include "ops/binary.hpp"
#include "ops/max_pool2d.hpp"
#include "ops/pad.hpp"

namespace vitrine {
namespace {

StdConv2d make_conv(const ResNetV2Config& c, int64_t out, int64_t in, int64_t kernel,
                    int64_t stride = 1) {
  StdConv2d conv;
  conv.weight.value = Tensor::empty({out, in, kernel, kernel});
  conv.stride = stride;
  conv.same = c.stem == Stem::kSame;
  conv.eps = static_cast<float>(c.conv_eps);
  conv.form = c.conv_eps_form;
  return conv;
}

GroupNorm make_norm(const ResNetV2Config& c, int64_t channels) {
  GroupNorm norm;
  norm.weight.value = Tensor::empty({channels});
  norm.bias.value = Tensor::empty({channels});
  norm.groups = c.groups;
  norm.eps = static_cast<float>(c.gn_eps);
  return norm;
}

Bottleneck make_block(const ResNetV2Config& c, int64_t in, int64_t out, int64_t stride,
                      bool first) {
  const int64_t middle = c.middle(out);
  Bottleneck block;
  block.preact = c.preact;
  if (first) {
    block.downsample = make_conv(c, out, in, 1, stride);
    if (!c.preact) block.downsample_norm = make_norm(c, out);
  }
  block.conv1 = make_conv(c, middle, in, 1);
  block.conv2 = make_conv(c, middle, middle, 3, stride);
  block.conv3 = make_conv(c, out, middle, 1);
  block.norm1 = make_norm(c, c.preact ? in : middle);
  block.norm2 = make_norm(c, middle);
  block.norm3 = make_norm(c, c.preact ? middle : out);
  return block;
}

}  // namespace

Tensor Bottleneck::operator()(const Tensor& x, const Pass&) const {
  if (preact) {
    const Tensor p = norm1(x, true);
    const Tensor shortcut = downsample.weight.defined() ? downsample(p) : x;
    const Tensor h = norm3(conv2(norm2(conv1(p), true)), true);
    return add(conv3(h), shortcut);
  }
  const Tensor shortcut = downsample.weight.defined() ? downsample_norm(downsample(x), false) : x;
  const Tensor h = norm2(conv2(norm1(conv1(x), true)), true);
  return norm3(conv3(h), true, shortcut);
}

ResNetV2::ResNetV2(const ResNetV2Config& c, int64_t in_channels) : config(c) {
  config.validate();
  stem_conv = make_conv(c, c.stem_channels, in_channels, 7, 2);
  if (!c.preact) stem_norm = make_norm(c, c.stem_channels);
  int64_t channels = c.stem_channels;
  for (size_t s = 0; s < c.layers.size(); ++s) {
    std::vector<Bottleneck> stage;
    for (int64_t b = 0; b < c.layers[s]; ++b) {
      const int64_t stride = s > 0 && b == 0 ? 2 : 1;
      stage.push_back(make_block(c, channels, c.channels[s], stride, b == 0));
      channels = c.channels[s];
    }
    stages.push_back(std::move(stage));
  }
  if (c.preact) norm = make_norm(c, channels);
}

Tensor ResNetV2::operator()(const Tensor& images, const Pass& pass, std::string_view name) const {
  const auto report = [&](std::string_view part, const Tensor& y) {
    if (pass.probe == nullptr) return;
    pass.report(name.empty() ? std::string(part) : fmt::format("{}.{}", name, part), y);
  };
  Window window{{3, 3}, {2, 2}};
  Tensor x = stem_conv(images);
  if (stem_norm.defined()) x = stem_norm(x, true);
  if (config.stem == Stem::kSame) {
    window.padding = same_padding("max_pool2d", {x.dim(1), x.dim(2)}, window);
  } else {
    x = pad(x, {{0, 0}, {1, 1}, {1, 1}, {0, 0}}, 0.0F);  // zeros that may win
  }
  x = max_pool2d(x, window);  // (B, H / 4, W / 4, stem_channels)
  if (!stages.empty()) report("stem", x);
  for (size_t s = 0; s < stages.size(); ++s) {
    for (size_t b = 0; b < stages[s].size(); ++b) {
      x = checkpointed(stages[s][b], x, pass);
      if (pass.probe != nullptr) report(fmt::format("stages.{}.blocks.{}", s, b), x);
    }
  }
  if (norm.defined()) {
    x = norm(x, true);
    report("norm", x);
  }
  if (pass.probe != nullptr && !name.empty()) pass.report(std::string(name), x);
  return x;
}

void ResNetV2::freeze() {
  stem_conv.freeze();
  for (auto& stage : stages) {
    for (Bottleneck& block : stage) block.each_convolution([](StdConv2d& c) { c.freeze(); });
  }
}

}  // namespace vitrine
