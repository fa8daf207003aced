#include "core/images/png_rows.hpp"

#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <string>

#include "core/error.hpp"

namespace vitrine {
namespace {

/// The zlib stream in the IDAT chunks.
class PngStream {
 public:
  PngStream(const PngFacts& facts, std::string_view path) : facts_(facts), path_(path) {
    if (inflateInit(&stream_) != Z_OK) throw std::bad_alloc();
  }
  PngStream(const PngStream&) = delete;
  PngStream& operator=(const PngStream&) = delete;
  ~PngStream() { inflateEnd(&stream_); }

  void read(std::span<uint8_t> out);

 private:
  const PngFacts& facts_;
  std::string path_;
  z_stream stream_ = {};
  size_t next_ = 0;  // chunk
};

void PngStream::read(std::span<uint8_t> out) {
  stream_.next_out = out.data();
  stream_.avail_out = static_cast<uInt>(out.size());
  while (stream_.avail_out > 0) {
    if (stream_.avail_in == 0 && next_ < facts_.data.size()) {
      const std::span<const std::byte> chunk = facts_.data[next_++];
      // zlib does not write to its input; its type is older than const.
      stream_.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(chunk.data()));
      stream_.avail_in = static_cast<uInt>(chunk.size());
      continue;
    }
    const uInt before = stream_.avail_out;
    const int status = inflate(&stream_, Z_NO_FLUSH);
    if (status == Z_OK && stream_.avail_out < before) continue;
    if (stream_.avail_out == 0) return;
    if (status == Z_OK && stream_.avail_in == 0 && next_ < facts_.data.size()) continue;
    throw FormatError(FormatKind::kCorrupt, path_, -1, "the compressed pixels are damaged");
  }
}

/// What Paeth's filter takes of left, above and above left: the nearest to left + above - corner.
uint8_t paeth(int left, int above, int corner) {
  const int by_left = std::abs(above - corner);
  const int by_above = std::abs(left - corner);
  const int by_corner = std::abs(left + above - 2 * corner);
  if (by_left <= by_above && by_left <= by_corner) return static_cast<uint8_t>(left);
  return static_cast<uint8_t>(by_above <= by_corner ? above : corner);
}

/// Takes a filter off a row. `above` is the row before, zeros for the first; `reach` is the bytes
/// of a pixel, at least 1.
void unfilter(int filter, std::span<uint8_t> row, std::span<const uint8_t> above, size_t reach) {
  const auto add = [](uint8_t& byte, int value) { byte = static_cast<uint8_t>(byte + value); };
  const size_t first = std::min(reach, row.size());  // pixels that have none to their left
  switch (filter) {
    case 1:
      for (size_t i = first; i < row.size(); ++i) add(row[i], row[i - reach]);
      break;
    case 2:
      for (size_t i = 0; i < row.size(); ++i) add(row[i], above[i]);
      break;
    case 3:
      for (size_t i = 0; i < first; ++i) add(row[i], above[i] / 2);
      for (size_t i = first; i < row.size(); ++i) add(row[i], (row[i - reach] + above[i]) / 2);
      break;
    case 4:
      for (size_t i = 0; i < first; ++i) add(row[i], above[i]);
      for (size_t i = first; i < row.size(); ++i) {
        add(row[i], paeth(row[i - reach], above[i], above[i - reach]));
      }
      break;
    default:
      break;
  }
}

/// Writes rows of samples as pixels of a byte for each channel.
class PixelWriter {
 public:
  explicit PixelWriter(const PngFacts& facts) : facts_(facts), samples_(png_samples(facts)) {
    for (size_t i = 0; i < facts.palette.size(); ++i) {
      palette_[i] = std::to_integer<uint8_t>(facts.palette[i]);
    }
  }

  /// `to` is where the first pixel goes; the others lie `step` bytes apart.
  void write(const uint8_t* row, int64_t width, uint8_t* to, int64_t step) const {
    const bool palette = facts_.colour_type == 3;
    const int channels = facts_.is_grey() || palette ? 1 : 3;
    if (facts_.bit_depth == 8 && channels == samples_ && step == channels && !palette) {
      std::copy_n(row, width * channels, to);
      return;
    }
    for (int64_t x = 0; x < width; ++x, to += step) {
      if (palette) {
        std::copy_n(palette_.begin() + 3 * ptrdiff_t{bits(row, x)}, 3, to);
      } else if (facts_.bit_depth < 8) {
        *to = static_cast<uint8_t>(bits(row, x) * (255 / ((1 << facts_.bit_depth) - 1)));
      } else {
        const int64_t bytes = facts_.bit_depth / 8;
        for (int c = 0; c < channels; ++c) to[c] = row[(x * samples_ + c) * bytes];
      }
    }
  }

 private:
  /// Sample x of up to 8 bits; the first lies in the high bits.
  uint8_t bits(const uint8_t* row, int64_t x) const {
    const int64_t at = x * facts_.bit_depth;
    const auto shift = static_cast<int>(8 - facts_.bit_depth - at % 8);
    return static_cast<uint8_t>((row[at / 8] >> shift) & ((1 << facts_.bit_depth) - 1));
  }

  const PngFacts& facts_;
  int samples_;
  std::array<uint8_t, size_t{3} * 256> palette_{};
};

}  // namespace

Image png_pixels(const PngFacts& facts, std::string_view path) {
  constexpr int kLastFilter = 4;
  Image image = {facts.width, facts.height, facts.is_grey() ? 1 : 3, {}};
  image.pixels.resize(static_cast<size_t>(image.width * image.height * image.channels));
  const auto reach = static_cast<size_t>(std::max(1, png_samples(facts) * facts.bit_depth / 8));
  PngStream stream(facts, path);
  const PixelWriter writer(facts);
  for (const PngPass& pass : png_passes(facts)) {
    const auto size = static_cast<size_t>(png_row_bytes(facts, pass.width));
    std::vector<uint8_t> row(1 + size), above(size);
    for (int64_t y = 0; y < pass.height; ++y) {
      stream.read(row);
      if (row[0] > kLastFilter) {
        throw FormatError(FormatKind::kCorrupt, path, -1,
                          fmt::format("a row has filter {}", row[0]));
      }
      const std::span<uint8_t> bytes = std::span(row).subspan(1);
      unfilter(row[0], bytes, above, reach);
      const int64_t first = (pass.y0 + y * pass.dy) * image.width + pass.x0;
      writer.write(bytes.data(), pass.width, image.pixels.data() + first * image.channels,
                   pass.dx * image.channels);
      std::ranges::copy(bytes, above.begin());
    }
  }
  return image;
}

}  // namespace vitrine
