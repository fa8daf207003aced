#include "apps/figures/draw_position_similarity.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <string>

#include "apps/drawing/canvas.hpp"
#include "apps/drawing/colormap.hpp"
#include "apps/drawing/colour_bar.hpp"
#include "apps/drawing/text.hpp"
#include "apps/drawing/ticks.hpp"
#include "core/check.hpp"

namespace vitrine {
namespace {

constexpr int64_t kWantedSide = 640;  // pixels of all tiles, if the grid is not too fine for that
constexpr double kText = 20;
constexpr double kTitle = 24;
constexpr double kMargin = 24;
constexpr double kBarWidth = 22;
constexpr int64_t kLargestCell = 32;
constexpr double kLeastSide = 200;
constexpr int64_t kFinest = 28;  // a finer grid is too large with two pixels each
// What a panel needs around its tiles: numbers and names of the axes, the bar and its label.
constexpr double kTitleWidth = 340;   // of a panel
constexpr double kLeastRange = 0.01;  // of cosines that is not spread over all colours
constexpr double kLeft = 3.6 * kText;
constexpr double kRight = 1.4 * kText + kBarWidth + 5.6 * kText;
constexpr double kAbove = 2 * kText;
constexpr double kBelow = 3.7 * kText;

// Pixels of one similarity, of a tile, and from one tile to the next.
struct Sizes {
  int64_t cell, tile_width, tile_height, pitch_x, pitch_y;

  Sizes(int64_t grid_height, int64_t grid_width) {
    const int64_t longer = std::max(grid_height, grid_width);
    const int64_t pitch = kWantedSide / longer;
    cell =
        std::clamp<int64_t>((pitch - std::max<int64_t>(pitch / 14, 2)) / longer, 1, kLargestCell);
    if (cell == 1 && longer <= kFinest) cell = 2;  // one pixel is hard to see
    tile_width = cell * grid_width;
    tile_height = cell * grid_height;
    const int64_t gap = std::max<int64_t>(cell * longer / 14, 2);
    pitch_x = tile_width + gap;
    pitch_y = tile_height + gap;
  }
};

// Similarities from `low` to `high` have all the colours of the map.
struct Range {
  double low = -1, high = 1;

  double share(double v) const { return (v - low) / (high - low); }
};

// The least and the largest similarity of two different patches.
Range own_range(const Tensor& similarity, int64_t positions) {
  Range range = {1, -1};
  for (int64_t i = 0; i < positions; ++i) {
    for (int64_t j = 0; j < i; ++j) {
      const double v = double{similarity.data()[i * positions + j]};
      range.low = std::min(range.low, v);
      range.high = std::max(range.high, v);
    }
  }
  return range;
}

void draw_tile(Canvas& canvas, const float* row, const Rect& cells, int64_t grid_height,
               int64_t grid_width, const Range& range) {
  for (int64_t y = 0; y < grid_height; ++y) {
    for (int64_t x = 0; x < grid_width; ++x) {
      const Rect cell = {cells.x + static_cast<double>(x) * cells.width,
                         cells.y + static_cast<double>(y) * cells.height, cells.width,
                         cells.height};
      canvas.fill(cell, sequential_colour(range.share(double{row[y * grid_width + x]})));
    }
  }
}

// Every how many tiles a number stands, so that numbers do not touch.
int64_t label_stride(int64_t pitch) {
  for (const int64_t stride : {1, 2, 5, 10, 20, 50}) {
    if (static_cast<double>(stride * pitch) >= 1.8 * kText) return stride;
  }
  return 100;
}

// Numbers of the patches, and what they are.
void draw_axes(Canvas& canvas, const Rect& tiles, const Sizes& sizes, int64_t grid_height,
               int64_t grid_width) {
  TextStyle number = {.size = kText, .colour = kFaintInk};
  number.align_x = AlignX::kCentre;
  number.align_y = AlignY::kTop;
  for (int64_t x = 0; x < grid_width; x += label_stride(sizes.pitch_x)) {
    const auto middle = static_cast<double>(2 * x * sizes.pitch_x + sizes.tile_width) / 2;
    draw_text(canvas, {tiles.x + middle, tiles.bottom() + 0.5 * kText}, std::to_string(x + 1),
              number);
  }
  number.align_x = AlignX::kRight;
  number.align_y = AlignY::kMiddle;
  for (int64_t y = 0; y < grid_height; y += label_stride(sizes.pitch_y)) {
    const auto middle = static_cast<double>(2 * y * sizes.pitch_y + sizes.tile_height) / 2;
    draw_text(canvas, {tiles.x - 0.5 * kText, tiles.y + middle}, std::to_string(y + 1), number);
  }

  TextStyle label = {.size = kText, .align_x = AlignX::kCentre};
  const Point centre = tiles.centre();
  draw_text(canvas, {centre.x, tiles.bottom() + 2.8 * kText}, "Input patch column", label);
  label.degrees = 90;
  draw_text(canvas, {tiles.x - kLeft + 0.9 * kText, centre.y}, "Input patch row", label);
}

struct Grid {
  const Tensor& similarity;
  int64_t height, width;
  Sizes sizes;

