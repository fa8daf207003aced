#include <algorithm>

#include "core/dry_run.hpp"
#include "core/memory.hpp"
#include "models/training/training.hpp"

// The memory of training, foretold.

namespace vitrine {

/// The parts of an update, of which more than two micro batches need nothing new.
void Training::rehearse_update(const Tensor& batch, const Tensor& targets,
                               const std::function<Tensor(const Tensor&)>& teacher) {
  const std::vector<int32_t> labels(static_cast<size_t>(batch.dim(0)));
  for (int64_t i = 0; i < parts(); ++i) {
    const int64_t micro = i % options_.accumulate;
    if (micro != 0 && micro + 1 != options_.accumulate) continue;
    part_ = i;
    const Tensor answers = teacher ? teacher(batch) : Tensor();
    targets.defined() ? add_gradients(batch, targets, answers)
                      : add_gradients(batch, labels, answers);
  }
  update(0);
}

int64_t Training::rehearse(const Shape& images, bool mixed, int64_t evaluated,
                           const std::function<Tensor(const Tensor&)>& teacher) {
  trim_memory();
  const DryRun dry;
  const Tensor batch = Tensor::empty(images);
  const int64_t given = mixed ? 0 : dry.resident_bytes();
  const Tensor targets =
      mixed ? Tensor::empty({images[0], model_.network_config().classes}) : Tensor();

  // Passes move running statistics, updates the counters.
  std::vector<std::pair<Parameter*, Tensor>> buffers;
  model_.visit([&](const std::string&, Parameter& p, Role role) {
    if (role != Role::kBuffer) return;
    buffers.emplace_back(&p, p.value);
    p.value = p.value.clone();
  });
  const int64_t steps = steps_;
  // Nothing of the rehearsal may outlive it, also where an operation refuses its arguments.
  const auto undo = [&] {
    steps_ = steps;
    part_ = 0;
    for (Slot& slot : slots_) {
      slot.parameter->grad = Tensor();
      slot.lower.clear();
    }
    statistics_.drop();
    for (auto& [parameter, value] : buffers) parameter->value = value;
  };
  // The second update may need what the first has left behind.
  try {
    for (int update_number = 0; update_number < 2; ++update_number) {
      rehearse_update(batch, targets, teacher);
      if (evaluated >= images[0]) model_(batch);
      if (evaluated % images[0] > 0) model_(batch.rows(0, evaluated % images[0]));
    }
  } catch (...) {
    undo();
    throw;
  }
  undo();
  return dry.resident_bytes() - given;
}

}  // namespace vitrine
