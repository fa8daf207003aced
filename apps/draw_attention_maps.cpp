#include "apps/draw_attention_maps.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "apps/canvas.hpp"
#include "apps/fit_picture.hpp"
#include "apps/heat_map.hpp"
#include "apps/text.hpp"
#include "apps/tile_columns.hpp"
#include "core/ceil_div.hpp"
#include "ops/check.hpp"

namespace vitrine {
namespace {

constexpr int64_t kSide = 224;  // of a panel
constexpr int64_t kGap = 20;
constexpr int64_t kMargin = 24;
constexpr double kText = 17;
constexpr double kTitle = 22;
constexpr int64_t kCaption = 34;     // height below a panel
constexpr int64_t kLeastCell = 170;  // width of the longest caption
constexpr double kAspect = 2.2;      // columns to rows

struct Panel {
  Image image;
  std::string caption;
};

Panel make_panel(const Image& picture, std::span<const float> map, int64_t rows, int64_t columns,
                 const std::string& name) {
  double largest = 0;
  for (const float v : map) {
    if (std::isfinite(v)) largest = std::max(largest, double{v});
  }
  const Image grey = grey_map(map, rows, columns, 0, largest, picture.width, picture.height);
  return {heat_over_picture(picture, grey), fmt::format("{} · max {:.1f} %", name, 100 * largest)};
}

std::vector<float> mean_of_heads(const Tensor& maps) {
  const int64_t heads = maps.dim(0);
  const int64_t size = maps.dim(1) * maps.dim(2);
  std::vector<float> mean(static_cast<size_t>(size), 0.0F);
  for (int64_t h = 0; h < heads; ++h) {
    for (int64_t i = 0; i < size; ++i) {
      mean[static_cast<size_t>(i)] += maps.data()[h * size + i] / static_cast<float>(heads);
    }
  }
  return mean;
}

}  // namespace

Image draw_attention_maps(const Image& picture, const Tensor& maps, const std::string& title) {
  check(maps.defined() && maps.rank() == 3 && maps.numel() > 0, "draw_attention_maps",
        "maps must have shape (H, grid_height, grid_width)");
  const int64_t rows = maps.dim(1);
  const int64_t columns = maps.dim(2);
  const Image fitted = fit_picture(picture, kSide);
  std::vector<Panel> panels = {{fitted, "picture"}};
  panels.push_back(make_panel(fitted, mean_of_heads(maps), rows, columns, "mean"));
  for (int64_t h = 0; h < maps.dim(0); ++h) {
    const auto head = maps.values().subspan(static_cast<size_t>(h * rows * columns),
                                            static_cast<size_t>(rows * columns));
    panels.push_back(make_panel(fitted, head, rows, columns, fmt::format("head {}", h + 1)));
  }

  const auto count = static_cast<int64_t>(panels.size());
  const int64_t across = tile_columns(count, kAspect);
  const int64_t down = ceil_div(count, across);
  const int64_t top = kMargin + (title.empty() ? 0 : 40);
  const int64_t cell = std::max(fitted.width, kLeastCell);
  const int64_t pitch_x = cell + kGap;
  const int64_t pitch_y = fitted.height + kCaption + kGap / 2;
  Canvas canvas(2 * kMargin + across * pitch_x - kGap, top + down * pitch_y + kMargin / 2);
  const TextStyle heading = {.size = kTitle, .bold = true};
  draw_text(canvas, {kMargin, kMargin + 0.8 * kTitle},
            fit_text(title, static_cast<double>(canvas.width() - 2 * kMargin), heading), heading);
  const TextStyle caption = {.size = kText, .colour = kFaintInk, .align_x = AlignX::kCentre};
  for (int64_t i = 0; i < count; ++i) {
    const Panel& panel = panels[static_cast<size_t>(i)];
    const int64_t x = kMargin + i % across * pitch_x;
    const int64_t y = top + i / across * pitch_y;
    canvas.draw(panel.image, x + (cell - fitted.width) / 2, y);
    draw_text(canvas,
              {static_cast<double>(x) + static_cast<double>(cell) / 2,
               static_cast<double>(y + fitted.height) + 1.3 * kText},
              panel.caption, caption);
  }
  return canvas.image();
}

}  // namespace vitrine
