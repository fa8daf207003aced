#pragma once

#include <vector>

#include "models/training/training_state.hpp"
#include "models/weights/checkpoint.hpp"

namespace vitrine {

/// The state of a training that is alone as a file holds it, pointing into its storage.
inline std::vector<NamedTensor> state_tensors(Training& training) {
  std::vector<NamedTensor> tensors;
  for (const StateTensor& t : training.state()) {
    tensors.push_back({t.name, raw_tensor(training.state_tensor(tensors.size()))});
  }
  return tensors;
}

}  // namespace vitrine
