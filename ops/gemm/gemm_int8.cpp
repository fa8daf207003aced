// The loops around the int8 micro-kernel:
//
//   for rows of A, some MB of bytes at a time:
//     quantise (or gather) them                          parallel over rows
//     for blocks of rows, micro-panels of B:             parallel over both
//       for tiles of rows: micro-kernel                  kernels::GemmInt8::multiply
//
// Sums are exact, so K is not cut. A block of rows stays in L2 while micro-panels of B pass by.

#include "ops/gemm/gemm_int8.hpp"

#include <algorithm>

#include "core/ceil_div.hpp"
#include "core/memory.hpp"
#include "core/parallel.hpp"
#include "core/profile.hpp"
#include "core/reused.hpp"
#include "ops/gemm/gemm_blocking.hpp"
#include "ops/kernels/all.hpp"
#include "ops/kernels/gemm_int8.hpp"

namespace vitrine {
namespace {

using kernels::GemmInt8;
using kernels::Int8Block;
using kernels::RowScale;

// Bytes of A that are quantised before they are multiplied, at least: they should still be in L2 or
// near then.
constexpr int64_t kBytesAtOnce = 1 << 21;
// Floats to quantise, or bytes to gather, that take some microseconds, as a task should.
constexpr int64_t kTaskFloats = 1 << 14;
constexpr int64_t kLine = 64;  // bytes

/// Bytes from one row of integers to the next: an odd number of cache lines, so that the rows of a
/// tile lie in different sets of the cache.
int64_t pitch_of(int64_t bytes) { return (ceil_div(bytes, kLine) | 1) * kLine; }

/// What is multiplied with B: rows of integers, ready.
struct IntegerRows {
  const uint8_t* data;
  int64_t pitch;
  const RowScale* scales;
};

/// Rows [0, rows) of `a` times B, to rows of C from `first` on.
void multiply_rows(const GemmInt8& kernel, const IntegerRows& a, int64_t rows, const Int8Matrix& b,
                   float* c, int64_t ldc, const GemmEpilogue& epilogue) {
  const kernels::MicroPanels cut = kernel.cut();
  const int64_t n = b.n();
  const int64_t panels = cut.count(n);
  const int64_t panel_bytes = b.steps() * kernel.step * kernel.nr;
  const int64_t in_l2 = (detail::l2_bytes() / 2 - panel_bytes) / a.pitch;
  const int64_t parts = ceil_div(detail::kTasks, panels);
  int64_t mc = std::clamp<int64_t>(ceil_div(rows, parts), detail::kTaskRows,
                                   std::max(in_l2, detail::kTaskRows));
  const int64_t blocks = ceil_div(rows, mc);
  const int64_t macs = ceil_div(rows, blocks) * kernel.nr * b.k();
  const int64_t grain = std::max<int64_t>(2 * detail::kTaskMacs / std::max<int64_t>(macs, 1), 1);
  parallel_for(blocks * panels, grain, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t p = i % panels;
      const int64_t row = kernels::tile_begin(rows, blocks, i / panels);
      const int64_t column = cut.begin(n, p);
      const auto repeated = b.repeated(p);
      kernel.multiply(Int8Block{
          .rows = kernels::tile_begin(rows, blocks, i / panels + 1) - row,
          .columns = cut.columns(n, p),
          .steps = b.steps(),
          .a = a.data + row * a.pitch,
          .a_pitch = a.pitch,
          .row_scale = a.scales + row,
          .b = b.panel(p),
          .repeated = repeated.data(),
          .repeats = static_cast<int64_t>(repeated.size()),
          .scale = b.scales(p),
          .weights = b.sums(p),
          .c = c + row * ldc + column,
          .c_pitch = ldc,
          .epilogue = epilogue.at(row, column),
      });
    }
  });
}

int64_t rows_at_once(int64_t m, int64_t pitch) {
  return std::min(m, std::max<int64_t>(kBytesAtOnce / pitch, threads() * detail::kTaskRows));
}

/// The bytes behind a quantised row that multiply reads and weights of 0 multiply.
void clear_end(uint8_t* row, int64_t k, int64_t pitch) {
  std::fill(row + k, row + std::min(pitch, k + kLine), uint8_t{0});
}

/// One scale for each image, over the channels that are used.
void scales_of_images(const GemmInt8& kernel, const ImageRows& a, std::span<RowScale> scales) {
  const int64_t pixels = a.height * a.width;
  const int64_t line = a.width * a.channels;
  const int64_t lines = std::max<int64_t>(4 * kTaskFloats / std::max<int64_t>(line, 1), 1);
  const int64_t parts = ceil_div(a.height, lines);
  ReusedVector<GemmInt8::Range> ranges(static_cast<size_t>(a.batch * parts));
  parallel_for(a.batch * parts, 1, [&](int64_t i, int64_t) {
    GemmInt8::Range& all = ranges[static_cast<size_t>(i)];
    all = {0, 0, 0};
    const int64_t first = i % parts * lines;
    const int64_t count = std::min(lines, a.height - first) * a.width;
    const float* x = a.data + (i / parts * pixels + first * a.width) * a.pitch;
    const bool whole = a.channels == a.pitch;
    for (int64_t r = 0; r < (whole ? 1 : count); ++r) {
      const GemmInt8::Range range =
          kernel.range(whole ? count * a.channels : a.channels, x + r * a.pitch);
      all = {std::min(all.low, range.low), std::max(all.high, range.high), all.none + range.none};
    }
  });
  for (int64_t image = 0; image < a.batch; ++image) {
    GemmInt8::Range all{0, 0, 0};
    for (int64_t i = 0; i < parts; ++i) {
      const GemmInt8::Range& range = ranges[static_cast<size_t>(image * parts + i)];
      all = {std::min(all.low, range.low), std::max(all.high, range.high), all.none + range.none};
    }
    scales[static_cast<size_t>(image)] = kernels::row_scale_of(all, kernel.levels);
  }
}

}  // namespace

