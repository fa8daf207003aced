#pragma once

#include <functional>
#include <string_view>

#include "apps/drawing/canvas.hpp"
#include "apps/drawing/colour.hpp"
#include "apps/drawing/ticks.hpp"

namespace vitrine {

/// As many marks as can be told apart beside a bar of that height.
int colour_bar_marks(double height, double text_size);

/// A legend for colours: a bar that fills `area`, low values below, with marks and numbers on its
/// right and `label`, turned, beside them.
///   marks      `at` from 0 (the lower end) to 1
///   colour_at  takes 0 to 1 as well
/// Returns the x behind all of it.
double draw_colour_bar(Canvas& canvas, const Rect& area, const Ticks& marks, std::string_view label,
                       double text_size, const std::function<Colour(double)>& colour_at);

}  // namespace vitrine
