// A model at another image size: it answers, bit for bit, as the same network built at that size
// whose position embedding was resampled by hand, textbook sums over all of the grid, to 1e-6 (sums
// of at most 24 products, rounded to float once). All five ways, larger, smaller and oblong grids,
// with and without prefix positions, through a backbone, packed or not. Not here: what PyTorch and
// the ecosystems compute (vit_test, tests/program/test_timm.py and test_transformers.py).

#include "models/weights/resize_model.hpp"
#include "core/text/json_text.hpp"
#include "models/weights/checkpoint.hpp"
#include "models/weights/load_model.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <catch2/catch.hpp>
#include <cmath>
#include <limits>
#include <map>

#include "core/error.hpp"
#include "core/memory.hpp"
#include "models/networks/patch_resampling.hpp"
#include "models/networks/vit.hpp"
#include "models/weights/source_facts.hpp"
#include "tests/numbers.hpp"
#include "tests/temp_dir.hpp"

using namespace vitrine;
using namespace vitrine::test;

namespace {

constexpr const char* kVit =
    R"({"img_size": [24, 16], "patch_size": 4, "embed_dim": 16, "depth": 1, "num_heads": 2,
        "num_classes": 5})";
constexpr const char* kNoEmbedClass =
    R"({"img_size": [24, 16], "patch_size": 4, "embed_dim": 16, "depth": 1, "num_heads": 2,
        "num_classes": 5, "no_embed_class": true, "reg_tokens": 2, "global_pool": "avg"})";
constexpr const char* kDistilled =
    R"({"img_size": [24, 16], "patch_size": 4, "embed_dim": 16, "depth": 1, "num_heads": 2,
        "num_classes": 5, "distilled": true})";
constexpr const char* kHybrid =
    R"({"kind": "hybrid", "img_size": [48, 32], "patch_size": 1, "embed_dim": 16, "depth": 1,
        "num_heads": 2, "num_classes": 5,
        "backbone": {"layers": [1, 1], "channels": [16, 32], "stem_chs": 16, "groups": 4}})";
constexpr const char* kResNet =
    R"({"kind": "resnet", "block": "basic", "layers": [1, 1], "channels": [8, 12], "stem_width": 8,
        "num_classes": 5, "img_size": 32})";
constexpr const char* kBit =
    R"({"kind": "resnetv2", "layers": [1, 1], "channels": [16, 32], "stem_chs": 16, "groups": 4,
        "preact": true, "stem_type": "fixed", "num_classes": 5, "img_size": 32})";

Model made(const char* text) {
  const auto config = parse_network_config(text);
  Model model;
  model.network = config->build();
  model.network->initialize(7);
  model.preprocess.height = config->image_height;
  model.preprocess.width = config->image_width;
  return model;
}

/// The network of `text` at another size, not resized: built.
std::unique_ptr<Network> built(const char* text, int64_t height, int64_t width) {
  const auto config = parse_network_config(text);
  config->image_height = height;
  config->image_width = width;
  return config->build();
}

double keys(double x, double a) {
  x = std::abs(x);
  if (x <= 1) return (a + 2) * x * x * x - (a + 3) * x * x + 1;
  return x < 2 ? a * x * x * x - 5 * a * x * x + 8 * a * x - 4 * a : 0;
}

/// What entry `j` of `from`, which may lie beyond the border, gives entry `i` of `to`.
double weight(PositionResampling method, int64_t i, int64_t j, int64_t from, int64_t to) {
  const double ratio = static_cast<double>(from) / static_cast<double>(to);
  const double corner_ratio =
      to == 1 ? 0 : static_cast<double>(from - 1) / static_cast<double>(to - 1);
  const auto x = static_cast<double>(j);
  const double centre = ratio * (static_cast<double>(i) + 0.5) - 0.5;
  const double corner_centre = corner_ratio * static_cast<double>(i);
  switch (method) {
    case PositionResampling::kBicubicAntialias:
      return keys((x - centre) / std::max(ratio, 1.0), -0.5);
    case PositionResampling::kBicubic:
      return keys(x - centre, -0.75);
    case PositionResampling::kBicubicCorners:
      return keys(x - corner_centre, -0.75);
    case PositionResampling::kBilinear:
      return std::max(0.0, 1 - std::abs(x - centre));
    case PositionResampling::kBilinearCorners:
      return std::max(0.0, 1 - std::abs(x - corner_centre));
  }
  return 0;
}

