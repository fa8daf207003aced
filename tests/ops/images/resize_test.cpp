// resize: 8-bit images, bit-equal to Pillow.
//   kernel     every ISA against the reference, to the bit: widths around every vector size,
//              misaligned, weights of both signs that leave 0 .. 255
//   operation  rows that Pillow 13 made; windows against the whole for both orders of passes;
//   number
//              of threads; reductions whose weights are made in parts; errors
// Not here: Pillow's results for photographs and every filter (golden_check, family preprocess).

#include "ops/images/resize.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <numeric>

#include "core/error.hpp"
#include "core/parallel.hpp"
#include "core/random.hpp"
#include "ops/kernels/all.hpp"
#include "ops/kernels/resize.hpp"
#include "ops/reference/resize.hpp"
#include "tests/isas.hpp"

namespace vitrine {
namespace {

using Bytes = std::vector<uint8_t>;

Bytes random_bytes(int64_t n, uint64_t stream) {
  Random random(1, RandomPlace::kTest, stream);
  Bytes bytes(static_cast<size_t>(n));
  for (uint8_t& b : bytes) b = static_cast<uint8_t>(random.below(256));
  return bytes;
}

Image random_image(int64_t width, int64_t height, int channels) {
  return {width, height, channels, random_bytes(width * height * channels, 5)};
}

TEST_CASE("resize: kernels have the bits of the reference on every ISA", "[ops][isa]") {
  const ScopedIsa isa(test::each_isa());
  const int64_t n = GENERATE(1, 3, 4, 7, 8, 9, 15, 16, 17, 31, 33, 63, 64, 65, 96, 200, 333);
  const int64_t taps = GENERATE(1, 2, 5, 13);
  const int64_t shift = GENERATE(0, 1, 3);
  const int64_t pitch = n + 5;
  const Bytes from = random_bytes(shift + taps * pitch, 1);
  Random random(1, RandomPlace::kTest, 2);
  std::vector<int32_t> weights(static_cast<size_t>(taps));
  for (int32_t& w : weights) {
    // Together -0.5 to 1.5: some results are clipped, and sums of 32 bits hold.
    w = (static_cast<int32_t>(random.below(1U << 23)) - (1 << 21)) / static_cast<int32_t>(taps);
  }
  Bytes want(static_cast<size_t>(n));
  Bytes got(static_cast<size_t>(shift + n + 1), 77);
  reference::resize_blend_rows(n, taps, weights.data(), from.data() + shift, pitch, want.data());
  kernels::active().resize->blend_rows(n, taps, weights.data(), from.data() + shift, pitch,
                                       got.data() + shift);
  INFO("n " << n << ", taps " << taps << ", shift " << shift);
  CHECK(std::equal(want.begin(), want.end(), got.begin() + shift));
  CHECK(got.back() == 77);
}

TEST_CASE("resize: rows are those of Pillow", "[ops]") {
  const Image row{7, 1, 1, {0, 7, 28, 63, 112, 175, 252}};
  const auto wide = [&](int64_t width, ResizeFilter filter) {
    return resize(row, width, 1, filter).pixels;
  };
  CHECK(wide(4, ResizeFilter::kBilinear) == Bytes{4, 34, 111, 212});
  CHECK(wide(4, ResizeFilter::kBicubic) == Bytes{2, 31, 108, 220});
  CHECK(wide(12, ResizeFilter::kBilinear) ==
        Bytes{0, 3, 7, 18, 32, 53, 77, 106, 141, 178, 223, 252});
  CHECK(wide(12, ResizeFilter::kBicubic) ==
        Bytes{0, 1, 6, 17, 32, 51, 76, 105, 139, 178, 230, 255});
  CHECK(wide(3, ResizeFilter::kNearest) == Bytes{7, 63, 175});
  CHECK(wide(7, ResizeFilter::kLanczos) == row.pixels);
  // A column is a row on its side, and three equal channels are three grey images.
  const Image column{1, 7, 1, row.pixels};
  CHECK(resize(column, 1, 4, ResizeFilter::kBicubic).pixels == Bytes{2, 31, 108, 220});
  Image colour{7, 1, 3, {}};
  for (const uint8_t v : row.pixels) colour.pixels.insert(colour.pixels.end(), 3, v);
  CHECK(resize(colour, 4, 1, ResizeFilter::kBicubic).pixels ==
        Bytes{2, 2, 2, 31, 31, 31, 108, 108, 108, 220, 220, 220});
}

TEST_CASE("resize: a window is that part of the whole, on every ISA", "[ops][isa]") {
  const ScopedIsa isa(test::each_isa());
  const int channels = GENERATE(1, 3);
  // Smaller, larger, one side only, and a height that shrinks most (vertical pass first).
  const auto [width, height] = GENERATE(
      table<int64_t, int64_t>({{20, 31}, {90, 130}, {61, 20}, {20, 97}, {61, 97}, {70, 9}}));
  const Image image = random_image(61, 97, channels);
  for (const char* name : {"nearest", "box", "bilinear", "hamming", "bicubic", "lanczos"}) {
    const ResizeFilter filter = resize_filter(name);
    const Image whole = resize(image, width, height, filter);
    const int64_t left = width / 3;
    const int64_t top = height / 3;
    const int64_t w = width / 2;
    const int64_t h = height / 2;
    const int64_t pitch = w * channels + 1;
    Bytes part(static_cast<size_t>(h * pitch), 77);
    resize_window(image, width, height, filter, left, top, w, h, part.data(), pitch);
    const ImageView want = ImageView(whole).part(left, top, w, h);
    bool same = true;
    for (int64_t y = 0; y < h; ++y) {
      const uint8_t* got = part.data() + y * pitch;
      same = same && std::equal(got, got + w * channels, want.pixels + y * want.pitch);
      same = same && got[w * channels] == 77;  // nothing beside the window is touched
    }
    INFO(name << " to " << width << " x " << height);
    CHECK(same);
  }
}

TEST_CASE("resize: the same bits for any number of threads", "[ops][threads]") {
  const Image image = random_image(301, 407, 3);
  for (const int64_t height : {99, 500}) {  // either order of passes
    set_threads(1);
    const Image one = resize(image, 280, height, ResizeFilter::kBicubic);
    set_threads(3);
    CHECK(resize(image, 280, height, ResizeFilter::kBicubic).pixels == one.pixels);
    set_threads(0);
  }
}

TEST_CASE("resize: a part of an image is an image", "[ops]") {
  const Image image = random_image(40, 30, 3);
  const ImageView part = ImageView(image).part(5, 7, 20, 11);
  Image copy{20, 11, 3, {}};
  for (int64_t y = 0; y < 11; ++y) {
    const uint8_t* row = part.pixels + y * part.pitch;
    copy.pixels.insert(copy.pixels.end(), row, row + 60);
  }
  for (const ResizeFilter filter : {ResizeFilter::kNearest, ResizeFilter::kBicubic}) {
    CHECK(resize(part, 13, 17, filter).pixels == resize(copy, 13, 17, filter).pixels);
  }
  CHECK(resize(part, 20, 11, ResizeFilter::kBicubic).pixels == copy.pixels);
}

TEST_CASE("resize: extreme reductions", "[ops]") {
  // 11 means of 100,000 pixels: the weights of 10 fit at once.
  const Image row = random_image(1'100'000, 1, 1);
  const Image small = resize(row, 11, 1, ResizeFilter::kBox);
  const Image column{1, row.width, 1, row.pixels};
  CHECK(resize(column, 1, 11, ResizeFilter::kBox).pixels == small.pixels);
  for (int64_t i = 0; i < 11; ++i) {
    const auto begin = row.pixels.begin() + i * 100'000;
    const double mean = std::accumulate(begin, begin + 100'000, 0.0) / 100'000;
    CHECK(std::abs(small.pixels[static_cast<size_t>(i)] - mean) < 1.0);
  }
}

TEST_CASE("resize: arguments that do not fit are refused", "[ops][errors]") {
  const Image image = random_image(8, 6, 3);
  const auto filter = ResizeFilter::kBicubic;
  uint8_t to[12] = {};
  CHECK_THROWS_WITH(resize(image, 0, 4, filter),
                    "[resize] width and height must be 1 to 16777216, got 0 x 4");
  CHECK_THROWS_AS(resize(image, 4, kMaxImageSide + 1, filter), ShapeError);
  CHECK_THROWS_AS(resize(Image{}, 4, 4, filter), ShapeError);
  CHECK_THROWS_AS(resize(ImageView(image.pixels.data(), 4, 4, 2), 4, 4, filter), ShapeError);
  CHECK_THROWS_AS(resize_window(image, 4, 4, filter, 3, 0, 2, 2, to, 6), ShapeError);
  CHECK_THROWS_AS(resize_window(image, 4, 4, filter, -1, 0, 2, 2, to, 6), ShapeError);
  CHECK_THROWS_AS(resize_window(image, 4, 4, filter, 0, 0, 0, 2, to, 6), ShapeError);
  CHECK_THROWS_WITH(resize_filter("cubic"), Catch::Contains("bicubic"));
  CHECK(resize_filter_name(ResizeFilter::kHamming) == "hamming");
}

}  // namespace
}  // namespace vitrine
