#pragma once

// What an ISA has for sums of products of bytes, u8 of A times s8 of B: the sums of a tile of C,
// and how a step of B has to lie for it.
//
//   sse42, avx2, avx512  maddubs adds two products in 16 bits: A keeps to 7 bits, so that two of
//                        those still fit, and weights that are too large for four products are
//                        split over two steps (GemmInt8::most). Per 8 values of k and vector of
//                        sums 5 instructions, 3 of them multiplications.
//   +vnni                dpbusd adds four products in 32 bits: A has 8 bits
//   +amx                 tiles of 16 x 64 bytes (ops/simd/tiles.hpp), 8 bits too
//   neon64               smull to 16 bits and additions in pairs: signed bytes of 8 bits
//   +dotprod, +i8mm      sdot, signed bytes; usmmla, two rows by two columns
//
// Source: Intel's and Arm's manuals; oneDNN's documentation of int8 ("maddubs saturates") for why
// one side keeps to 7 bits.

#include <cstring>

#include "ops/simd/simd.hpp"

#if defined(VT_AMX)
#include "ops/simd/tiles.hpp"
#endif

#if defined(__aarch64__)
#include <arm_neon.h>
#endif

namespace vitrine::simd {
namespace {

#if defined(VT_VNNI) || defined(VT_AMX) || defined(__aarch64__)
constexpr int32_t kInt8Levels = 255;
constexpr int32_t kInt8Most = 0;
#else
constexpr int32_t kInt8Levels = 127;
constexpr int32_t kInt8Most = 32767 / kInt8Levels;  // 258
#endif

#if defined(VT_AMX)
constexpr int64_t kInt8TileRows = kTileRows;
#else
constexpr int64_t kInt8TileRows = 1;
#endif

#if defined(__aarch64__) && !defined(VT_I8MM)
constexpr uint8_t kInt8Flip = 128;
#else
constexpr uint8_t kInt8Flip = 0;
#endif

#if defined(__aarch64__)

#if defined(VT_I8MM)

constexpr int kInt8Rows = 8;
constexpr int kInt8Vectors = 3;
constexpr int64_t kInt8Step = 8;
inline int64_t int8_place(int64_t p, int64_t j) { return j * kInt8Step + p; }

/// Sums of two rows by two columns: [row 0: column 0, 1; row 1: column 0, 1].
template <int kRows, int kVectors>
struct Int8Sums {
  static constexpr int kPairs = (kRows + 1) / 2;
  int32x4_t sum[kPairs][2 * kVectors] = {};

  void add(const uint8_t* a, int64_t pitch, const int8_t* b) {
#pragma GCC unroll 4
    for (int i = 0; i < kPairs; ++i) {
      const uint8_t* row = a + 2 * i * pitch;
      const uint8_t* next = 2 * i + 1 < kRows ? row + pitch : row;
      const uint8x16_t x = vcombine_u8(vld1_u8(row), vld1_u8(next));
#pragma GCC unroll 8
      for (int j = 0; j < 2 * kVectors; ++j) {
        sum[i][j] = vusmmlaq_s32(sum[i][j], x, vld1q_s8(b + 16 * j));
      }
    }
  }

