// Activation checkpointing: training with it computes the same bits as without, in less memory.

#include "models/networks/checkpointed.hpp"

#include <catch2/catch.hpp>

#include <array>
#include <functional>

#include "core/error.hpp"
#include "core/memory.hpp"
#include "core/parallel.hpp"
#include "models/networks/bit.hpp"
#include "models/networks/resnet.hpp"
#include "models/networks/vit.hpp"
#include "models/training/training.hpp"
#include "ops/binary.hpp"
#include "tests/numbers.hpp"

namespace vitrine {
namespace {

constexpr std::array<int32_t, 4> kLabels = {1, 4, 6, 0};

VitConfig vit_with_everything() {
  VitConfig c = vit_config("vit_d32_l3_h2_patch4_16_c7");
  c.drop_path = c.projection_dropout = c.position_dropout = c.head_dropout = 0.3;
  c.layer_scale = 0.1;
  return c;
}

/// Losses and, after three updates of two micro batches, all parameters and running statistics.
std::vector<float> train(const NetworkConfig& config, UpdateOptions options, bool checkpoint) {
  options.checkpoint_blocks = checkpoint;
  options.accumulate = 2;
  options.ema = 0.9;
  options.clip_norm = 1;
  options.seed = 5;
  const auto network = config.build();
  network->initialize(2);
  Training training(*network, options);
  const Tensor images =
      test::random_tensor({4, config.image_height, config.image_width, config.channels}, 3);
  std::vector<float> all;
  for (int step = 0; step < 3; ++step) {
    for (const int64_t first : {0, 2}) {
      const auto labels = std::span(kLabels).subspan(static_cast<size_t>(first), 2);
      const BatchResult r = training.add_gradients(images.rows(first, first + 2), labels);
      all.push_back(static_cast<float>(r.loss));
    }
    training.update(1e-3);
  }
  const auto add_all = [&] {
    network->visit([&](const std::string&, Parameter& p, Role) {
      all.insert(all.end(), p.value.values().begin(), p.value.values().end());
    });
  };
  add_all();
  training.swap_average();
  add_all();
  return all;
}

void check_same(const NetworkConfig& config, const UpdateOptions& options = {}) {
  CHECK(train(config, options, true) == train(config, options, false));
}

TEST_CASE("checkpointed: a ViT trains to the same bits", "[models]") {
  check_same(vit_with_everything());
  VitConfig plain = vit_config("vit_d32_l3_h2_patch4_16_c7");
  check_same(plain);
  plain.qk_norm = true;
  check_same(plain);
}

TEST_CASE("checkpointed: positions in every block", "[models]") {
  VitConfig c = vit_config("vit_d32_l3_h2_patch4_16_c7");
  c.position = Position::kRelative;
  check_same(c);
  for (const PositionAt at : {PositionAt::kEvery, PositionAt::kShared}) {
    c.position_at = at;
    for (const Position position : {Position::kLearned, Position::kLearned2d}) {
      c.position = position;
      check_same(c);
    }
  }
}

TEST_CASE("checkpointed: frozen parameters, whole blocks among them", "[models]") {
  UpdateOptions options;
  for (const std::vector<std::string>& patterns :
       {std::vector<std::string>{"*.bias", "blocks.1.attn.*", "*gamma"},
        {"cls_token", "pos_embed", "patch_embed.*", "blocks.0.*"},
        {"blocks.1.*"},
        {"cls_token", "pos_embed", "patch_embed.*", "blocks.*"}}) {
    options.freeze = patterns;
    INFO(patterns.front());
    check_same(vit_with_everything(), options);
  }
}

TEST_CASE("checkpointed: residual blocks, running statistics move once", "[models]") {
  ResNetConfig resnet = *resnet_config("resnet18");
  resnet.image_height = resnet.image_width = 32;
  resnet.classes = 7;
  resnet.drop_path = 0.3;
  check_same(resnet);

  BitConfig bit = *bit_config("resnetv2_50x1_bit");
  bit.image_height = bit.image_width = 32;
  bit.classes = 7;
  check_same(bit);
}

TEST_CASE("checkpointed: any number of threads", "[models][threads]") {
  set_threads(1);
  const auto one = train(vit_with_everything(), {}, true);
  set_threads(3);
  CHECK(train(vit_with_everything(), {}, true) == one);
  set_threads(0);
}

TEST_CASE("checkpointed: memory of a deep network is that of one block", "[models][memory]") {
  const auto peak = [](int64_t depth, bool checkpoint) {
    VitConfig c = vit_config("vit_d32_l2_h2_patch2_16_c7");
    c.depth = depth;
    Vit vit(c);
    vit.initialize(2);
    UpdateOptions options;
    options.checkpoint_blocks = checkpoint;
    Training training(vit, options);
    const Tensor images = test::random_tensor({16, 16, 16, 3}, 3);
    const std::vector<int32_t> labels(16, 1);
    const int64_t before = memory_stats().live_bytes;
    reset_peak_memory();
    training.add_gradients(images, labels);
    return memory_stats().peak_bytes - before;
  };
  const int64_t kept = peak(12, false) - peak(4, false);
  const int64_t checkpointed = peak(12, true) - peak(4, true);
  CHECK(checkpointed * 6 < kept);
}

/// x * gain, which counts how often it runs.
struct Counted {
  Parameter gain;
  int* runs;

  Tensor operator()(const Tensor& x, const Pass&) const {
    ++*runs;
    return mul(x, gain.value);
  }
  void visit(const std::string& name,
             const std::function<void(const std::string&, Parameter&, Role)>& f) {
    f(name + ".gain", gain, Role::kVector);
  }
};

TEST_CASE("checkpointed: a block runs again only where a gradient wants it", "[models]") {
  int runs = 0;
  Counted block{{Tensor::full({2}, 3.0F), {}}, &runs};
  Tensor x = Tensor::full({2}, 2.0F);
  Pass pass;
  pass.checkpoint_blocks = true;
  const Tensor dy = Tensor::full({2}, 1.0F);

  checkpointed(block, x, pass);  // no tape
  CHECK(runs == 1);
  Probe probe;
  {
    Tape tape;
    checkpointed(block, x, pass);  // nothing watched
    CHECK(runs == 2);
    tape.watch(block.gain.value);
    pass.probe = &probe;
    const Tensor y = checkpointed(block, x, pass);
    tape.backward(std::span(&y, 1), std::span(&dy, 1));
    CHECK(runs == 3);
    pass.probe = nullptr;
  }
  Tape tape;
  tape.watch(block.gain.value);
  const Tensor y = checkpointed(block, x, pass);
  CHECK(runs == 4);
  CHECK_THROWS_AS(x.mutable_data(), UsageError);  // it is read again
  CHECK_THROWS_AS(block.gain.value.mutable_data(), UsageError);
  const Gradients g = tape.backward(std::span(&y, 1), std::span(&dy, 1));
  CHECK(runs == 5);
  CHECK(g.of(block.gain.value).values()[0] == 2.0F);
  CHECK(!g.of(x).defined());
  x.mutable_data();
}

}  // namespace
}  // namespace vitrine
