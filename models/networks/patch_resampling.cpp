#include "models/networks/patch_resampling.hpp"

#include <vector>

#include "core/error.hpp"
#include "models/networks/resampling_matrix.hpp"
#include "ops/cholesky.hpp"

namespace vitrine {
namespace {

PositionResampling of_areas(PositionResampling method) {
  return method == PositionResampling::kBicubicCorners    ? PositionResampling::kBicubic
         : method == PositionResampling::kBilinearCorners ? PositionResampling::kBilinear
                                                          : method;
}

/// The transposed pseudo-inverse (to, from) of the matrix R that resamples an axis: (R R^T)^-1 R,
/// or R (R^T R)^-1 if it has more rows than columns. Every method's R has full rank, its smallest
/// singular value above 0.19 of the largest for sides of up to 64.
std::vector<double> inverse_of_resampling(int64_t from, int64_t to, PositionResampling method) {
  const std::vector<double> r = resampling_matrix(from, to, method);
  const bool wide = to <= from;
  const int64_t n = wide ? to : from;
  const int64_t length = wide ? from : to;
  std::vector<double> b(r.size());  // the wide one of R and R^T: (n, length)
  for (int64_t i = 0; i < to; ++i) {
    for (int64_t j = 0; j < from; ++j) {
      b[static_cast<size_t>(wide ? i * from + j : j * to + i)] =
          r[static_cast<size_t>(i * from + j)];
    }
  }
  std::vector<double> gram(static_cast<size_t>(n * n));
  for (int64_t i = 0; i < n; ++i) {
    for (int64_t j = 0; j < n; ++j) {
      double sum = 0;
      for (int64_t k = 0; k < length; ++k) {
        sum += b[static_cast<size_t>(i * length + k)] * b[static_cast<size_t>(j * length + k)];
      }
      gram[static_cast<size_t>(i * n + j)] = sum;
    }
  }
  VT_CHECK(cholesky(gram, n));
  cholesky_solve(gram, n, b, length);
  if (wide) return b;
  std::vector<double> turned(b.size());
  for (int64_t i = 0; i < to; ++i) {
    for (int64_t j = 0; j < from; ++j) {
      turned[static_cast<size_t>(i * from + j)] = b[static_cast<size_t>(j * to + i)];
    }
  }
  return turned;
}

}  // namespace

Tensor resample_patch_weight(const Tensor& weight, Size2d patch, PositionResampling method) {
  const int64_t h = weight.dim(2);
  const int64_t w = weight.dim(3);
  const int64_t kernels = weight.dim(0) * weight.dim(1);
  const std::vector<double> rows = inverse_of_resampling(h, patch.h, of_areas(method));
  const std::vector<double> columns = inverse_of_resampling(w, patch.w, of_areas(method));
  Tensor result = Tensor::empty({weight.dim(0), weight.dim(1), patch.h, patch.w});
  const float* from = weight.data();
  float* to = result.mutable_data();
  std::vector<double> row(static_cast<size_t>(w));
  for (int64_t kernel = 0; kernel < kernels; ++kernel, from += h * w) {
    for (int64_t y = 0; y < patch.h; ++y) {
      for (int64_t x = 0; x < w; ++x) {
        double sum = 0;
        for (int64_t i = 0; i < h; ++i) {
          sum += rows[static_cast<size_t>(y * h + i)] * static_cast<double>(from[i * w + x]);
        }
        row[static_cast<size_t>(x)] = sum;
      }
      for (int64_t x = 0; x < patch.w; ++x) {
        double sum = 0;
        for (int64_t j = 0; j < w; ++j) {
          sum += columns[static_cast<size_t>(x * w + j)] * row[static_cast<size_t>(j)];
        }
        *to++ = static_cast<float>(sum);
      }
    }
  }
  return result;
}

}  // namespace vitrine
