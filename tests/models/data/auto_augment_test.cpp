// auto_augment: which operations are drawn, how often, at which level, and what is refused.
// Not here: what an operation does to pixels (golden_check, family "augment").

#include "models/data/auto_augment.hpp"

#include <fmt/format.h>
#include <catch2/catch.hpp>

#include <array>
#include <map>
#include <set>

#include "core/error.hpp"

namespace vitrine {
namespace {

constexpr std::array<uint8_t, 3> kFill = {124, 116, 104};
constexpr std::array<ResizeFilter, 1> kFilter = {ResizeFilter::kBilinear};

/// Uneven noise that every operation but one at level 0 changes.
Image picture() {
  Random random(1, RandomPlace::kTest, 31);
  Image image{9, 8, 3, std::vector<uint8_t>(9 * 8 * 3)};
  for (uint8_t& v : image.pixels) v = static_cast<uint8_t>(40 + random.below(150));
  return image;
}

std::vector<uint8_t> run(const AutoAugment& augment, uint64_t number) {
  Image image = picture();
  Random random(3, RandomPlace::kColour, number);
  augment(image, kFilter, kFill, random);
  return image.pixels;
}

std::vector<uint8_t> applied(std::string_view name, double level, bool negated) {
  Image image = picture();
  picture_operation(name).apply(image, {level, negated, kFilter[0], kFill});
  return image.pixels;
}

/// How often each picture is expected and found, of `runs`.
struct Count {
  double want = 0;
  int found = 0;
};
using Counts = std::map<std::vector<uint8_t>, Count>;

void expect(Counts& counts, std::string_view name, double level, double share) {
  for (const bool negated : {false, true}) counts[applied(name, level, negated)].want += share / 2;
}

void check_frequencies(Counts counts, const AutoAugment& augment) {
  constexpr int kRuns = 6000;
  for (int i = 0; i < kRuns; ++i) {
    const auto found = counts.find(run(augment, static_cast<uint64_t>(i)));
    REQUIRE(found != counts.end());
    ++found->second.found;
  }
  for (const auto& [pixels, count] : counts) {
    const double want = count.want * kRuns;
    CHECK(std::abs(count.found - want) < 5 * std::sqrt(want) + 1);
  }
}

TEST_CASE("auto_augment: one of fifteen operations, at the level that was asked for", "[models]") {
  const bool increasing = GENERATE(false, true);
  Counts counts;
  const std::string more = increasing ? "Increasing" : "";
  for (const char* name : {"AutoContrast", "Equalize", "Invert", "Rotate", "SolarizeAdd", "ShearX",
                           "ShearY", "TranslateXRel", "TranslateYRel"}) {
    expect(counts, name, 7, 0.75 / 15);
  }
  for (const char* name :
       {"Posterize", "Solarize", "Color", "Contrast", "Brightness", "Sharpness"}) {
    expect(counts, name + more, 7, 0.75 / 15);
  }
  counts[picture().pixels].want += 0.25;
  check_frequencies(counts, AutoAugment(fmt::format("rand-m7-n1-p0.75-inc{}", int{increasing})));
}

TEST_CASE("auto_augment: weights, and the three of DeiT III", "[models]") {
  Counts counts;
  expect(counts, "Rotate", 9, 3 / 9.1);
  expect(counts, "ShearX", 9, 2 / 9.1);
  expect(counts, "ShearY", 9, 2 / 9.1);
  for (const char* name : {"TranslateXRel", "TranslateYRel"}) expect(counts, name, 9, 1 / 9.1);
  for (const char* name : {"ColorIncreasing", "SharpnessIncreasing", "AutoContrast"}) {
    expect(counts, name, 9, 0.25 / 9.1);
  }
  for (const char* name : {"SolarizeIncreasing", "SolarizeAdd", "ContrastIncreasing",
                           "BrightnessIncreasing", "Equalize", "PosterizeIncreasing", "Invert"}) {
    expect(counts, name, 9, 0.05 / 9.1);
  }
  check_frequencies(counts, AutoAugment("rand-m9-n1-p1-tweights"));

  const AutoAugment three("3a");
  std::set<std::vector<uint8_t>> blurred;
  int grey = 0;
  int solarized = 0;
  for (uint64_t i = 0; i < 900; ++i) {
    const auto pixels = run(three, i);
    const bool is_grey = pixels == applied("Desaturate", 10, false);
    const bool is_solarized = pixels == applied("Solarize", 5, false);
    grey += int{is_grey};
    solarized += int{is_solarized};
    if (!is_grey && !is_solarized) blurred.insert(pixels);
  }
  CHECK(std::abs(grey - 300) < 71);  // 5 standard deviations
  CHECK(std::abs(solarized - 300) < 71);
  CHECK(blurred.size() > 100);  // radii differ
}

TEST_CASE("auto_augment: weighted operations are not drawn twice", "[models]") {
  // All fourteen at level 0: a flat picture is inverted once and keeps 4 bits, in either order, and
  // nothing else happens to it.
  const AutoAugment all("rand-m0-n14-p1-t3aw");
  std::set<std::vector<uint8_t>> found;
  for (uint64_t i = 0; i < 200; ++i) {
    Image flat{4, 4, 3, std::vector<uint8_t>(48, 77)};
    Random random(3, RandomPlace::kColour, i);
    all(flat, kFilter, kFill, random);
    found.insert(flat.pixels);
  }
  CHECK(found == std::set{std::vector<uint8_t>(48, 255 - 64), std::vector<uint8_t>(48, 176)});
  CHECK_THROWS_WITH(AutoAugment("rand-n15-t3aw"), Catch::Contains("only 14 operations"));
}

TEST_CASE("auto_augment: levels vary, and are cut off", "[models]") {
  const auto distinct = [](const char* text) {
    const AutoAugment augment(text);
    std::set<std::vector<uint8_t>> found;
    for (uint64_t i = 0; i < 500; ++i) found.insert(run(augment, i));
    return found.size();
  };
  CHECK(distinct("rand-m9-n1-p1-inc1") <= 30);
  CHECK(distinct("rand-m9-n1-p1-inc1-mstd0.5") > 100);
  CHECK(distinct("rand-m9-n1-p1-inc1-mstd101") > 150);
  CHECK(distinct("rand-m20-n1-p1-inc1") == distinct("rand-m10-n1-p1-inc1"));
  CHECK(distinct("rand-m9-n0") == 1);
  const AutoAugment far("rand-m20-mmax20-n1-p1-t3a");
  const auto strongest = applied("GaussianBlur", 10, false);
  int blurs = 0;
  for (uint64_t i = 0; i < 60; ++i) blurs += int{run(far, i) == strongest};
  CHECK(blurs > 5);  // clamped by the operation itself
}

TEST_CASE("auto_augment: text that means nothing is refused", "[models][errors]") {
  for (const char* text :
       {"", "rnd", "rand-", "rand-m", "rand-x9", "rand-m9.5", "rand-m-3", "rand-p2", "rand-inc2",
        "rand-mstdx", "rand-tother", "rand--m9", "original", "3aa", "rand-m99999999999999999999",
        "rand-mstd1e", "randm9"}) {
    INFO(text);
    CHECK_THROWS_AS(AutoAugment(text), UsageError);
  }
  CHECK_NOTHROW(AutoAugment("rand-m9-mstd0.5-inc1"));
  CHECK_THROWS_AS(picture_operation("Cutout"), UsageError);
}

}  // namespace
}  // namespace vitrine
