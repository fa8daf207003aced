#include "apps/drawing/ticks.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

namespace vitrine {
namespace {

constexpr double kSlack = 1e-9;  // of a step: a limit that is a multiple but for rounding counts

// Exponents are written without zeros in front: 1e-5, not 1e-05.
std::string scientific(double value, int digits) {
  std::string text = fmt::format("{:.{}e}", value, digits);
  const size_t exponent = text.find('e') + 2;
  while (text[exponent] == '0' && exponent + 1 < text.size()) text.erase(exponent, 1);
  if (text[exponent - 1] == '+') text.erase(exponent - 1, 1);
  return text;
}

std::string with_minus_sign(std::string text) {
  for (size_t i = text.find('-'); i != std::string::npos; i = text.find('-', i)) {
    text.replace(i, 1, "\u2212");
  }
  return text;
}

// Labels for numbers that are multiples of `step`, all in one style.
std::vector<std::string> labels_of(const std::vector<double>& numbers, double step) {
  double largest = 0;
  for (const double v : numbers) largest = std::max(largest, std::abs(v));
  const int step_exponent = static_cast<int>(std::floor(std::log10(step) + kSlack));
  const int top_exponent =
      largest > 0 ? static_cast<int>(std::floor(std::log10(largest) + kSlack)) : 0;
  std::vector<std::string> labels;
  for (const double v : numbers) {
    std::string text;
    if (v == 0) {
      text = "0";
    } else if (top_exponent < -3 || top_exponent > 8) {
      const int exponent = static_cast<int>(std::floor(std::log10(std::abs(v)) + kSlack));
      text = scientific(v, std::max(exponent - step_exponent, 0));
    } else if (top_exponent >= 4 && step_exponent >= 3) {
      text = fmt::format("{:.0f}k", v / 1000);
    } else {
      text = fmt::format("{:.{}f}", v, std::max(-step_exponent, 0));
    }
    labels.push_back(with_minus_sign(text));
  }
  return labels;
}

// The smallest step that cuts `range` into at most `most` pieces.
double nice_step(double range, int most) {
  const double least = range / std::max(most, 1);
  const double power = std::pow(10.0, std::floor(std::log10(least)));
  for (const double factor : {1.0, 2.0, 5.0}) {
    if (factor * power >= least * (1 - kSlack)) return factor * power;
  }
  return 10 * power;
}

}  // namespace

Ticks linear_ticks(double low, double high, int most, bool whole) {
  double step = nice_step(high - low, most);
  if (whole) step = std::max(step, 1.0);
  Ticks ticks;
  const double first = std::ceil(low / step - kSlack);
  const double last = std::floor(high / step + kSlack);
  for (double i = first; i <= last; ++i) ticks.at.push_back(i * step + 0.0);  // no negative zero
  ticks.labels = labels_of(ticks.at, step);
  return ticks;
}

Ticks root_ticks(double high, int most) {
  const double distance = 1.0 / std::max(most, 1);
  std::vector<double> marks;
  double last = HUGE_VAL;  // on the axis
  const int top = static_cast<int>(std::floor(std::log10(high) + kSlack));
  // What lies nearer to 0 than a mark may has an exponent of at least that.
  const int bottom = static_cast<int>(std::floor(std::log10(high * distance * distance)));
  for (int exponent = top; exponent >= bottom; --exponent) {
    for (const double factor : {5.0, 2.0, 1.0}) {
      const double v = factor * std::pow(10.0, exponent);
      const double at = std::sqrt(v / high);
      if (v > high * (1 + kSlack) || at < distance || last - at < distance) continue;
      marks.push_back(v);
      last = at;
    }
  }
  marks.push_back(0);
  std::ranges::reverse(marks);
  Ticks ticks = {marks, {}};
  for (const double v : marks) ticks.labels.push_back(labels_of({v}, v > 0 ? v : 1)[0]);
  return ticks;
}

Ticks log_ticks(double low, double high, int most) {
  const int first = static_cast<int>(std::floor(std::log10(low) + kSlack));
  const int last = static_cast<int>(std::floor(std::log10(high) + kSlack));
  const int decades = last - first + 1;
  const int stride = (decades + most - 1) / std::max(most, 1);
  const bool fine = 3 * decades <= most;
  Ticks ticks;
  for (int exponent = first; exponent <= last; ++exponent) {
    if ((exponent - first) % std::max(stride, 1) != 0) continue;
    for (const double factor : {1.0, 2.0, 5.0}) {
      const double v = factor * std::pow(10.0, exponent);
      const bool inside = v >= low * (1 - kSlack) && v <= high * (1 + kSlack);
      if (!inside || (factor > 1 && !fine)) continue;
      ticks.at.push_back(v);
      const double power = std::pow(10.0, exponent);
      ticks.labels.push_back(labels_of({v}, power)[0]);
    }
  }
  return ticks.at.size() >= 2 ? ticks : linear_ticks(low, high, most);
}

}  // namespace vitrine
