#pragma once

#include "apps/drawing/colour.hpp"

namespace vitrine {

/// A number of [0, 1] as a colour from dark violet over blue and green to yellow. Lightness grows
/// evenly, so that equal steps look equal, also in grey. Numbers outside are clamped; light grey
/// stands for what is not a number.
Colour sequential_colour(double t);

/// A number of [-1, 1] as a colour: blue below, red above, near white at 0; equally dark at equal
/// distance. Otherwise as sequential_colour.
Colour diverging_colour(double t);

/// Dark ink on light colours, white on dark ones: for a number written into a coloured cell.
Colour ink_on(Colour background);

}  // namespace vitrine