  VecI total(int i, int j) const {
    const int32x4_t left = sum[i / 2][2 * j];
    const int32x4_t right = sum[i / 2][2 * j + 1];
    return i % 2 == 0 ? vcombine_s32(vget_low_s32(left), vget_low_s32(right))
                      : vcombine_s32(vget_high_s32(left), vget_high_s32(right));
  }
};

#else

constexpr int kInt8Rows = 6;
constexpr int kInt8Vectors = 4;
constexpr int64_t kInt8Step = 4;
inline int64_t int8_place(int64_t p, int64_t j) { return j * kInt8Step + p; }

/// Four bytes of a row of A, in every lane.
inline int8x16_t load_four(const uint8_t* from) {
  uint32_t four;
  std::memcpy(&four, from, sizeof(four));
  return vreinterpretq_s8_u32(vdupq_n_u32(four));
}

inline int32x4_t int8_dot(int32x4_t sum, int8x16_t x, int8x16_t b) {
#if defined(VT_DOTPROD)
  return vdotq_s32(sum, x, b);
#else
  const int32x4_t low = vpaddlq_s16(vmull_s8(vget_low_s8(x), vget_low_s8(b)));
  const int32x4_t high = vpaddlq_s16(vmull_high_s8(x, b));
  return vaddq_s32(sum, vpaddq_s32(low, high));
#endif
}

template <int kRows, int kVectors>
struct Int8Sums {
  int32x4_t sum[kRows][kVectors] = {};

  void add(const uint8_t* a, int64_t pitch, const int8_t* b) {
#pragma GCC unroll 8
    for (int i = 0; i < kRows; ++i) {
      const int8x16_t x = load_four(a + i * pitch);
#pragma GCC unroll 8
      for (int j = 0; j < kVectors; ++j) {
        sum[i][j] = int8_dot(sum[i][j], x, vld1q_s8(b + 16 * j));
      }
    }
  }

  VecI total(int i, int j) const { return sum[i][j]; }
};

#endif  // VT_I8MM

constexpr int kInt8PeakChains = 24;

/// kernels::GemmInt8::peak: per step and chain four products in every lane.
struct Int8Peak {
  static constexpr int64_t kOpsOfChain = 2 * 4 * kLanes;
  int32x4_t chain[kInt8PeakChains] = {};
  int8x16_t a = vdupq_n_s8(1), b = vdupq_n_s8(2);

  void step() {
#pragma GCC unroll 32
    for (int i = 0; i < kInt8PeakChains; ++i) {
#if defined(VT_I8MM)
      // Eight products in each of the four sums: counted as two steps of four.
      if (i % 2 == 0) chain[i] = vusmmlaq_s32(chain[i], vreinterpretq_u8_s8(a), b);
#else
      chain[i] = int8_dot(chain[i], a, b);
#endif
      __asm__("" : "+w"(chain[i]));  // so that rounds are not gathered into one
    }
  }
  int32_t sum() const {
    int32x4_t all = vdupq_n_s32(0);
    for (const int32x4_t& c : chain) all = vaddq_s32(all, c);
    return vaddvq_s32(all);
  }
};

#elif defined(VT_AMX)

constexpr int kInt8Rows = 2 * kTileRows;
constexpr int kInt8Vectors = kTileVectors;
constexpr int64_t kInt8Step = kTileBytes;

/// Tile by tile.
inline int64_t int8_place(int64_t p, int64_t j) {
  return (j / kLanes * kTileRows + p / 4) * kTileBytes + j % kLanes * 4 + p % 4;
}

constexpr int kInt8PeakChains = kTileChains;

/// kernels::GemmInt8::peak: per step and chain 64 products in each of 16 x 16 sums.
struct Int8Peak {
  static constexpr int64_t kOpsOfChain = 2 * kTileRows * kLanes * kTileBytes;
  WholeTiles tiles;

  void step() { tile_dots<TileNumbers::kBytes>(); }
  int32_t sum() const { return 0; }
};

#else  // x86

#if defined(__AVX512F__)
using Bytes = __m512i;
inline Bytes load_bytes(const int8_t* from) { return _mm512_loadu_si512(from); }
inline Bytes splat_four(int32_t four) { return _mm512_set1_epi32(four); }
inline Bytes splat_words(int16_t word) { return _mm512_set1_epi16(word); }
#elif defined(__AVX2__)
using Bytes = __m256i;
inline Bytes load_bytes(const int8_t* from) {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from));
}
inline Bytes splat_four(int32_t four) { return _mm256_set1_epi32(four); }
inline Bytes splat_words(int16_t word) { return _mm256_set1_epi16(word); }
#else
using Bytes = __m128i;
inline Bytes splat_four(int32_t four) { return _mm_set1_epi32(four); }
inline Bytes splat_words(int16_t word) { return _mm_set1_epi16(word); }
#endif

