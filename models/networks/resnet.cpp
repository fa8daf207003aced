#include "models/networks/resnet.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <numeric>

#include "models/networks/checkpointed.hpp"
#include "models/networks/config_check.hpp"
#include "models/networks/init.hpp"
#include "ops/avg_pool2d.hpp"
#include "ops/binary.hpp"
#include "ops/gemm/gemm_packed.hpp"
#include "ops/max_pool2d.hpp"
#include "ops/reduce.hpp"
#include "ops/unary.hpp"

namespace vitrine {
namespace {

constexpr uint32_t kHeadMask = (1U << 24) - 1;  // the last place; blocks have those from 0

ConvNorm make_conv(const ResNetConfig& c, int64_t in, int64_t out, int64_t kernel,
                   int64_t stride = 1, int64_t groups = 1) {
  ConvNorm conv;
  conv.weight.value = Tensor::empty({out, in / groups, kernel, kernel});
  conv.stride = stride;
  conv.groups = groups;
  conv.norm = ImageNorm::make(c.norm, out);
  return conv;
}

ChannelAttention make_attention(const ResNetConfig& c, int64_t channels) {
  switch (c.attention) {
    case ChannelAttentionKind::kSqueeze:
      return ChannelAttention::squeeze(channels, c.squeezed(channels));
    case ChannelAttentionKind::kEfficient:
      return ChannelAttention::efficient(ResNetConfig::eca_kernel(channels));
    case ChannelAttentionKind::kNone:
      break;
  }
  return {};
}

ResidualBlock make_block(const ResNetConfig& c, size_t stage, int64_t in, int64_t stride,
                         bool first) {
  const int64_t middle = c.middle(stage);
  const int64_t out = c.planes[stage] * c.expansion();
  ResidualBlock block;
  block.avg_down = c.avg_down;
  if (c.block == ResNetBlock::kBasic) {
    block.conv1 = make_conv(c, in, middle, 3, stride);
    block.conv2 = make_conv(c, middle, out, 3);
  } else {
    block.conv1 = make_conv(c, in, middle, 1);
    block.conv2 = make_conv(c, middle, middle, 3, stride, c.cardinality);
    block.conv3 = make_conv(c, middle, out, 1);
  }
  block.attention = make_attention(c, out);
  if (first && (stride != 1 || in != out)) {
    block.pool = c.avg_down ? stride : 1;
    block.downsample = make_conv(c, in, out, 1, c.avg_down ? 1 : stride);
  }
  return block;
}

}  // namespace

Tensor ResidualBlock::operator()(const Tensor& x, const Pass& pass) const {
  Tensor shortcut = x;
  if (pool > 1) {
    const Window window{{pool, pool}, {pool, pool}};
    shortcut = avg_pool2d(x, window, {.ceil_mode = true, .count_include_pad = false});
  }
  if (downsample.weight.defined()) shortcut = downsample(shortcut, pass, false);
  const bool basic = !conv3.weight.defined();
  const Tensor h = conv1(x, pass, true);
  const Tensor branch = basic ? h : conv2(h, pass, true);
  const ConvNorm& last = basic ? conv2 : conv3;
  const bool drops = pass.training && drop_path > 0;
  if (!drops && !attention.defined()) return last(branch, pass, true, shortcut);
  Tensor y = last(branch, pass, false);
  if (attention.defined()) y = attention(y);
  return relu(drops ? drop_path_add(shortcut, y, drop_path, {pass.seed, pass.step, index})
                    : add(std::move(y), std::move(shortcut)));
}

ResNet::ResNet(const ResNetConfig& c) : config(c) {
  config.validate();
  if (c.deep()) {
    stem = {make_conv(c, c.channels, c.first_channels(), 3, 2),
            make_conv(c, c.first_channels(), c.stem_width, 3),
            make_conv(c, c.stem_width, c.stem_channels(), 3)};
  } else {
    stem = {make_conv(c, c.channels, c.stem_channels(), 7, 2)};
  }
  if (c.replace_stem_pool) stem_pool = make_conv(c, c.stem_channels(), c.stem_channels(), 3, 2);
  const int64_t blocks = layers() - 2;
  int64_t in = c.stem_channels();
  uint32_t index = 0;
  for (size_t s = 0; s < c.layers.size(); ++s) {
    std::vector<ResidualBlock> stage;
    for (int64_t b = 0; b < c.layers[s]; ++b) {
      ResidualBlock block = make_block(c, s, in, s > 0 && b == 0 ? 2 : 1, b == 0);
      block.index = index;
      if (blocks > 1) {
        block.drop_path = static_cast<float>(c.drop_path * index / static_cast<double>(blocks - 1));
      }
      stage.push_back(std::move(block));
      in = c.planes[s] * c.expansion();
      ++index;
    }
    stages.push_back(std::move(stage));
  }
  if (c.classes == 0) return;
  fc.weight.value = Tensor::empty({c.classes, c.out_channels()});
  fc.bias.value = Tensor::empty({c.classes});
}

Tensor ResNet::features(const Tensor& images, const Pass& pass) const {
  check_images("resnet", images);
  Tensor x = images;
  for (const ConvNorm& conv : stem) x = conv(x, pass, true);  // (B, H / 2, W / 2, C)
  x = stem_pool.weight.defined()
          ? stem_pool(x, pass, true)
          : max_pool2d(x, {.kernel = {3, 3}, .stride = {2, 2}, .padding = {1, 1, 1, 1}});
  pass.report("maxpool", x);
  for (size_t s = 0; s < stages.size(); ++s) {
    for (size_t b = 0; b < stages[s].size(); ++b) {
      x = checkpointed(stages[s][b], x, pass);
      if (pass.probe != nullptr) pass.report(fmt::format("layer{}.{}", s + 1, b), x);
    }
  }
  x = mean(x, {1, 2}, false);  // (B, F)
  pass.report("global_pool", x);
  return x;
}

Tensor ResNet::operator()(const Tensor& images, const Pass& pass) const {
  Tensor x = features(images, pass);
  if (config.classes == 0) return x;
  if (pass.training && config.head_dropout > 0) {
    x = dropout(x, static_cast<float>(config.head_dropout), {pass.seed, pass.step, kHeadMask});
  }
  x = fc(x);
  pass.report("fc", x);
  return x;
}

void ResNet::initialize(uint64_t seed, WeightInit scheme) {
  require(scheme == WeightInit::kTimm, "a ResNet has timm's initial values only");
  double fan_in = 1;  // of the last weight
  visit([&](const std::string& name, Parameter& p, Role role) {
    if (role == Role::kWeight) {
      const int64_t row = p.value.numel() / p.value.dim(0);
      fan_in = static_cast<double>(row);
    }
    const bool squeeze_bias = name.find(".se.") != std::string::npos && name.ends_with(".bias");
    if (name.starts_with("fc.") || name.ends_with(".se.conv.weight") || squeeze_bias) {
      fill_uniform(p.value, 1 / std::sqrt(fan_in), seed, name);  // PyTorch's own
    } else if (role == Role::kWeight) {
      fill_he_normal(p.value, seed, name);
    } else {
      const bool one = name.ends_with(".weight") || name.ends_with(".running_var");
      std::fill_n(p.value.mutable_data(), p.value.numel(), one ? 1.0F : 0.0F);
    }
  });
}

void ResNet::resize(int64_t image_height, int64_t image_width, PositionResampling) {
  config = for_image_size(config, image_height, image_width);
}

void ResNet::freeze() {
  for (ConvNorm& conv : stem) conv.freeze();
  if (stem_pool.weight.defined()) stem_pool.freeze();
  for (auto& stage : stages) {
    for (ResidualBlock& block : stage) block.freeze();
  }
  // What is not folded.
  visit([](const std::string&, Parameter& p, Role) { p.value.freeze(); });
  if (!fc.weight.defined()) return;
  if (!packed_precision(fc.weight.value)) pack_weight(fc.weight.value);
}

int64_t ResNet::layers() const {
  return 2 + std::accumulate(config.layers.begin(), config.layers.end(), int64_t{0});
}

int64_t ResNet::layer_of(std::string_view parameter) const {
  constexpr std::string_view kStage = "layer";
  if (parameter.starts_with("fc.")) return layers() - 1;
  if (!parameter.starts_with(kStage)) return 0;
  size_t stage = 0;
  int64_t block = 0;
  const char* const end = parameter.data() + parameter.size();
  const auto [point, error] = std::from_chars(parameter.data() + kStage.size(), end, stage);
  std::from_chars(point + 1, end, block);
  const auto first = config.layers.begin();
  return std::accumulate(first, first + static_cast<int64_t>(stage) - 1, block + 1);
}

void ResNet::visit(const ParameterVisitor& f) {
  if (stem.size() == 1) {
    stem[0].visit("conv1", "bn1", f);
  } else {  // timm's sequence: convolution, norm, ReLU, twice, and the last convolution
    stem[0].visit("conv1.0", "conv1.1", f);
    stem[1].visit("conv1.3", "conv1.4", f);
    stem[2].visit("conv1.6", "bn1", f);
  }
  stem_pool.visit("maxpool.0", "maxpool.1", f);
  for (size_t s = 0; s < stages.size(); ++s) {
    for (size_t b = 0; b < stages[s].size(); ++b) {
      stages[s][b].visit(fmt::format("layer{}.{}", s + 1, b), f);
    }
  }
  fc.visit("fc", f);
}

}  // namespace vitrine
