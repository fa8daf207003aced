// The vision transformer: sizes, both paths of the forward pass, threads, memory, configurations.
// Not here: the values of timm (golden_check models).

#include "models/networks/vit.hpp"

#include <catch2/catch.hpp>

#include <map>

#include "core/error.hpp"
#include "core/memory.hpp"
#include "core/parallel.hpp"
#include "core/tape.hpp"
#include "core/text/json_text.hpp"
#include "models/networks/position_embedding.hpp"
#include "ops/cross_entropy.hpp"
#include "tests/isas.hpp"
#include "tests/numbers.hpp"

namespace vitrine {
namespace {

VitConfig small_config() {
  VitConfig c = vit_config("vit_d32_l2_h2_patch4_16_c7");
  return c;
}

int64_t count_parameters(const VitConfig& config) {
  Vit vit(config);
  int64_t n = 0;
  vit.visit([&](const std::string&, const Parameter& p, Role role) {
    if (role != Role::kBuffer) n += p.value.numel();
  });
  return n;
}

TEST_CASE("vit: parameters and multiply-adds of the published sizes", "[models]") {
  struct Row {
    const char* name;
    int64_t parameters, macs;
  };
  const auto row = GENERATE(Row{"vit_tiny_patch16_224", 5'717'416, 1'253'683'200},
                            Row{"vit_small_patch16_224", 22'050'664, 4'598'882'304},
                            Row{"vit_base_patch16_224", 86'567'656, 17'563'828'224},
                            Row{"vit_base_patch32_224", 88'224'232, 4'409'186'304},
                            Row{"vit_large_patch16_224", 304'326'632, 61'554'712'576},
                            Row{"vit_huge_patch14_224", 632'045'800, 167'295'109'120},
                            Row{"vit_base_patch16_384", 86'859'496, 55'484'350'464});
  const VitConfig c = vit_config(row.name);
  CHECK(c.parameters() == row.parameters);
  CHECK(c.macs() == row.macs);
}

TEST_CASE("vit: the head sees the features", "[models]") {
  VitConfig c = small_config();
  c.pre_logits = GENERATE(0, 20);
  Vit vit(c);
  vit.initialize(1, WeightInit::kTimm);
  vit.head.weight.value = test::random_tensor({7, c.features()}, 2);
  const Tensor images = test::random_tensor({3, 16, 16, 3}, 3);
  const Tensor features = vit.features(images);
  CHECK(features.shape() == Shape{3, c.pre_logits > 0 ? 20 : 32});
  CHECK(test::same_bits(vit.head(features), vit(images)));
  // Without a head they are what there is.
  c.classes = 0;
  Vit headless(c);
  headless.initialize(1, WeightInit::kTimm);
  CHECK(test::same_bits(headless(images), headless.features(images)));
  CHECK(test::same_bits(headless.heads(images).answer(), headless.features(images)));  // trained so
}

TEST_CASE("vit: a mean of all tokens, or of the patches alone", "[models]") {
  VitConfig c = small_config();
  c.registers = 2;
  c.pool = Pool::kMean;
  c.pool_prefix = GENERATE(false, true);
  Vit vit(c);
  vit.initialize(1, WeightInit::kTimm);
  Tensor tokens;
  Probe probe;
  probe.output = [&](const std::string& module, const Tensor& x) {
    if (module == "norm") tokens = x;
  };
  const Tensor features = vit.features(test::random_tensor({3, 16, 16, 3}, 3), {.probe = &probe});
  CHECK(test::same_bits(features, pool_tokens(Pool::kMean, tokens, c.pool_prefix ? 0 : 3)));
}

TEST_CASE("vit: the features of a distilled model are the mean of both tokens", "[models]") {
  VitConfig c = small_config();
  c.distilled = true;
  Vit vit(c);
  vit.initialize(1, WeightInit::kTimm);
  vit.head.weight.value = test::random_tensor({7, 32}, 2);
  vit.head_dist.weight.value = vit.head.weight.value;
  const Tensor images = test::random_tensor({3, 16, 16, 3}, 3);
  // Both heads are the same linear map, so their mean is its value at the mean.
  CHECK(test::max_error(vit.head(vit.features(images)).values(), vit(images).values()) < 1e-5);
}

TEST_CASE("vit: the closed form counts what visit visits", "[models]") {
  VitConfig c = small_config();
  SECTION("plain") {}
  SECTION("distilled") { c.distilled = true; }
  SECTION("registers, layer scale, no class in the embedding") {
    c.registers = 3;
    c.layer_scale = 1e-5;
    c.no_embed_class = true;
  }
  SECTION("mean pooling, fc_norm, no class token") {
    c.class_token = false;
    c.pool = Pool::kMean;
    c.fc_norm = true;
  }
  SECTION("pre-logits, no biases, qk_norm, pre_norm") {
    c.pre_logits = 24;
    c.qkv_bias = c.patch_bias = false;
    c.qk_norm = c.pre_norm = true;
  }
  SECTION("no head, no position") {
    c.classes = 0;
    c.position = Position::kNone;
  }
  SECTION("fixed positions") { c.position = Position::kSinCosMae; }
  SECTION("fixed positions, in every block") {
    c.position = Position::kSinCosMae;
    c.position_at = PositionAt::kShared;
  }
  SECTION("1-D positions of the patches, in every block") {
    c.no_embed_class = true;
    c.position_at = GENERATE(PositionAt::kEvery, PositionAt::kShared);
  }
  SECTION("2-D positions") {
    c.position = Position::kLearned2d;
    c.position_at = GENERATE(PositionAt::kStart, PositionAt::kEvery, PositionAt::kShared);
    c.image_width = 24;
  }
  SECTION("relative positions, with qk_norm") {
    c.position = Position::kRelative;
    c.qk_norm = GENERATE(false, true);
  }
  CHECK(count_parameters(c) == c.parameters());
  CHECK(VitConfig::from_json(c.to_json()).to_json() == c.to_json());
  Vit vit(c);
  vit.initialize(1);
  const Tensor y = vit(test::random_tensor({2, 16, c.image_width, 3}, 1));
  CHECK(y.shape() == Shape{2, c.classes > 0 ? c.classes : c.width});
  for (const float v : y.values()) CHECK(std::isfinite(v));
}

TEST_CASE("vit: initial values of both schemes", "[models]") {
  VitConfig c = small_config();
  Vit vit(c);
  const auto largest = [](const Tensor& t) {
    float m = 0;
    for (const float v : t.values()) m = std::max(m, std::abs(v));
    return double{m};
  };
  // A uniform bound b: everything below, something near it, deviation b / sqrt(3).
  const auto check_uniform = [&](const Tensor& t, double bound) {
    double squares = 0;
    for (const float v : t.values()) squares += double{v} * double{v};
    CHECK(largest(t) <= bound);
    CHECK(largest(t) > 0.97 * bound);
    const double deviation = std::sqrt(squares / static_cast<double>(t.numel()));
    CHECK(deviation == Approx(bound / std::sqrt(3.0)).epsilon(0.05));
  };
  const Block& block = vit.blocks[0];
  const auto width = static_cast<double>(c.width);
  const double pixels = static_cast<double>(c.channels * c.patch_height * c.patch_width);
  vit.initialize(3, WeightInit::kJax);
  check_uniform(block.attn.qkv.weight.value, std::sqrt(6 / (4 * width)));
  check_uniform(block.attn.proj.weight.value, std::sqrt(6 / (2 * width)));
  check_uniform(block.mlp.fc1.weight.value,
                std::sqrt(6 / (width + static_cast<double>(c.hidden()))));
  CHECK(largest(vit.head.weight.value) == 0);
  CHECK(largest(block.attn.qkv.bias.value) == 0);
  CHECK(largest(block.mlp.fc1.bias.value) > 0);
  CHECK(largest(block.mlp.fc1.bias.value) < 1e-5);
  CHECK(largest(block.norm1.weight.value) == 1);
  CHECK(largest(vit.patch_embed.bias.value) == 0);
  CHECK(largest(vit.patch_embed.weight.value) < 2 / 0.8796 / std::sqrt(pixels));
  CHECK(largest(vit.patch_embed.weight.value) > 1.8 / 0.8796 / std::sqrt(pixels));
  vit.initialize(3);
  check_uniform(vit.patch_embed.weight.value, 1 / std::sqrt(pixels));
  CHECK(largest(block.attn.qkv.weight.value) > 0.05);
  CHECK(largest(block.attn.qkv.weight.value) < 0.12);
  CHECK(largest(block.mlp.fc1.bias.value) == 0);
}

/// Logits, loss and every gradient of one step.
std::map<std::string, Tensor> step(Vit& vit, const Tensor& images, Probe* probe) {
  std::map<std::string, Tensor> found;
  const std::vector<int32_t> labels = {1, 4, 6};
  Tape tape;
  vit.visit([&](const std::string&, Parameter& p, Role) { tape.watch(p.value); });
  Pass pass;
  pass.probe = probe;
  found["logits"] = vit(images, pass);
  const Gradients g = tape.backward(cross_entropy(found["logits"], labels));
  vit.visit([&](const std::string& name, Parameter& p, Role) { found[name] = g.of(p.value); });
  return found;
}

TEST_CASE("vit: watched and unwatched forward passes agree", "[models]") {
  VitConfig c = small_config();
  c.layer_scale = 0.5;
  Vit vit(c);
  vit.initialize(2);
  const Tensor images = test::random_tensor({3, 16, 16, 3}, 3);
  std::vector<std::string> seen;
  Probe probe;
  probe.output = [&](const std::string& name, const Tensor&) { seen.push_back(name); };
  probe.attention = [&](const std::string& block, const Tensor& p) {
    CHECK(p.shape() == Shape{3, 2, 17, 17});
    seen.push_back("attention of " + block);
  };
  const auto fused = step(vit, images, nullptr);
  const auto watched = step(vit, images, &probe);
  for (const auto& [name, value] : fused) {
    INFO(name);
    REQUIRE(value.defined());
    CHECK(test::max_error(watched.at(name).values(), value.values()) < 2e-5);
  }
  CHECK(std::ranges::count(seen, "blocks.1.mlp.act") == 1);
  CHECK(std::ranges::count(seen, "attention of blocks.0") == 1);
}

TEST_CASE("vit: pools of Hugging Face's classifiers", "[models]") {
  const Tensor images = test::random_tensor({3, 16, 16, 3}, 3);
  VitConfig c = small_config();
  c.registers = 2;  // no part of a mean of patches
  const auto made = [&](Pool pool) {
    c.pool = pool;
    auto vit = std::make_unique<Vit>(c);
    vit->initialize(2);
    if (pool != Pool::kRawMean) vit->norm.weight.value = test::random_tensor({c.width}, 5);
    return vit;
  };
  const auto both = made(Pool::kTokenMean);
  const Tensor token = made(Pool::kToken)->features(images);
  const Tensor mean = made(Pool::kMean)->features(images);
  const Tensor side_by_side = both->features(images);
  REQUIRE(side_by_side.shape() == Shape{3, 2 * c.width});
  REQUIRE(both->head.weight.value.shape() == Shape{7, 2 * c.width});
  for (int64_t i = 0; i < 3; ++i) {
    const auto row = side_by_side.rows(i, i + 1).values();
    const auto d = static_cast<size_t>(c.width);
    CHECK(test::max_error(row.first(d), token.rows(i, i + 1).values()) < 1e-6);
    CHECK(test::max_error(row.last(d), mean.rows(i, i + 1).values()) < 1e-6);
  }

  // What comes out of the last block, without a norm.
  const auto raw = made(Pool::kRawMean);
  Tensor last;
  Probe probe;
  probe.output = [&](const std::string& name, const Tensor& y) {
    if (name == "blocks.1") last = y;
  };
  Pass pass;
  pass.probe = &probe;
  const Tensor features = raw->features(images, pass);
  for (int64_t i = 0; i < 3; ++i) {
    for (int64_t k = 0; k < c.width; ++k) {
      double sum = 0;
      for (int64_t n = 3; n < 19; ++n) sum += last.data()[(i * 19 + n) * c.width + k];
      REQUIRE(features.data()[i * c.width + k] == Approx(sum / 16).margin(1e-6));
    }
  }

  // Both learn, count what they have and survive their JSON.
  for (const Pool pool : {Pool::kTokenMean, Pool::kRawMean}) {
    const auto vit = made(pool);
    for (const auto& [name, gradient] : step(*vit, images, nullptr)) {
      INFO(name);
      CHECK(gradient.defined());
    }
    CHECK(count_parameters(c) == c.parameters());
    CHECK(VitConfig::from_json(c.to_json()).to_json() == c.to_json());
  }
}

TEST_CASE("vit: identical bits for any number of threads", "[models][threads]") {
  const ScopedIsa isa(test::each_isa());
  Vit vit(small_config());
  vit.initialize(2);
  const Tensor images = test::random_tensor({3, 16, 16, 3}, 3);
  set_threads(1);
  const auto one = step(vit, images, nullptr);
  for (const int n : {2, 3, 4}) {
    set_threads(n);
    const auto many = step(vit, images, nullptr);
    for (const auto& [name, value] : one) {
      INFO(name << " with " << n << " threads");
      CHECK(test::same_bits(value, many.at(name)));
    }
  }
  set_threads(0);
}

TEST_CASE("vit: a batch gives what its images give alone", "[models]") {
  const ScopedIsa isa(test::each_isa());
  Vit vit(small_config());
  vit.initialize(2);
  const Tensor images = test::random_tensor({5, 16, 16, 3}, 3);
  const Tensor together = vit(images);
  for (int64_t i = 0; i < 5; ++i) {
    const Tensor alone = vit(images.rows(i, i + 1));
    CHECK(test::max_error(alone.values(), together.rows(i, i + 1).values()) < 1e-6);
  }
}

TEST_CASE("vit: a frozen model gives the same logits", "[models]") {
  const ScopedIsa isa(test::each_isa());
  Vit vit(small_config());
  vit.initialize(2);
  const Tensor images = test::random_tensor({2, 16, 16, 3}, 3);
  const Tensor before = vit(images);
  vit.freeze();
  CHECK(test::same_bits(vit(images), before));
  CHECK(test::same_bits(vit(images), before));  // now from the panels that were kept
}

TEST_CASE("vit: the second forward pass allocates nothing new", "[models][memory]") {
  for (const int n : {1, 3}) {
    set_threads(n);
    Vit vit(small_config());
    vit.initialize(2);
    vit.freeze();
    const Tensor images = test::random_tensor({2, 16, 16, 3}, 3);
    vit(images);
    const int64_t blocks = memory_stats().new_blocks;
    for (int i = 0; i < 5; ++i) vit(images);
    CHECK(memory_stats().new_blocks == blocks);
  }
  set_threads(0);
}

TEST_CASE("vit: another image size keeps prefix tokens and the embedding's corners", "[models]") {
  Vit vit(small_config());
  vit.initialize(2);
  const Tensor before = vit.pos_embed.table.value.clone();
  vit.resize(24, 32, PositionResampling::kBicubicAntialias);
  CHECK(vit.pos_embed.table.value.shape() == Shape{1, 1 + 6 * 8, 32});
  CHECK(test::max_error(vit.pos_embed.table.value.values().first(32), before.values().first(32)) ==
        0);
  CHECK(vit(test::random_tensor({1, 24, 32, 3}, 3)).shape() == Shape{1, 7});
  vit.resize(16, 16, PositionResampling::kBicubicAntialias);
  CHECK_THROWS_AS(vit(test::random_tensor({1, 24, 32, 3}, 3)), ShapeError);
}

TEST_CASE("vit: resampling one axis gives what PyTorch and SciPy give", "[models]") {
  const std::vector<float> squares = {0, 1, 4, 9, 16, 25, 36};
  const Tensor from = Tensor::from(squares, {1, 7, 1});
  const auto to = [&](int64_t n,
                      PositionResampling method = PositionResampling::kBicubicAntialias) {
    return resample_position_embedding(from, 0, 1, 7, 1, n, method);
  };
  const std::vector<double> four = {.22572, 4.4222, 15.44434, 31.42733};
  const std::vector<double> twelve = {-.07774,  .19927,   .91847,   2.37674, 4.51562,  7.33507,
                                      10.83507, 15.01562, 19.87674, 25.438,  32.82529, 36.85515};
  CHECK(test::max_error(to(4).values(), four) < 1e-5);
  CHECK(test::max_error(to(12).values(), twelve) < 1e-5);
  const std::vector<double> bicubic = {.1626, 4.66602, 14.67383, 32.62939};
  const std::vector<double> bilinear = {.375, 4.625, 15.125, 31.875};
  const std::vector<double> corners = {0, 4, 16, 36};
  const std::vector<double> bicubic_corners = {0,        .246807,  1.250188, 2.467318,
                                               4.922615, 7.113449, 10.92712, 14.172802,
                                               19.20962, 23.75357, 30.85086, 36};
  CHECK(test::max_error(to(4, PositionResampling::kBicubic).values(), bicubic) < 1e-5);
  CHECK(test::max_error(to(4, PositionResampling::kBilinear).values(), bilinear) < 1e-5);
  CHECK(test::max_error(to(4, PositionResampling::kBilinearCorners).values(), corners) < 1e-5);
  const auto twelve_corners = to(12, PositionResampling::kBicubicCorners);
  CHECK(test::max_error(twelve_corners.values(), bicubic_corners) < 1e-5);
  CHECK(to(1, PositionResampling::kBilinearCorners).values()[0] == 0);
}

TEST_CASE("vit: initial values are a function of the seed and look as they should", "[models]") {
  Vit a(vit_config("vit_d64_l2_h2_patch4_28_gray"));
  Vit b(a.config);
  a.initialize(7);
  b.initialize(7);
  std::map<std::string, Tensor> values;
  a.visit([&](const std::string& name, Parameter& p, Role) { values[name] = p.value; });
  b.visit([&](const std::string& name, Parameter& p, Role) {
    CHECK(test::same_bits(p.value, values.at(name)));
  });
  const auto deviation = [&](const char* name) {
    const auto v = values.at(name).values();
    return std::sqrt(test::dot(v, v) / static_cast<double>(v.size()));
  };
  CHECK(deviation("blocks.0.attn.qkv.weight") == Approx(0.02).epsilon(0.05));
  CHECK(deviation("pos_embed") == Approx(0.02).epsilon(0.05));
  CHECK(deviation("cls_token") == Approx(1e-6).epsilon(0.5));
  CHECK(deviation("patch_embed.proj.weight") == Approx(0.25 / std::sqrt(3.0)).epsilon(0.1));
  CHECK(deviation("blocks.0.norm1.weight") == 1.0);
  CHECK(deviation("blocks.0.mlp.fc1.bias") == 0.0);
}

TEST_CASE("vit_config: impossible configurations and unknown names are refused",
          "[models][errors]") {
  CHECK_THROWS_AS(vit_config("resnet"), UsageError);
  CHECK_THROWS_AS(vit_config("vit_d30_l2_h4_patch4_28"), UsageError);  // 4 does not divide 30
  CHECK_THROWS_AS(vit_config("vit_d32_l2_h4_patch40_28"), UsageError);
  CHECK_THROWS_AS(vit_config("vit_d0_l2_h4_patch4_28"), UsageError);
  CHECK_THROWS_AS(vit_config("vit_d999999_l999_h1_patch1_9999"), UsageError);
  CHECK_THROWS_AS(parse_network_config("{\"depht\": 3}"), UsageError);
  CHECK_THROWS_AS(parse_network_config("{\"depth\": \"three\"}"), UsageError);
  CHECK_THROWS_AS(parse_network_config("[]"), UsageError);
  CHECK_THROWS_AS(parse_network_config(R"({"distilled": true, "global_pool": "avg"})"), UsageError);
  CHECK_THROWS_AS(parse_network_config("{"), UsageError);
  CHECK_THROWS_AS(parse_network_config("{\"class_token\": false}"), UsageError);
  CHECK(vit_config("vit_d32_l2_h4_patch4_28_gray_c7").classes == 7);
  CHECK(names_classes("vit_d32_l2_h4_patch4_28_gray_c7"));
  CHECK_FALSE(names_classes("vit_base_patch16_224"));
}

}  // namespace
}  // namespace vitrine