/// Four bytes of a row of A, in every lane.
inline Bytes load_four(const uint8_t* from) {
  int32_t four;
  std::memcpy(&four, from, sizeof(four));
  return splat_four(four);
}

/// The sums of a tile, from 0 on. (A loop that is left would put them on the stack.)
template <int kRows, int kVectors>
struct TileSums {
  Bytes sum[kRows][kVectors];

  TileSums() {
#pragma GCC unroll 8
    for (int i = 0; i < kRows; ++i) {
#pragma GCC unroll 8
      for (int j = 0; j < kVectors; ++j) sum[i][j] = splat_four(0);
    }
  }
  VecI total(int i, int j) const { return sum[i][j]; }
};

#if defined(VT_VNNI)

#if defined(__AVX512F__)
constexpr int kInt8Rows = 8;
constexpr int kInt8Vectors = 3;
#define VT_DPBUSD "vpdpbusd"
#else
constexpr int kInt8Rows = 4;
constexpr int kInt8Vectors = 3;
#define VT_DPBUSD "%{vex%} vpdpbusd"
#endif
constexpr int64_t kInt8Step = 4;
inline int64_t int8_place(int64_t p, int64_t j) { return j * kInt8Step + p; }

/// sum += four products in each lane. In assembly, since g++ 12 makes of the intrinsic two moves
/// and a store beside it.
[[gnu::always_inline]] inline void dpbusd(Bytes& sum, Bytes a, Bytes b) {
  __asm__(VT_DPBUSD " %2, %1, %0" : "+v"(sum) : "v"(a), "v"(b));
}

template <int kRows, int kVectors>
struct Int8Sums : TileSums<kRows, kVectors> {
  [[gnu::always_inline]] void add(const uint8_t* a, int64_t pitch, const int8_t* b) {
    Bytes row[kVectors];
#pragma GCC unroll 8
    for (int j = 0; j < kVectors; ++j) {
      row[j] = load_bytes(b + j * static_cast<int64_t>(sizeof(Bytes)));
    }
#pragma GCC unroll 8
    for (int i = 0; i < kRows; ++i) {
      const Bytes x = load_four(a + i * pitch);
#pragma GCC unroll 8
      for (int j = 0; j < kVectors; ++j) dpbusd(this->sum[i][j], x, row[j]);
    }
  }
};

#else

#if defined(__AVX512F__)
constexpr int kInt8Rows = 8;
constexpr int kInt8Vectors = 2;
#else
constexpr int kInt8Rows = 3;
constexpr int kInt8Vectors = 3;
#endif
constexpr int64_t kInt8Step = 8;

/// [vector][first or last four of k][column][4]
inline int64_t int8_place(int64_t p, int64_t j) {
  return ((j / kLanes * 2 + p / 4) * kLanes + j % kLanes) * 4 + p % 4;
}

