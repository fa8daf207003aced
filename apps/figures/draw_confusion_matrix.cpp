#include "apps/figures/draw_confusion_matrix.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "apps/drawing/canvas.hpp"
#include "apps/drawing/colormap.hpp"
#include "apps/drawing/colour_bar.hpp"
#include "apps/drawing/text.hpp"
#include "apps/drawing/ticks.hpp"
#include "apps/figures/draw_confused_pairs.hpp"
#include "core/ceil_div.hpp"
#include "core/error.hpp"

namespace vitrine {
namespace {

constexpr double kWantedSide = 720;  // pixels of all cells, where that leaves cells large enough
constexpr double kLargestCell = 96;
constexpr double kNamedCell = 12;    // the least beside which a name can be read
constexpr int64_t kMostNamed = 200;  // classes; more would make a picture that nobody can look at
constexpr double kUnnamedSide = 1400;
constexpr int64_t kMostCells = 1500;  // a side; more classes share cells
constexpr double kSlopedCell = 20;    // names over narrower columns stand upright
constexpr double kText = 18;
constexpr double kTitle = 24;
constexpr double kMargin = 24;
constexpr double kLongestName = 220;  // pixels
constexpr double kBarWidth = 20;
constexpr double kBarGap = 14;
constexpr double kLeastBar = 150;
constexpr double kLargestBar = 320;
constexpr double kLeastTint = 0.5;  // of a single pixel, or it would not be seen

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
    for (int64_t i = 0; names.empty() && i < classes_; ++i) names_.push_back(std::to_string(i));
    for (int64_t i = 0; i < classes_; ++i) {
      int64_t sum = 0;
      for (int64_t j = 0; j < classes_; ++j) sum += at(i, j);
      row_sums_.push_back(sum);
    }
    lay_out();
  }

