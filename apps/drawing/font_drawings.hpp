#pragma once

#include <span>
#include <string_view>

namespace vitrine {

/// A character as a little path of pen strokes:
///   M x y          lift the pen and go there
///   L x y          a straight line
///   H x y          a quarter of an ellipse that starts horizontally (and ends vertically)
///   V x y          a quarter of an ellipse that starts vertically (and ends horizontally)
///   Q a b x y      a curve to (x, y) that starts towards (a, b) and arrives from there
///   D x y          a dot
///   G h s t x y    the strokes of the character with hexadecimal code h, s times as wide and t
///                  times as high, moved by (x, y)
/// Capitals are 14 units high, small letters 10; y = 0 is the base line.
struct Drawing {
  char32_t code;
  const char* path;
  /// Where the character's own space begins and ends: rounder sides reach a little out of it. Where
  /// its ink does, if `end` is below `begin`.
  double begin = 0, end = -1;
};

std::span<const Drawing> ascii_drawings();
/// Letters that are not a base letter with a mark.
std::span<const Drawing> latin_drawings();
std::span<const Drawing> greek_drawings();
std::span<const Drawing> cyrillic_drawings();
/// Punctuation, currencies, numbers beyond ASCII.
std::span<const Drawing> sign_drawings();

/// Letters that look like others: letters[i] has the drawing of as[i].
struct Likeness {
  std::u32string_view letters, as;
};
std::span<const Likeness> likenesses();
/// Small letters that are capitals of less height: letters[i] is a small as[i].
std::span<const Likeness> small_capitals();

/// Where a mark is put beside the ink of its letter.
enum class Anchor {
  kAbove,      ///< over the middle of its top
  kBelow,      ///< under the middle, from the base line
  kRightFoot,  ///< at the right end of the base line
  kRightTop,   ///< to the right of its top
  kLeft,       ///< before it
};

struct Mark {
  char32_t code;
  Anchor anchor;
  const char* path;  ///< as above; (0, 0) is the place that the anchor gives
};
std::span<const Mark> mark_drawings();

/// Letters that are a letter and a mark: letters[i] is bases[i] with the mark, which may itself be
/// such a letter.
struct Marked {
  char32_t mark;
  std::u32string_view letters, bases;
};
std::span<const Marked> marked_letters();

}  // namespace vitrine
