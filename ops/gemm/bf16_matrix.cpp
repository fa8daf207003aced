#include "ops/gemm/bf16_matrix.hpp"

#include <algorithm>

#include "core/ceil_div.hpp"
#include "core/memory.hpp"
#include "core/parallel.hpp"
#include "ops/gemm/gemm.hpp"
#include "ops/gemm/gemm_blocking.hpp"
#include "ops/kernels/all.hpp"
#include "ops/kernels/gemm.hpp"

namespace vitrine {
namespace {

using kernels::Gemm;

// Words of A that are written before they are multiplied, at least: they should still be in L2 or
// near then.
constexpr int64_t kWordsAtOnce = 1 << 19;
// Floats to round that take some microseconds, as a task should.
constexpr int64_t kTaskFloats = 1 << 14;

uint16_t* numbers(float* words) { return reinterpret_cast<uint16_t*>(words); }

const Gemm& kernel_of(Isa isa) { return *kernels::narrow_of(isa).gemm_bf16; }

/// Words of a row; what is behind its last number is 0.
int64_t words_of(const Gemm& kernel, int64_t k) {
  return ceil_div(ceil_div(k, 2), kernel.tile_k) * kernel.tile_k;
}
void clear_end(uint16_t* row, int64_t k, int64_t words) {
  std::fill(row + k, row + 2 * words, uint16_t{0});
}

std::unique_ptr<const PackedMatrix> pack_words(int64_t n, int64_t k, const float* rows) {
  const Gemm& kernel = kernel_of(active_isa());
  const int64_t words = words_of(kernel, k);
  const Buffer buffer = scratch_floats(n * words);
  parallel_for(n, std::max<int64_t>(kTaskFloats / k, 1), [&](int64_t begin, int64_t end) {
    for (int64_t j = begin; j < end; ++j) {
      uint16_t* const to = numbers(buffer.floats() + j * words);
      kernel.narrow(k, rows + j * k, to);
      clear_end(to, k, words);
    }
  });
  return std::make_unique<const PackedMatrix>(
      words, n, StridedMatrix::of(Trans::kYes, buffer.floats(), words), Precision::kFloat32,
      kernel);
}

/// Images' pixels in bf16, `channels` numbers each, and what lies outside of them.
Buffer narrow_pixels(const Gemm& kernel, const ImageRows& a) {
  const int64_t pixels = a.batch * a.height * a.width;
  Buffer buffer = scratch_floats(ceil_div(pixels * a.channels, 2));
  const int64_t grain = std::max<int64_t>(kTaskFloats / a.channels, 1);
  parallel_for(pixels, grain, [&](int64_t begin, int64_t end) {
    uint16_t* const to = numbers(buffer.floats());
    if (a.channels == a.pitch) {
      return kernel.narrow((end - begin) * a.channels, a.data + begin * a.pitch,
                           to + begin * a.channels);
    }
    for (int64_t i = begin; i < end; ++i) {
      kernel.narrow(a.channels, a.data + i * a.pitch, to + i * a.channels);
    }
  });
  return buffer;
}

}  // namespace

Bf16Matrix::Bf16Matrix(int64_t n, int64_t k, const float* rows)
    : PackedWeight(Precision::kBfloat16, k, n), words_(pack_words(n, k, rows)) {}

template <class Write>
void Bf16Matrix::multiply_in_pieces(int64_t m, float* c, int64_t ldc, const GemmEpilogue& epilogue,
                                    const Write& write) const {
  const Gemm& kernel = kernel_of(isa());
  const int64_t in_row = words_of(kernel, k());
  const int64_t pitch = detail::gathered_pitch(in_row);
  const int64_t some = std::min(m, std::max(kWordsAtOnce / pitch, threads() * detail::kTaskRows));
  const Buffer words = scratch_floats((some + kernel.tile_rows - 1) * pitch);
  const int64_t grain = std::max<int64_t>(kTaskFloats / k(), 1);
  for (int64_t first = 0; first < m; first += some) {
    const int64_t rows = std::min(some, m - first);
    parallel_for(rows, grain, [&](int64_t begin, int64_t end) {
      uint16_t* const to = numbers(words.floats() + begin * pitch);
      write(first + begin, end - begin, to, 2 * pitch);
      for (int64_t r = 0; r < end - begin; ++r) clear_end(to + 2 * r * pitch, k(), in_row);
    });
    words_->multiply(rows, words.floats(), pitch, c + first * ldc, ldc, epilogue.at(first, 0));
  }
}

void Bf16Matrix::multiply(int64_t m, const float* a, int64_t lda, float* c, int64_t ldc,
                          const GemmEpilogue& epilogue) const {
  const Gemm& kernel = kernel_of(isa());
  multiply_in_pieces(m, c, ldc, epilogue,
                     [&](int64_t first, int64_t count, uint16_t* to, int64_t pitch) {
                       for (int64_t r = first; r < first + count; ++r, to += pitch) {
                         kernel.narrow(k(), a + r * lda, to);
                       }
                     });
}

void Bf16Matrix::multiply(const ImageRows& a, float* c, int64_t ldc,
                          const GemmEpilogue& epilogue) const {
  if (a.in_place()) return multiply(a.m(), a.data, a.pitch, c, ldc, epilogue);
  const Buffer pixels = narrow_pixels(kernel_of(isa()), a);
  multiply_in_pieces(a.m(), c, ldc, epilogue,
                     [&](int64_t first, int64_t count, uint16_t* to, int64_t pitch) {
                       a.gather(numbers(pixels.floats()), first, count, to, pitch);
                     });
}

void Bf16Matrix::unpack_transposed(float* to) const {
  const Gemm& kernel = kernel_of(isa());
  const int64_t words = words_of(kernel, k());
  const Buffer buffer = scratch_floats(n() * words);
  words_->unpack_transposed(buffer.floats());
  for (int64_t j = 0; j < n(); ++j) {
    kernel.widen(k(), numbers(buffer.floats() + j * words), to + j * k());
  }
}

std::shared_ptr<const PackedWeight> Bf16Matrix::for_active_isa() const {
  const Buffer plain = scratch_floats(n() * k());
  unpack_transposed(plain.floats());
  return packed_rows(n(), k(), plain.floats(), Precision::kBfloat16);
}

}  // namespace vitrine
