#include "models/training/training_state.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "core/error.hpp"

namespace vitrine {

/// What the state of one parameter is called in a checkpoint, in the order of the file.
std::vector<Training::StateKind> Training::state_kinds() const {
  const bool adamw = options_.optimizer == OptimizerKind::kAdamW;
  std::vector<StateKind> kinds = {
      {adamw ? "optimizer/exp_avg/" : "optimizer/momentum/", &Part::first}};
  if (adamw) kinds.push_back({"optimizer/exp_avg_sq/", &Part::second});
  if (has_average()) kinds.push_back({"ema/", &Part::average});
  return kinds;
}

std::vector<StateTensor> Training::state() const {
  std::vector<StateTensor> tensors;
  for (const StateKind& kind : state_kinds()) {
    for (const Slot& slot : slots_) {
      if (!slot.trained && kind.member != &Part::average) continue;
      tensors.push_back({kind.prefix + slot.name, slot.parameter->value.shape()});
    }
  }
  return tensors;
}

/// The slot and the member that number i of state() is of.
std::pair<size_t, Tensor Training::Part::*> Training::find_state(size_t i) const {
  for (const StateKind& kind : state_kinds()) {
    for (size_t slot = 0; slot < slots_.size(); ++slot) {
      if (!slots_[slot].trained && kind.member != &Part::average) continue;
      if (i-- == 0) return {slot, kind.member};
    }
  }
  throw UsageError("[training] no such tensor of the state");
}

Tensor Training::state_tensor(size_t i) {
  const auto [slot, member] = find_state(i);
  if (exchange_ != nullptr && slots_[slot].trained) {
    // The first of parts_ are those of exchange_->own().
    return exchange_->collect(slot, slots_[slot].parameter->value.shape(),
                              [this, m = member](size_t part) { return parts_[part].*m; });
  }
  const size_t wanted = slot;
  return (*std::ranges::find(parts_, wanted, &Part::slot)).*member;
}

void Training::set_state_tensor(size_t i, std::span<const float> whole) {
  const auto [slot, member] = find_state(i);
  for (Part& part : parts_) {
    if (part.slot != slot) continue;
    std::copy(whole.begin() + part.begin, whole.begin() + part.end, (part.*member).mutable_data());
  }
}

void restore_state(Training& training, const TensorArchive& file, int64_t steps) {
  const std::vector<StateTensor> state = training.state();
  for (size_t i = 0; i < state.size(); ++i) {
    const auto& [name, shape] = state[i];
    const RawTensor* tensor = file.find(name);
    if (tensor == nullptr || !std::ranges::equal(tensor->shape, shape.dims())) {
      throw FormatError(FormatKind::kMismatch, file.path(), -1,
                        fmt::format("{} is missing or of another shape: was the checkpoint "
                                    "written with other options?",
                                    name));
    }
    std::vector<float> whole(static_cast<size_t>(shape.numel()));
    to_float32(*tensor, name, whole);
    training.set_state_tensor(i, whole);
  }
  training.set_steps(steps);
}

}  // namespace vitrine
