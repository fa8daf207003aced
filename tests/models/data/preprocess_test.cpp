// preprocess: timm's rules for size and crop, colours, JSON.
// Not here: photographs against timm and Pillow, bit for bit (golden_check, family preprocess).

#include "models/data/preprocess.hpp"

#include <catch2/catch.hpp>

#include "core/error.hpp"
#include "core/random.hpp"
#include "core/text/json_text.hpp"
#include "tests/numbers.hpp"

namespace vitrine {
namespace {

Image noise(int64_t width, int64_t height, int channels) {
  Random random(1, RandomPlace::kTest, 11);
  Image image{width, height, channels, {}};
  image.pixels.resize(static_cast<size_t>(width * height * channels));
  for (uint8_t& v : image.pixels) v = static_cast<uint8_t>(random.below(256));
  return image;
}

Preprocess square(int64_t size, double crop_pct, int channels = 3) {
  Preprocess rule;
  rule.height = rule.width = size;
  rule.channels = channels;
  rule.crop_pct = crop_pct;
  rule.mean.assign(static_cast<size_t>(channels), 0.5);
  rule.stddev = rule.mean;
  return rule;
}

/// The part of the image resized to width x height that begins at (left, top).
std::vector<uint8_t> part(const Image& image, int64_t width, int64_t height, int64_t left,
                          int64_t top, const Preprocess& rule) {
  std::vector<uint8_t> to(static_cast<size_t>(rule.numel()));
  resize_window(image, width, height, rule.interpolation, left, top, rule.width, rule.height,
                to.data(), rule.width * rule.channels);
  return to;
}

TEST_CASE("preprocess: the shorter side is floored, the longer truncated, halves go to even",
          "[models]") {
  // 64 / 0.9 = 71.1; 71 * 131 / 97 = 95.9. The crop begins at 7 / 2 = 4 (even) and 31 / 2 -> 16.
  const Image image = noise(97, 131, 3);
  const Preprocess rule = square(64, 0.9);
  CHECK(prepare_pixels(image, rule).pixels == part(image, 71, 95, 4, 16, rule));
  // 63 / 0.95 = 66.3; (66 - 63) / 2 = 1.5 -> 2; wide: 66 * 97 / 90 = 71.1, (71 - 63) / 2 = 4.
  const Image wide = noise(97, 90, 1);
  const Preprocess grey = square(63, 0.95, 1);
  CHECK(prepare_pixels(wide, grey).pixels == part(wide, 71, 66, 4, 2, grey));
}

TEST_CASE("preprocess: squash and inputs that are not square", "[models]") {
  const Image image = noise(97, 131, 3);
  Preprocess rule = square(50, 0.9);
  rule.crop_mode = CropMode::kSquash;
  CHECK(prepare_pixels(image, rule).pixels == part(image, 55, 55, 2, 2, rule));
  // 40 high, 60 wide at 1.0: the ratio of the width, 97 / 60, is the smaller one;
  // 131 / (97 / 60) = 81.03.
  rule = square(60, 1.0);
  rule.height = 40;
  CHECK(prepare_pixels(image, rule).pixels == part(image, 60, 81, 0, 20, rule));
}

TEST_CASE("preprocess: a picture of the right size is only copied", "[models]") {
  const Image image = noise(28, 28, 1);
  const Preprocess rule = square(28, 1.0, 1);
  CHECK(is_prepared(image, rule));
  CHECK(prepare_pixels(image, rule).pixels == image.pixels);
  CHECK_FALSE(is_prepared(image, square(28, 0.9, 1)));
  CHECK_FALSE(is_prepared(image, square(28, 1.0, 3)));
  CHECK_FALSE(is_prepared(noise(28, 29, 1), rule));
}

TEST_CASE("preprocess: a crop larger than the picture is surrounded by zeros", "[models]") {
  const Image image = noise(10, 10, 1);
  const Image result = prepare_pixels(image, square(15, 1.5, 1));  // 15 / 1.5 = 10
  for (int64_t y = 0; y < 15; ++y) {
    for (int64_t x = 0; x < 15; ++x) {
      const bool inside = x >= 2 && x < 12 && y >= 2 && y < 12;
      const int want = inside ? image.pixels[static_cast<size_t>((y - 2) * 10 + x - 2)] : 0;
      REQUIRE(result.pixels[static_cast<size_t>(y * 15 + x)] == want);
    }
  }
}

TEST_CASE("preprocess: crops that round down, as Hugging Face's", "[models]") {
  // 247 x 335 pixels: transformers' center_crop of 224 begins at 11 and 55, torchvision's at 12 and
  // 56.
  const Image image = noise(335, 247, 3);
  Preprocess rule = square(224, 224.0 / 247.5);
  rule.crop_rounding = CropRounding::kDown;
  CHECK(prepare_pixels(image, rule).pixels == part(image, 335, 247, 55, 11, rule));
  rule.crop_rounding = CropRounding::kEven;
  CHECK(prepare_pixels(image, rule).pixels == part(image, 335, 247, 56, 12, rule));
  // Of an odd number of zeros, one more is before the picture.
  const Image small = noise(10, 10, 1);
  Preprocess padded = square(15, 1.5, 1);
  padded.crop_rounding = CropRounding::kDown;
  const Image result = prepare_pixels(small, padded);
  CHECK(result.pixels[2 * 15 + 5] == 0);
  CHECK(result.pixels[3 * 15 + 3] == small.pixels[0]);
  CHECK(result.pixels[12 * 15 + 12] == small.pixels[99]);
  CHECK(result.pixels[13 * 15 + 12] == 0);
}

TEST_CASE("preprocess: a crop out of a picture that is not resized", "[models]") {
  const Image image = noise(31, 12, 3);
  Preprocess rule = square(16, 1.0);
  rule.crop_mode = CropMode::kUnscaled;
  rule.crop_rounding = CropRounding::kDown;
  const Image result = prepare_pixels(image, rule);
  for (int64_t y = 0; y < 16; ++y) {
    for (int64_t x = 0; x < 16; ++x) {
      const bool inside = y >= 2 && y < 14;
      const auto from = static_cast<size_t>(((y - 2) * 31 + 7 + x) * 3);
      REQUIRE(result.pixels[static_cast<size_t>((y * 16 + x) * 3)] ==
              (inside ? image.pixels[from] : 0));
    }
  }
}

TEST_CASE("preprocess: extreme shapes", "[models]") {
  const Image thin = noise(1, 70'000, 1);
  const Image result = prepare_pixels(thin, square(224, 0.9, 1));  // 248 x 17,360,000
  CHECK(result.pixels.size() == 224 * 224);
  CHECK(prepare_pixels(noise(1, 1, 3), square(7, 0.9)).pixels.size() == 147);
}

TEST_CASE("preprocess: colours become grey as in Pillow, grey becomes three equal colours",
          "[models]") {
  const Image colour{2, 1, 3, {255, 0, 0, 10, 200, 30}};
  ReusedVector<uint8_t> storage;
  const ImageView grey = with_channels(colour, 1, storage);
  CHECK(grey.pixels[0] == 76);   // 255 * 19595 / 65536 = 76.2
  CHECK(grey.pixels[1] == 124);  // 2.99 + 117.40 + 3.42 = 123.8
  const Image one{1, 1, 1, {9}};
  CHECK(prepare_pixels(one, square(1, 1.0)).pixels == std::vector<uint8_t>{9, 9, 9});
  CHECK(with_channels(colour, 3, storage).pixels == colour.pixels.data());
  CHECK_THROWS_AS(with_channels(colour, 2, storage), UsageError);
  // Alpha does not count.
  const Image rgba{2, 1, 4, {255, 0, 0, 1, 10, 200, 30, 2}};
  CHECK(with_channels(rgba, 1, storage).pixels[1] == 124);
  const ImageView opaque = with_channels(rgba, 3, storage);
  CHECK(std::vector<uint8_t>(opaque.pixels, opaque.pixels + 6) == colour.pixels);
}

TEST_CASE("preprocess: the tensor is (v / 255 - mean) / std", "[models]") {
  const Image image = noise(28, 28, 3);
  Preprocess rule = square(28, 1.0);
  rule.mean = {0.485, 0.456, 0.406};
  rule.stddev = {0.229, 0.224, 0.225};
  const Tensor x = preprocess(image, rule);
  REQUIRE(x.shape() == Shape{1, 28, 28, 3});
  for (size_t i = 0; i < image.pixels.size(); ++i) {
    const float v = static_cast<float>(image.pixels[i]) / 255.0F;
    const auto c = i % 3;
    REQUIRE(x.data()[i] ==
            (v - static_cast<float>(rule.mean[c])) / static_cast<float>(rule.stddev[c]));
  }
}

TEST_CASE("preprocess: JSON keeps every value", "[models]") {
  Preprocess rule;
  rule.height = 28;
  rule.width = 32;
  rule.channels = 1;
  rule.interpolation = ResizeFilter::kBilinear;
  rule.crop_pct = 0.875;
  rule.crop_mode = CropMode::kSquash;
  rule.mean = {0.286};
  rule.stddev = {0.353};
  rule.exif = Exif::kAsStored;
  CHECK(write_json(rule.to_json()) ==
        R"({"crop_mode":"squash","crop_pct":0.875,"exif":false,"input_size":[1,28,32],)"
        R"("interpolation":"bilinear","mean":[0.286],"std":[0.353]})");
  CHECK(Preprocess::from_json(rule.to_json()) == rule);
  CHECK(Preprocess::parse("{}") == Preprocess{});
  rule.crop_mode = CropMode::kUnscaled;
  rule.crop_rounding = CropRounding::kDown;
  CHECK(Preprocess::from_json(rule.to_json()) == rule);
  CHECK(Preprocess::parse(R"({"input_size": [1, 28, 28], "url": "x"})").mean ==
        std::vector<double>{0.5});
}

TEST_CASE("preprocess: impossible rules are refused", "[models][errors]") {
  for (const char* text :
       {"[]", "{", R"({"input_size": [3, 224]})", R"({"input_size": [2, 8, 8]})",
        R"({"input_size": [3, 0, 8]})", R"({"input_size": "x"})", R"({"crop_pct": 0})",
        R"({"crop_pct": 1e9})", R"({"crop_mode": "border"})", R"({"interpolation": "random"})",
        R"({"mean": [0.5]})", R"({"std": [0, 0.5, 0.5]})", R"({"std": [1e-300, 0.5, 0.5]})",
        R"({"mean": [1e300, 0, 0]})", R"({"input_size": [4294967299, 8, 8]})"}) {
    INFO(text);
    CHECK_THROWS_AS(Preprocess::parse(text), UsageError);
  }
  std::vector<uint8_t> small(10);
  CHECK_THROWS_AS(prepare_pixels(noise(4, 4, 3), square(4, 1.0), small), ShapeError);
}

}  // namespace
}  // namespace vitrine
