#include "models/networks/resnetv2.hpp"

#include <fmt/format.h>

#include "models/networks/checkpointed.hpp"
#include "ops/avg_pool2d.hpp"
#include "ops/binary.hpp"
#include "ops/max_pool2d.hpp"
#include "ops/pad.hpp"

namespace vitrine {
namespace {

ImageConv make_conv(const ResNetV2Config& c, int64_t out, int64_t in, int64_t kernel,
                    int64_t stride = 1) {
  ImageConv conv;
  conv.weight.value = Tensor::empty({out, in, kernel, kernel});
  conv.stride = stride;
  conv.same = c.stem == Stem::kSame;
  conv.eps = static_cast<float>(c.conv_eps);
  conv.form = c.conv_eps_form;
  conv.standardize = c.standardize;
  return conv;
}

PreactBlock make_block(const ResNetV2Config& c, int64_t in, int64_t out, int64_t stride,
                       bool projects) {
  const int64_t middle = c.middle(out);
  PreactBlock block;
  block.preact = c.preact;
  if (projects) {
    block.pool = c.avg_down ? stride : 1;
    block.downsample = make_conv(c, out, in, 1, c.avg_down ? 1 : stride);
    if (!c.preact) block.downsample_norm = ImageNorm::make(c.norm, out);
  }
  block.norm1 = ImageNorm::make(c.norm, c.preact ? in : middle);
  block.norm2 = ImageNorm::make(c.norm, middle);
  if (c.basic) {
    block.conv1 = make_conv(c, middle, in, 3, stride);
    block.conv2 = make_conv(c, out, middle, 3);
    return block;
  }
  block.conv1 = make_conv(c, middle, in, 1);
  block.conv2 = make_conv(c, middle, middle, 3, stride);
  block.conv3 = make_conv(c, out, middle, 1);
  block.norm3 = ImageNorm::make(c.norm, c.preact ? middle : out);
  return block;
}

/// The max pool behind the stem: (B, H, W, C) -> (B, H / 2, W / 2, C)
Tensor pool_stem(Stem stem, const Tensor& x) {
  Window window{{3, 3}, {2, 2}};
  if (stem == Stem::kFixed) {  // zeros that may win
    return max_pool2d(pad(x, {{0, 0}, {1, 1}, {1, 1}, {0, 0}}, 0.0F), window);
  }
  window.padding = stem == Stem::kSame ? same_padding("max_pool2d", {x.dim(1), x.dim(2)}, window)
                                       : Padding2d{1, 1, 1, 1};
  return max_pool2d(x, window);
}

}  // namespace

Tensor PreactBlock::operator()(const Tensor& x, const Pass& pass) const {
  if (!preact) {
    const Tensor shortcut =
        downsample.weight.defined() ? downsample_norm(downsample(x), pass, false) : x;
    const Tensor h = norm2(conv2(norm1(conv1(x), pass, true)), pass, true);
    return norm3(conv3(h), pass, true, shortcut);
  }
  const Tensor p = norm1(x, pass, true);
  Tensor shortcut = x;
  if (downsample.weight.defined()) {
    const Window window{{pool, pool}, {pool, pool}};
    shortcut = downsample(
        pool == 1 ? p : avg_pool2d(p, window, {.ceil_mode = true, .count_include_pad = false}));
  }
  const Tensor h = conv2(norm2(conv1(p), pass, true));
  return add(conv3.weight.defined() ? conv3(norm3(h, pass, true)) : h, shortcut);
}

ResNetV2::ResNetV2(const ResNetV2Config& c, int64_t in_channels) : config(c) {
  config.validate();
  if (c.deep()) {
    const int64_t first = c.stem_middle(0);
    const int64_t second = c.stem_middle(1);
    stem_convs = {make_conv(c, first, in_channels, 3, 2), make_conv(c, second, first, 3),
                  make_conv(c, c.stem_channels, second, 3)};
    stem_norms = {ImageNorm::make(c.norm, first), ImageNorm::make(c.norm, second)};
  } else {
    stem_convs = {make_conv(c, c.stem_channels, in_channels, 7, 2)};
    if (!c.preact) stem_norms = {ImageNorm::make(c.norm, c.stem_channels)};
  }
  int64_t channels = c.stem_channels;
  for (size_t s = 0; s < c.layers.size(); ++s) {
    std::vector<PreactBlock> stage;
    for (int64_t b = 0; b < c.layers[s]; ++b) {
      const int64_t stride = s > 0 && b == 0 ? 2 : 1;
      stage.push_back(
          make_block(c, channels, c.channels[s], stride, b == 0 && c.projects(s, channels)));
      channels = c.channels[s];
    }
    stages.push_back(std::move(stage));
  }
  if (c.preact) norm = ImageNorm::make(c.norm, channels);
}

Tensor ResNetV2::operator()(const Tensor& images, const Pass& pass, std::string_view name) const {
  const auto report = [&](std::string_view part, const Tensor& y) {
    if (pass.probe == nullptr) return;
    pass.report(name.empty() ? std::string(part) : fmt::format("{}.{}", name, part), y);
  };
  Tensor x = images;
  for (size_t i = 0; i < stem_convs.size(); ++i) {
    x = stem_convs[i](x);
    if (i < stem_norms.size()) x = stem_norms[i](x, pass, true);
  }
  x = pool_stem(config.stem, x);  // (B, H / 4, W / 4, stem_channels)
  if (!stages.empty()) report("stem", x);
  for (size_t s = 0; s < stages.size(); ++s) {
    for (size_t b = 0; b < stages[s].size(); ++b) {
      x = checkpointed(stages[s][b], x, pass);
      if (pass.probe != nullptr) report(fmt::format("stages.{}.blocks.{}", s, b), x);
    }
  }
  if (norm.defined()) {
    x = norm(x, pass, true);
    report("norm", x);
  }
  if (pass.probe != nullptr && !name.empty()) pass.report(std::string(name), x);
  return x;
}

void ResNetV2::freeze() {
  for (ImageConv& conv : stem_convs) conv.freeze();
  for (auto& stage : stages) {
    for (PreactBlock& block : stage) block.each_convolution([](ImageConv& c) { c.freeze(); });
  }
}

}  // namespace vitrine
