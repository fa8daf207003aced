#pragma once

#include <span>
#include <string>

#include "core/images/image.hpp"

namespace vitrine {

/// A row of a dot plot.
struct Dot {
  std::string name;
  double value = 0;
  double error = 0;  ///< half the length of the line through the dot; 0 for none
  std::string text;  ///< behind the row
  bool gap = false;  ///< a group begins here: room above the row
};

/// Values beneath one another on one axis that need not begin at 0, as dots with their uncertainty.
///   note   a line below the axis, in small letters
/// Throws ShapeError if there is no row, or a value is not finite.
Image draw_dot_plot(const std::string& title, const std::string& axis, const std::string& note,
                    std::span<const Dot> rows);

}  // namespace vitrine
