#include "apps/figures/attention_scale.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "apps/drawing/colormap.hpp"
#include "apps/drawing/colour_bar.hpp"
#include "apps/drawing/heat_map.hpp"
#include "apps/drawing/ticks.hpp"

namespace vitrine {

double AttentionScale::largest_multiple(std::span<const float> map) const {
  double largest = 0;
  for (const float v : map) {
    if (std::isfinite(v)) largest = std::max(largest, double{v});
  }
  return tokens_ * largest;
}

void AttentionScale::include(std::span<const float> map) {
  high_ = std::max(high_, largest_multiple(map));
}

Image AttentionScale::grey(std::span<const float> map, int64_t rows, int64_t columns, int64_t width,
                           int64_t height) const {
  std::vector<float> shares;
  shares.reserve(map.size());
  for (const float v : map) {
    shares.push_back(static_cast<float>(std::sqrt(std::max(tokens_ * double{v}, 0.0) / high_)));
  }
  return grey_map(shares, rows, columns, 0, 1, width, height);
}

Image AttentionScale::light(std::span<const float> map, int64_t rows, int64_t columns,
                            int64_t width, int64_t height) const {
  return grey_map(map, rows, columns, 0, kAllLight / tokens_, width, height);
}

std::string AttentionScale::largest(std::span<const float> map) const {
  const double value = largest_multiple(map);
  return fmt::format("{:.{}f}\u00d7", value, value < 99.95 ? 1 : 0);
}

void AttentionScale::draw_bar(Canvas& canvas, const Rect& area, double text_size) const {
  Ticks marks = root_ticks(high_, colour_bar_marks(area.height, text_size));
  for (double& at : marks.at) at = std::sqrt(at / high_);
  for (std::string& label : marks.labels) label += "\u00d7";
  draw_colour_bar(canvas, area, marks, fmt::format("times an even share (1/{:.0f})", tokens_),
                  text_size, sequential_colour);
}

}  // namespace vitrine
