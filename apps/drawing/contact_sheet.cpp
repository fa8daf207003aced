#include "apps/drawing/contact_sheet.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "apps/drawing/canvas.hpp"
#include "apps/drawing/fit_picture.hpp"
#include "apps/drawing/text.hpp"
#include "apps/drawing/tile_columns.hpp"
#include "core/ceil_div.hpp"
#include "core/check.hpp"

namespace vitrine {
namespace {

constexpr int64_t kSide = 168;   // of a picture, at most; six times 28
constexpr double kWidest = 232;  // a caption
constexpr int64_t kGap = 24;
constexpr int64_t kMargin = 24;
constexpr double kText = 17;
constexpr double kSmallText = 14;  // of names of files, which are long
constexpr double kTitle = 22;
constexpr double kLine = 24;
constexpr double kAspect = 1.5;  // columns to rows

TextStyle caption_style(Colour colour) {
  return {.size = kText, .colour = colour, .align_x = AlignX::kCentre};
}

// "Ankle boot 97 %": the name is shortened if need be, never the number.
std::string verdict(const std::string& name, double probability, double width,
                    const TextStyle& style) {
  const std::string number = probability < 0 ? "" : fmt::format(" {:.0f} %", 100 * probability);
  return fit_text(name, width - text_width(number, style), style) + number;
}

bool wrong(const ClassifiedPicture& p) { return !p.truth.empty() && !p.right; }

TextStyle small_style() {
  TextStyle small = caption_style(kFaintInk);
  small.size = kSmallText;
  return small;
}

// Lines below the pictures: what is said; what is true, if that is another; the source.
struct Captions {
  bool truths = false, sources = false;
  double width = kSide;  // that all of them have

  explicit Captions(std::span<const ClassifiedPicture> pictures)
      : truths(std::ranges::any_of(pictures, wrong)),
        sources(std::ranges::any_of(pictures,
                                    [](const ClassifiedPicture& p) { return !p.source.empty(); })) {
    const TextStyle style = caption_style(kInk);
    for (const ClassifiedPicture& p : pictures) {
      width =
          std::max({width, text_width(verdict(p.predicted, p.probability, kWidest, style), style),
                    text_width(fit_middle(p.source, kWidest, small_style()), small_style())});
      if (wrong(p)) {
        width = std::max(
            width,
            text_width(verdict("true: " + p.truth, p.truth_probability, kWidest, style), style));
      }
    }
  }
  int64_t height() const {
    return static_cast<int64_t>(kLine) * (1 + (truths ? 1 : 0) + (sources ? 1 : 0));
  }
};

// `left`: of a place as wide as the captions.
void draw_tile(Canvas& canvas, const ClassifiedPicture& p, int64_t left, int64_t top,
               double width) {
  const Image picture = fit_picture(p.picture, kSide);
  const double middle = static_cast<double>(left) + std::floor(width / 2);
  canvas.draw(picture, static_cast<int64_t>(middle) - picture.width / 2,
              top + kSide - picture.height);
  const TextStyle style = caption_style(p.truth.empty() ? kInk
                                        : p.right       ? kRightAnswer
                                                        : kWrongAnswer);
  Point base = {middle, static_cast<double>(top + kSide) + kLine};
  draw_text(canvas, base, verdict(p.predicted, p.probability, width, style), style);
  const TextStyle faint = caption_style(kFaintInk);
  if (wrong(p)) {
    base.y += kLine;
    draw_text(canvas, base, verdict("true: " + p.truth, p.truth_probability, width, faint), faint);
  }
  base.y += kLine;
  draw_text(canvas, base, fit_middle(p.source, width, small_style()), small_style());
}

}  // namespace

Image contact_sheet(std::span<const ClassifiedPicture> pictures, const std::string& title) {
  check(!pictures.empty() || !title.empty(), "contact_sheet",
        "there must be at least one picture, or a title");
  const auto count = static_cast<int64_t>(pictures.size());
  const int64_t columns = tile_columns(count, kAspect);
  const int64_t rows = ceil_div(count, columns);
  const Captions captions(pictures);
  const int64_t pitch_x = static_cast<int64_t>(std::ceil(captions.width)) + kGap;
  const int64_t pitch_y = kSide + captions.height() + kGap;
  const int64_t top = kMargin + (title.empty() ? 0 : 44);
  const TextStyle heading = {.size = kTitle, .bold = true};
  const auto alone = static_cast<int64_t>(pictures.empty() ? text_width(title, heading) + 1 : 0);
  Canvas canvas(2 * kMargin + std::max(columns * pitch_x - kGap, alone), top + rows * pitch_y);

  draw_text(canvas, {kMargin, kMargin + 0.8 * kTitle},
            fit_text(title, static_cast<double>(canvas.width() - 2 * kMargin), heading), heading);
  for (int64_t i = 0; i < count; ++i) {
    draw_tile(canvas, pictures[static_cast<size_t>(i)], kMargin + i % columns * pitch_x,
              top + i / columns * pitch_y, captions.width);
  }
  return canvas.image();
}

}  // namespace vitrine
