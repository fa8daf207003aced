// augment: shifts, mirror images and random crops are functions of (seed, epoch, index) alone,
// cover what they should, and touch nothing else.

#include "models/data/augment.hpp"

#include <catch2/catch.hpp>

#include <map>
#include <set>

#include "core/error.hpp"
#include "core/random.hpp"
#include "core/text/json_text.hpp"
#include "models/data/random_erase.hpp"

namespace vitrine {
namespace {

using Bytes = std::vector<uint8_t>;

Preprocess rule_for(int64_t size, int channels) {
  Preprocess rule;
  rule.height = rule.width = size;
  rule.channels = channels;
  rule.crop_pct = 1;
  rule.mean.assign(static_cast<size_t>(channels), 0.5);
  rule.stddev = rule.mean;
  return rule;
}

/// No pixel is zero, and no two of a channel are equal in pictures of up to 15 x 17.
Image distinct(int64_t width, int64_t height, int channels) {
  Image image{width, height, channels, {}};
  for (int64_t i = 0; i < width * height; ++i) {
    for (int c = 0; c < channels; ++c) image.pixels.push_back(static_cast<uint8_t>(1 + i + c));
  }
  return image;
}

Bytes run(const Image& image, const Preprocess& rule, const Augment& options,
          const AugmentKey& key) {
  Bytes to(static_cast<size_t>(rule.numel()), 99);
  augment(image, rule, options, key, to);
  return to;
}

/// What the picture should be after a move, pixel by pixel.
Bytes moved(const Image& image, int64_t right, int64_t down, bool mirror, Fill fill) {
  const auto inside = [&](int64_t i, int64_t side) {
    if (fill == Fill::kReflect) return i < 0 ? -i : i < side ? i : 2 * (side - 1) - i;
    return std::clamp<int64_t>(i, 0, side - 1);
  };
  Bytes to;
  for (int64_t y = 0; y < image.height; ++y) {
    for (int64_t x = 0; x < image.width; ++x) {
      for (int c = 0; c < image.channels; ++c) {
        const int64_t u = (mirror ? image.width - 1 - x : x) - right;
        const int64_t v = y - down;
        const int64_t inside_u = inside(u, image.width);
        const int64_t inside_v = inside(v, image.height);
        const bool outside = u != inside_u || v != inside_v;
        const auto at =
            static_cast<size_t>((inside_v * image.width + inside_u) * image.channels + c);
        to.push_back(outside && fill == Fill::kZero ? uint8_t{0} : image.pixels[at]);
      }
    }
  }
  return to;
}

TEST_CASE("augment: without options the picture is only prepared", "[models]") {
  const Image image = distinct(9, 11, 3);
  const Preprocess rule = rule_for(8, 3);
  CHECK(run(image, rule, {}, {1, 2, 3}) == prepare_pixels(image, rule).pixels);
  const Image ready = distinct(8, 8, 1);
  CHECK(run(ready, rule_for(8, 1), {}, {1, 2, 3}) == ready.pixels);
}

TEST_CASE("augment: every shift and both mirror images occur, and nothing else", "[models]") {
  const int channels = GENERATE(1, 3);
  const Fill fill = GENERATE(Fill::kZero, Fill::kEdge, Fill::kReflect);
  const Image image = distinct(9, 9, channels);
  Augment options;
  options.shift = 2;
  options.fill = fill;
  options.flip = 0.5;
  std::map<Bytes, int> want;
  for (int64_t right = -2; right <= 2; ++right) {
    for (int64_t down = -2; down <= 2; ++down) {
      for (const bool mirror : {false, true}) want[moved(image, right, down, mirror, fill)] = 0;
    }
  }
  REQUIRE(want.size() == 50);
  constexpr int kRuns = 5000;  // a hundred of each
  for (int i = 0; i < kRuns; ++i) {
    const auto found = want.find(run(image, rule_for(9, channels), options, {7, 0, i}));
    REQUIRE(found != want.end());
    ++found->second;
  }
  for (const auto& [picture, count] : want) CHECK((count > 50 && count < 160));
}

TEST_CASE("augment: shifts larger than the picture", "[models]") {
  const Image image = distinct(3, 3, 1);
  Augment options;
  options.shift = 9;
  std::set<int> blank;
  for (int i = 0; i < 200; ++i) {
    blank.insert(run(image, rule_for(3, 1), options, {1, 1, i}) == Bytes(9, 0) ? 1 : 0);
  }
  CHECK(blank.size() == 2);
}

TEST_CASE("augment: reflection of a picture that is moved further than its size", "[models]") {
  const Image image{3, 1, 1, {10, 20, 30}};
  Preprocess rule = rule_for(3, 1);
  rule.height = 1;
  Augment options;
  options.shift = 7;
  options.fill = Fill::kReflect;
  std::set<Bytes> found;
  for (int i = 0; i < 200; ++i) found.insert(run(image, rule, options, {1, 1, i}));
  // The endless picture 10 20 30 20 has four views.
  CHECK(found == std::set<Bytes>{{10, 20, 30}, {20, 30, 20}, {30, 20, 10}, {20, 10, 20}});
}

TEST_CASE("augment: top and bottom exchanged", "[models]") {
  const Image image = distinct(3, 3, 3);
  Augment options;
  options.vertical_flip = 1;
  Bytes want;
  for (int64_t y = 2; y >= 0; --y) {
    want.insert(want.end(), image.pixels.begin() + y * 9, image.pixels.begin() + (y + 1) * 9);
  }
  CHECK(run(image, rule_for(3, 3), options, {1, 2, 3}) == want);
}

TEST_CASE("augment: colours change with the sample, after the other draws", "[models]") {
  const int channels = GENERATE(1, 3);
  const Image image = distinct(15, 15, channels);
  const Preprocess rule = rule_for(15, channels);
  Augment options;
  options.shift = 3;
  options.interpolation = "random";
  options.auto_augment = "rand-m9-mstd0.5-inc1-p1";
  options.jitter = {.brightness = 0.4, .contrast = 0.4, .saturation = 0.4, .hue = 0.1};
  std::set<Bytes> found;
  for (int i = 0; i < 50; ++i) {
    const Bytes view = run(image, rule, options, {5, 1, i});
    CHECK(view == run(image, rule, options, {5, 1, i}));
    found.insert(view);
  }
  CHECK(found.size() > 45);
  // Without colours the same sample is shifted as before.
  Augment plain;
  plain.shift = 3;
  options.auto_augment.clear();
  options.jitter = {.hue = 0.001};  // truncated to no turn
  if (channels == 1)
    CHECK(run(image, rule, options, {5, 1, 9}) == run(image, rule, plain, {5, 1, 9}));
  // Brightness alone: the factor is uniform in [0.6, 1.4].
  options = {};
  options.jitter.brightness = 0.4;
  const Image flat{15, 15, channels, Bytes(static_cast<size_t>(225 * channels), 100)};
  std::set<int> levels;
  for (int i = 0; i < 400; ++i) levels.insert(run(flat, rule, options, {5, 1, i})[0]);
  CHECK((*levels.begin() >= 60 && *levels.begin() <= 63));
  CHECK((*levels.rbegin() <= 140 && *levels.rbegin() >= 136));
}

TEST_CASE("augment: a function of seed, epoch and index", "[models]") {
  const Image image = distinct(15, 15, 1);
  const Preprocess rule = rule_for(15, 1);
  Augment options;
  options.shift = 6;
  options.flip = 0.5;
  const Bytes first = run(image, rule, options, {3, 4, 5});
  CHECK(run(image, rule, options, {3, 4, 5}) == first);
  // One of 338 views each: three of four unequal is what this checks.
  const int same = int{run(image, rule, options, {4, 4, 5}) == first} +
                   int{run(image, rule, options, {3, 5, 5}) == first} +
                   int{run(image, rule, options, {3, 4, 6}) == first} +
                   int{run(image, rule, options, {3, 5, 4}) == first};
  CHECK(same <= 1);
  options.flip = 1;
  options.shift = 0;
  CHECK(run(image, rule, options, {3, 4, 5}) == moved(image, 0, 0, true, Fill::kZero));
}

TEST_CASE("augment: random resized crops", "[models]") {
  // The colour of a pixel says where it is.
  Image image{100, 60, 3, {}};
  for (int y = 0; y < 60; ++y) {
    for (int x = 0; x < 100; ++x) {
      for (const int v : {2 * x, 4 * y, 128}) image.pixels.push_back(static_cast<uint8_t>(v));
    }
  }
  Preprocess rule = rule_for(16, 3);
  rule.interpolation = ResizeFilter::kBilinear;
  Augment options;
  options.crop_scale_min = 0.25;
  options.crop_scale_max = 0.5;
  double smallest = 1e9;
  double largest = 0;
  for (int i = 0; i < 300; ++i) {
    const Bytes view = run(image, rule, options, {1, 0, i});
    // Between the centres of the outer pixels lie 15/16 of the crop.
    const double width = (view[15 * 3] - view[0]) / 2.0 * 16 / 15;
    const double height = (view[15 * 16 * 3 + 1] - view[1]) / 4.0 * 16 / 15;
    const double area = width * height / 6000;
    smallest = std::min(smallest, area);
    largest = std::max(largest, area);
    CHECK((width / height > 0.65 && width / height < 1.52));
    CHECK(view[2] == 128);
  }
  CHECK((smallest > 0.21 && smallest < 0.3));
  CHECK((largest > 0.42 && largest < 0.56));

  // Nothing fits ten times: the largest central part of an allowed ratio, here 60 x 60.
  options.crop_scale_min = options.crop_scale_max = 1;
  options.crop_ratio_min = options.crop_ratio_max = 1;
  const Image middle = resize(ImageView(image).part(20, 0, 60, 60), 16, 16, rule.interpolation);
  CHECK(run(image, rule, options, {1, 0, 0}) == middle.pixels);
  // A network that sees grey gets grey.
  CHECK(run(image, rule_for(16, 1), options, {1, 0, 0}).size() == 256);
}

TEST_CASE("augment: random erasing fills rectangles of the shares and shapes that were asked for",
          "[models]") {
  const int64_t size = 40;
  const Preprocess rule = rule_for(size, 3);
  Augment options;
  options.erase = 0.75;
  options.erase_area_min = 0.05;
  options.erase_area_max = 0.2;
  options.erase_ratio_min = 0.5;
  options.erase_ratio_max = 2;
  for (const EraseMode mode : {EraseMode::kConst, EraseMode::kRand, EraseMode::kPixel}) {
    options.erase_mode = mode;
    int erased = 0;
    std::set<std::pair<int64_t, int64_t>> corners;
    for (int64_t index = 0; index < 1000; ++index) {
      std::vector<float> picture(static_cast<size_t>(rule.numel()), 100.0F);
      random_erase(rule, options, {1, 2, index}, picture);
      int64_t top = size, bottom = 0, left = size, right = 0, area = 0;
      std::set<float> values;
      for (int64_t i = 0; i < size * size; ++i) {
        const float* pixel = picture.data() + 3 * i;
        const bool kept = pixel[0] == 100 && pixel[1] == 100 && pixel[2] == 100;
        if (kept) continue;
        REQUIRE((pixel[0] != 100 && pixel[1] != 100 && pixel[2] != 100));
        values.insert(pixel, pixel + 3);
        ++area;
        top = std::min(top, i / size);
        bottom = std::max(bottom, i / size + 1);
        left = std::min(left, i % size);
        right = std::max(right, i % size + 1);
      }
      if (area == 0) continue;
      ++erased;
      corners.insert({top, left});
      const auto height = static_cast<double>(bottom - top);
      const auto width = static_cast<double>(right - left);
      REQUIRE(area == (bottom - top) * (right - left));  // one rectangle
      REQUIRE(std::abs(height / width - 1.25) < 0.9);    // rounded sides
      REQUIRE((height * width > 0.04 * size * size && height * width < 0.22 * size * size));
      if (mode == EraseMode::kConst) REQUIRE(values == std::set<float>{0});
      if (mode == EraseMode::kRand) REQUIRE(values.size() == 3);
      if (mode == EraseMode::kPixel) REQUIRE(values.size() > static_cast<size_t>(2 * area));
    }
    CHECK(std::abs(erased - 750) < 70);  // 5 standard deviations
    CHECK(corners.size() > 400);
  }
  options.erase = 0;
  std::vector<float> picture(static_cast<size_t>(rule.numel()), 100.0F);
  random_erase(rule, options, {}, picture);
  CHECK(picture == std::vector<float>(picture.size(), 100.0F));
}

TEST_CASE("augment: JSON keeps every value, impossible ones are refused", "[models][errors]") {
  Augment a;
  a.shift = 2;
  a.fill = Fill::kEdge;
  a.flip = 0.25;
  a.crop_scale_min = 0.1;
  a.crop_scale_max = 0.9;
  a.crop_ratio_min = 0.5;
  a.crop_ratio_max = 2;
  a.vertical_flip = 0.125;
  a.interpolation = "random";
  a.auto_augment = "rand-m9";
  a.jitter = {.brightness = 0.1, .contrast = 0.2, .saturation = 0.3, .hue = 0.4};
  a.erase = 0.5;
  a.erase_mode = EraseMode::kRand;
  a.erase_count = 3;
  a.erase_area_min = 0.1;
  a.erase_area_max = 0.2;
  a.erase_ratio_min = 0.5;
  a.erase_ratio_max = 4;
  CHECK(Augment::from_json(a.to_json()) == a);
  CHECK(Augment::from_json(Augment{}.to_json()) == Augment{});
  CHECK(Augment::from_json({{"flip", 0.5}}).flip == 0.5);
  for (const char* text : {"1",
                           R"({"shift": -1})",
                           R"({"shift": 5000})",
                           R"({"flip": 1.5})",
                           R"({"flip": "x"})",
                           R"({"fill": "mirror"})",
                           R"({"crop_scale_min": 0.5})",
                           R"({"crop_scale_max": 2})",
                           R"({"crop_ratio_min": 0})",
                           R"({"crop_ratio_min": 2})",
                           R"({"rotate": 3})",
                           R"({"erase": 2})",
                           R"({"erase_mode": "white"})",
                           R"({"erase_count": 0})",
                           R"({"erase_area_max": 0.01})",
                           R"({"erase_ratio_min": 0})",
                           R"({"hue": 0.6})",
                           R"({"contrast": 2})",
                           R"({"auto_augment": "rand-x"})",
                           R"({"interpolation": "lanczos"})",
                           R"({"vertical_flip": -1})"}) {
    INFO(text);
    CHECK_THROWS_AS(Augment::from_json(parse_json(text)), UsageError);
  }
  Bytes small(3);
  CHECK_THROWS_AS(augment(distinct(4, 4, 1), rule_for(4, 1), {}, {}, small), ShapeError);
}

}  // namespace
}  // namespace vitrine
