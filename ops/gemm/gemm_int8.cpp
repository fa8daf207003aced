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

/// C = epilogue(A B) for `rows` rows.
void multiply_rows(const GemmInt8& kernel, const IntegerRows& a, int64_t rows, const Int8Matrix& b,
                   float* c, int64_t ldc, const GemmEpilogue& epilogue) {
  const kernels::MicroPanels cut = kernel.cut();
  const int64_t n = b.n();
  const int64_t panels = cut.count(n);
  const int64_t panel_bytes = b.steps() * kernel.step * kernel.nr;
  const int64_t in_l2 = (detail::l2_bytes() / 2 - panel_bytes) / a.pitch;
  // A thread alone needs no tasks to share: with AMX fewer and larger blocks are 3 % faster.
  const int64_t parts = threads() == 1 ? 1 : ceil_div(detail::kTasks, panels);
  const int64_t mc = std::clamp<int64_t>(ceil_div(rows, parts), detail::kTaskRows,
                                         std::max(in_l2, detail::kTaskRows));
  const int64_t blocks = std::min(ceil_div(rows, mc), ceil_div(rows, kernel.mr));
  const auto begin_of = [&](int64_t block) {
    return kernels::piece_begin(rows, kernel.mr, blocks, block);
  };
  const int64_t macs = ceil_div(rows, blocks) * kernel.nr * b.k();
  const int64_t grain = std::max<int64_t>(2 * detail::kTaskMacs / std::max<int64_t>(macs, 1), 1);
  parallel_for(blocks * panels, grain, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t p = i % panels;
      const int64_t row = begin_of(i / panels);
      const int64_t column = cut.begin(n, p);
      const int64_t ahead = std::min(p + 1, panels - 1);
      const auto repeated = b.repeated(p);
      kernel.multiply(Int8Block{
          .rows = begin_of(i / panels + 1) - row,
          .columns = cut.columns(n, p),
          .steps = b.steps(),
          .a = a.data + row * a.pitch,
          .a_pitch = a.pitch,
          .row_scale = a.scales + row,
          .b = b.panel(p),
          .repeated = repeated.data(),
          .repeats = static_cast<int64_t>(repeated.size()),
          .ahead = b.panel(ahead),
          .ahead_bytes = ahead > p ? b.panel_bytes(ahead) : 0,
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

/// Images whose channels of one group are written in integers, one scale for each image.
class QuantizedImages {
 public:
  QuantizedImages(const GemmInt8& kernel, const ImageRows& a)
      : kernel_(kernel), a_(a), scales_(static_cast<size_t>(a.batch)) {
    find_scales();
    // Where each pixel is a row, it is written where it is multiplied.
    if (a.in_place()) return;
    bytes_ = Buffer(a.batch * pixels() * a.channels);
    const int64_t grain = std::max<int64_t>(kTaskFloats / std::max<int64_t>(a.channels, 1), 1);
    parallel_for(a.batch * pixels(), grain, [&](int64_t begin, int64_t end) {
      quantize(begin, end - begin, integers() + begin * a.channels, a.channels);
    });
  }

  const RowScale& scale_of_row(int64_t row) const {
    return scales_[static_cast<size_t>(row / (a_.rows * a_.columns))];
  }
  /// Writes `count` rows of the left operand.
  void rows(int64_t first, int64_t count, uint8_t* to, int64_t pitch) const {
    if (a_.in_place()) return quantize(first, count, to, pitch);
    const auto outside = [&](int64_t image) {
      return static_cast<uint8_t>(scales_[static_cast<size_t>(image)].zero ^ kernel_.flip);
    };
    a_.gather(integers(), outside, first, count, to, pitch);
  }

 private:
  int64_t pixels() const { return a_.height * a_.width; }
  bool whole_pixels() const { return a_.channels == a_.pitch; }
  uint8_t* integers() const { return reinterpret_cast<uint8_t*>(bytes_.data()); }

  GemmInt8::Range range_of(int64_t pixel, int64_t count) const {
    const float* x = a_.data + pixel * a_.pitch;
    if (whole_pixels()) return kernel_.range(count * a_.channels, x);
    GemmInt8::Range all;
    for (int64_t i = 0; i < count; ++i) all.add(kernel_.range(a_.channels, x + i * a_.pitch));
    return all;
  }

  void find_scales() {
    const int64_t piece = std::max<int64_t>(4 * kTaskFloats / std::max<int64_t>(a_.channels, 1), 1);
    const int64_t pieces = ceil_div(pixels(), piece);
    ReusedVector<GemmInt8::Range> ranges(static_cast<size_t>(a_.batch * pieces));
    parallel_for(a_.batch * pieces, 1, [&](int64_t i, int64_t) {
      const int64_t first = i % pieces * piece;
      ranges[static_cast<size_t>(i)] =
          range_of(i / pieces * pixels() + first, std::min(piece, pixels() - first));
    });
    for (int64_t image = 0; image < a_.batch; ++image) {
      GemmInt8::Range all;
      for (int64_t i = 0; i < pieces; ++i) all.add(ranges[static_cast<size_t>(image * pieces + i)]);
      scales_[static_cast<size_t>(image)] = kernels::row_scale_of(all, kernel_.levels);
    }
  }

  /// Pixels, which may be of several images, to rows of `pitch` bytes.
  void quantize(int64_t pixel, int64_t count, uint8_t* to, int64_t pitch) const {
    const bool joined = whole_pixels() && pitch == a_.channels;  // a run of memory on both sides
    while (count > 0) {
      const RowScale& scale = scales_[static_cast<size_t>(pixel / pixels())];
      const int64_t left = pixels() - pixel % pixels();
      const int64_t run = joined ? std::min(count, left) : 1;
      kernel_.quantize(run * a_.channels, a_.data + pixel * a_.pitch, kernels::inverse_of(scale),
                       scale.zero, to);
      pixel += run;
      count -= run;
      to += run * pitch;
    }
  }

  const GemmInt8& kernel_;
  const ImageRows& a_;
  ReusedVector<RowScale> scales_;  // by image
  Buffer bytes_;
};

/// The product, some rows at a time; write(first, count, to, pitch, scales) writes rows of A in
/// integers, and may be called by any thread.
template <class Write>
void multiply_in_pieces(const GemmInt8& kernel, int64_t m, const Int8Matrix& b, float* c,
                        int64_t ldc, const GemmEpilogue& epilogue, const Write& write) {
  profile_macs(m * b.n() * b.k());
  const int64_t k = b.k();
  const int64_t pitch = pitch_of(b.steps() * kernel.step);
  const int64_t some = rows_at_once(m, pitch);
  const Buffer bytes((some + kernel.tile_rows - 1) * pitch);
  auto* const integers = reinterpret_cast<uint8_t*>(bytes.data());
  ReusedVector<RowScale> scales(static_cast<size_t>(some));
  const int64_t grain = std::max<int64_t>(kTaskFloats / std::max<int64_t>(k, 1), 1);
  for (int64_t first = 0; first < m; first += some) {
    const int64_t rows = std::min(some, m - first);
    parallel_for(rows, grain, [&](int64_t begin, int64_t end) {
      write(first + begin, end - begin, integers + begin * pitch, pitch, scales.data() + begin);
      for (int64_t r = begin; r < end; ++r) clear_end(integers + r * pitch, k, pitch);
    });
    multiply_rows(kernel, {integers, pitch, scales.data()}, rows, b, c + first * ldc, ldc,
                  epilogue.at(first, 0));
  }
}

}  // namespace

void gemm_int8(int64_t m, const float* a, int64_t lda, const Int8Matrix& b, float* c, int64_t ldc,
               const GemmEpilogue& epilogue) {
  if (m <= 0 || b.n() <= 0) return;
  const GemmInt8& kernel = *kernels::narrow_of(b.isa()).gemm_int8;
  const int64_t k = b.k();
  const auto write = [&](int64_t first, int64_t count, uint8_t* to, int64_t pitch,
                         RowScale* scales) {
    for (int64_t r = 0; r < count; ++r, to += pitch) {
      const float* x = a + (first + r) * lda;
      scales[r] = kernels::row_scale_of(kernel.range(k, x), kernel.levels);
      kernel.quantize(k, x, kernels::inverse_of(scales[r]), scales[r].zero, to);
    }
  };
  multiply_in_pieces(kernel, m, b, c, ldc, epilogue, write);
}

void gemm_int8(const ImageRows& a, const Int8Matrix& b, float* c, int64_t ldc,
               const GemmEpilogue& epilogue) {
  if (a.m() <= 0 || b.n() <= 0) return;
  const GemmInt8& kernel = *kernels::narrow_of(b.isa()).gemm_int8;
  const QuantizedImages images(kernel, a);
  const auto write = [&](int64_t first, int64_t count, uint8_t* to, int64_t pitch,
                         RowScale* scales) {
    images.rows(first, count, to, pitch);
    for (int64_t r = 0; r < count; ++r) scales[r] = images.scale_of_row(first + r);
  };
  multiply_in_pieces(kernel, a.m(), b, c, ldc, epilogue, write);
}

}  // namespace vitrine
