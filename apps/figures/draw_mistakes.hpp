#pragma once

#include <span>
#include <string>

#include "core/images/image.hpp"
#include "models/data/dataset.hpp"
#include "models/inference/evaluate.hpp"

namespace vitrine {

/// A picture of the data set as it is, before any preprocessing. Of `rule` channels and
/// orientation count. Throws what Dataset::picture throws.
Image dataset_image(const Dataset& data, int64_t index, const Preprocess& rule);

/// Which picture that is, for people: the name of its file, with the folder that it lies in unless
/// that has the name of the class; or its number from 0 in the part of the data set.
std::string source_of(const Dataset& data, int64_t index);

/// The worst mistakes of an evaluation, worst first, as a contact sheet: each with the class that
/// it was taken for, the true class, the probabilities of both, and its source. Of a perfect model
/// only the title, which says so.
///   names   of the classes; those of the data if empty
///   rule    how files are read, as in dataset_image
/// Throws what reading the pictures throws.
Image draw_mistakes(const Evaluation& result, const Dataset& data,
                    std::span<const std::string> names, const Preprocess& rule);

}  // namespace vitrine
