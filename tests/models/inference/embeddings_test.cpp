// Embeddings: layers, tokens and pooling against what the network itself reports, with class,
// distillation and register tokens and without; what a network does not have is refused. Values are
// those of other passes of the same network, so that they are equal up to the order of sums: 1e-5.

#include "models/inference/embeddings.hpp"

#include <catch2/catch.hpp>

#include <cmath>

#include "core/error.hpp"
#include "models/networks/resnet.hpp"
#include "models/networks/vit.hpp"
#include "tests/numbers.hpp"

namespace vitrine {
namespace {

std::unique_ptr<Network> network_of(const std::string& more) {
  auto network = parse_network_config(
                     R"({"img_size": [12, 8], "patch_size": 4, "embed_dim": 16, "depth": 3,
                         "num_heads": 2, "num_classes": 3)" +
                     more + "}")
                     ->build();
  network->initialize(3);
  return network;
}

/// What the network reports under a name.
Tensor reported(const Network& network, const Tensor& images, const std::string& name) {
  Tensor found;
  Probe probe;
  probe.output = [&](const std::string& module, const Tensor& output) {
    if (module == name) found = output;
  };
  network.features(images, {.probe = &probe});
  return found;
}

void check_near(const Tensor& got, const Tensor& want) {
  REQUIRE(got.numel() == want.numel());
  CHECK(test::max_error(got.values(), test::to_double(want.values())) < 1e-5);
}

const Tensor kImages = test::random_tensor({2, 12, 8, 3}, 7);

TEST_CASE("embeddings: without options they are what the head sees", "[models]") {
  const auto network = network_of("");
  const Embedder plain(*network, {});
  CHECK(plain.shape().of(2) == Shape{2, 16});
  CHECK(test::same_bits(plain(kImages), network->features(kImages)));
  const Embedder unit(*network, {.unit_length = true});
  const Tensor y = unit(kImages);
  for (int64_t i = 0; i < 2; ++i) {
    double length = 0;
    for (const float v : y.rows(i, i + 1).values()) length += double{v} * double{v};
    CHECK(std::abs(length - 1) < 1e-6);
  }
  CHECK(test::same_bits(unit_length(Tensor::zeros({2, 4})), Tensor::zeros({2, 4})));
}

TEST_CASE("embeddings: tokens in their order, on their grid", "[models]") {
  const auto network = network_of(R"(, "distilled": true, "reg_tokens": 2)");
  const Embedder all(*network, {.all_tokens = true});
  CHECK(all.shape().of(2) == Shape{2, 10, 16});
  CHECK(all.shape().grid_height == 3);
  CHECK(all.shape().grid_width == 2);
  REQUIRE(all.shape().runs.size() == 4);
  CHECK(all.shape().runs[3].kind == TokenKind::kPatches);
  CHECK(all.shape().runs[3].first == 4);
  const Tensor norm = reported(*network, kImages, "norm");
  check_near(all(kImages), norm);
  // The order is the network's, not that of the words.
  const Embedder some(*network, {.tokens = {TokenKind::kPatches, TokenKind::kDistillation}});
  CHECK(some.shape().of(2) == Shape{2, 7, 16});
  CHECK(some.shape().runs[0].kind == TokenKind::kDistillation);
  const Tensor got = some(kImages);
  for (int64_t b = 0; b < 2; ++b) {
    const Tensor image = got.rows(b, b + 1).reshape({7, 16});
    const Tensor whole = norm.rows(b, b + 1).reshape({10, 16});
    check_near(image.rows(0, 1), whole.rows(1, 2));
    check_near(image.rows(1, 7), whole.rows(4, 10));
  }
  const Embedder without(*network, {.tokens = {TokenKind::kRegisters}});
  CHECK(without.shape().grid_height == 0);
}

TEST_CASE("embeddings: layers before and after the final norm", "[models]") {
  const auto network = network_of("");
  const Embedder before(*network, {.layers = {0, -1}, .before_norm = true, .all_tokens = true});
  CHECK(before.shape().of(2) == Shape{2, 2, 7, 16});
  CHECK(before.layers() == std::vector<int64_t>{0, 2});
  const Tensor first = reported(*network, kImages, "blocks.0");
  const Tensor last = reported(*network, kImages, "blocks.2");
  const Tensor both = before(kImages).reshape({4, 7, 16});
  check_near(both.rows(0, 1), first.rows(0, 1));
  check_near(both.rows(1, 2), last.rows(0, 1));
  check_near(both.rows(2, 3), first.rows(1, 2));
  const Embedder after(*network, {.layers = {0}, .all_tokens = true});
  check_near(after(kImages), as_vit(*network).norm(first));
  // One layer without an axis of its own, pooled as the network does.
  const Embedder own(*network, {.layers = {2}});
  CHECK(own.shape().of(2) == Shape{2, 1, 16});
  check_near(own(kImages), network->features(kImages));
}

TEST_CASE("embeddings: pooled in every way", "[models]") {
  const auto network = network_of(R"(, "global_pool": "avg", "fc_norm": false)");
  const Tensor norm = reported(*network, kImages, "norm");
  for (const auto& [pool, name] : kTokenPools) {
    CAPTURE(name);
    const Embedder embedder(*network, {.pool = pool});
    const bool both = pool == Pool::kTokenMean;
    REQUIRE(embedder.shape().of(2) == Shape{2, both ? 32 : 16});
    const Tensor got = embedder(kImages);
    for (int64_t b = 0; b < 2; ++b) {
      for (int64_t d = 0; d < 16; ++d) {
        const auto at = [&](int64_t token) { return norm.data()[(b * 7 + token) * 16 + d]; };
        float mean = 0;
        float most = at(1);
        for (int64_t t = 1; t < 7; ++t) mean += at(t) / 6;
        for (int64_t t = 1; t < 7; ++t) most = std::max(most, at(t));
        const float* row = got.data() + b * got.dim(1);
        const float want = pool == Pool::kToken || both ? at(0)
                           : pool == Pool::kMean        ? mean
                           : pool == Pool::kMax         ? most
                                                        : (mean + most) / 2;
        CHECK(std::abs(row[d] - want) < 1e-5F);
        if (both) CHECK(std::abs(row[16 + d] - mean) < 1e-5F);
      }
    }
  }
  check_near(Embedder(*network, {.pool = Pool::kMean})(kImages), network->features(kImages));
}

TEST_CASE("embeddings: a final norm behind the pooling is there too", "[models]") {
  const auto network = network_of(R"(, "global_pool": "avg", "fc_norm": true)");
  check_near(Embedder(*network, {.layers = {-1}})(kImages), network->features(kImages));
}

TEST_CASE("embeddings: what a network does not have is refused", "[models]") {
  const auto network = network_of(R"(, "class_token": false, "global_pool": "avg")");
  const auto error = [&](const EmbeddingOptions& options) -> std::string {
    try {
      const Embedder embedder(*network, options);
    } catch (const UsageError& e) {
      return e.what();
    }
    return "";
  };
  CHECK(error({.layers = {3}}) == "there is no block 3: the network has 3, 0 to 2, or -3 to -1");
  CHECK(error({.layers = {-4}}).find("no block -4") != std::string::npos);
  CHECK(error({.tokens = {TokenKind::kClass}}) == "this network has no class token");
  CHECK(error({.pool = Pool::kToken}) == "this network has no class token to pool by");
  CHECK(error({.all_tokens = true, .pool = Pool::kMean}) != "");
  const auto convolutions = network_config("resnet18_32_c3")->build();
  CHECK_THROWS_AS(Embedder(*convolutions, {.layers = {0}}), UsageError);
  CHECK(Embedder(*convolutions, {}).shape().width == 512);
}

}  // namespace
}  // namespace vitrine
