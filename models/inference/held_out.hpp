#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace vitrine {

/// What a trained model's file says of the pictures that chose its weights, and were not learned:
/// "<16 digits of the labels of all training pictures>/<16 digits of which were held out>". It
/// holds no names and no paths.
std::string held_out(std::span<const int32_t> labels, std::span<const int64_t> validation);

/// Whether a model that held out `earlier` has learned pictures that a run holds out as `now`: the
/// same training pictures, split in another way. An accuracy on that part then is too high. A model
/// that says nothing ("") may have, but nobody knows.
bool has_learned(std::string_view earlier, std::string_view now);

}  // namespace vitrine
