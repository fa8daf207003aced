#include "apps/figures/draw_attention_maps.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "apps/drawing/canvas.hpp"
#include "apps/drawing/fit_picture.hpp"
#include "apps/drawing/heat_map.hpp"
#include "apps/drawing/text.hpp"
#include "apps/drawing/tile_columns.hpp"
#include "apps/figures/attention_scale.hpp"
#include "core/ceil_div.hpp"
#include "core/check.hpp"

namespace vitrine {
namespace {

constexpr int64_t kSide = 224;  // of a panel
constexpr int64_t kGap = 20;
constexpr int64_t kMargin = 24;
constexpr double kText = 20;
constexpr double kTitle = 25;
constexpr int64_t kHeading = 44;
constexpr int64_t kCaption = 38;     // height below a panel
constexpr int64_t kLeastCell = 200;  // width of the longest caption
constexpr double kAspect = 2;        // columns to rows
constexpr int64_t kBarWidth = 22;
constexpr int64_t kLeastBar = 200;
constexpr int64_t kLargestBar = 480;

struct Panel {
  Image image;
  std::string caption;
};

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

Image draw_attention_maps(const Image& picture, const Tensor& maps, int64_t tokens,
                          const std::string& title) {
  check(maps.defined() && maps.rank() == 3 && maps.numel() > 0, "draw_attention_maps",
        "maps must have shape (H, grid_height, grid_width)");
  const int64_t rows = maps.dim(1);
  const int64_t columns = maps.dim(2);
  const Image fitted = fit_picture(picture, kSide);
  AttentionScale scale(tokens);
  scale.include(maps.values());
  std::vector<Panel> panels = {{fitted, "picture"}};
  const auto add = [&](std::span<const float> map, const std::string& name) {
    const Image grey = scale.grey(map, rows, columns, fitted.width, fitted.height);
    panels.push_back({heat_over_picture(fitted, grey), name + " \u00b7 max " + scale.largest(map)});
  };
  add(mean_of_heads(maps), "mean");
  for (int64_t h = 0; h < maps.dim(0); ++h) {
    add(maps.values().subspan(static_cast<size_t>(h * rows * columns),
                              static_cast<size_t>(rows * columns)),
        fmt::format("head {}", h + 1));
  }

  const auto count = static_cast<int64_t>(panels.size());
  const int64_t across = tile_columns(count, kAspect);
  const int64_t down = ceil_div(count, across);
  const int64_t top = kMargin + (title.empty() ? 0 : kHeading);
  const int64_t cell = std::max(fitted.width, kLeastCell);
  const int64_t pitch_x = cell + kGap;
  const int64_t pitch_y = fitted.height + kCaption + kGap / 2;
  // Beside them all stands the scale, which needs some height of its own.
  const int64_t bar_x = kMargin + across * pitch_x + kGap / 2;
  const int64_t bar_height = std::clamp(down * pitch_y - kCaption, kLeastBar, kLargestBar);
  Canvas canvas(bar_x + kBarWidth + static_cast<int64_t>(AttentionScale::bar_room(kText)) + kMargin,
                top + std::max(down * pitch_y, bar_height + kGap) + kMargin / 2);
  const TextStyle heading = {.size = kTitle, .bold = true};
  draw_text(canvas, {kMargin, kMargin + 0.8 * kTitle},
            fit_text(title, static_cast<double>(canvas.width() - 2 * kMargin), heading), heading);
  scale.draw_bar(canvas,
                 {static_cast<double>(bar_x), static_cast<double>(top), double{kBarWidth},
                  static_cast<double>(bar_height)},
                 kText);
  const TextStyle caption = {.size = kText, .align_x = AlignX::kCentre};
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
