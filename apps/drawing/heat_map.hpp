#pragma once

#include <cstdint>
#include <span>

#include "core/images/image.hpp"

namespace vitrine {

/// A map over patches as a smooth grey picture: `low` and below is black, `high` and above white.
///   map      (rows, columns); what is not finite counts as `low`
///   returns  width x height pixels, 1 channel; black if `high` is not above `low`
/// Throws ShapeError if the map has not rows x columns numbers.
Image grey_map(std::span<const float> map, int64_t rows, int64_t columns, double low, double high,
               int64_t width, int64_t height);

/// A grey picture in the colours of sequential_colour.
Image heat_map(const Image& grey);

/// Colours of heat_map(grey) laid over `picture` (RGB, of the same size), which is shown in grey; a
/// dark one brighter than it is, so that it stays visible.
Image heat_over_picture(const Image& picture, const Image& grey);

/// `picture` (RGB), if it is dark brighter than it is, darkened where `grey`, of the same size, is
/// dark.
Image masked_picture(const Image& picture, const Image& grey);

}  // namespace vitrine
