// A plain sans-serif font made of pen strokes, so that it is sharp at every size and angle and
// needs no file.

#include "apps/drawing/font.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <map>
#include <numbers>
#include <string>

#include "apps/drawing/font_drawings.hpp"

namespace vitrine {
namespace {

using Glyphs = std::map<char32_t, Glyph>;

// Straight pieces per curve: below a tenth of a pixel of error at any size that pictures use.
constexpr int kPieces = 8;
// A dot is this much larger than the pen, or it would look weaker than the lines.
constexpr double kDotRadius = 0.55;
// Small capitals: the height of small letters, and a little wider than that alone would make them.
constexpr double kSmallHeight = kFontXHeight / kFontCapHeight;
constexpr double kSmallWidth = 0.78;

Point quarter_ellipse(Point from, Point to, bool starts_horizontally, double t) {
  const double angle = t * std::numbers::pi / 2;
  const double slow = 1 - std::cos(angle);
  const double fast = std::sin(angle);
  return {from.x + (to.x - from.x) * (starts_horizontally ? fast : slow),
          from.y + (to.y - from.y) * (starts_horizontally ? slow : fast)};
}

Point quadratic(Point from, Point control, Point to, double t) {
  const double a = (1 - t) * (1 - t);
  const double b = 2 * t * (1 - t);
  const double c = t * t;
  return {a * from.x + b * control.x + c * to.x, a * from.y + b * control.y + c * to.y};
}

std::vector<Polyline> moved(std::vector<Polyline> lines, Point scale, Point by) {
  for (Polyline& line : lines) {
    for (Point& p : line) p = {p.x * scale.x + by.x, p.y * scale.y + by.y};
  }
  return lines;
}

struct Extent {
  double left = HUGE_VAL, right = -HUGE_VAL, top = -HUGE_VAL;

