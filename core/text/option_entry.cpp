#include "core/text/option_entry.hpp"

#include <cmath>

namespace vitrine {
namespace {

std::string words_of(const Values& v, bool with_values) {
  const auto end = [&](const RangeEnd& e) {
    if (e.key.empty()) return fmt::format("{}", e.value);
    return with_values ? fmt::format("{} ({})", e.key, e.value) : std::string(e.key);
  };
  const bool from = std::isfinite(v.low.value);
  const bool to = std::isfinite(v.high.value);
  if (from && to && !v.above_low && !v.below_high) {
    const std::string zero = v.or_zero ? "0 or " : "";
    const std::string means = v.zero.empty() ? "" : fmt::format(" ({})", v.zero);
    return fmt::format("{}{}{} to {}", zero, end(v.low), means, end(v.high));
  }
  std::string words;
  if (from) words = fmt::format("{} {}", v.above_low ? "above" : "at least", end(v.low));
  if (from && to) words += v.below_high ? " and " : ", ";
  if (to) words += fmt::format("{} {}", v.below_high ? "below" : "at most", end(v.high));
  return words;
}

}  // namespace

bool Values::allow(double value) const {
  if (or_zero && value == 0) return true;
  return (above_low ? value > low.value : value >= low.value) &&
         (below_high ? value < high.value : value <= high.value);
}

std::string Values::words() const {
  Values plain = *this;
  plain.zero = {};  // which help says in its own words
  return words_of(plain, false);
}

std::string Values::wanted(double value) const {
  if (!above_low || !below_high) return words_of(*this, true);
  return value > low.value ? words_of(Values{}.below(high), true) : words_of(above(low), true);
}

}  // namespace vitrine
