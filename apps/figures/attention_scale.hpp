#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "apps/drawing/canvas.hpp"
#include "core/images/image.hpp"

namespace vitrine {

/// The one scale of all attention maps of a picture. Attention is counted in multiples of what
/// every token gets where nothing is preferred, 1 / N: that is 1, and it has the same colour in
/// every map, whatever the others hold. The scale goes from 0 to the largest value, and at least to
/// 2, so that rounding errors around 1 are not drawn as structure. Its distances are square roots,
/// so that one peak does not leave the rest in the dark.
class AttentionScale {
 public:
  /// `tokens`: N, class token and others included.
  explicit AttentionScale(int64_t tokens) : tokens_(static_cast<double>(tokens)) {}

  /// Makes room for a map's largest value.
  void include(std::span<const float> map);

  /// A map (rows, columns) as a smooth grey picture of the given size: 0 black, the end of the
  /// scale white. What is not finite is black.
  Image grey(std::span<const float> map, int64_t rows, int64_t columns, int64_t width,
             int64_t height) const;

  /// A map as a grey picture for masked_picture: 0 black, white from kAllLight on, whatever the
  /// scale. What is not finite is black.
  Image light(std::span<const float> map, int64_t rows, int64_t columns, int64_t width,
              int64_t height) const;
  static constexpr double kAllLight = 2;  ///< multiples of even attention

  /// The largest value of a map, for people: "12.4×".
  std::string largest(std::span<const float> map) const;

  /// The room that the bar needs to the right of its place.
  static double bar_room(double text_size) { return 6 * text_size; }
  void draw_bar(Canvas& canvas, const Rect& area, double text_size) const;

 private:
  double largest_multiple(std::span<const float> map) const;

  double tokens_;
  double high_ = 2;
};

}  // namespace vitrine
