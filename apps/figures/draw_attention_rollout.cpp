#include "apps/figures/draw_attention_rollout.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string>

#include "apps/drawing/canvas.hpp"
#include "apps/drawing/fit_picture.hpp"
#include "apps/drawing/heat_map.hpp"
#include "apps/drawing/text.hpp"
#include "apps/figures/attention_scale.hpp"
#include "core/ceil_div.hpp"
#include "core/check.hpp"

namespace vitrine {
namespace {

constexpr int64_t kSide = 196;  // of a panel, at most; seven times 28
constexpr int64_t kGap = 10;    // between the panels of a picture
constexpr int64_t kGroupGap = 44;
constexpr int64_t kMargin = 24;
constexpr double kText = 20;
constexpr double kTitle = 25;
constexpr int64_t kHeading = 84;  // title and the names of the columns
constexpr int64_t kCaption = 42;
constexpr int64_t kBarWidth = 22;
constexpr int64_t kLargestBar = 480;
constexpr int64_t kGroupWidth = 3 * kSide + 2 * kGap;
constexpr std::array<const char*, 3> kColumns = {"picture", "attention", "picture × attention"};

// Pictures are set in one group of three columns, or in two or three beside each other.
int64_t groups_for(int64_t pictures) { return pictures <= 4 ? 1 : pictures <= 10 ? 2 : 3; }

void draw_row(Canvas& canvas, const RolloutPicture& row, const AttentionScale& scale, int64_t left,
              int64_t top) {
  const Image picture = fit_picture(row.picture, kSide);
  const Image grey =
      scale.grey(row.map.values(), row.map.dim(0), row.map.dim(1), picture.width, picture.height);
  const Image light =
      scale.light(row.map.values(), row.map.dim(0), row.map.dim(1), picture.width, picture.height);
  const std::array<Image, 3> panels = {picture, heat_map(grey), masked_picture(picture, light)};
  const std::array<std::string, 3> captions = {
      row.caption, "max " + scale.largest(row.map.values()),
      fmt::format("all light from {:.0f}\u00d7", AttentionScale::kAllLight)};
  const TextStyle style = {.size = kText, .align_x = AlignX::kCentre};
  const double base =
      static_cast<double>(top) + static_cast<double>(kSide + picture.height) / 2 + 1.25 * kText;
  for (size_t i = 0; i < panels.size(); ++i) {
    const int64_t x = left + static_cast<int64_t>(i) * (kSide + kGap);
    canvas.draw(panels[i], x + (kSide - picture.width) / 2, top + (kSide - picture.height) / 2);
    draw_text(canvas, {static_cast<double>(x) + kSide / 2.0, base},
              fit_middle(captions[i], kSide, style), style);
  }
}

}  // namespace

Image draw_attention_rollout(std::span<const RolloutPicture> pictures, int64_t tokens) {
  check(!pictures.empty(), "draw_attention_rollout", "there must be at least one picture");
  AttentionScale scale(tokens);
  for (const RolloutPicture& row : pictures) {
    check(row.map.defined() && row.map.rank() == 2 && row.map.numel() > 0, "draw_attention_rollout",
          "a map must have shape (grid_height, grid_width)");
    scale.include(row.map.values());
  }
  const auto count = static_cast<int64_t>(pictures.size());
  const int64_t groups = groups_for(count);
  const int64_t rows = ceil_div(count, groups);
  const int64_t bar_x = kMargin + groups * (kGroupWidth + kGroupGap) - kGroupGap / 2;
  Canvas canvas(bar_x + kBarWidth + static_cast<int64_t>(AttentionScale::bar_room(kText)) + kMargin,
                kMargin + kHeading + rows * (kSide + kCaption) + kMargin / 2);
  draw_text(canvas, {kMargin, kMargin + 0.8 * kTitle}, "Attention rollout",
            {.size = kTitle, .bold = true});
  scale.draw_bar(canvas,
                 {static_cast<double>(bar_x), double{kMargin + kHeading}, double{kBarWidth},
                  static_cast<double>(std::min(rows * (kSide + kCaption) - kCaption, kLargestBar))},
                 kText);
  for (int64_t group = 0; group < groups; ++group) {
    for (size_t i = 0; i < kColumns.size(); ++i) {
      const int64_t left =
          kMargin + group * (kGroupWidth + kGroupGap) + static_cast<int64_t>(i) * (kSide + kGap);
      draw_text(canvas, {static_cast<double>(left) + kSide / 2.0, kMargin + kHeading - 12},
                kColumns[i], {.size = kText, .align_x = AlignX::kCentre});
    }
  }
  for (int64_t i = 0; i < count; ++i) {
    draw_row(canvas, pictures[static_cast<size_t>(i)], scale,
             kMargin + i % groups * (kGroupWidth + kGroupGap),
             kMargin + kHeading + i / groups * (kSide + kCaption));
  }
  return canvas.image();
}

}  // namespace vitrine
