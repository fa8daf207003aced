#pragma once

#include <string_view>

#include "apps/canvas.hpp"
#include "apps/colour.hpp"

namespace vitrine {

/// A legend for colours: a bar that fills `area`, low values below, with marks and numbers on its
/// right and `label`, turned, beside them. colour_at takes 0 (low) to 1 (high).
/// Returns the x behind all of it.
double draw_colour_bar(Canvas& canvas, const Rect& area, double low, double high,
                       std::string_view label, double text_size, Colour (*colour_at)(double));

}  // namespace vitrine
