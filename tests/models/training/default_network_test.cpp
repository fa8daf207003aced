// default_network: which network is trained if nobody names one.

#include "models/training/default_network.hpp"

#include <catch2/catch.hpp>

#include "core/error.hpp"
#include "core/images/image.hpp"
#include "models/data/file_dataset.hpp"
#include "models/data/memory_dataset.hpp"
#include "models/networks/network.hpp"
#include "tests/temp_dir.hpp"

namespace vitrine {
namespace {

/// Two pictures in memory; `colour` is the red of the first pixel of each.
MemoryDataset in_memory(int64_t height, int64_t width, int channels, uint8_t colour = 9) {
  std::vector<uint8_t> pixels(static_cast<size_t>(2 * height * width * channels), 9);
  pixels[0] = pixels[pixels.size() / 2] = colour;
  return {pixels, height, width, channels, {0, 1}, {"a", "b"}};
}

TEST_CASE("default network: Fashion-MNIST has the one that it always had", "[models]") {
  const DefaultNetwork network = default_network(in_memory(28, 28, 1));
  CHECK(network.name == "vit_d128_l6_h4_patch4_28_gray");
  CHECK(network.why == "grey pictures of about 28 pixels");
}

TEST_CASE("default network: by the shorter side, and a network of that size", "[models]") {
  for (const auto& [side, size] : std::vector<std::pair<int64_t, int64_t>>{{1, 28},
                                                                           {12, 28},
                                                                           {31, 28},
                                                                           {32, 32},
                                                                           {63, 32},
                                                                           {64, 64},
                                                                           {127, 64},
                                                                           {128, 128},
                                                                           {200, 128},
                                                                           {223, 128},
                                                                           {224, 224},
                                                                           {1000, 224}}) {
    INFO(side);
    for (const int channels : {1, 3}) {
      const uint8_t red = channels == 3 ? 200 : 9;  // not grey
      const auto config =
          network_config(default_network(in_memory(side, side + 10, channels, red)).name);
      CHECK(config->image_height == size);
      CHECK(config->channels == channels);
    }
  }
}

TEST_CASE("default network: files, of which most decide", "[models]") {
  const test::TempDir dir;
  std::vector<std::string> files;
  const auto add = [&](const std::string& name, int64_t side, bool colour) {
    Image image{.width = side, .height = side + 5, .channels = 3, .pixels = {}};
    image.pixels.assign(static_cast<size_t>(3 * side * (side + 5)), 7);
    if (colour) image.pixels[4] = 90;
    write_png(dir.file(name), image);
    files.push_back(dir.file(name));
  };
  for (int i = 0; i < 9; ++i) add(std::to_string(i) + ".png", i < 2 ? 300 : 70, false);
  const auto dataset = [&] {
    return FileDataset(files, std::vector<int32_t>(files.size(), 0), {"a"});
  };
  CHECK(default_network(dataset()).name == "vit_d128_l6_h4_patch8_64_gray");
  add("colour.png", 70, true);                           // one is enough
  files.push_back(dir.add("broken.png", "no picture"));  // is not asked
  CHECK(default_network(dataset()).name == "vit_d128_l6_h4_patch8_64");
  CHECK(default_network(dataset()).why == "colour pictures of about 70 pixels");
  files = {dir.file("broken.png")};
  CHECK_THROWS_AS(default_network(dataset()), FormatError);
}

}  // namespace
}  // namespace vitrine
