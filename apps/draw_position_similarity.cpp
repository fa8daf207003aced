#include "apps/draw_position_similarity.hpp"

#include <algorithm>
#include <cmath>
#include <string>

#include "apps/canvas.hpp"
#include "apps/colormap.hpp"
#include "apps/colour_bar.hpp"
#include "apps/text.hpp"
#include "ops/check.hpp"

namespace vitrine {
namespace {

constexpr int64_t kWantedSide = 840;  // pixels of all tiles, if the grid is not too fine for that
constexpr double kText = 20;
constexpr double kTitle = 24;
constexpr double kMargin = 24;
constexpr double kBarWidth = 22;
constexpr int64_t kLargestCell = 32;
constexpr double kLeastSide = 200;

// Pixels of one similarity, of a tile, and from one tile to the next.
struct Sizes {
  int64_t cell, tile_width, tile_height, pitch_x, pitch_y;

  Sizes(int64_t grid_height, int64_t grid_width) {
    const int64_t longer = std::max(grid_height, grid_width);
    const int64_t pitch = kWantedSide / longer;
    cell =
        std::clamp<int64_t>((pitch - std::max<int64_t>(pitch / 14, 2)) / longer, 1, kLargestCell);
    if (cell == 1 && longer <= 40) cell = 2;  // one pixel is hard to see
    tile_width = cell * grid_width;
    tile_height = cell * grid_height;
    const int64_t gap = std::max<int64_t>(cell * longer / 14, 2);
    pitch_x = tile_width + gap;
    pitch_y = tile_height + gap;
  }
};

void draw_tile(Canvas& canvas, const float* row, const Rect& cells, int64_t grid_height,
               int64_t grid_width) {
  for (int64_t y = 0; y < grid_height; ++y) {
    for (int64_t x = 0; x < grid_width; ++x) {
      const Rect cell = {cells.x + static_cast<double>(x) * cells.width,
                         cells.y + static_cast<double>(y) * cells.height, cells.width,
                         cells.height};
      canvas.fill(cell, sequential_colour((double{row[y * grid_width + x]} + 1) / 2));
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
  draw_text(canvas, {kMargin + 0.7 * kText, centre.y}, "Input patch row", label);
}

}  // namespace

Image draw_position_similarity(const Tensor& similarity, int64_t grid_height, int64_t grid_width) {
  const int64_t positions = grid_height * grid_width;
  check(positions >= 1, "draw_position_similarity", "there must be at least one patch");
  check_shape("draw_position_similarity", "similarity", similarity, {positions, positions});

  const Sizes sizes(grid_height, grid_width);
  const auto width = static_cast<double>(sizes.pitch_x * (grid_width - 1) + sizes.tile_width);
  const auto height = static_cast<double>(sizes.pitch_y * (grid_height - 1) + sizes.tile_height);
  // The labels and the bar need some room even where the tiles do not.
  const Rect room = {kMargin + 3.6 * kText, kMargin + 2.6 * kText, std::max(width, kLeastSide),
                     std::max(height, kLeastSide)};
  const Rect tiles = {room.x + std::floor((room.width - width) / 2),
                      room.y + std::floor((room.height - height) / 2), width, height};
  const double bar = room.right() + 1.4 * kText;
  const double right = std::max(bar + kBarWidth + 5 * kText, room.x + 16 * kTitle);
  Canvas canvas(static_cast<int64_t>(right),
                static_cast<int64_t>(room.bottom() + 3.7 * kText + kMargin / 2));

  draw_text(canvas, {room.x, kMargin + 0.8 * kTitle}, "Position embedding similarity",
            {.size = kTitle, .bold = true});
  for (int64_t p = 0; p < positions; ++p) {
    const int64_t row = p / grid_width;
    const int64_t column = p % grid_width;
    const Rect first_cell = {tiles.x + static_cast<double>(column * sizes.pitch_x),
                             tiles.y + static_cast<double>(row * sizes.pitch_y),
                             static_cast<double>(sizes.cell), static_cast<double>(sizes.cell)};
    draw_tile(canvas, similarity.data() + p * positions, first_cell, grid_height, grid_width);
  }
  draw_axes(canvas, tiles, sizes, grid_height, grid_width);
  Ticks marks = linear_ticks(-1, 1, colour_bar_marks(room.height, kText));
  for (double& at : marks.at) at = (at + 1) / 2;
  draw_colour_bar(canvas, {bar, room.y, kBarWidth, room.height}, marks, "Cosine similarity", kText,
                  sequential_colour);
  return canvas.image();
}

}  // namespace vitrine
