// Folders of Hugging Face for networks that are smaller than anybody publishes: what is written is
// read again. A block's middle is a multiple of 8, so that its part of the result says little.

#include <algorithm>
#include <catch2/catch.hpp>

#include "models/networks/bit.hpp"
#include "models/weights/checkpoint.hpp"
#include "models/weights/export_model.hpp"
#include "models/weights/load_model.hpp"
#include "tests/temp_dir.hpp"

namespace vitrine {
namespace {

TEST_CASE("a small ResNetV2 comes back from its folder", "[models][import]") {
  const std::vector<std::vector<int64_t>> channels = {{8, 16},  {16, 32},  {40, 80},
                                                      {24, 48}, {64, 128}, {16, 72, 24}};
  for (const std::vector<int64_t>& widths : channels) {
    for (const bool preact : {false, true}) {
      CAPTURE(widths, preact);
      BitConfig config;
      config.image_height = config.image_width = 32;
      config.classes = 3;
      config.backbone.channels = widths;
      config.backbone.layers.assign(widths.size(), 1);
      config.backbone.stem_channels = 16;
      config.backbone.norm.groups = 4;
      config.backbone.preact = preact;
      Model model;
      model.network = std::make_unique<Bit>(config);
      model.network->initialize(3);
      model.preprocess.height = model.preprocess.width = 32;
      model.preprocess.crop_rounding = CropRounding::kDown;
      const test::TempDir dir;
      save_hugging_face(dir.path(), model);
      const Model got = load_model(dir.path());
      const auto want = model_tensors(model);
      const auto have = model_tensors(got);
      REQUIRE(want.size() == have.size());
      for (size_t i = 0; i < want.size(); ++i) {
        CAPTURE(want[i].name);
        CHECK(want[i].name == have[i].name);
        CHECK(std::ranges::equal(want[i].tensor.bytes, have[i].tensor.bytes));
      }
    }
  }
}

}  // namespace
}  // namespace vitrine