/// sum += first b[0] + last b[1], four products each in every lane. In assembly, since g++ 12 moves
/// the loads of all lines to the front, and then the sums to the stack.
[[gnu::always_inline]] inline void maddubs(Bytes& sum, Bytes first, Bytes last, const Bytes* b,
                                           Bytes ones) {
  Bytes words, more;
#if defined(__AVX2__)
  __asm__(
      "vpmaddubsw %[b0], %[first], %[words]\n\t"
      "vpmaddubsw %[b1], %[last], %[more]\n\t"
      "vpaddw %[more], %[words], %[words]\n\t"
      "vpmaddwd %[ones], %[words], %[words]\n\t"
      "vpaddd %[words], %[sum], %[sum]"
      : [sum] "+v"(sum), [words] "=&v"(words), [more] "=&v"(more)
      : [first] "v"(first), [last] "v"(last), [b0] "m"(b[0]), [b1] "m"(b[1]), [ones] "v"(ones));
#else
  __asm__(
      "movdqa %[first], %[words]\n\t"
      "pmaddubsw %[b0], %[words]\n\t"
      "movdqa %[last], %[more]\n\t"
      "pmaddubsw %[b1], %[more]\n\t"
      "paddw %[more], %[words]\n\t"
      "pmaddwd %[ones], %[words]\n\t"
      "paddd %[words], %[sum]"
      : [sum] "+x"(sum), [words] "=&x"(words), [more] "=&x"(more)
      : [first] "x"(first), [last] "x"(last), [b0] "m"(b[0]), [b1] "m"(b[1]), [ones] "x"(ones));
#endif
}

template <int kRows, int kVectors>
struct Int8Sums : TileSums<kRows, kVectors> {
  [[gnu::always_inline]] void add(const uint8_t* a, int64_t pitch, const int8_t* b) {
    const auto* vectors = reinterpret_cast<const Bytes*>(b);  // aligned, as micro-panels are
    const Bytes ones = splat_words(1);
#pragma GCC unroll 8
    for (int i = 0; i < kRows; ++i) {
      const Bytes first = load_four(a + i * pitch);
      const Bytes last = load_four(a + i * pitch + 4);
#pragma GCC unroll 8
      for (int j = 0; j < kVectors; ++j) {
        maddubs(this->sum[i][j], first, last, vectors + 2 * j, ones);
      }
    }
  }
};

#endif  // VT_VNNI

#if defined(__AVX512F__)
constexpr int kInt8PeakChains = 24;
#else
constexpr int kInt8PeakChains = 10;
#endif

/// kernels::GemmInt8::peak: per step and chain four products in every lane. Without VNNI by
/// maddubs, maddwd and an addition, three instructions, as other libraries have it.
struct Int8Peak {
  static constexpr int64_t kOpsOfChain = 2 * 4 * kLanes;
  Bytes chain[kInt8PeakChains];
  Bytes a = splat_four(0x01010101), b = splat_four(0x01020301), ones = splat_words(1);

  Int8Peak() {
#pragma GCC unroll 32
    for (int i = 0; i < kInt8PeakChains; ++i) chain[i] = splat_four(i);
  }
  [[gnu::always_inline]] void step() {
#pragma GCC unroll 32
    for (int i = 0; i < kInt8PeakChains; ++i) {
#if defined(VT_VNNI)
      dpbusd(chain[i], a, b);
#elif defined(__AVX2__)
      Bytes words;
      __asm__(
          "vpmaddubsw %[b], %[a], %[words]\n\t"
          "vpmaddwd %[ones], %[words], %[words]\n\t"
          "vpaddd %[words], %[sum], %[sum]"
          : [sum] "+v"(chain[i]), [words] "=&v"(words)
          : [a] "v"(a), [b] "v"(b), [ones] "v"(ones));
#else
      Bytes words;
      __asm__(
          "movdqa %[a], %[words]\n\t"
          "pmaddubsw %[b], %[words]\n\t"
          "pmaddwd %[ones], %[words]\n\t"
          "paddd %[words], %[sum]"
          : [sum] "+x"(chain[i]), [words] "=&x"(words)
          : [a] "x"(a), [b] "x"(b), [ones] "x"(ones));
#endif
    }
  }
  int32_t sum() const {
    VecI all(0);
#pragma GCC unroll 32
    for (int i = 0; i < kInt8PeakChains; ++i) all = all + VecI(chain[i]);
    alignas(64) int32_t lane[kLanes];
    all.store_aligned(lane);
    int32_t result = 0;
    for (const int32_t l : lane) result += l;
    return result;
  }
};

#endif  // x86

}  // namespace
}  // namespace vitrine::simd
