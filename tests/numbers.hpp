#pragma once

#include <bit>
#include <cmath>
#include <functional>
#include <vector>

#include "core/random.hpp"
#include "core/tensor.hpp"

// Numbers for tests: random inputs, distances, and gradients by differences.

namespace vitrine::test {

/// n standard normal numbers, a function of `stream` alone, times `scale` plus `offset`.
template <class T = float>
std::vector<T> randoms(int64_t n, uint64_t stream, double scale = 1.0, double offset = 0.0) {
  Random random(1, RandomPlace::kTest, stream);
  std::vector<T> values(static_cast<size_t>(n));
  for (T& v : values) v = static_cast<T>(static_cast<float>(random.normal() * scale + offset));
  return values;
}

inline Tensor random_tensor(const Shape& shape, uint64_t stream, double scale = 1.0) {
  return Tensor::from(randoms(shape.numel(), stream, scale), shape);
}

template <class T>
std::vector<double> to_double(const T& values) {
  return std::vector<double>(values.begin(), values.end());
}

/// Largest |got - want| / max(1, largest |want|).
template <class A, class B>
double max_error(const A& got, const B& want) {
  double error = 0;
  double size = 1;
  for (const auto w : want) size = std::max(size, std::abs(static_cast<double>(w)));
  auto g = got.begin();
  for (const auto w : want) {
    error = std::max(error, std::abs(static_cast<double>(*g++) - static_cast<double>(w)));
  }
  return error / size;
}

/// The same bits in every element (so that NaN equals NaN and 0 differs from -0).
inline bool same_bits(const Tensor& a, const Tensor& b) {
  return a.shape() == b.shape() &&
         std::equal(a.values().begin(), a.values().end(), b.values().begin(), [](float x, float y) {
           return std::bit_cast<int>(x) == std::bit_cast<int>(y);
         });
}

/// Gradient of `f` at `x` by four-point central differences: in double, good to about 1e-9 for
/// values around 1. The proof that a formula for a gradient is right.
inline std::vector<double> differences(const std::function<double(const std::vector<double>&)>& f,
                                       std::vector<double> x, double step = 1e-3) {
  std::vector<double> gradient(x.size());
  for (size_t i = 0; i < x.size(); ++i) {
    const double at = x[i];
    const auto value = [&](double offset) {
      x[i] = at + offset;
      return f(x);
    };
    gradient[i] =
        (8 * (value(step) - value(-step)) - (value(2 * step) - value(-2 * step))) / (12 * step);
    x[i] = at;
  }
  return gradient;
}

template <class A, class B>
double dot(const A& a, const B& b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i)
    sum += static_cast<double>(a[i]) * static_cast<double>(b[i]);
  return sum;
}

}  // namespace vitrine::test
