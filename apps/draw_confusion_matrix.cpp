#include "apps/draw_confusion_matrix.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "apps/canvas.hpp"
#include "apps/colormap.hpp"
#include "apps/text.hpp"
#include "core/error.hpp"

namespace vitrine {
namespace {

constexpr double kWantedSide = 720;  // pixels of all cells
constexpr double kLargestCell = 72;
constexpr double kNamedCell = 20;  // names stand beside cells of at least this size
constexpr double kText = 18;
constexpr double kTitle = 24;
constexpr double kMargin = 24;
constexpr double kLongestName = 220;  // pixels

class Matrix {
 public:
  Matrix(std::span<const int64_t> counts, std::span<const std::string> names)
      : counts_(counts), names_(names.begin(), names.end()) {
    const auto root = static_cast<int64_t>(std::llround(std::sqrt(counts.size())));
    classes_ = names.empty() ? root : static_cast<int64_t>(names.size());
    if (classes_ < 1 || static_cast<int64_t>(counts.size()) != classes_ * classes_) {
      throw ShapeError(
          fmt::format("[draw_confusion_matrix] counts must be ({}, {}), got {} numbers", classes_,
                      classes_, counts.size()));
    }
    for (int64_t i = 1; names.empty() && i <= classes_; ++i) names_.push_back(std::to_string(i));
    lay_out();
  }

  Image draw() const {
    Canvas canvas(static_cast<int64_t>(std::ceil(width_)),
                  static_cast<int64_t>(std::ceil(height_)));
    int64_t right = 0;
    int64_t all = 0;
    for (int64_t i = 0; i < classes_; ++i) {
      right += at(i, i);
      all += row_sum(i);
    }
    const std::string share =
        all > 0 ? fmt::format(": {:.2f} % of {} right", percent(right, all), all) : "";
    draw_text(canvas, {kMargin, kMargin + 0.8 * kTitle}, "Confusion matrix" + share,
              {.size = kTitle, .bold = true});
    draw_cells(canvas);
    if (named_) draw_names(canvas);
    const TextStyle label = {.size = kText, .bold = true, .align_x = AlignX::kCentre};
    TextStyle turned = label;
    turned.degrees = 90;
    draw_text(canvas, {cells_.centre().x, cells_.bottom() + 1.5 * kText}, "predicted", label);
    draw_text(canvas, {kMargin + 0.8 * kText, cells_.centre().y}, "true", turned);
    return canvas.image();
  }

 private:
  static double percent(int64_t part, int64_t all) {
    return 100 * static_cast<double>(part) / static_cast<double>(all);
  }

  int64_t at(int64_t truth, int64_t prediction) const {
    return counts_[static_cast<size_t>(truth * classes_ + prediction)];
  }

  int64_t row_sum(int64_t truth) const {
    int64_t sum = 0;
    for (int64_t j = 0; j < classes_; ++j) sum += at(truth, j);
    return sum;
  }

  std::string name(int64_t i) const {
    return fit_text(names_[static_cast<size_t>(i)], kLongestName, {.size = name_size_});
  }

  void lay_out() {
    cell_ = std::clamp(std::floor(kWantedSide / static_cast<double>(classes_)), 1.0, kLargestCell);
    named_ = cell_ >= kNamedCell;
    name_size_ = std::min(kText, 0.65 * cell_);
    double longest = 0;
    for (int64_t i = 0; named_ && i < classes_; ++i) {
      longest = std::max(longest, text_width(name(i), {.size = name_size_}));
    }
    const double side = cell_ * static_cast<double>(classes_);
    // Names above the columns rise at 45 degrees.
    const double slope = named_ ? std::ceil(0.71 * longest + kText) : 0.0;
    cells_ = {std::ceil(kMargin + 2.6 * kText + longest), std::ceil(kMargin + 2.2 * kTitle + slope),
              side, side};
    const double share_width = named_ ? 4 * kText : 0.0;
    const double title_width = 20 * kTitle;
    width_ = std::max(
        {cells_.right() + std::max(share_width, slope) + kMargin, title_width + 2 * kMargin});
    height_ = cells_.bottom() + 2.2 * kText + kMargin / 2;
  }

  Rect cell(int64_t truth, int64_t prediction) const {
    return {cells_.x + static_cast<double>(prediction) * cell_,
            cells_.y + static_cast<double>(truth) * cell_, cell_, cell_};
  }

  void draw_cells(Canvas& canvas) const {
    const double gap = cell_ >= 12 ? 1 : 0;
    for (int64_t i = 0; i < classes_; ++i) {
      const int64_t sum = row_sum(i);
      for (int64_t j = 0; j < classes_; ++j) {
        // The root makes a few per cent of confusion visible beside a diagonal of nearly one.
        const double strength = sum > 0 ? std::sqrt(percent(at(i, j), sum) / 100) : 0.0;
        const Colour colour = diverging_colour(i == j ? -strength : strength);
        const Rect place = cell(i, j);
        canvas.fill({place.x, place.y, cell_ - gap, cell_ - gap}, colour);
        if (at(i, j) != 0) draw_count(canvas, place.centre(), at(i, j), ink_on(colour));
      }
    }
  }

  void draw_count(Canvas& canvas, Point centre, int64_t count, Colour ink) const {
    const TextStyle style = {.size = std::min(kText, 0.45 * cell_),
                             .colour = ink,
                             .align_x = AlignX::kCentre,
                             .align_y = AlignY::kMiddle};
    const std::string text = std::to_string(count);
    if (style.size < 9 || text_width(text, style) > 0.92 * cell_) return;
    draw_text(canvas, centre, text, style);
  }

  void draw_names(Canvas& canvas) const {
    for (int64_t i = 0; i < classes_; ++i) {
      const Rect diagonal = cell(i, i);
      TextStyle style = {.size = name_size_, .align_y = AlignY::kMiddle};
      const int64_t sum = row_sum(i);
      if (sum > 0) {
        draw_text(canvas, {cells_.right() + 0.5 * kText, diagonal.centre().y},
                  fmt::format("{:.1f} %", percent(at(i, i), sum)), style);
      }
      style.align_x = AlignX::kRight;
      draw_text(canvas, {cells_.x - 0.5 * kText, diagonal.centre().y}, name(i), style);
      style.align_x = AlignX::kLeft;
      style.degrees = 45;
      draw_text(canvas, {diagonal.centre().x, cells_.y - 0.6 * kText}, name(i), style);
    }
  }

  std::span<const int64_t> counts_;
  std::vector<std::string> names_;
  int64_t classes_ = 0;
  double cell_ = 0;
  bool named_ = false;
  double name_size_ = 0;
  Rect cells_;
  double width_ = 0;
  double height_ = 0;
};

}  // namespace

Image draw_confusion_matrix(std::span<const int64_t> counts, std::span<const std::string> names) {
  return Matrix(counts, names).draw();
}

}  // namespace vitrine
