#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "models/weights/model.hpp"

namespace vitrine {

/// The configuration of `source` for `classes` classes. With a new head, what only pre-training
/// has, the layer before the head, is left out.
std::unique_ptr<NetworkConfig> fine_tune_config(const Model& source, int64_t classes,
                                                bool new_head = true);

/// Gives `network` the weights of `source`, which sees images of the same size (resize_model). Its
/// head becomes that of the source where `rows` says which row of it is for each class, else it is
/// new and zero. `path` is where the source comes from. Throws FormatError(kMismatch) that lists
/// what is missing, extra or of another shape.
/// Source: Dosovitskiy et al. 2020, section 3.2.
void start_from(Network& network, const Model& source, const std::string& path,
                std::span<const int32_t> rows = {});

/// Whether both have classifiers of the same parameters and shapes.
bool same_head(Network& network, const Model& source);

/// Gives class c of the classifier what belonged to class rows[c].
void permute_classes(Network& network, std::span<const int32_t> rows);

/// Whether the parameter belongs to the classifier.
bool is_head(std::string_view parameter);

}  // namespace vitrine
