#pragma once

#include <array>
#include <cstdint>

namespace vitrine {

/// Philox4x32-10 (Salmon, Moraes, Dror, Shaw, 'Parallel random numbers: as easy as 1, 2, 3',
/// SC'11): four 32-bit words that are a pure function of a 128-bit counter and a 64-bit key.
/// Nothing is stored between calls, so any thread can compute any number, in any order.
constexpr std::array<uint32_t, 4> philox(std::array<uint32_t, 4> counter, uint64_t key) {
  auto k0 = static_cast<uint32_t>(key);
  auto k1 = static_cast<uint32_t>(key >> 32);
  for (int round = 0; round < 10; ++round) {
    const uint64_t p0 = uint64_t{0xD2511F53} * counter[0];
    const uint64_t p1 = uint64_t{0xCD9E8D57} * counter[2];
    counter = {static_cast<uint32_t>(p1 >> 32) ^ counter[1] ^ k0, static_cast<uint32_t>(p1),
               static_cast<uint32_t>(p0 >> 32) ^ counter[3] ^ k1, static_cast<uint32_t>(p0)};
    k0 += 0x9E3779B9;  // the golden ratio
    k1 += 0xBB67AE85;  // sqrt(3) - 1
  }
  return counter;
}

/// The top 24 bits of a word as a float in [0, 1).
constexpr float unit_float(uint32_t word) { return static_cast<float>(word >> 8) * 0x1p-24F; }

/// Where random numbers are used. Each place draws from a stream of its own: adding a draw in one
/// place changes no other.
enum class RandomPlace : uint32_t {
  kInit = 1,  ///< initial weights
  kShuffle,   ///< order of an epoch
  kSplit,     ///< validation part
  kAugment,   ///< crop, shift, flip of one sample
  kDropout,   ///< dropout and drop path
  kTest,      ///< tests and benchmarks
  kErase,     ///< random erasing of one sample
  kMix,       ///< mixup and cutmix of one batch
  kColour,    ///< automatic augmentation and colour jitter of one sample
};

/// A sequence of random numbers, a function of (seed, place, stream) alone; `stream` is the number
/// of the sample, step or tensor that it is for.
class Random {
 public:
  Random(uint64_t seed, RandomPlace place, uint64_t stream = 0)
      : key_(seed), stream_(stream), place_(place) {}

  uint32_t next_u32();
  /// Uniform in [0, 1), 24 bits.
  float uniform() { return unit_float(next_u32()); }
  /// Uniform integer in [0, n), n >= 1, without bias.
  uint32_t below(uint32_t n);
  /// Standard normal (Box-Muller in double).
  double normal();
  /// Beta distributed in [0, 1]; a, b > 0.
  double beta(double a, double b);

 private:
  double log_gamma_variate(double shape);

  uint64_t key_;
  uint64_t stream_;
  RandomPlace place_;
  uint32_t block_ = 0;  // the next counter
  int used_ = 4;        // words of words_ already handed out
  std::array<uint32_t, 4> words_{};
};

}  // namespace vitrine
