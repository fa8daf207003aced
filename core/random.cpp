#include "core/random.hpp"

#include <cmath>
#include <numbers>

namespace vitrine {

uint32_t Random::next_u32() {
  if (used_ == 4) {
    words_ = philox({block_++, static_cast<uint32_t>(place_), static_cast<uint32_t>(stream_),
                     static_cast<uint32_t>(stream_ >> 32)},
                    key_);
    used_ = 0;
  }
  return words_[static_cast<size_t>(used_++)];
}

uint32_t Random::below(uint32_t n) {
  // Lemire, 'Fast random integer generation in an interval' (2019): multiply, reject the few
  // products that would favour small results.
  uint64_t product = uint64_t{next_u32()} * n;
  if (static_cast<uint32_t>(product) < n) {
    const uint32_t threshold = (0U - n) % n;
    while (static_cast<uint32_t>(product) < threshold) product = uint64_t{next_u32()} * n;
  }
  return static_cast<uint32_t>(product >> 32);
}

double Random::normal() {
  const double radius = std::sqrt(-2.0 * std::log((next_u32() + 1.0) * 0x1p-32));
  return radius * std::cos(2.0 * std::numbers::pi * next_u32() * 0x1p-32);
}

}  // namespace vitrine