  explicit Extent(const std::vector<Polyline>& lines) {
    for (const Polyline& line : lines) {
      for (const Point& p : line) {
        left = std::min(left, p.x);
        right = std::max(right, p.x);
        top = std::max(top, p.y);
      }
    }
  }
};

// The strokes of a path (font_drawings.hpp). `known`: what it may refer to.
std::vector<Polyline> strokes(const char* path, const Glyphs& known) {
  std::vector<Polyline> lines;
  Point at;
  const auto number = [&path] {
    char* end = nullptr;
    const double v = std::strtod(path, &end);
    path = end;
    return v;
  };
  const auto point = [&number] {
    const double x = number();
    return Point{x, number()};
  };
  const auto curve = [&](Point to, const auto& point_at) {
    for (int i = 1; i <= kPieces; ++i) lines.back().push_back(point_at(i * 1.0 / kPieces));
    at = to;
  };
  while (*path != '\0') {
    const char command = *path++;
    if (command == ' ') continue;
    if (command == 'G') {
      char* end = nullptr;
      const auto code = static_cast<char32_t>(std::strtoul(path, &end, 16));
      path = end;
      const Point scale = point();
      const auto part = moved(known.at(code).lines, scale, point());
      lines.insert(lines.end(), part.begin(), part.end());
      continue;
    }
    const Point from = at;
    const Point p = point();
    if (command == 'M') {
      lines.push_back({p});
      at = p;
    } else if (command == 'D') {
      const double r = kDotRadius;
      lines.push_back(
          {{p.x - r, p.y}, {p.x, p.y + r}, {p.x + r, p.y}, {p.x, p.y - r}, {p.x - r, p.y}});
    } else if (command == 'L') {
      lines.back().push_back(p);
      at = p;
    } else if (command == 'Q') {
      const Point to = point();
      curve(to, [&](double t) { return quadratic(from, p, to, t); });
    } else {
      curve(p, [&](double t) { return quarter_ellipse(from, p, command == 'H', t); });
    }
  }
  return lines;
}

Glyph spaced(std::vector<Polyline> lines) {
  const Extent ink(lines);
  return {ink.left, ink.right, std::move(lines), {}};
}

const Mark* find_mark(char32_t code) {
  const auto marks = mark_drawings();
  const auto found = std::ranges::find(marks, code, &Mark::code);
  return found != marks.end() ? &*found : nullptr;
}

void add_mark(Glyph& letter, const Mark& mark) {
  const Extent ink(letter.lines);
  if (letter.lines.empty()) return;
  const double middle = (ink.left + ink.right) / 2;
  const Point place = mark.anchor == Anchor::kAbove       ? Point{middle, ink.top}
                      : mark.anchor == Anchor::kBelow     ? Point{middle, 0}
                      : mark.anchor == Anchor::kRightFoot ? Point{ink.right, 0}
                      : mark.anchor == Anchor::kRightTop  ? Point{ink.right, ink.top}
                                                          : Point{ink.left, 0};
  const auto lines = moved(strokes(mark.path, {}), {1, 1}, place);
  // A mark may hang over its letter, not over the neighbours.
  constexpr double kOverhang = 0.8;
  const Extent drawn(lines);
  letter.begin = std::min(letter.begin, drawn.left + kOverhang);
  letter.end = std::max(letter.end, drawn.right - kOverhang);
  letter.lines.insert(letter.lines.end(), lines.begin(), lines.end());
}

Glyphs all_glyphs() {
  Glyphs all;
  for (const auto& drawings : {ascii_drawings(), latin_drawings(), greek_drawings(),
                               cyrillic_drawings(), sign_drawings()}) {
    // Those that refer to others come behind them, but for likenesses, which follow.
    for (const Drawing& d : drawings) {
      auto lines = strokes(d.path, all);
      all[d.code] =
          d.end < d.begin ? spaced(std::move(lines)) : Glyph{d.begin, d.end, std::move(lines), {}};
    }
  }
  for (const Likeness& like : likenesses()) {
    for (size_t i = 0; i < like.letters.size(); ++i) all[like.letters[i]] = all.at(like.as[i]);
  }
  for (const Likeness& like : small_capitals()) {
    for (size_t i = 0; i < like.letters.size(); ++i) {
      all[like.letters[i]] =
          spaced(moved(all.at(like.as[i]).lines, {kSmallWidth, kSmallHeight}, {0, 0}));
    }
  }
  // The letters of a row may be the bases of a later row, or of an earlier one: those come last.
  for (const bool again : {false, true}) {
    for (const Marked& row : marked_letters()) {
      for (size_t i = 0; i < row.letters.size(); ++i) {
        const auto base = all.find(row.bases[i]);
        if (base == all.end() && !again) continue;
        Glyph letter = all.at(row.bases[i]);
        add_mark(letter, *find_mark(row.mark));
        all[row.letters[i]] = std::move(letter);
      }
    }
  }
  return all;
}

const Glyphs& glyphs() {
  static const Glyphs all = all_glyphs();
  return all;
}

// A frame with the hexadecimal digits of a code in two rows.
Glyph stand_in(char32_t code) {
  constexpr double kLow = -2.5;
  constexpr double kHigh = 15;
  constexpr double kGap = 1.9;
  constexpr double kDigitWidth = 3.6;
  constexpr double kDigitHeight = (kHigh - kLow - 3 * kGap) / 2;
  const std::string digits =
      code == U'\ufffd' ? "" : fmt::format("{:04X}", static_cast<uint32_t>(code));
  const size_t columns = std::max<size_t>((digits.size() + 1) / 2, 2);
  const double width = static_cast<double>(columns) * (kDigitWidth + kGap) + kGap;
  Glyph box = {0, width, {}, {{{0, kLow}, {0, kHigh}, {width, kHigh}, {width, kLow}, {0, kLow}}}};
  // An odd number of digits leaves the first place free.
  const size_t free = digits.empty() ? 0 : 2 * columns - digits.size();
  for (size_t i = 0; i < digits.size(); ++i) {
    const size_t place = i + free;
    const Glyph& digit = glyphs().at(static_cast<char32_t>(digits[i]));
    const double x = kGap + static_cast<double>(place % columns) * (kDigitWidth + kGap);
    const double y = kLow + kGap + (place < columns ? kDigitHeight + kGap : 0.0);
    for (const Polyline& line :
         moved(digit.lines, {kDigitWidth / digit.end, kDigitHeight / kFontCapHeight}, {x, y})) {
      box.fine.push_back(line);
    }
  }
  return box;
}

// Spaces of other widths are one space.
bool is_space(char32_t code) {
  return (code >= 0x2000 && code <= 0x200a) || code == 0x202f || code == 0x205f || code == 0x1680;
}

}  // namespace

bool has_glyph(char32_t code) { return glyphs().contains(code) || is_space(code); }

Glyph glyph(char32_t code, std::u32string_view marks) {
  if (is_space(code)) code = U' ';
  const bool above = std::ranges::any_of(marks, [](char32_t m) {
    const Mark* mark = find_mark(m);
    return mark != nullptr && mark->anchor == Anchor::kAbove;
  });
  if (above && code == U'i') code = U'ı';
  if (above && code == U'j') code = U'ȷ';
  const auto found = glyphs().find(code);
  if (found == glyphs().end()) return stand_in(code);
  Glyph letter = found->second;
  for (const char32_t m : marks) {
    if (const Mark* mark = find_mark(m)) add_mark(letter, *mark);
  }
  return letter;
}

bool is_mark(char32_t code) { return find_mark(code) != nullptr; }

bool is_invisible(char32_t code) {
  return code == 0xad || code == 0x34f || code == 0x61c || code == 0x180e ||
         (code >= 0x200b && code <= 0x200f) || (code >= 0x202a && code <= 0x202e) ||
         (code >= 0x2060 && code <= 0x206f) || (code >= 0xfe00 && code <= 0xfe0f) ||
         code == 0xfeff || (code >= 0xe0000 && code <= 0xe0fff);
}

}  // namespace vitrine
