#pragma once

#include <cstdint>
#include <optional>

#include "core/formats/tensor_archive.hpp"
#include "models/networks/network.hpp"
#include "models/weights/mapped_weights.hpp"
#include "ops/kernels/precision.hpp"

namespace vitrine {

/// Builds the network, unless its configuration needs more numbers than the file has for it: that
/// is a FormatError before they are allocated.
std::unique_ptr<Network> build_network(const NetworkConfig& config, int64_t numbers,
                                       const TensorArchive& archive);

/// What a frozen model is for.
enum class Use {
  /// Matrices are packed as they are read, so that there is never more than one of them in memory
  /// twice.
  kOften,
  /// One forward pass: matrices that are float32 and whole in the file stay there (borrowed), since
  /// packing costs more than it gains in one pass. The answers are the same bits; a second pass
  /// packs. If the file is cut short while the model lives, the system sends SIGBUS
  /// (core/formats/file.hpp), so this is not for one that stays, nor for libraries.
  kOnce,
};

/// Copies weights of the archive into the network. Throws FormatError(kMismatch) that lists what is
/// missing, extra, or of another shape. With `frozen`, matrices are packed or borrowed at once; the
/// rest is for Network::freeze. They are kept in `precision`; as the file has them if there is
/// none.
void load_weights(Network& network, const MappedWeights& weights, const TensorArchive& archive,
                  std::optional<Use> frozen = {}, std::optional<Precision> precision = {});

}  // namespace vitrine
