// What a file of this program is read as: its tensors under their own names.

#include "models/weights/mapped_weights.hpp"

#include <array>
#include <catch2/catch.hpp>

#include "tests/temp_dir.hpp"

using namespace vitrine;
using namespace vitrine::test;

namespace {

/// Scalars of these names, 0, 1, 2...
TensorArchive archive_of(const TempDir& dir, const std::vector<std::string>& names) {
  static constexpr std::array<float, 8> kValues = {0, 1, 2, 3, 4, 5, 6, 7};
  std::vector<NamedTensor> tensors;
  tensors.reserve(names.size());
  for (size_t i = 0; i < names.size(); ++i) {
    tensors.push_back(
        {names[i], {Dtype::kF32, {1}, std::as_bytes(std::span(kValues).subspan(i, 1))}});
  }
  write_safetensors(dir.file("w.safetensors"), tensors, {});
  return TensorArchive(dir.file("w.safetensors"));
}

/// The value of every tensor, by name.
std::map<std::string, float> values_of(const MappedWeights& weights) {
  std::map<std::string, float> values;
  for (const MappedTensor& tensor : weights.tensors()) {
    write_values(tensor, std::span(&values[tensor.name], 1));
  }
  return values;
}

}  // namespace

TEST_CASE("own weights: a run's optimizer and counts of batches are no weights", "[models]") {
  const TempDir dir;
  const TensorArchive archive = archive_of(
      dir, {"a", "optimizer/m/a", "ema/a", "ema/b", "b", "n.num_batches_tracked", "other"});
  CHECK(values_of(own_weights(archive)) ==
        std::map<std::string, float>{{"a", 0}, {"b", 4}, {"other", 6}});
  // The average takes the place of its tensor, wherever in the file it comes.
  CHECK(values_of(own_weights(archive, true)) ==
        std::map<std::string, float>{{"a", 2}, {"b", 3}, {"other", 6}});
  CHECK(own_weights(archive).exact_shapes);
}
