#include "ops/relative_position_bias.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "core/check.hpp"
#include "core/error.hpp"
#include "core/profile.hpp"
#include "ops/index_select.hpp"
#include "ops/permute.hpp"

namespace vitrine {
namespace {

// Class token to patch, patch to class token, class token to itself.
constexpr int64_t kSpecialRows = 3;

int64_t offsets(Size2d window) { return (2 * window.h - 1) * (2 * window.w - 1); }

/// The row of the table for each pair of query and key.
std::vector<int64_t> rows_of_pairs(Size2d window) {
  const int64_t patches = window.h * window.w;
  const int64_t special = offsets(window);
  std::vector<int64_t> rows;
  rows.reserve(static_cast<size_t>((patches + 1) * (patches + 1)));
  rows.push_back(special + 2);
  for (int64_t key = 0; key < patches; ++key) rows.push_back(special);
  for (int64_t i = 0; i < patches; ++i) {
    rows.push_back(special + 1);
    for (int64_t j = 0; j < patches; ++j) {
      const int64_t dy = i / window.w - j / window.w + window.h - 1;
      const int64_t dx = i % window.w - j % window.w + window.w - 1;
      rows.push_back(dy * (2 * window.w - 1) + dx);
    }
  }
  return rows;
}

/// Two old entries and how much of the second one is in the new one.
struct Between {
  int64_t left, right;
  double part;
};

/// Where the old offsets lie so that the outermost ones are those of the new window: 0, 1, 1 + q,
/// 1 + q + q^2, ... with q by bisection, as timm has it.
std::vector<double> geometric_places(int64_t old_size, int64_t new_size) {
  const int64_t reach = old_size / 2;
  const auto wanted = static_cast<double>(new_size / 2);
  double low = 1.01;
  double high = 1.5;
  double q = low;
  while (high - low > 1e-6) {
    q = (low + high) / 2;
    const double sum = (1 - std::pow(q, static_cast<double>(reach))) / (1 - q);
    (sum > wanted ? high : low) = q;
  }
  std::vector<double> places(static_cast<size_t>(2 * reach + 1), 0.0);
  double at = 1;
  for (int64_t i = 0; i < reach; ++i) {
    places[static_cast<size_t>(reach + 1 + i)] = at;
    places[static_cast<size_t>(reach - 1 - i)] = -at;
    at += std::pow(q, static_cast<double>(i + 1));
  }
  return places;
}

std::vector<Between> geometric_axis(int64_t old_size, int64_t new_size) {
  const std::vector<double> places = geometric_places(old_size, new_size);
  std::vector<Between> axis;
  const int64_t last = old_size - 1;
  for (int64_t i = 0; i < new_size; ++i) {
    const auto at = static_cast<double>(i - new_size / 2);
    const auto found = std::ranges::lower_bound(places, at);
    const int64_t right = std::min<int64_t>(found - places.begin(), last);
    const int64_t left = std::max<int64_t>(right - 1, 0);
    // Beyond the border it is the border's.
    const double to_left = std::max(at - places[static_cast<size_t>(left)], 0.0);
    const double to_right = std::max(places[static_cast<size_t>(right)] - at, 0.0);
    const double sum = to_left + to_right;
    axis.push_back({left, right, sum == 0 ? 0 : to_left / sum});
  }
  return axis;
}

std::vector<Between> bilinear_axis(int64_t old_size, int64_t new_size) {
  std::vector<Between> axis;
  const double scale = static_cast<double>(old_size) / static_cast<double>(new_size);
  for (int64_t i = 0; i < new_size; ++i) {
    const double at = std::max((static_cast<double>(i) + 0.5) * scale - 0.5, 0.0);
    const auto left = static_cast<int64_t>(at);
    axis.push_back({left, std::min(left + 1, old_size - 1), at - static_cast<double>(left)});
  }
  return axis;
}

}  // namespace

int64_t relative_position_rows(Size2d window) { return offsets(window) + kSpecialRows; }

Tensor relative_position_bias(const Tensor& table, Size2d window) {
  constexpr const char* kName = "relative_position_bias";
  const ProfileScope profile(kName);
  check_rank_at_least(kName, "table", table, 2);
  const int64_t heads = table.dim(1);
  check_shape(kName, "table", table, {relative_position_rows(window), heads});
  const int64_t n = window.h * window.w + 1;
  return permute(index_select(table, 0, rows_of_pairs(window)), {1, 0}).reshape({heads, n, n});
}

Tensor resample_relative_table(const Tensor& table, Size2d old_window, Size2d new_window,
                               RelativeResampling method) {
  constexpr const char* kName = "resample_relative_table";
  check_rank_at_least(kName, "table", table, 2);
  const int64_t heads = table.dim(1);
  check_shape(kName, "table", table, {relative_position_rows(old_window), heads});
  const bool geometric = method == RelativeResampling::kGeometric;
  if (old_window.h == new_window.h && old_window.w == new_window.w) return table.clone();
  check_usage(!geometric || old_window.h == old_window.w, kName,
              "tables of a window that is not square are not resampled");
  const auto axis = geometric ? geometric_axis : bilinear_axis;
  const int64_t old_w = 2 * old_window.w - 1;
  const int64_t new_w = 2 * new_window.w - 1;
  const auto rows = axis(2 * old_window.h - 1, 2 * new_window.h - 1);
  const auto columns = axis(old_w, new_w);
  Tensor result = Tensor::empty({relative_position_rows(new_window), heads});
  float* to = result.mutable_data();
  const auto at = [&](int64_t y, int64_t x, int64_t head) {
    return static_cast<double>(table.data()[(y * old_w + x) * heads + head]);
  };
  for (const Between& y : rows) {
    for (const Between& x : columns) {
      for (int64_t head = 0; head < heads; ++head) {
        const double above =
            at(y.left, x.left, head) * (1 - x.part) + at(y.left, x.right, head) * x.part;
        const double below =
            at(y.right, x.left, head) * (1 - x.part) + at(y.right, x.right, head) * x.part;
        *to++ = static_cast<float>(above * (1 - y.part) + below * y.part);
      }
    }
  }
  std::copy_n(table.data() + offsets(old_window) * heads, kSpecialRows * heads, to);
  return result;
}

}  // namespace vitrine
