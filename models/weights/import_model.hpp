#pragma once

#include <optional>
#include <string>

#include "models/weights/checkpoint.hpp"
#include "models/weights/map_names.hpp"
#include "models/weights/source_facts.hpp"

namespace vitrine {

/// The configuration that weights have: sizes and switches from names and shapes, the rest from
/// `facts`. Folds what the canonical form has elsewhere, with a note: a position embedding that
/// covers the class token but not the registers. Adds the zero bias of a head without one.
/// Throws FormatError(kMismatch) if the weights are no ViT, or do not say enough.
std::unique_ptr<NetworkConfig> config_of_weights(MappedWeights& weights, const SourceFacts& facts,
                                                 std::string_view path);

/// Copies mapped tensors into the network. Throws FormatError(kMismatch) that lists what is
/// missing, extra, or of another shape.
void load_mapped_weights(Network& network, const MappedWeights& weights,
                         const TensorArchive& archive, std::optional<Use> frozen = {});

/// A network from a file that this program did not write. What the file does not say comes from
/// config.json and preprocessor_config.json beside it (timm's or Hugging Face's), else from the
/// habits of the ecosystem; Model::notes says what was decided.
///   config   what is known of the network: nothing is then decided about it
///   frozen   matrices are packed or borrowed at once (load_parameter)
Model import_model(const TensorArchive& archive, const NetworkConfig* config = nullptr,
                   std::optional<Use> frozen = {});

}  // namespace vitrine
