// The pictures of what a network learned: sizes, a few telling pixels, odd shapes, and errors. Not
// here: whether they are beautiful.

#include <catch2/catch.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <set>

#include "apps/drawing/canvas.hpp"
#include "apps/drawing/colormap.hpp"
#include "apps/drawing/contact_sheet.hpp"
#include "apps/drawing/fit_picture.hpp"
#include "apps/drawing/heat_map.hpp"
#include "apps/drawing/tile_columns.hpp"
#include "apps/figures/attention_scale.hpp"
#include "apps/figures/draw_attention_maps.hpp"
#include "apps/figures/draw_attention_rollout.hpp"
#include "apps/figures/draw_confusion_matrix.hpp"
#include "apps/figures/draw_position_similarity.hpp"
#include "core/error.hpp"
#include "models/analysis/position_similarity.hpp"
#include "tests/numbers.hpp"

namespace vitrine {
namespace {

Colour pixel(const Image& image, int64_t x, int64_t y) {
  const uint8_t* p = &image.pixels[static_cast<size_t>((y * image.width + x) * 3)];
  return {p[0], p[1], p[2]};
}

int64_t count(const Image& image, Colour colour) {
  int64_t n = 0;
  for (int64_t y = 0; y < image.height; ++y) {
    for (int64_t x = 0; x < image.width; ++x) n += pixel(image, x, y) == colour ? 1 : 0;
  }
  return n;
}

Image grey_picture(int64_t width, int64_t height, uint8_t value = 90) {
  return {width, height, 1, std::vector<uint8_t>(static_cast<size_t>(width * height), value)};
}

TEST_CASE("pictures: tiles are laid out without many empty places", "[apps]") {
  CHECK(tile_columns(1, 2) == 1);
  CHECK(tile_columns(24, 2) == 8);
  CHECK(tile_columns(14, 2.2) == 7);
  for (int64_t tiles = 1; tiles < 200; ++tiles) {
    const int64_t columns = tile_columns(tiles, 2);
    CHECK(columns >= 1);
    CHECK(columns <= tiles);
  }
  CHECK(tile_columns(0, 2) == 1);
}

TEST_CASE("pictures: small ones are enlarged by a whole factor, large ones shrunk", "[apps]") {
  Image small = grey_picture(28, 28, 0);
  small.pixels[29] = 200;
  const Image enlarged = fit_picture(small, 200);
  CHECK(enlarged.width == 196);
  CHECK(enlarged.channels == 3);
  CHECK(pixel(enlarged, 7, 7) == Colour{200, 200, 200});
  CHECK(pixel(enlarged, 13, 13) == Colour{200, 200, 200});
  CHECK(pixel(enlarged, 14, 13) == Colour{0, 0, 0});
  const Image shrunk = fit_picture(grey_picture(1000, 500), 200);
  CHECK(shrunk.width == 200);
  CHECK(shrunk.height == 100);
  CHECK(pixel(shrunk, 50, 50) == Colour{90, 90, 90});
  CHECK(fit_picture(grey_picture(5000, 1), 200).height == 1);
  CHECK_THROWS_AS(fit_picture(Image{}, 200), ShapeError);
}

TEST_CASE("pictures: heat maps go from 0 to the largest value", "[apps]") {
  const std::vector<float> map = {0, 1, 2, std::nanf("")};
  const Image grey = grey_map(map, 2, 2, 0, 2, 2, 2);
  CHECK(grey.pixels == std::vector<uint8_t>{0, 128, 255, 0});
  CHECK(grey_map(map, 2, 2, 1, 2, 2, 2).pixels == std::vector<uint8_t>{0, 0, 255, 0});
  const Image colours = heat_map(grey);
  CHECK(pixel(colours, 0, 0) == sequential_colour(0));
  CHECK(pixel(colours, 0, 1) == sequential_colour(1));
  const Image all_zero = grey_map(std::vector<float>(4, 0.0F), 2, 2, 0, 0, 8, 8);
  CHECK(count(heat_map(all_zero), sequential_colour(0)) == 64);
  const Image white = {2, 2, 3, std::vector<uint8_t>(12, 255)};
  CHECK(pixel(masked_picture(white, grey), 0, 1) == kWhite);
  CHECK(pixel(masked_picture(white, grey), 0, 0).r < 64);
  CHECK_THROWS_AS(grey_map(map, 2, 3, 0, 1, 8, 8), ShapeError);
}

TEST_CASE("pictures: position similarity shows every position as most like itself", "[apps]") {
  for (const Shape grid : {Shape{7, 7}, Shape{2, 9}, Shape{1, 1}}) {
    const int64_t patches = grid.numel();
    Tensor unit = Tensor::zeros({patches, patches});  // all at right angles
    for (int64_t i = 0; i < patches; ++i) unit.mutable_data()[i * patches + i] = 1;
    const Image image = draw_position_similarity(position_similarity(unit), grid[0], grid[1]);
    const int64_t ones = count(image, sequential_colour(1));
    const int64_t zeros = count(image, sequential_colour(0.5));
    CHECK(ones >= patches);
    if (patches > 1) {
      // The colour bar has a few pixels of both.
      const double ratio = static_cast<double>(zeros) / static_cast<double>(ones);
      CHECK(ratio == Approx(static_cast<double>(patches - 1)).epsilon(0.2));
    }
  }
  CHECK_THROWS_AS(draw_position_similarity(Tensor::zeros({4, 4}), 2, 3), ShapeError);
  CHECK_THROWS_AS(draw_position_similarity(Tensor::zeros({0, 0}), 0, 0), ShapeError);
}

TEST_CASE("pictures: similarities that differ little have all colours in a range of their own",
          "[apps]") {
  Tensor close = Tensor::full({49, 49}, 0.90F);
  for (int64_t i = 0; i < 49; ++i) {
    for (int64_t j = 0; j < 49; ++j) {
      if ((i + j) % 2 == 1) close.mutable_data()[i * 49 + j] = 0.95F;
    }
    close.mutable_data()[i * 49 + i] = 1;
  }
  const Image image = draw_position_similarity(close, 7, 7);
  // In the fixed range both are nearly the same, beside it they are its two ends.
  CHECK(count(image, sequential_colour(0)) > 5000);
  CHECK(count(image, sequential_colour(1)) > 5000);
  CHECK(count(image, sequential_colour(0.95)) > 5000);
  // What is the same everywhere is one colour in both.
  const Image same = draw_position_similarity(Tensor::full({49, 49}, 1), 7, 7);
  CHECK(count(same, sequential_colour(0)) < 200);
  CHECK(count(same, sequential_colour(0.5)) > 5000);
}

TEST_CASE("pictures: attention maps have a panel for the picture, the mean, and each head",
          "[apps]") {
  const Image picture = grey_picture(28, 28);
  const Image two =
      draw_attention_maps(picture, test::random_tensor({2, 7, 7}, 1), 50, "two heads");
  const Image twelve = draw_attention_maps(picture, test::random_tensor({12, 7, 7}, 1), 50, "");
  CHECK(two.width > 224);
  CHECK(twelve.width * twelve.height > 2 * two.width * two.height);
  const Image nothing = draw_attention_maps(picture, Tensor::zeros({1, 7, 7}), 50, "");
  CHECK(nothing.channels == 3);
  CHECK(two.pixels ==
        draw_attention_maps(picture, test::random_tensor({2, 7, 7}, 1), 50, "two heads").pixels);
  CHECK_THROWS_AS(draw_attention_maps(picture, Tensor::zeros({7, 7}), 50, ""), ShapeError);
  CHECK_THROWS_AS(draw_attention_maps(Image{}, Tensor::zeros({1, 7, 7}), 50, ""), ShapeError);
}

// The colours of the pixels of a picture that are neither grey nor near it.
std::set<std::array<uint8_t, 3>> colours(const Image& image, const Rect& area) {
  std::set<std::array<uint8_t, 3>> found;
  for (auto y = static_cast<int64_t>(area.y); y < static_cast<int64_t>(area.bottom()); ++y) {
    for (auto x = static_cast<int64_t>(area.x); x < static_cast<int64_t>(area.right()); ++x) {
      const Colour c = pixel(image, x, y);
      if (std::max({c.r, c.g, c.b}) - std::min({c.r, c.g, c.b}) > 30) found.insert({c.r, c.g, c.b});
    }
  }
  return found;
}

// Even attention of 50 tokens, but for what rounding leaves.
Tensor even_maps(const Shape& shape, uint64_t seed) {
  Tensor maps = test::random_tensor(shape, seed);
  for (int64_t i = 0; i < maps.numel(); ++i) {
    maps.mutable_data()[i] = 0.02F * (1 + 1e-5F * maps.data()[i]);
  }
  return maps;
}

TEST_CASE("pictures: even attention is one colour, in spite of rounding", "[apps]") {
  const Image picture = grey_picture(56, 56, 120);
  const Image heads = draw_attention_maps(picture, even_maps({3, 7, 7}, 5), 50, "");
  // Left of the colour bar.
  const double without_bar = static_cast<double>(heads.width) - 24 - 120 - 22 - 10;
  CHECK(colours(heads, {0, 0, without_bar, static_cast<double>(heads.height)}).size() == 1);
  const std::vector<RolloutPicture> rows = {{picture, even_maps({7, 7}, 1), "one"},
                                            {picture, even_maps({7, 7}, 2), "two"}};
  const Image rollout = draw_attention_rollout(rows, 50);
  const double left_of_bar = static_cast<double>(rollout.width) - 24 - 120 - 22 - 10;
  CHECK(colours(rollout, {0, 0, left_of_bar, static_cast<double>(rollout.height)}).size() == 1);
}

TEST_CASE("pictures: all maps have one scale, from 0 to the largest of them", "[apps]") {
  AttentionScale scale(100);
  const std::vector<float> weak = {0.01F, 0.01F, 0.005F, 0.015F};
  scale.include(weak);
  CHECK(scale.largest(weak) == "1.5\u00d7");
  CHECK(scale.grey(weak, 2, 2, 2, 2).pixels[0] == std::lround(255 * std::sqrt(0.5)));  // to 2
  const std::vector<float> strong = {0.5F, 0, std::nanf(""), 0.01F};
  scale.include(strong);
  CHECK(scale.largest(strong) == "50.0\u00d7");
  CHECK(scale.grey(strong, 2, 2, 2, 2).pixels ==
        std::vector<uint8_t>{255, 0, 0, static_cast<uint8_t>(std::lround(255 * std::sqrt(0.02)))});
  CHECK(scale.grey(weak, 2, 2, 2, 2).pixels[0] == scale.grey(strong, 2, 2, 2, 2).pixels[3]);
  CHECK(scale.light(std::vector<float>{0.01F, 0.02F, 0.3F, 0}, 2, 2, 2, 2).pixels[0] ==
        Approx(127.5).margin(0.6));
  CHECK(scale.light(std::vector<float>{0.02F, 0.3F, 0, 0}, 2, 2, 2, 2).pixels ==
        std::vector<uint8_t>{255, 255, 0, 0});
}

TEST_CASE("pictures: a dark one stays visible under a map, a bright one is left as it is",
          "[apps]") {
  const Image grey = grey_picture(20, 20, 128);
  const auto contrast = [&](uint8_t dark, uint8_t light) {
    Image picture = {20, 20, 3, std::vector<uint8_t>(1200, dark)};
    std::fill(picture.pixels.begin() + 600, picture.pixels.end(), light);
    const Image over = heat_over_picture(picture, grey);
    return pixel(over, 5, 15).g - pixel(over, 5, 5).g;
  };
  CHECK(contrast(2, 16) > 60);
  CHECK(contrast(20, 210) == Approx(0.4 * 190).margin(1));
  CHECK(contrast(0, 0) == 0);
  Image night = {20, 20, 3, std::vector<uint8_t>(1200, 20)};
  CHECK(pixel(masked_picture(night, grey_picture(20, 20, 255)), 3, 3).r == 200);
}

TEST_CASE("pictures: rollout of one and of many pictures", "[apps]") {
  const auto rows = [](size_t n) {
    return std::vector<RolloutPicture>(
        n, {grey_picture(40, 30), test::random_tensor({7, 7}, 2), "a caption"});
  };
  const Image one = draw_attention_rollout(rows(1), 50);
  const Image eleven = draw_attention_rollout(rows(11), 50);
  CHECK(one.width < one.height * 4);
  CHECK(eleven.width > one.width);
  CHECK(eleven.height > one.height);
  CHECK_THROWS_AS(draw_attention_rollout({}, 50), ShapeError);
  auto wrong = rows(2);
  wrong[1].map = Tensor();
  CHECK_THROWS_AS(draw_attention_rollout(wrong, 50), ShapeError);
}

TEST_CASE("pictures: right answers are green, wrong ones red, unknown ones black", "[apps]") {
  std::vector<ClassifiedPicture> pictures = {{.picture = grey_picture(28, 28),
                                              .predicted = "Bag",
                                              .probability = 0.9,
                                              .truth = "Bag",
                                              .right = true}};
  const Image right = contact_sheet(pictures, "");
  CHECK(count(right, kRightAnswer) > 0);
  CHECK(count(right, kWrongAnswer) == 0);
  pictures[0].truth = "Shirt";
  pictures[0].right = false;
  const Image wrong = contact_sheet(pictures, "");
  CHECK(count(wrong, kRightAnswer) == 0);
  CHECK(count(wrong, kWrongAnswer) > 0);
  CHECK(wrong.height > right.height);  // the truth has a line of its own
  pictures[0].truth = "";
  const Image unknown = contact_sheet(pictures, "a title");
  CHECK(count(unknown, kRightAnswer) + count(unknown, kWrongAnswer) == 0);
  pictures[0].source = std::string(500, 'z') + ".jpg";
  CHECK(contact_sheet(pictures, "a title").height > unknown.height);
  pictures[0].predicted = std::string(500, 'x');
  CHECK(contact_sheet(pictures, std::string(500, 'y')).width < 300);
  CHECK_THROWS_AS(contact_sheet({}, ""), ShapeError);
  const Image title = contact_sheet({}, "none of 60 pictures is mistaken");
  CHECK(count(title, kInk) > 50);
  CHECK(title.height < unknown.height);
}

TEST_CASE("pictures: a mistake between two classes of one name is red", "[apps]") {
  const std::vector<ClassifiedPicture> cranes = {
      {.picture = grey_picture(28, 28), .predicted = "crane", .truth = "crane"}};
  CHECK(count(contact_sheet(cranes, ""), kWrongAnswer) > 0);
}

TEST_CASE("pictures: confusion is red beside a blue diagonal", "[apps]") {
  const std::vector<std::string> names = {"cat", "dog"};
  const Image image = draw_confusion_matrix(std::vector<int64_t>{4, 0, 4, 0}, names);
  CHECK(count(image, diverging_colour(-1)) > 1000);  // all cats are right
  CHECK(count(image, diverging_colour(1)) > 1000);   // all dogs are taken for cats
  const Image empty = draw_confusion_matrix(std::vector<int64_t>{0, 0, 0, 0}, names);
  CHECK(count(empty, diverging_colour(0)) > 4000);
  CHECK(draw_confusion_matrix(std::vector<int64_t>{7}, {}).channels == 3);
  CHECK_THROWS_AS(draw_confusion_matrix(std::vector<int64_t>{1, 2, 3}, names), ShapeError);
  CHECK_THROWS_AS(draw_confusion_matrix(std::vector<int64_t>{1, 2, 3}, {}), ShapeError);
  CHECK_THROWS_AS(draw_confusion_matrix({}, {}), ShapeError);
}

// Counts as of a network that takes every class for the next one once in ten times.
std::vector<int64_t> neighbours(int64_t classes) {
  std::vector<int64_t> counts(static_cast<size_t>(classes * classes));
  for (int64_t i = 0; i < classes; ++i) {
    counts[static_cast<size_t>(i * classes + i)] = 9;
    counts[static_cast<size_t>(i * classes + (i + 1) % classes)] += 1;
  }
  return counts;
}

TEST_CASE("pictures: confusion of any number of classes has a bounded size, and words", "[apps]") {
  for (const int64_t classes : {2, 10, 100, 200, 201, 1000, 2000}) {
    std::vector<std::string> names(static_cast<size_t>(classes), "a rather long name of class ");
    for (size_t i = 0; i < names.size(); ++i) names[i] += std::to_string(i);
    const Image image = draw_confusion_matrix(neighbours(classes), names);
    INFO(classes << " classes: " << image.width << " x " << image.height);
    CHECK(image.width <= 4000);
    CHECK(image.height <= 3000);
    CHECK(image.width >= std::min<int64_t>(classes, 1000));
    CHECK(count(image, kInk) > 1000);         // names or numbers
    CHECK(count(image, kWrongAnswer) > 200);  // in the list
  }
}

TEST_CASE("pictures: names stand beside up to 200 classes", "[apps]") {
  // The space left of the cells is as wide as the names need.
  const auto width = [](int64_t classes, const std::string& name) {
    const std::vector<std::string> names(static_cast<size_t>(classes), name);
    return draw_confusion_matrix(std::vector<int64_t>(static_cast<size_t>(classes * classes)),
                                 names)
        .width;
  };
  for (const int64_t classes : {2, 37, 100, 200}) {
    CHECK(width(classes, "somewhat longer") > width(classes, "short") + 20);
  }
  CHECK(width(201, "somewhat longer") == width(201, "short"));
}

}  // namespace
}  // namespace vitrine
