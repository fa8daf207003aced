#pragma once

#include <memory>
#include <string>

#include "models/checkpoint.hpp"
#include "models/position_embedding.hpp"

namespace vitrine {

/// The configuration of `source` for other classes, and another image size unless that is 0. What
/// only pre-training has, the layer before the head, is left out.
std::unique_ptr<NetworkConfig> fine_tune_config(const Model& source, int64_t classes,
                                                int64_t image_size);

/// Gives `network` the weights of `source`; its head is new and zero, its position embedding
/// resampled to its grid. `path` is where the source comes from. Throws FormatError(kMismatch) that
/// lists what is missing, extra or of another shape.
/// Source: Dosovitskiy et al. 2020, section 3.2.
void start_from(Network& network, Model& source, PositionResampling resampling,
                const std::string& path);

/// Whether the parameter belongs to the classifier.
bool is_head(std::string_view parameter);

}  // namespace vitrine
