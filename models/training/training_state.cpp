#include "models/training/training_state.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "core/error.hpp"
#include "models/weights/checkpoint.hpp"

namespace vitrine {

std::vector<NamedTensor> state_tensors(const Training& training) {
  std::vector<NamedTensor> tensors;
  for (const StateTensor& t : training.state()) tensors.push_back({t.name, raw_tensor(t.value)});
  return tensors;
}

void restore_state(Training& training, const TensorArchive& file, int64_t steps) {
  for (auto& [name, value] : training.state()) {
    const RawTensor* tensor = file.find(name);
    if (tensor == nullptr || !std::ranges::equal(tensor->shape, value.shape().dims())) {
      throw FormatError(FormatKind::kMismatch, file.path(), -1,
                        fmt::format("{} is missing or of another shape: was the checkpoint "
                                    "written with other options?",
                                    name));
    }
    to_float32(*tensor, name, {value.mutable_data(), static_cast<size_t>(value.numel())});
  }
  training.set_steps(steps);
}

}  // namespace vitrine
