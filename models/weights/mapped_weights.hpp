#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/formats/tensor_archive.hpp"
#include "models/weights/tensor_layout.hpp"
#include "ops/kernels/precision.hpp"

namespace vitrine {

/// What a tensor under timm's name is made of.
struct MappedPart {
  std::string name;  ///< in the file
  RawTensor tensor;
  Layout layout = Layout::kSame;
  bool added = false;  ///< to what the other parts gave, not placed behind it
};
struct MappedTensor {
  std::string name;               ///< timm's
  std::vector<int64_t> shape;     ///< timm's, up to leading axes of size 1
  std::vector<MappedPart> parts;  ///< along the first axis; none for zeros
  /// Of a tensor in 8-bit integers, (first axis) float32: what each of its rows is multiplied by.
  std::optional<RawTensor> scales = {};
  bool kept = false;  ///< a tensor of our own file, whose precision is meant

  /// What a frozen network keeps it in, if nobody asks for another precision.
  Precision precision() const;
};

/// The values as timm has them: `out` has as many elements as the tensor. Throws FormatError for
/// element types that are not converted.
void write_values(const MappedTensor& tensor, std::span<float> out);

/// Whether nothing reads a tensor of that name: PyTorch's batch norms count batches, for a momentum
/// that networks do not use.
bool is_batch_count(std::string_view name);

/// A file's tensors under timm's names; those without a rule keep their own. No two have one name.
class MappedWeights {
 public:
  std::string origin;              ///< whose weights these are: "Google", "DINOv2"; "" for our own
  std::vector<std::string> notes;  ///< what was left out or folded, a line each
  /// Shapes are those of the network, not only up to leading axes of size 1.
  bool exact_shapes = false;

  const std::vector<MappedTensor>& tensors() const { return tensors_; }
  const MappedTensor* find(std::string_view name) const;
  MappedTensor* find(std::string_view name);
  /// The place in tensors() of the tensor of that name, which is added if there is none.
  size_t place_of(const std::string& name);
  MappedTensor& at(size_t place) { return tensors_[place]; }
  /// False, and nothing happens, if another tensor has that name.
  bool rename(std::string_view from, const std::string& to);
  /// How many were taken out: those whose names begin so.
  size_t erase_all(std::string_view prefix);

 private:
  std::vector<MappedTensor> tensors_;
  std::map<std::string, size_t, std::less<>> places_;  // by name
};

/// What our files call the scales of a tensor in 8-bit integers.
inline constexpr std::string_view kScaleSuffix = ".scale";

/// The tensors of a file that has our names already, but for what a run keeps beside its weights.
/// Throws FormatError for a tensor of 8-bit integers without a scale for each row.
///   averaged   where the run has an average of a tensor, that takes its place
MappedWeights own_weights(const TensorArchive& archive, bool averaged = false);

}  // namespace vitrine
