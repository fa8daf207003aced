#include "ops/quantize.hpp"

#include <memory>
#include <utility>

#include "core/check.hpp"
#include "core/error.hpp"
#include "ops/conv2d.hpp"
#include "ops/gemm/gemm_packed.hpp"

namespace vitrine {
namespace {

/// A row is `outer` by `inner` values, row-major; and then `inner` by `outer`.
void transpose_rows(int64_t rows, int64_t outer, int64_t inner, const int8_t* from, int8_t* to) {
  for (int64_t r = 0; r < rows; ++r, from += outer * inner, to += outer * inner) {
    for (int64_t i = 0; i < outer; ++i) {
      for (int64_t j = 0; j < inner; ++j) to[j * outer + i] = from[i * inner + j];
    }
  }
}

/// Elements of a kernel; 1 for a matrix.
int64_t taps(const Tensor& weight) {
  return weight.rank() == 4 ? weight.dim(2) * weight.dim(3) : 1;
}

MatrixOf matrix_of(const Tensor& weight) {
  return weight.rank() == 4 ? conv2d_matrix_of(weight) : nullptr;
}

void check_weight(const char* op, const Tensor& weight) {
  check(weight.defined() && (weight.rank() == 2 || weight.rank() == 4), op,
        "weight must be (N, K) or (O, C, kh, kw)");
}

}  // namespace

void quantize_weight(const Tensor& weight, Precision precision) {
  check_weight("quantize_weight", weight);
  if (weight.rank() == 2) {
    pack_weight(weight, precision);
  } else {
    pack_conv2d_weight(weight, 1, precision);
  }
}

void keep_int8_weight(const Tensor& weight, std::span<const int8_t> values,
                      std::span<const float> scales) {
  check_weight("keep_int8_weight", weight);
  check_usage(weight.storage().frozen(), "keep_int8_weight", "weight must be frozen");
  const int64_t n = weight.dim(0);
  check(std::ssize(values) == weight.numel() && std::ssize(scales) == n, "keep_int8_weight",
        "wants an integer for every value of the weight, and a scale for every output");
  if (weight.numel() == 0) return;
  const int64_t k = weight.numel() / n;
  std::vector<int8_t> ordered;
  if (taps(weight) > 1) {
    ordered.resize(values.size());
    transpose_rows(n, weight.dim(1), taps(weight), values.data(), ordered.data());
    values = ordered;
  }
  keep_packed(weight, matrix_of(weight), std::make_shared<const Int8Matrix>(n, k, values, scales));
  quantize_weight(weight, Precision::kInt8);  // what is kept is all from now on
}

Int8Rows int8_rows(const Tensor& weight) {
  check_weight("int8_rows", weight);
  const int64_t n = weight.dim(0);
  if (packed_precision(weight) != Precision::kInt8) {
    return Int8Rows::of(n, weight.numel() / n, weight.data());
  }
  const auto packed = packed_weight(weight, matrix_of(weight));
  Int8Rows rows = dynamic_cast<const Int8Matrix&>(*packed).rows();
  if (taps(weight) == 1) return rows;
  std::vector<int8_t> ordered(rows.values.size());
  transpose_rows(n, taps(weight), weight.dim(1), rows.values.data(), ordered.data());
  rows.values = std::move(ordered);
  return rows;
}

}  // namespace vitrine
