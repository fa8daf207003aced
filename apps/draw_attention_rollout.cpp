#include "apps/draw_attention_rollout.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "apps/canvas.hpp"
#include "apps/fit_picture.hpp"
#include "apps/heat_map.hpp"
#include "apps/text.hpp"
#include "core/ceil_div.hpp"
#include "ops/check.hpp"

namespace vitrine {
namespace {

constexpr int64_t kSide = 196;  // of a panel, at most; seven times 28
constexpr int64_t kGap = 10;    // between the panels of a picture
constexpr int64_t kGroupGap = 44;
constexpr int64_t kMargin = 24;
constexpr double kText = 17;
constexpr double kTitle = 22;
constexpr int64_t kHeading = 76;  // title and the names of the columns
constexpr int64_t kCaption = 36;
constexpr int64_t kGroupWidth = 3 * kSide + 2 * kGap;
constexpr std::array<const char*, 3> kColumns = {"picture", "attention", "picture × attention"};

// Pictures are set in one group of three columns, or in two or three beside each other.
int64_t groups_for(int64_t pictures) { return pictures <= 3 ? 1 : pictures <= 10 ? 2 : 3; }

// Every patch gets some attention through the residual connections, so the differences are what is
// to be seen. Where there are none, all of the picture is attended to.
std::pair<double, double> limits(std::span<const float> map) {
  double low = HUGE_VAL;
  double high = 0;
  for (const float v : map) {
    if (!std::isfinite(v)) continue;
    low = std::min(low, double{v});
    high = std::max(high, double{v});
  }
  return {high - low > 1e-3 * high ? low : 0.0, high};
}

void draw_row(Canvas& canvas, const RolloutPicture& row, int64_t left, int64_t top) {
  check(row.map.defined() && row.map.rank() == 2 && row.map.numel() > 0, "draw_attention_rollout",
        "a map must have shape (grid_height, grid_width)");
  const Image picture = fit_picture(row.picture, kSide);
  const auto [low, high] = limits(row.map.values());
  const Image grey = grey_map(row.map.values(), row.map.dim(0), row.map.dim(1), low, high,
                              picture.width, picture.height);
  const std::array<Image, 3> panels = {picture, heat_map(grey), masked_picture(picture, grey)};
  for (size_t i = 0; i < panels.size(); ++i) {
    canvas.draw(panels[i],
                left + static_cast<int64_t>(i) * (kSide + kGap) + (kSide - picture.width) / 2,
                top + (kSide - picture.height) / 2);
  }
  const TextStyle caption = {.size = kText, .colour = kFaintInk, .align_x = AlignX::kCentre};
  const auto below = static_cast<double>(kSide + picture.height) / 2;
  draw_text(
      canvas,
      {static_cast<double>(left) + kSide / 2.0, static_cast<double>(top) + below + 1.25 * kText},
      fit_text(row.caption, kSide + kGap, caption), caption);
}

}  // namespace

Image draw_attention_rollout(std::span<const RolloutPicture> pictures) {
  check(!pictures.empty(), "draw_attention_rollout", "there must be at least one picture");
  const auto count = static_cast<int64_t>(pictures.size());
  const int64_t groups = groups_for(count);
  const int64_t rows = ceil_div(count, groups);
  Canvas canvas(2 * kMargin + groups * (kGroupWidth + kGroupGap) - kGroupGap,
                kMargin + kHeading + rows * (kSide + kCaption) + kMargin / 2);
  draw_text(canvas, {kMargin, kMargin + 0.8 * kTitle}, "Attention rollout",
            {.size = kTitle, .bold = true});
  for (int64_t group = 0; group < groups; ++group) {
    for (size_t i = 0; i < kColumns.size(); ++i) {
      const int64_t left =
          kMargin + group * (kGroupWidth + kGroupGap) + static_cast<int64_t>(i) * (kSide + kGap);
      draw_text(canvas, {static_cast<double>(left) + kSide / 2.0, kMargin + kHeading - 12},
                kColumns[i], {.size = kText, .align_x = AlignX::kCentre});
    }
  }
  for (int64_t i = 0; i < count; ++i) {
    draw_row(canvas, pictures[static_cast<size_t>(i)],
             kMargin + i % groups * (kGroupWidth + kGroupGap),
             kMargin + kHeading + i / groups * (kSide + kCaption));
  }
  return canvas.image();
}

}  // namespace vitrine