void gemm_int8(int64_t m, const float* a, int64_t lda, const Int8Matrix& b, float* c, int64_t ldc,
               const GemmEpilogue& epilogue) {
  if (m <= 0 || b.n() <= 0) return;
  profile_macs(m * b.n() * b.k());
  const GemmInt8& kernel = *kernels::of(b.isa()).gemm_int8;
  const int64_t k = b.k();
  const int64_t pitch = pitch_of(b.steps() * kernel.step);
  const int64_t some = rows_at_once(m, pitch);
  const Buffer bytes(some * pitch);
  auto* const integers = reinterpret_cast<uint8_t*>(bytes.data());
  ReusedVector<RowScale> scales(static_cast<size_t>(some));
  const int64_t grain = std::max<int64_t>(kTaskFloats / std::max<int64_t>(k, 1), 1);
  for (int64_t first = 0; first < m; first += some) {
    const int64_t rows = std::min(some, m - first);
    parallel_for(rows, grain, [&](int64_t begin, int64_t end) {
      for (int64_t r = begin; r < end; ++r) {
        const float* x = a + (first + r) * lda;
        const RowScale row = kernels::row_scale_of(kernel.range(k, x), kernel.levels);
        uint8_t* const to = integers + r * pitch;
        kernel.quantize(k, x, kernels::inverse_of(row), row.zero, to);
        clear_end(to, k, pitch);
        scales[static_cast<size_t>(r)] = row;
      }
    });
    multiply_rows(kernel, {integers, pitch, scales.data()}, rows, b, c + first * ldc, ldc,
                  epilogue.at(first, 0));
  }
}

void gemm_int8(const ImageRows& a, const Int8Matrix& b, float* c, int64_t ldc,
               const GemmEpilogue& epilogue) {
  const int64_t m = a.m();
  if (m <= 0 || b.n() <= 0) return;
  profile_macs(m * b.n() * b.k());
  const GemmInt8& kernel = *kernels::of(b.isa()).gemm_int8;
  const int64_t k = b.k();
  const int64_t pitch = pitch_of(b.steps() * kernel.step);
  ReusedVector<RowScale> of_image(static_cast<size_t>(a.batch));
  scales_of_images(kernel, a, of_image);

  // The images in integers, but where each pixel is a row: then they are written where they are
  // multiplied.
  const bool in_place = a.in_place();
  const int64_t pixels = a.height * a.width;
  const Buffer image_bytes(in_place ? 0 : a.batch * pixels * a.channels);
  auto* const images = reinterpret_cast<uint8_t*>(image_bytes.data());
  const auto quantize = [&](int64_t pixel, int64_t count, uint8_t* to, int64_t to_pitch) {
    for (int64_t i = 0; i < count; ++i, ++pixel, to += to_pitch) {
      const RowScale& row = of_image[static_cast<size_t>(pixel / pixels)];
      kernel.quantize(a.channels, a.data + pixel * a.pitch, kernels::inverse_of(row), row.zero, to);
    }
  };
  if (!in_place) {
    const int64_t grain = std::max<int64_t>(kTaskFloats / std::max<int64_t>(a.channels, 1), 1);
    parallel_for(a.batch * pixels, grain, [&](int64_t begin, int64_t end) {
      const bool whole = a.channels == a.pitch && begin / pixels == (end - 1) / pixels;
      uint8_t* const to = images + begin * a.channels;
      if (!whole) {
        quantize(begin, end - begin, to, a.channels);
        return;
      }
      const RowScale& row = of_image[static_cast<size_t>(begin / pixels)];
      kernel.quantize((end - begin) * a.channels, a.data + begin * a.pitch,
                      kernels::inverse_of(row), row.zero, to);
    });
  }
  const auto outside = [&](int64_t image) {
    return static_cast<uint8_t>(of_image[static_cast<size_t>(image)].zero ^ kernel.flip);
  };

  const int64_t some = rows_at_once(m, pitch);
  const Buffer bytes(some * pitch);
  auto* const integers = reinterpret_cast<uint8_t*>(bytes.data());
  ReusedVector<RowScale> scales(static_cast<size_t>(some));
  const int64_t rows_of_image = a.rows * a.columns;
  const int64_t grain = std::max<int64_t>(kTaskFloats / std::max<int64_t>(k, 1), 1);
  for (int64_t first = 0; first < m; first += some) {
    const int64_t rows = std::min(some, m - first);
    parallel_for(rows, grain, [&](int64_t begin, int64_t end) {
      uint8_t* const to = integers + begin * pitch;
      if (in_place) {
        quantize(first + begin, end - begin, to, pitch);
      } else {
        a.gather(images, outside, first + begin, end - begin, to, pitch);
      }
      for (int64_t r = begin; r < end; ++r) {
        clear_end(integers + r * pitch, k, pitch);
        scales[static_cast<size_t>(r)] = of_image[static_cast<size_t>((first + r) / rows_of_image)];
      }
    });
    multiply_rows(kernel, {integers, pitch, scales.data()}, rows, b, c + first * ldc, ldc,
                  epilogue.at(first, 0));
  }
}

}  // namespace vitrine
