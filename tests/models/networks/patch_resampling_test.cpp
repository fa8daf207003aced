// A patch embedding for patches of another size: with R, the matrix that resamples pictures, in
// double, w' fulfils R (R^T w' - w) = 0, and where patches grow R^T w' = w, so that resampled
// patches have the products that they had. All methods, larger, smaller, oblong; to 1e-6 (values
// rounded to float once, entries below 4). Not here: timm's numbers (golden data, test_timm.py).

#include "models/networks/patch_resampling.hpp"

#include <catch2/catch.hpp>

#include "models/networks/resampling_matrix.hpp"
#include "tests/numbers.hpp"

using namespace vitrine;

namespace {

constexpr double kTolerance = 1e-6;

/// Along both axes of (height, width) numbers; by the transposed matrices if `back`.
std::vector<double> resampled(const std::vector<double>& from, Size2d old_size, Size2d new_size,
                              PositionResampling method, bool back) {
  const std::vector<double> rows = resampling_matrix(old_size.h, new_size.h, method);
  const std::vector<double> columns = resampling_matrix(old_size.w, new_size.w, method);
  std::vector<double> to(static_cast<size_t>(back ? old_size.h * old_size.w  //
                                                  : new_size.h * new_size.w));
  for (int64_t y = 0; y < new_size.h; ++y) {
    for (int64_t x = 0; x < new_size.w; ++x) {
      for (int64_t v = 0; v < old_size.h; ++v) {
        for (int64_t u = 0; u < old_size.w; ++u) {
          const double share = rows[static_cast<size_t>(y * old_size.h + v)] *
                               columns[static_cast<size_t>(x * old_size.w + u)];
          const auto old_place = static_cast<size_t>(v * old_size.w + u);
          const auto new_place = static_cast<size_t>(y * new_size.w + x);
          if (back) {
            to[old_place] += share * from[new_place];
          } else {
            to[new_place] += share * from[old_place];
          }
        }
      }
    }
  }
  return to;
}

}  // namespace

TEST_CASE("resample_patch_weight keeps the products with resampled patches", "[models]") {
  constexpr Size2d kOld{6, 4};
  const Tensor weight = test::random_tensor({2, 3, kOld.h, kOld.w}, 11);
  // Corners stay where they are for positions alone.
  const std::pair<PositionResampling, PositionResampling> methods[] = {
      {PositionResampling::kBicubicAntialias, PositionResampling::kBicubicAntialias},
      {PositionResampling::kBicubic, PositionResampling::kBicubic},
      {PositionResampling::kBicubicCorners, PositionResampling::kBicubic},
      {PositionResampling::kBilinear, PositionResampling::kBilinear},
      {PositionResampling::kBilinearCorners, PositionResampling::kBilinear}};
  for (const auto& [method, of_areas] : methods) {
    for (const Size2d size : {Size2d{8, 8}, Size2d{6, 5}, Size2d{5, 4}, Size2d{3, 2}, Size2d{9, 3},
                              Size2d{1, 16}, Size2d{6, 4}}) {
      CAPTURE(name_of(kPositionResamplings, method), size.h, size.w);
      const Tensor other = resample_patch_weight(weight, size, method);
      REQUIRE(other.shape() == Shape{2, 3, size.h, size.w});
      for (int64_t kernel = 0; kernel < 6; ++kernel) {
        const float* w = weight.data() + kernel * kOld.h * kOld.w;
        const float* v = other.data() + kernel * size.h * size.w;
        std::vector<double> rest = resampled({v, v + size.h * size.w}, kOld, size, of_areas, true);
        const bool grows = size.h >= kOld.h && size.w >= kOld.w;
        for (size_t i = 0; i < rest.size(); ++i) {
          rest[i] -= double{w[i]};
          if (grows) CHECK(std::abs(rest[i]) < kTolerance);
        }
        for (const double still : resampled(rest, kOld, size, of_areas, false)) {
          CHECK(std::abs(still) < kTolerance);
        }
      }
    }
  }
}
