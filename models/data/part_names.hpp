#pragma once

#include <optional>
#include <string_view>

#include "models/data/dataset.hpp"

namespace vitrine {

/// The part that a folder or list of this name holds, capitals or not: train, training; val, valid,
/// validation, eval, evaluation, dev; test, testing. Nothing for other names.
/// Source: the names that timm 1.0.29 and Hugging Face's datasets know.
std::optional<Split> part_named(std::string_view name);

/// Where `parts` keeps the name of one of the three.
std::string& name_of(DatasetParts& parts, Split part);

}  // namespace vitrine