/// The share of every entry in entry `i`.
std::vector<double> shares(PositionResampling method, int64_t i, int64_t from, int64_t to) {
  const bool normalised = method == PositionResampling::kBicubicAntialias;
  constexpr int64_t kBeyond = 3;
  std::vector<double> result(static_cast<size_t>(from));
  double sum = 0;
  for (int64_t j = normalised ? 0 : -kBeyond; j < from + (normalised ? 0 : kBeyond); ++j) {
    const double w = weight(method, i, j, from, to);
    sum += w;
    result[static_cast<size_t>(std::clamp<int64_t>(j, 0, from - 1))] += w;
  }
  if (normalised) std::ranges::transform(result, result.begin(), [&](double w) { return w / sum; });
  return result;
}

std::vector<double> resampled_by_hand(const Tensor& embedding, int64_t prefix, Size2d from,
                                      Size2d to, PositionResampling method) {
  const int64_t width = embedding.dim(2);
  const auto old = embedding.values();
  std::vector<double> result(old.begin(), old.begin() + prefix * width);
  for (int64_t y = 0; y < to.h; ++y) {
    for (int64_t x = 0; x < to.w; ++x) {
      const std::vector<double> rows = shares(method, y, from.h, to.h);
      const std::vector<double> columns = shares(method, x, from.w, to.w);
      for (int64_t d = 0; d < width; ++d) {
        double sum = 0;
        for (int64_t v = 0; v < from.h; ++v) {
          for (int64_t u = 0; u < from.w; ++u) {
            sum += rows[static_cast<size_t>(v)] * columns[static_cast<size_t>(u)] *
                   double{old[static_cast<size_t>((prefix + v * from.w + u) * width + d)]};
          }
        }
        result.push_back(sum);
      }
    }
  }
  return result;
}

void copy_weights(Network& from, Network& to) {
  std::map<std::string, Tensor> weights;
  from.visit([&](const std::string& name, Parameter& p, Role) { weights[name] = p.value; });
  to.visit([&](const std::string& name, Parameter& p, Role) {
    p.value = weights.at(name).clone();  // of the new shape, as far as that differs
  });
}

/// Refused as wrong usage, in words, and nothing of the model is another.
void check_refused(Model& model, int64_t height, int64_t width, const char* resampling,
                   const char* words) {
  CAPTURE(height, width, resampling);
  const nlohmann::json config = model.network->network_config().to_json();
  const Preprocess rule = model.preprocess;
  CHECK_THROWS_WITH(resize_model(model, height, width, resampling), Catch::Contains(words));
  CHECK_THROWS_AS(resize_model(model, height, width, resampling), UsageError);
  CHECK(model.network->network_config().to_json() == config);
  CHECK(model.preprocess == rule);
  CHECK(model.notes.empty());
}

}  // namespace

TEST_CASE("resize_model: a transformer is the same network with another embedding", "[models]") {
  for (const char* text : {kVit, kNoEmbedClass, kDistilled, kHybrid}) {
    const int64_t step = text == kHybrid ? 8 : 4;
    Model source = made(text);
    const TempDir folder;
    save_model(folder.file("m.safetensors"), source);
    const Vit& before = as_vit(*source.network);
    const Size2d old_grid = before.config.grid();
    REQUIRE(old_grid == Size2d{6, 4});
    for (const auto& [method, name] : kPositionResamplings) {
      for (const Size2d grid : {Size2d{9, 9}, Size2d{3, 2}, Size2d{6, 7}, Size2d{1, 12}}) {
        CAPTURE(text, name, grid.h, grid.w);
        const std::vector<double> by_hand = resampled_by_hand(
            before.pos_embed.table.value, before.config.prefix_positions(), old_grid, grid, method);
        const int64_t height = grid.h * step;
        const int64_t width = grid.w * step;
        Model resized = load_model(folder.file("m.safetensors"));
        resize_model(resized, height, width, name);
        const Tensor& embedding = as_vit(*resized.network).pos_embed.table.value;
        CHECK(max_error(embedding.values(), by_hand) < 1e-6);
        CHECK(resized.preprocess.height == height);
        CHECK(resized.preprocess.width == width);
        REQUIRE(resized.notes.size() == 1);
        CHECK_THAT(resized.notes[0],
                   Catch::Contains(fmt::format("({})", name)) && Catch::Contains("crop_pct 0.9"));

        const auto want = built(text, height, width);
        copy_weights(*resized.network, *want);
        const Tensor images = random_tensor({2, height, width, 3}, 3);
        CHECK(same_bits((*resized.network)(images), (*want)(images)));

        Model frozen = load_frozen_model(folder.file("m.safetensors"));
        resize_model(frozen, height, width, name);
        CHECK(same_bits((*frozen.network)(images), (*want)(images)));
        CHECK(as_vit(*frozen.network).pos_embed.table.value.storage().frozen());
      }
    }
  }
}

