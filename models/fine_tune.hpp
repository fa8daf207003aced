#pragma once

#include <memory>
#include <string>

#include "models/checkpoint.hpp"

namespace vitrine {

/// The configuration of `source` for other classes. What only pre-training has, the layer before
/// the head, is left out.
std::unique_ptr<NetworkConfig> fine_tune_config(const Model& source, int64_t classes);

/// Gives `network` the weights of `source`, which sees images of the same size (resize_model); its
/// head is new and zero. `path` is where the source comes from. Throws FormatError(kMismatch) that
/// lists what is missing, extra or of another shape.
/// Source: Dosovitskiy et al. 2020, section 3.2.
void start_from(Network& network, const Model& source, const std::string& path);

/// Whether the parameter belongs to the classifier.
bool is_head(std::string_view parameter);

}  // namespace vitrine
