#pragma once

// Products by AMX: a tile is a register of 16 rows of 64 bytes, and one instruction multiplies two
// of them, with p over 64 bytes, u8 of A and s8 of B, or over 32 numbers of bf16:
//
//   C[i][j] += sum over p of A[i][p] B[p][j]     16 x 16 sums
//
// A tile of B holds in its row q what belongs to the q-th 32-bit word of A's rows: as dpbusd and
// dpbf16ps read B too. Tiles are always whole: rows of A and columns of B that a product lacks are
// read, whatever lies there, and their sums are left out later.
// Source: Intel's manual, "Intel AMX instruction set reference".

#include <immintrin.h>

#include <cstdint>

#include "ops/simd/simd.hpp"

namespace vitrine::simd {
namespace {

constexpr int kTileRows = 16;
constexpr int64_t kTileBytes = 64;  // of a row, or of a step of k

/// The shape of eight tiles, all whole, as the instruction takes it.
struct alignas(64) TileShapes {
  uint8_t palette, start_row;
  uint8_t reserved[14];
  uint16_t row_bytes[16];
  uint8_t rows[16];
};
constexpr TileShapes kWholeTiles{
    1, 0, {}, {64, 64, 64, 64, 64, 64, 64, 64}, {16, 16, 16, 16, 16, 16, 16, 16}};

/// While it lives, this thread's tiles are whole ones. Afterwards there are none, so that a change
/// of threads does not have to save them.
class WholeTiles {
 public:
  WholeTiles() { _tile_loadconfig(&kWholeTiles); }
  ~WholeTiles() { _tile_release(); }
  WholeTiles(const WholeTiles&) = delete;
  WholeTiles& operator=(const WholeTiles&) = delete;
};

enum class TileNumbers { kBytes, kBfloat16 };

// Intrinsics of tiles take their numbers as they are written.
#define VT_TILE_DOT(sum)                           \
  if constexpr (kNumbers == TileNumbers::kBytes) { \
    _tile_dpbusd(sum, 6, 7);                       \
  } else {                                         \
    _tile_dpbf16ps(sum, 6, 7);                     \
  }

constexpr int kTileChains = 6;

/// Independent products, for the machine's limit. (No compiler leaves out what it does not
/// understand.)
template <TileNumbers kNumbers>
[[gnu::always_inline]] inline void tile_dots() {
  VT_TILE_DOT(0)
  VT_TILE_DOT(1)
  VT_TILE_DOT(2)
  VT_TILE_DOT(3)
  VT_TILE_DOT(4)
  VT_TILE_DOT(5)
}

/// A block of rows of A times a micro-panel of B. Pitches and distances are in bytes.
struct TileBlock {
  int64_t rows;     ///< of A and C; A is read by whole tiles
  int64_t vectors;  ///< of C: 1 to kTileVectors tiles of B, side by side
  int64_t steps;    ///< of k, kTileBytes each
  const void* a;
  int64_t a_pitch;
  const void* b;
  int64_t b_pitch;    ///< from a row of a tile of B to the next,
  int64_t b_tile;     ///< from a tile to the one beside it,
  int64_t b_step;     ///< and to the next step of k
  const void* ahead;  ///< what will be read after this, to be fetched into L2 meanwhile
  int64_t ahead_bytes;
};

constexpr int kTileVectors = 3;
constexpr int64_t kTilesPitch = kTileVectors * kLanes;  // of sums, in words of 32 bits

/// sums[i * kTilesPitch + j] for kRows rows of A, which begin at `a`, and kVectors tiles of B.
/// After every step `beside` is called, to be done while the tiles multiply. Six tiles hold sums,
/// one is A's and one B's: of two rows of tiles the second takes B backwards, since it begins with
/// what was read last.
template <int kRows, int kVectors, TileNumbers kNumbers, class Beside>
[[gnu::noinline]] void micro_kernel(const TileBlock& block, const char* a, void* sums,
                                    Beside& beside) {
  static_assert(kRows == kTileRows || kRows == 2 * kTileRows);
  static_assert(kVectors >= 1 && kVectors <= kTileVectors);
  constexpr bool kTwo = kRows == 2 * kTileRows;
  const char* b = static_cast<const char*>(block.b);
  const int64_t a_pitch = block.a_pitch;
  const int64_t b_pitch = block.b_pitch;
  const int64_t below = kTileRows * a_pitch;
  // The intrinsics say nothing of what they read.
  __asm__ volatile("" ::: "memory");
  _tile_zero(0);
  if constexpr (kVectors > 1) _tile_zero(1);
  if constexpr (kVectors > 2) _tile_zero(2);
  if constexpr (kTwo) _tile_zero(3);
  if constexpr (kTwo && kVectors > 1) _tile_zero(4);
  if constexpr (kTwo && kVectors > 2) _tile_zero(5);
  for (int64_t step = 0; step < block.steps; ++step, a += kTileBytes, b += block.b_step) {
    _tile_loadd(6, a, a_pitch);
    _tile_loadd(7, b, b_pitch);
    VT_TILE_DOT(0)
    if constexpr (kVectors > 1) {
      _tile_loadd(7, b + block.b_tile, b_pitch);
      VT_TILE_DOT(1)
    }
    if constexpr (kVectors > 2) {
      _tile_loadd(7, b + 2 * block.b_tile, b_pitch);
      VT_TILE_DOT(2)
    }
    if constexpr (kTwo) {
      _tile_loadd(6, a + below, a_pitch);
      if constexpr (kVectors > 2) {
        VT_TILE_DOT(5)
        _tile_loadd(7, b + block.b_tile, b_pitch);
      }
      if constexpr (kVectors > 1) {
        VT_TILE_DOT(4)
        _tile_loadd(7, b, b_pitch);
      }
      VT_TILE_DOT(3)
    }
    beside();
  }
  constexpr int64_t kPitch = kTilesPitch * static_cast<int64_t>(sizeof(float));
  char* const to = static_cast<char*>(sums);
  char* const to_below = to + kTileRows * kPitch;
  _tile_stored(0, to, kPitch);
  if constexpr (kVectors > 1) _tile_stored(1, to + 64, kPitch);
  if constexpr (kVectors > 2) _tile_stored(2, to + 128, kPitch);
  if constexpr (kTwo) _tile_stored(3, to_below, kPitch);
  if constexpr (kTwo && kVectors > 1) _tile_stored(4, to_below + 64, kPitch);
  if constexpr (kTwo && kVectors > 2) _tile_stored(5, to_below + 128, kPitch);
  __asm__ volatile("" ::: "memory");
}

#undef VT_TILE_DOT

template <int kRows, TileNumbers kNumbers, class Beside>
void micro_kernel_of(const TileBlock& block, const char* a, void* sums, Beside& beside) {
  if (block.vectors == 1) return micro_kernel<kRows, 1, kNumbers>(block, a, sums, beside);
  if (block.vectors == 2) return micro_kernel<kRows, 2, kNumbers>(block, a, sums, beside);
  micro_kernel<kRows, 3, kNumbers>(block, a, sums, beside);
}

/// All sums of a block: finish(first, rows, sums) takes them, in words of 32 bits, as rows with a
/// pitch of kTilesPitch. It is called for some rows at a time, in order, while tiles multiply those
/// behind them: what vectors have to do takes as long as what tiles do.
template <TileNumbers kNumbers, class Word, class Finish>
void multiply_tiles(const TileBlock& block, const Finish& finish) {
  constexpr int64_t kMostRows = 2 * kTileRows;
  alignas(64) Word sums[2][kMostRows * kTilesPitch];
  const int64_t tiles = (block.rows + kMostRows - 1) / kMostRows;
  const int64_t all_steps = tiles * block.steps;
  const int64_t ahead_lines = (block.ahead_bytes + kLineBytes - 1) / kLineBytes;
  const int64_t lines = all_steps > 0 ? (ahead_lines + all_steps - 1) / all_steps : 0;
  const char* ahead = static_cast<const char*>(block.ahead);
  int64_t done = 0;   // rows that are finished,
  int64_t ready = 0;  // and those whose sums are there
  const auto finish_up_to = [&](int64_t end) {
    if (end == done) return;
    finish(done, end - done, sums[done / kMostRows % 2] + done % kMostRows * kTilesPitch);
    done = end;
  };
  const WholeTiles whole_tiles;
  for (int64_t first = 0; first < block.rows; first += kMostRows) {
    const int64_t rows = block.rows - first < kMostRows ? block.rows - first : kMostRows;
    const int64_t at_once = block.steps > 0 ? (ready - done + block.steps - 1) / block.steps : 0;
    const auto beside = [&] {
      for (int64_t line = 0; line < lines; ++line, ahead += kLineBytes) {
        __builtin_prefetch(ahead, 0, 2);
      }
      finish_up_to(done + at_once < ready ? done + at_once : ready);
    };
    const char* a = static_cast<const char*>(block.a) + first * block.a_pitch;
    Word* const to = sums[first / kMostRows % 2];
    if (rows > kTileRows) {
      micro_kernel_of<kMostRows, kNumbers>(block, a, to, beside);
    } else {
      micro_kernel_of<kTileRows, kNumbers>(block, a, to, beside);
    }
    finish_up_to(ready);
    ready = first + rows;
  }
  finish_up_to(ready);
}

}  // namespace
}  // namespace vitrine::simd
