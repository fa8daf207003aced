#pragma once

#include <span>
#include <string>

#include "core/image.hpp"
#include "models/dataset.hpp"
#include "models/evaluate.hpp"

namespace vitrine {

/// A picture of the data set as it is, before any preprocessing. `channels` as in Dataset::picture;
/// throws what that throws.
Image dataset_image(const Dataset& data, int64_t index, int channels);

/// Which picture that is, for people: the name of its file without the folder, or its number from 0
/// in the part of the data set.
std::string source_of(const Dataset& data, int64_t index);

/// The worst mistakes of an evaluation, worst first, as a contact sheet: each with the class that
/// it was taken for, the true class, the probabilities of both, and its source. Of a perfect model
/// only the title, which says so.
///   names     of the classes; those of the data if empty
///   channels  1 or 3, as files are decoded
/// Throws what reading the pictures throws.
Image draw_mistakes(const Evaluation& result, const Dataset& data,
                    std::span<const std::string> names, int channels);

}  // namespace vitrine
