// Training::rehearse: foretells what the pool will take, and changes nothing.

#include <catch2/catch.hpp>

#include <cmath>

#include "core/dry_run.hpp"
#include "core/error.hpp"
#include "core/memory.hpp"
#include "models/networks/resnet.hpp"
#include "models/networks/vit.hpp"
#include "models/training/training.hpp"
#include "tests/numbers.hpp"

namespace vitrine {
namespace {

constexpr int64_t kBatch = 8;

VitConfig vit_for_test() {
  VitConfig c = vit_config("vit_d64_l3_h2_patch4_32_c7");
  c.drop_path = c.projection_dropout = 0.2;
  return c;
}

ResNetConfig resnet_for_test() {
  ResNetConfig c = *resnet_config("resnet18");
  c.image_height = c.image_width = 32;
  c.classes = 7;
  return c;
}

Shape batch_shape(const NetworkConfig& c) {
  return {kBatch, c.image_height, c.image_width, c.channels};
}

/// What two updates add to the pool, in bytes of size classes.
int64_t taken_by(Training& training, const NetworkConfig& c, const UpdateOptions& options) {
  const Tensor images = test::random_tensor(batch_shape(c), 3);
  const std::vector<int32_t> labels(kBatch, 1);
  trim_memory();
  const int64_t before = memory_stats().live_bytes;
  for (int step = 0; step < 2; ++step) {
    for (int64_t i = 0; i < options.accumulate; ++i) training.add_gradients(images, labels);
    training.update(1e-3);
  }
  const MemoryStats after = memory_stats();
  return after.live_bytes + after.pooled_bytes - before;
}

void check_foretold(const NetworkConfig& config, const UpdateOptions& options) {
  const auto network = config.build();
  network->initialize(2);
  Training training(*network, options);
  const auto foretold = static_cast<double>(training.rehearse(batch_shape(config), false, 0));
  const auto taken = static_cast<double>(taken_by(training, config, options));
  // A block may be a quarter larger than what is used of it, on average an eighth.
  CHECK(foretold <= taken);
  CHECK(foretold >= taken * 0.8);
}

TEST_CASE("rehearse: it foretells what the pool takes", "[models][memory]") {
  UpdateOptions options;
  options.checkpoint_blocks = GENERATE(false, true);
  options.accumulate = GENERATE(1, 3);
  options.ema = options.accumulate > 1 ? 0.9 : 0;
  check_foretold(vit_for_test(), options);
  check_foretold(resnet_for_test(), options);
}

TEST_CASE("rehearse: mixed batches take tensors of their own", "[models][memory]") {
  const VitConfig config = vit_for_test();
  Vit vit(config);
  vit.initialize(2);
  Training training(vit, {});
  const Shape shape = batch_shape(config);
  const int64_t plain = training.rehearse(shape, false, 0);
  const int64_t mixed = training.rehearse(shape, true, 0);
  CHECK(mixed - plain >= shape.numel() * int64_t{sizeof(float)});
  CHECK(training.rehearse(shape, false, 0) == plain);
}

TEST_CASE("rehearse: an evaluation's last batch takes blocks of its own sizes",
          "[models][memory]") {
  const VitConfig config = vit_for_test();
  Vit vit(config);
  vit.initialize(2);
  Training training(vit, {});
  const Shape shape = batch_shape(config);
  const int64_t without = training.rehearse(shape, false, 0);
  const int64_t whole = training.rehearse(shape, false, 2 * kBatch);
  CHECK(whole >= without);
  CHECK(training.rehearse(shape, false, 2 * kBatch + 3) > whole);
}

TEST_CASE("rehearse: training computes the same bits after it", "[models]") {
  const auto trained = [](bool rehearsed) {
    const ResNetConfig config = resnet_for_test();
    const auto network = config.build();
    network->initialize(2);
    UpdateOptions options;
    options.ema = 0.9;
    Training training(*network, options);
    taken_by(training, config, options);
    if (rehearsed) training.rehearse(batch_shape(config), true, 11);
    CHECK(training.steps() == 2);
    taken_by(training, config, options);
    std::vector<float> all;
    network->visit([&](const std::string&, Parameter& p, Role) {
      CHECK(!p.grad.defined());
      all.insert(all.end(), p.value.values().begin(), p.value.values().end());
    });
    return all;
  };
  CHECK(trained(true) == trained(false));
}

TEST_CASE("rehearse: what an operation refuses is an error, and training goes on",
          "[models][errors]") {
  const ResNetConfig config = resnet_for_test();  // its last maps are 1 x 1
  const auto network = config.build();
  network->initialize(2);
  UpdateOptions options;
  options.ema = 0.9;
  Training training(*network, options);
  const Shape one{1, config.image_height, config.image_width, config.channels};
  CHECK_THROWS_WITH(training.rehearse(one, false, 0),
                    Catch::Contains("more than one number per channel"));
  CHECK_THROWS_WITH(
      training.rehearse(one, false, 0,
                        [](const Tensor&) -> Tensor { throw UsageError("the teacher is ill"); }),
      "the teacher is ill");
  CHECK(DryRun::current() == nullptr);
  CHECK(training.steps() == 0);
  network->visit([&](const std::string& name, Parameter& p, Role) {
    INFO(name);
    CHECK(!p.grad.defined());
    CHECK(std::isfinite(p.value.values()[0]));  // real memory
  });
  CHECK(training.rehearse(batch_shape(config), false, 0) > 0);
  taken_by(training, config, options);
  CHECK(training.steps() == 2);
}

}  // namespace
}  // namespace vitrine
