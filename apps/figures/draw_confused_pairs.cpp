#include "apps/figures/draw_confused_pairs.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "apps/drawing/text.hpp"

namespace vitrine {
namespace {

constexpr size_t kFewest = 10;
constexpr size_t kMost = 40;
constexpr double kText = 17;
constexpr double kTitle = 20;
constexpr double kRow = 26;
constexpr double kHead = 62;  // title and the names of the columns
constexpr double kGap = 18;
constexpr double kNumbers = 64;       // of a column of numbers
constexpr double kLongestName = 250;  // pixels

TextStyle plain() { return {.size = kText}; }

}  // namespace

ConfusedPairsList::ConfusedPairsList(std::span<const int64_t> counts,
                                     std::span<const std::string> names, bool numbered)
    : names_(names), numbered_(numbered) {
  pairs_ = confused_pairs(counts, static_cast<int64_t>(names.size()), kMost);
}

std::string ConfusedPairsList::name(int64_t i) const {
  const std::string& own = names_[static_cast<size_t>(i)];
  const std::string number = std::to_string(i);
  return fit_text(numbered_ && own != number ? number + " " + own : own, kLongestName, plain());
}

void ConfusedPairsList::lay_out(double height) {
  const double fitting = std::max((height - kHead) / kRow, 0.0);
  pairs_.resize(std::min(pairs_.size(), std::max(static_cast<size_t>(fitting), kFewest)));
  truth_width_ = text_width("true", plain());
  prediction_width_ = text_width("taken for", plain());
  for (const ConfusedPair& pair : pairs_) {
    truth_width_ = std::max(truth_width_, text_width(name(pair.truth), plain()));
    prediction_width_ = std::max(prediction_width_, text_width(name(pair.prediction), plain()));
  }
  const double title = text_width("Most often confused", {.size = kTitle, .bold = true});
  width_ = std::max(truth_width_ + prediction_width_ + 3 * kGap + 2 * kNumbers, title);
}

double ConfusedPairsList::height() const {
  return kHead + static_cast<double>(std::max<size_t>(pairs_.size(), 1)) * kRow;
}

void ConfusedPairsList::draw(Canvas& canvas, Point corner) const {
  draw_text(canvas, {corner.x, corner.y + 0.7 * kTitle}, "Most often confused",
            {.size = kTitle, .bold = true});
  double y = corner.y + kHead - 0.6 * kRow;
  if (pairs_.empty()) {
    draw_text(canvas, {corner.x, y}, "nothing", {.size = kText, .colour = kFaintInk});
    return;
  }
  const double prediction_x = corner.x + truth_width_ + kGap;
  const double count_x = prediction_x + prediction_width_ + kGap + kNumbers;
  const double share_x = count_x + kGap + kNumbers;
  TextStyle faint = {.size = kText, .colour = kFaintInk};
  draw_text(canvas, {corner.x, y}, "true", faint);
  draw_text(canvas, {prediction_x, y}, "taken for", faint);
  faint.align_x = AlignX::kRight;
  draw_text(canvas, {count_x, y}, "times", faint);
  draw_text(canvas, {share_x, y}, "of class", faint);
  for (const ConfusedPair& pair : pairs_) {
    y += kRow;
    canvas.fill({corner.x, std::floor(y - 0.72 * kRow), width_, 1}, kGridLine);
    TextStyle text = plain();
    draw_text(canvas, {corner.x, y}, name(pair.truth), text);
    text.colour = kWrongAnswer;
    draw_text(canvas, {prediction_x, y}, name(pair.prediction), text);
    text = plain();
    text.align_x = AlignX::kRight;
    draw_text(canvas, {count_x, y}, std::to_string(pair.count), text);
    draw_text(canvas, {share_x, y},
              fmt::format("{:.0f} %",
                          100 * static_cast<double>(pair.count) / static_cast<double>(pair.of)),
              text);
  }
}

}  // namespace vitrine
