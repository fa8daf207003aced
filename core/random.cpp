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

/// The logarithm of a Gamma(shape, 1) variate, because for a small shape the variate itself is
/// below what a double holds. Marsaglia and Tsang, 'A simple method for generating gamma variables'
/// (2000); shapes below 1 by their section 6.
double Random::log_gamma_variate(double shape) {
  const auto log_uniform = [this] { return std::log((next_u32() + 1.0) * 0x1p-32); };
  if (shape < 1) {
    const double above = log_gamma_variate(shape + 1);
    return above + log_uniform() / shape;
  }
  const double d = shape - 1.0 / 3;
  const double c = 1 / std::sqrt(9 * d);
  while (true) {
    const double x = normal();
    const double root = 1 + c * x;
    if (root <= 0) continue;
    const double v = root * root * root;
    const double log_v = std::log(v);
    if (log_uniform() < x * x / 2 + d * (1 - v + log_v)) return std::log(d) + log_v;
  }
}

double Random::beta(double a, double b) {
  const double log_a = log_gamma_variate(a);
  const double log_b = log_gamma_variate(b);
  return 1 / (1 + std::exp(log_b - log_a));
}

}  // namespace vitrine