  int64_t positions() const { return height * width; }
};

// The tiles of all patches in the middle of `room`, with axes, a scale, and a title.
void draw_panel(Canvas& canvas, const Grid& grid, const Rect& room, const Range& range,
                const std::string& title) {
  const Sizes& sizes = grid.sizes;
  const auto width = static_cast<double>(sizes.pitch_x * (grid.width - 1) + sizes.tile_width);
  const auto height = static_cast<double>(sizes.pitch_y * (grid.height - 1) + sizes.tile_height);
  const Rect tiles = {room.x + std::floor((room.width - width) / 2),
                      room.y + std::floor((room.height - height) / 2), width, height};
  draw_text(canvas, {room.x, room.y - 0.8 * kText}, title, {.size = kText});
  for (int64_t p = 0; p < grid.positions(); ++p) {
    const int64_t row = p / grid.width;
    const int64_t column = p % grid.width;
    const Rect first_cell = {tiles.x + static_cast<double>(column * sizes.pitch_x),
                             tiles.y + static_cast<double>(row * sizes.pitch_y),
                             static_cast<double>(sizes.cell), static_cast<double>(sizes.cell)};
    draw_tile(canvas, grid.similarity.data() + p * grid.positions(), first_cell, grid.height,
              grid.width, range);
  }
  draw_axes(canvas, tiles, sizes, grid.height, grid.width);
  const Rect bar = {room.right() + 1.4 * kText, room.y, kBarWidth, room.height};
  Ticks marks = linear_ticks(range.low, range.high, colour_bar_marks(room.height, kText));
  for (double& at : marks.at) at = range.share(at);
  draw_colour_bar(canvas, bar, marks, "Cosine similarity", kText, sequential_colour);
}

std::string figures(const Range& range) {
  std::string text = fmt::format("{:.3f} to {:.3f}", range.low, range.high);
  for (size_t i = text.find('-'); i != std::string::npos; i = text.find('-')) {
    text.replace(i, 1, "\u2212");
  }
  return text;
}

}  // namespace

Image draw_position_similarity(const Tensor& similarity, int64_t grid_height, int64_t grid_width) {
  const int64_t positions = grid_height * grid_width;
  check(positions >= 1, "draw_position_similarity", "there must be at least one patch");
  check_shape("draw_position_similarity", "similarity", similarity, {positions, positions});

  const Grid grid = {similarity, grid_height, grid_width, Sizes(grid_height, grid_width)};
  const Sizes& sizes = grid.sizes;
  const auto width = static_cast<double>(sizes.pitch_x * (grid_width - 1) + sizes.tile_width);
  const auto height = static_cast<double>(sizes.pitch_y * (grid_height - 1) + sizes.tile_height);
  // The labels and the bar need some room even where the tiles do not.
  const Rect room = {kMargin + kLeft, kMargin + 2 * kTitle + kAbove,
                     std::max({width, kLeastSide, kTitleWidth}), std::max(height, kLeastSide)};
  const double pitch = kLeft + room.width + kRight;
  const bool two = positions > 1;  // patches to be like one another
  Canvas canvas(static_cast<int64_t>(2 * kMargin + (two ? 2 : 1) * pitch),
                static_cast<int64_t>(room.bottom() + kBelow + kMargin / 2));
  draw_text(canvas, {room.x, kMargin + 0.8 * kTitle}, "Position embedding similarity",
            {.size = kTitle, .bold = true});
  draw_panel(canvas, grid, room, {-1, 1}, "All that is possible: \u22121 to 1");
  if (two) {
    const Range own = own_range(similarity, positions);
    // Where all are alike there is nothing to tell apart, and rounding is not to look like it.
    const double middle = (own.low + own.high) / 2;
    const double half = std::max((own.high - own.low) / 2, kLeastRange / 2);
    draw_panel(canvas, grid, {room.x + pitch, room.y, room.width, room.height},
               {middle - half, middle + half}, "Between two patches: " + figures(own));
  }
  return canvas.image();
}

}  // namespace vitrine
