#include "apps/contact_sheet.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "apps/canvas.hpp"
#include "apps/fit_picture.hpp"
#include "apps/text.hpp"
#include "apps/tile_columns.hpp"
#include "core/ceil_div.hpp"
#include "ops/check.hpp"

namespace vitrine {
namespace {

constexpr int64_t kSide = 168;  // of a picture, at most; six times 28
constexpr int64_t kGap = 24;
constexpr int64_t kMargin = 24;
constexpr double kText = 17;
constexpr double kTitle = 22;
constexpr double kLine = 24;
constexpr double kAspect = 2;  // columns to rows

TextStyle caption_style(Colour colour) {
  return {.size = kText, .colour = colour, .align_x = AlignX::kCentre};
}

// "Ankle boot 97 %": the name is shortened if need be, never the number.
std::string verdict(const ClassifiedPicture& p, double width, const TextStyle& style) {
  const std::string number = fmt::format(" {:.0f} %", 100 * p.probability);
  return fit_text(p.predicted, width - text_width(number, style), style) + number;
}

void draw_tile(Canvas& canvas, const ClassifiedPicture& p, int64_t left, int64_t top) {
  const Image picture = fit_picture(p.picture, kSide);
  canvas.draw(picture, left + (kSide - picture.width) / 2, top + kSide - picture.height);
  const bool right = p.predicted == p.truth;
  const TextStyle style = caption_style(p.truth.empty() ? kInk
                                        : right         ? kRightAnswer
                                                        : kWrongAnswer);
  const double width = kSide + kGap - 8.0;
  const Point base = {static_cast<double>(left) + kSide / 2.0,
                      static_cast<double>(top + kSide) + kLine};
  draw_text(canvas, base, verdict(p, width, style), style);
  if (p.truth.empty() || right) return;
  const TextStyle faint = caption_style(kFaintInk);
  draw_text(canvas, {base.x, base.y + kLine}, fit_text("true: " + p.truth, width, faint), faint);
}

}  // namespace

Image contact_sheet(std::span<const ClassifiedPicture> pictures, const std::string& title) {
  check(!pictures.empty() || !title.empty(), "contact_sheet",
        "there must be at least one picture, or a title");
  const auto count = static_cast<int64_t>(pictures.size());
  const int64_t columns = tile_columns(count, kAspect);
  const int64_t rows = ceil_div(count, columns);
  const bool any_wrong = std::ranges::any_of(pictures, [](const ClassifiedPicture& p) {
    return !p.truth.empty() && p.truth != p.predicted;
  });
  const int64_t pitch_x = kSide + kGap;
  const int64_t pitch_y = kSide + static_cast<int64_t>((any_wrong ? 2 : 1) * kLine) + kGap;
  const int64_t top = kMargin + (title.empty() ? 0 : 44);
  const TextStyle heading = {.size = kTitle, .bold = true};
  const auto alone = static_cast<int64_t>(pictures.empty() ? text_width(title, heading) + 1 : 0);
  Canvas canvas(2 * kMargin + std::max(columns * pitch_x - kGap, alone), top + rows * pitch_y);

  draw_text(canvas, {kMargin, kMargin + 0.8 * kTitle},
            fit_text(title, static_cast<double>(canvas.width() - 2 * kMargin), heading), heading);
  for (int64_t i = 0; i < count; ++i) {
    draw_tile(canvas, pictures[static_cast<size_t>(i)], kMargin + i % columns * pitch_x,
              top + i / columns * pitch_y);
  }
  return canvas.image();
}

}  // namespace vitrine