TEST_CASE("resize_model: networks of convolutions take any size", "[models]") {
  for (const char* text : {kResNet, kBit}) {
    Model source = made(text);
    const TempDir folder;
    save_model(folder.file("m.safetensors"), source);
    for (const Size2d size : {Size2d{33, 50}, Size2d{17, 8}, Size2d{1, 1}}) {
      CAPTURE(text, size.h, size.w);
      const auto want = built(text, size.h, size.w);
      copy_weights(*source.network, *want);
      want->freeze();
      Model resized = load_frozen_model(folder.file("m.safetensors"));
      resize_model(resized, size.h, size.w);
      const Tensor images = random_tensor({2, size.h, size.w, 3}, 3);
      CHECK(same_bits((*resized.network)(images), (*want)(images)));
      REQUIRE(resized.notes.size() == 1);
      CHECK_THAT(resized.notes[0], !Catch::Contains("embedding"));
    }
  }
}

TEST_CASE("resize_model: the way of the weights' source is the default, and travels", "[models]") {
  Model model = made(kVit);
  model.resampling = PositionResampling::kBicubic;
  const TempDir folder;
  save_model(folder.file("m.safetensors"), model);
  Model loaded = load_model(folder.file("m.safetensors"));
  CHECK(loaded.resampling == PositionResampling::kBicubic);
  resize_model(loaded, 32, 32);
  resize_model(model, 32, 32, "bicubic");
  CHECK(same_bits(as_vit(*loaded.network).pos_embed.table.value,
                  as_vit(*model.network).pos_embed.table.value));

  Metadata metadata = model_metadata(model);
  metadata.at("vitrine.position_resampling") = "tricubic";
  write_safetensors(folder.file("m.safetensors"), model_tensors(model), metadata);
  CHECK_THROWS_WITH(load_model(folder.file("m.safetensors")), Catch::Contains("tricubic"));
  CHECK_THROWS_AS(load_model(folder.file("m.safetensors")), FormatError);
  CHECK(!model_metadata(made(kVit)).contains("vitrine.position_resampling"));

  const auto of_origin = [](const char* origin) { return facts_of_origin(origin).resampling; };
  CHECK(of_origin("timm") == PositionResampling::kBicubicAntialias);
  CHECK(of_origin("CLIP") == PositionResampling::kBicubicAntialias);
  CHECK(of_origin("torchvision") == PositionResampling::kBicubicCorners);
  CHECK(of_origin("Google") == PositionResampling::kBilinearCorners);
  CHECK(of_origin("Hugging Face CLIP") == PositionResampling::kBicubic);
  const auto of_type = [](const char* type) {
    const std::string config = fmt::format(R"({{"model_type": "{}"}})", type);
    return facts_of_hugging_face(config, "", "config.json").resampling;
  };
  CHECK(of_type("vit") == PositionResampling::kBicubic);
  CHECK(of_type("dinov2") == PositionResampling::kBicubic);
  CHECK(of_type("dinov2_with_registers") == PositionResampling::kBicubicAntialias);
}

