// Embeddings with options behind the C interface: what an Embedder gives, bit for bit, and the
// shape that is said of it; structs of other sizes and options that are none are refused.

#include <catch2/catch.hpp>

#include "models/c_api/vitrine.h"
#include "models/inference/embeddings.hpp"
#include "tests/models/c_api/opened_model.hpp"

namespace vitrine {
namespace {

using namespace test;  // NOLINT: the tools of these tests alone

vitrine_embed_options embed_options() {
  vitrine_embed_options options = {};
  options.size = sizeof options;
  return options;
}

vitrine_embedding_shape empty_shape() {
  vitrine_embedding_shape shape = {};
  shape.size = sizeof shape;
  return shape;
}

TEST_CASE("c interface: layers and tokens are those of the network", "[c]") {
  const Opened o;
  const std::vector<Image> images = {noise(16, 16, 3, 1), noise(20, 24, 3, 2)};
  std::vector<vitrine_picture> pictures;
  Tensor x = Tensor::empty({2, kSide, kSide, 3});
  for (int64_t i = 0; i < 2; ++i) {
    const Image& image = images[static_cast<size_t>(i)];
    pictures.push_back(pixels_of(image));
    const ImageView view{image.pixels.data(), image.width, image.height, image.channels};
    const Tensor one = preprocess(view, o.model.preprocess);
    std::ranges::copy(one.values(), x.mutable_data() + i * one.numel());
  }
  const std::vector<int64_t> layers = {0, -1};
  vitrine_embed_options options = embed_options();
  options.layers = layers.data();
  options.layer_count = 2;
  options.tokens = "class,patches";
  options.unit_length = 1;
  vitrine_embedding_shape shape = empty_shape();
  REQUIRE(vitrine_embedding_shape_of(o.handle, &options, &shape) == VITRINE_OK);
  CHECK(shape.layers == 2);
  CHECK(shape.tokens == 17);
  CHECK(shape.width == 32);
  CHECK(shape.class_tokens == 1);
  CHECK(shape.distillation_tokens == 0);
  CHECK(shape.registers == 0);
  CHECK(shape.grid_height == 4);
  CHECK(shape.grid_width == 4);
  std::vector<float> got(size_t{2} * 2 * 17 * 32);
  REQUIRE(vitrine_embed_with(o.handle, &options, pictures.data(), 2, got.data(), got.size()) ==
          VITRINE_OK);
  const Embedder embedder(*o.model.network,
                          {.layers = layers, .all_tokens = true, .unit_length = true});
  CHECK(got == values_of(embedder(x)));

  options = embed_options();
  options.pool = "max";
  got.resize(64);
  REQUIRE(vitrine_embed_with(o.handle, &options, pictures.data(), 2, got.data(), 64) == VITRINE_OK);
  CHECK(got == values_of(Embedder(*o.model.network, {.pool = Pool::kMax})(x)));
  // Without options it is what the head sees.
  REQUIRE(vitrine_embed_with(o.handle, nullptr, pictures.data(), 2, got.data(), 64) == VITRINE_OK);
  CHECK(got == values_of(o.model.network->features(x)));
}

TEST_CASE("c interface: options of embeddings that are none are refused", "[c]") {
  const Opened o;
  const Image image = noise(16, 16, 3, 1);
  const vitrine_picture picture = pixels_of(image);
  std::vector<float> room(1024);
  const auto refused = [&](const vitrine_embed_options& options, vitrine_status status,
                           const char* words) {
    return says(vitrine_embed_with(o.handle, &options, &picture, 1, room.data(), room.size()),
                status, words);
  };
  const auto with = [](const auto& set) {
    vitrine_embed_options options = embed_options();
    set(options);
    return options;
  };
  const auto usage = VITRINE_ERROR_USAGE;
  const int64_t far = 2;
  CHECK(refused(with([](auto& p) { p.size = 8; }), usage, "options.size is 8"));
  CHECK(refused(with([](auto& p) { p.layer_count = 1; }), usage, "layer_count is 1"));
  CHECK(refused(with([](auto& p) { p.layer_count = -1; }), usage, "layer_count is -1"));
  CHECK(refused(with([&](auto& p) {
                  p.layers = &far;
                  p.layer_count = 1;
                }),
                usage, "no block 2"));
  CHECK(refused(with([](auto& p) { p.tokens = "registers"; }), usage, "no registers token"));
  CHECK(refused(with([](auto& p) { p.tokens = "patches,"; }), usage, "unknown token"));
  CHECK(refused(with([](auto& p) { p.pool = "sum"; }), usage, "unknown pool"));
  CHECK(refused(with([](auto& p) {
                  p.tokens = "all";
                  p.pool = "avg";
                }),
                usage, "pooled"));
  const auto all = with([](auto& p) { p.tokens = "all"; });
  CHECK(says(vitrine_embed_with(o.handle, &all, &picture, 1, room.data(), 17 * 32 - 1),
             VITRINE_ERROR_SHAPE, "room for 544"));
  vitrine_embedding_shape shape = empty_shape();
  shape.size = 16;
  CHECK(says(vitrine_embedding_shape_of(o.handle, nullptr, &shape), usage, "shape.size is 16"));
  CHECK(says(vitrine_embedding_shape_of(o.handle, nullptr, nullptr), usage, "null pointer"));
  CHECK(says(vitrine_embedding_shape_of(nullptr, nullptr, &shape), usage, "null pointer"));
}

}  // namespace
}  // namespace vitrine