  Image draw() const {
    ConfusedPairsList list(counts_, names_, !named_);
    const Rect bar = {side_x_, cells_.y, kBarWidth,
                      std::clamp(cells_.height, kLeastBar, kLargestBar)};
    const double list_x = bar.right() + kBarGap + kBarWidth + 5.5 * kText;
    list.lay_out(cells_.height);
    const double below = std::max({cells_.bottom(), bar.bottom(), cells_.y + list.height()});
    Canvas canvas(static_cast<int64_t>(std::ceil(list_x + list.width() + kMargin)),
                  static_cast<int64_t>(std::ceil(below + 2.2 * kText + kMargin / 2)));
    draw_title(canvas);
    draw_cells(canvas);
    named_ ? draw_names(canvas) : draw_numbers(canvas);
    draw_scale(canvas, bar);
    list.draw(canvas, {list_x, cells_.y});
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

  int64_t row_sum(int64_t truth) const { return row_sums_[static_cast<size_t>(truth)]; }

  std::string name(int64_t i) const {
    return fit_text(names_[static_cast<size_t>(i)], kLongestName, {.size = name_size_});
  }

  void lay_out() {
    const auto classes = static_cast<double>(classes_);
    named_ = classes_ <= kMostNamed;
    per_cell_ = ceil_div(classes_, kMostCells);
    cell_ = named_ ? std::clamp(std::floor(kWantedSide / classes), kNamedCell, kLargestCell)
                   : std::max(std::floor(kUnnamedSide / classes), 1.0);
    name_size_ = std::min(kText, std::max(0.65 * cell_, 11.0));
    double longest = named_ ? 0 : 3 * kText;
    for (int64_t i = 0; named_ && i < classes_; ++i) {
      longest = std::max(longest, text_width(name(i), {.size = name_size_}));
    }
    const double side = cell_ * static_cast<double>(ceil_div(classes_, per_cell_));
    sloped_ = cell_ >= kSlopedCell;
    // What stands above the columns, and how far it leans over the last one.
    const double over = !named_ ? 1.5 * kText : sloped_ ? 0.71 * longest + kText : longest + kText;
    cells_ = {std::ceil(kMargin + 2.6 * kText + longest), std::ceil(kMargin + 2.2 * kTitle + over),
              side, side};
    side_x_ = std::ceil(cells_.right() + (named_ ? 5.5 : 2.5) * kText);
  }

  void draw_title(Canvas& canvas) const {
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
  }

  Rect cell(int64_t row, int64_t column) const {
    return {cells_.x + static_cast<double>(column) * cell_,
            cells_.y + static_cast<double>(row) * cell_, cell_, cell_};
  }

  // Below 0: right, by the root of its share of the row; above 0: wrong. The root makes a few per
  // cent of confusion visible beside a diagonal of nearly one.
  double tint(int64_t truth, int64_t prediction) const {
    const int64_t count = at(truth, prediction);
    if (count == 0) return 0;
    double strength = std::sqrt(percent(count, row_sum(truth)) / 100);
    if (cell_ <= 2) strength = std::max(strength, kLeastTint);
    return truth == prediction ? -strength : strength;
  }

  // The strongest of the classes that share a cell.
  double cell_tint(int64_t row, int64_t column) const {
    double strongest = 0;
    for (int64_t i = row * per_cell_; i < std::min((row + 1) * per_cell_, classes_); ++i) {
      for (int64_t j = column * per_cell_; j < std::min((column + 1) * per_cell_, classes_); ++j) {
        const double t = tint(i, j);
        if (std::abs(t) > std::abs(strongest)) strongest = t;
      }
    }
    return strongest;
  }

  void draw_cells(Canvas& canvas) const {
    const double gap = cell_ >= kNamedCell ? 1 : 0;
    const int64_t cells = ceil_div(classes_, per_cell_);
    for (int64_t i = 0; i < cells; ++i) {
      for (int64_t j = 0; j < cells; ++j) {
        const Colour colour = diverging_colour(cell_tint(i, j));
        const Rect place = cell(i, j);
        canvas.fill({place.x, place.y, cell_ - gap, cell_ - gap}, colour);
        if (named_ && at(i, j) != 0) draw_count(canvas, place.centre(), at(i, j), ink_on(colour));
      }
    }
  }

  void draw_count(Canvas& canvas, Point centre, int64_t count, Colour ink) const {
    const TextStyle style = {.size = std::min(kText, 0.45 * cell_),
                             .colour = ink,
                             .align_x = AlignX::kCentre,
                             .align_y = AlignY::kMiddle};
    if (style.size < 9) return;
    const std::string text = std::to_string(count);
    if (text_width(text, style) > 0.92 * cell_) return;
    draw_text(canvas, centre, text, style);
  }

  void draw_names(Canvas& canvas) const {
    const TextStyle faint = {.size = std::max(name_size_, 14.0), .colour = kFaintInk};
    draw_text(canvas, {cells_.right() + 0.5 * kText, cells_.bottom() + 1.5 * kText}, "right",
              faint);
    for (int64_t i = 0; i < classes_; ++i) {
      const Rect diagonal = cell(i, i);
      TextStyle style = {.size = name_size_, .align_y = AlignY::kMiddle};
      const int64_t sum = row_sum(i);
      draw_text(canvas, {cells_.right() + 0.5 * kText, diagonal.centre().y},
                sum > 0 ? fmt::format("{:.1f} %", percent(at(i, i), sum)) : "none", style);
      style.align_x = AlignX::kRight;
      draw_text(canvas, {cells_.x - 0.5 * kText, diagonal.centre().y}, name(i), style);
      style.align_x = AlignX::kLeft;
      style.degrees = sloped_ ? 45 : 90;
      draw_text(canvas, {diagonal.centre().x, cells_.y - 0.6 * kText}, name(i), style);
    }
  }

  // Marks at round numbers of classes, with lines through the matrix.
  void draw_numbers(Canvas& canvas) const {
    canvas.frame({cells_.x - 1, cells_.y - 1, cells_.width + 2, cells_.height + 2}, kFrameLine);
    const auto last = static_cast<double>(classes_ - 1);
    const Ticks ticks = linear_ticks(0, last, 12, true);
    for (size_t i = 0; i < ticks.at.size(); ++i) {
      const double at = (ticks.at[i] + 0.5) / static_cast<double>(per_cell_) * cell_;
      const double along = std::floor(at);
      if (ticks.at[i] > 0) {
        canvas.fill({cells_.x, cells_.y + along, cells_.width, 1}, kFaintInk, 0.18);
        canvas.fill({cells_.x + along, cells_.y, 1, cells_.height}, kFaintInk, 0.18);
      }
      canvas.fill({cells_.x - 6, cells_.y + along, 6, 1}, kFrameLine);
      canvas.fill({cells_.x + along, cells_.y - 6, 1, 6}, kFrameLine);
      TextStyle style = {.size = kText,
                         .colour = kFaintInk,
                         .align_x = AlignX::kRight,
                         .align_y = AlignY::kMiddle};
      const std::string number = fmt::format("{:.0f}", ticks.at[i]);
      draw_text(canvas, {cells_.x - 10, cells_.y + at}, number, style);
      style.align_x = AlignX::kCentre;
      style.align_y = AlignY::kBase;
      draw_text(canvas, {cells_.x + at, cells_.y - 10}, number, style);
    }
  }

  void draw_scale(Canvas& canvas, const Rect& bar) const {
    Ticks marks = root_ticks(100, colour_bar_marks(bar.height, kText));
    for (double& at : marks.at) at = std::sqrt(at / 100);
    draw_colour_bar(canvas, bar, {}, "", kText, [](double t) { return diverging_colour(-t); });
    const Rect wrong = {bar.right() + kBarGap, bar.y, bar.width, bar.height};
    draw_colour_bar(canvas, wrong, marks, "% of the true class", kText, diverging_colour);
    const TextStyle label = {.size = 0.85 * kText, .align_x = AlignX::kCentre};
    draw_text(canvas, {bar.centre().x - 5, bar.bottom() + 1.2 * kText}, "right", label);
    draw_text(canvas, {wrong.centre().x + 10, bar.bottom() + 1.2 * kText}, "wrong", label);
  }

  std::span<const int64_t> counts_;
  std::vector<std::string> names_;
  std::vector<int64_t> row_sums_;
  int64_t classes_ = 0;
  int64_t per_cell_ = 1;  // classes in a row of cells
  double cell_ = 0;
  bool named_ = false, sloped_ = false;
  double name_size_ = 0;
  Rect cells_;
  double side_x_ = 0;  // where the scale and the list begin
};

}  // namespace

Image draw_confusion_matrix(std::span<const int64_t> counts, std::span<const std::string> names) {
  return Matrix(counts, names).draw();
}

}  // namespace vitrine