TEST_CASE("resize_model: impossible sizes are refused and change nothing", "[models]") {
  constexpr int64_t kHuge = std::numeric_limits<int64_t>::max();
  Model vit = made(kVit);
  resize_model(vit, 24, 16, "bilinear");  // its own size: nothing to do
  check_refused(vit, 30, 16, "", "30 x 16 pixels does not divide into patches of 4 x 4");
  check_refused(vit, 24, 19, "", "take 24 x 20");
  check_refused(vit, 1, 1, "", "take 4 x 4");
  for (const int64_t side : {int64_t{0}, int64_t{-4}, int64_t{16384}, kHuge, -kHuge - 1}) {
    check_refused(vit, 16, side, "", "height and width must be 1 to 8192");
  }
  check_refused(vit, 4096, 4096, "", "tokens");
  check_refused(vit, 32, 32, "nearest", "unknown position resampling 'nearest'");
  // The border that patches leave over is not seen: a model that was trained so may stay so.
  Model cut = made(R"({"img_size": 15, "patch_size": 4, "embed_dim": 16, "depth": 1,
                       "num_heads": 2, "num_classes": 5})");
  resize_model(cut, 15, 15);
  resize_model(cut, 16, 16);
  CHECK(as_vit(*cut.network).pos_embed.table.value.dim(1) == 17);

  Model hybrid = made(kHybrid);
  check_refused(hybrid, 44, 32, "", "patches of 8 x 8: take 48 x 32");
  Model resnet = made(kResNet);
  check_refused(resnet, 0, 32, "", "1 to 8192");
  check_refused(resnet, 48, 48, "bicubic", "no position embedding");
}

TEST_CASE("resize_model: patches of another size", "[models]") {
  Model model = made(kNoEmbedClass);
  const Tensor weight = as_vit(*model.network).patch_embed.weight.value.clone();
  const Tensor table = as_vit(*model.network).pos_embed.table.value.clone();
  resize_model(model, 36, 24, "bicubic", Size2d{6, 4});
  const Vit& vit = as_vit(*model.network);
  CHECK(same_bits(vit.patch_embed.weight.value,
                  resample_patch_weight(weight, {6, 4}, PositionResampling::kBicubic)));
  CHECK(same_bits(vit.pos_embed.table.value,
                  resample_position_embedding(table, 0, 6, 4, 6, 6, PositionResampling::kBicubic)));
  CHECK(model.preprocess.height == 36);
  REQUIRE(model.notes.size() == 1);
  CHECK_THAT(model.notes[0],
             Catch::Contains("patches of 6 x 4 pixels instead of 4 x 4; images of 36 x 24"));
  const TempDir folder;
  save_model(folder.file("m.safetensors"), model);
  const Model again = load_model(folder.file("m.safetensors"));
  const Tensor images = random_tensor({2, 36, 24, 3}, 3);
  CHECK(same_bits((*again.network)(images), (*model.network)(images)));

  Model whole = made(kVit);
  resize_model(whole, 24, 16, "", Size2d{4, 4});  // its own
  CHECK(whole.notes.empty());
  Model hybrid = made(kHybrid);
  Model resnet = made(kResNet);
  const auto refused = [](Model& m, Size2d patch, const char* words) {
    CAPTURE(patch.h, patch.w);
    const auto [height, width] = Size2d{m.preprocess.height, m.preprocess.width};
    CHECK_THROWS_WITH(resize_model(m, height, width, "", patch), Catch::Contains(words));
    CHECK_THROWS_AS(resize_model(m, height, width, "", patch), UsageError);
    CHECK(m.notes.empty());
  };
  refused(whole, {5, 4}, "24 x 16 pixels does not divide into patches of 5 x 4: take 25 x 16");
  for (const int64_t side : {int64_t{0}, int64_t{-4}, int64_t{25}, int64_t{1} << 62}) {
    refused(whole, {side, 4}, "patch");
  }
  refused(hybrid, {2, 2}, "keep their size");
  refused(resnet, {2, 2}, "no vision transformer");
}

TEST_CASE("resize_model: a frozen model grows by its embedding alone", "[models][memory]") {
  Model source = made(kVit);
  const TempDir folder;
  save_model(folder.file("m.safetensors"), source);
  Model model = load_frozen_model(folder.file("m.safetensors"));
  const int64_t before = memory_stats().live_bytes;
  reset_peak_memory();
  resize_model(model, 256, 256);
  constexpr int64_t kEmbedding = (1 + 64 * 64) * 16 * 4;
  CHECK(memory_stats().peak_bytes - before <= kEmbedding * 5 / 4);  // a block's size class
  CHECK(memory_stats().live_bytes - before <= kEmbedding * 5 / 4);
  CHECK(memory_stats().live_bytes - before > 0);
}
