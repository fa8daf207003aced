#include "models/training/training.hpp"

#include <fmt/format.h>
#include <fnmatch.h>

#include <algorithm>
#include <cmath>

#include "core/dry_run.hpp"
#include "core/error.hpp"
#include "core/memory.hpp"
#include "core/tape.hpp"
#include "models/inference/evaluate.hpp"
#include "ops/binary.hpp"
#include "ops/binary_cross_entropy_with_logits.hpp"
#include "ops/cross_entropy.hpp"
#include "ops/optimizers/adamw.hpp"
#include "ops/optimizers/clip_grad_norm.hpp"
#include "ops/optimizers/ema.hpp"
#include "ops/optimizers/sgd.hpp"

namespace vitrine {
namespace {

int64_t count_correct(const Tensor& logits, std::span<const int32_t> labels) {
  const std::vector<int32_t> predicted = predictions(logits);
  int64_t correct = 0;
  for (size_t i = 0; i < labels.size(); ++i) correct += predicted[i] == labels[i] ? 1 : 0;
  return correct;
}

/// The mean over the batch; target is labels or a distribution per image.
template <class Target>
Tensor loss_of(const UpdateOptions& options, const Tensor& logits, const Target& target) {
  BinaryCrossEntropyOptions o;
  o.label_smoothing = static_cast<float>(options.label_smoothing);
  if (options.loss == LossKind::kSoftmax) return cross_entropy(logits, target, o);
  o.sum_classes = options.loss == LossKind::kBceSum;
  return binary_cross_entropy_with_logits(logits, target, o);
}

/// The same with what the teacher says, if there is one.
template <class Target>
Tensor loss_of(const UpdateOptions& options, const HeadLogits& heads, const Target& target,
               const Tensor& teacher) {
  const Distillation& d = options.distillation;
  VT_CHECK(teacher.defined() == (d.kind != DistillationKind::kNone));
  if (!teacher.defined()) return loss_of(options, heads.answer(), target);
  const Tensor by_labels = loss_of(options, heads.by_class, target);
  const Tensor by_teacher = distillation_loss(d, heads.for_teacher(), teacher);
  return add(mul(by_labels, static_cast<float>(1 - d.alpha)),
             mul(by_teacher, static_cast<float>(d.alpha)));
}

/// What the state of one parameter is called in a checkpoint.
const char* first_name(OptimizerKind kind) {
  return kind == OptimizerKind::kAdamW ? "optimizer/exp_avg/" : "optimizer/momentum/";
}
constexpr const char* kSecondName = "optimizer/exp_avg_sq/";
constexpr const char* kAverageName = "ema/";

}  // namespace

double layer_scale_of(const Network& network, std::string_view parameter, double decay) {
  return std::pow(decay, static_cast<double>(network.layers() - 1 - network.layer_of(parameter)));
}

double ema_decay_at(const UpdateOptions& options, int64_t step) {
  if (!options.ema_warmup) return options.ema;
  return std::min(options.ema, 1 - std::pow(static_cast<double>(step), -2.0 / 3));
}

Training::Training(Network& model, const UpdateOptions& options)
    : model_(model), options_(options) {
  std::vector<bool> fits(options.freeze.size());
  const auto frozen = [&](const std::string& name) {
    bool found = false;
    for (size_t i = 0; i < options.freeze.size(); ++i) {
      if (fnmatch(options.freeze[i].c_str(), name.c_str(), 0) != 0) continue;
      fits[i] = found = true;
    }
    return found;
  };
  model_.visit([&](const std::string& name, Parameter& p, Role role) {
    const bool trained = role != Role::kBuffer;
    if (trained ? frozen(name) : options_.ema == 0) return;
    Slot slot{.name = name,
              .parameter = &p,
              .trained = trained,
              .decays = options_.decay_all || role == Role::kWeight,
              .lr_scale = layer_scale_of(model_, name, options_.layer_decay),
              .first = {},
              .second = {},
              .average = {}};
    if (trained) slot.first = Tensor::zeros(p.value.shape());
    if (trained && options_.optimizer == OptimizerKind::kAdamW) slot.second = slot.first.clone();
    if (options_.ema > 0) slot.average = p.value.clone();
    slots_.push_back(std::move(slot));
  });
  for (size_t i = 0; i < fits.size(); ++i) {
    if (!fits[i])
      throw UsageError(fmt::format("freeze '{}': no such parameter", options.freeze[i]));
  }
  if (std::ranges::none_of(slots_, &Slot::trained))
    throw UsageError("every parameter is frozen: nothing to train");
}

BatchResult Training::add_gradients(const Tensor& images, std::span<const int32_t> labels,
                                    const Tensor& teacher) {
  return add_gradients_of(images, labels, labels, teacher);
}

BatchResult Training::add_gradients(const Tensor& images, const Tensor& targets,
                                    const Tensor& teacher) {
  return add_gradients_of(images, targets, predictions(targets), teacher);
}

template <class Target>
BatchResult Training::add_gradients_of(const Tensor& images, const Target& target,
                                       std::span<const int32_t> labels, const Tensor& teacher) {
  Tape tape;
  for (Slot& slot : slots_) {
    if (slot.trained) tape.watch(slot.parameter->value);
  }

  // Micro batches of one update draw different masks.
  const auto micro = static_cast<uint64_t>(steps_ * options_.accumulate + micro_);
  const Pass pass{.training = true,
                  .seed = options_.seed,
                  .step = micro,
                  .checkpoint_blocks = options_.checkpoint_blocks};
  const HeadLogits heads = model_.heads(images, pass);
  const Tensor loss = loss_of(options_, heads, target, teacher);

  const Tensor share = Tensor::scalar(1.0F / static_cast<float>(options_.accumulate));
  const Gradients gradients = tape.backward(std::span(&loss, 1), std::span(&share, 1));
  for (Slot& slot : slots_) {
    if (!slot.trained) continue;
    const Tensor gradient = gradients.of(slot.parameter->value);
    if (!gradient.defined()) continue;
    Tensor& sum = slot.parameter->grad;
    sum = sum.defined() ? add(std::move(sum), gradient) : gradient;
  }
  ++micro_;
  return {double{loss.item()}, count_correct(heads.answer(), labels), images.dim(0)};
}

double Training::update(double lr) {
  std::vector<Tensor> gradients;
  gradients.reserve(slots_.size());
  for (const Slot& slot : slots_) gradients.push_back(slot.parameter->grad);
  const double norm = grad_norm(gradients);
  ++steps_;
  micro_ = 0;
  const UpdateExtras extras{
      .grad_scale = options_.clip_norm > 0 ? clip_scale(norm, options_.clip_norm) : 1,
      .ema_decay = ema_decay_at(options_, steps_)};
  const bool adamw = options_.optimizer == OptimizerKind::kAdamW;
  std::vector<AdamWItem> adamw_items;
  std::vector<SgdItem> sgd_items;
  for (Slot& slot : slots_) {
    Parameter& p = *slot.parameter;
    if (!p.grad.defined()) continue;
    Tensor* average = options_.ema > 0 ? &slot.average : nullptr;
    const double slot_lr = lr * slot.lr_scale;
    const double decay = slot.decays ? options_.weight_decay : 0;
    if (adamw) {
      adamw_items.push_back(
          {&p.value, &p.grad, &slot.first, &slot.second, average, slot_lr, decay});
    } else {
      sgd_items.push_back({&p.value, &p.grad, &slot.first, average, slot_lr, decay});
    }
  }
  if (adamw) {
    const AdamWOptions o{.beta1 = options_.beta1, .beta2 = options_.beta2, .eps = options_.eps};
    adamw_(adamw_items, o, steps_, extras);
  } else {
    sgd_(sgd_items, {.momentum = options_.momentum, .nesterov = options_.nesterov}, extras);
  }
  for (Slot& slot : slots_) {
    slot.parameter->grad = Tensor();
    if (!slot.trained) ema_(slot.average, slot.parameter->value, extras.ema_decay);
  }
  return norm;
}

int64_t Training::rehearse(const Shape& images, bool mixed, int64_t evaluated,
                           const std::function<Tensor(const Tensor&)>& teacher) {
  trim_memory();
  const DryRun dry;
  const Tensor batch = Tensor::empty(images);
  const int64_t given = mixed ? 0 : dry.resident_bytes();
  const std::vector<int32_t> labels(static_cast<size_t>(images[0]));
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
    micro_ = 0;
    for (Slot& slot : slots_) slot.parameter->grad = Tensor();
    for (auto& [parameter, value] : buffers) parameter->value = value;
  };
  // The second update may need what the first has left behind, the third micro batch nothing new.
  try {
    for (int update_number = 0; update_number < 2; ++update_number) {
      for (int64_t i = 0; i < std::min<int64_t>(options_.accumulate, 2); ++i) {
        const Tensor answers = teacher ? teacher(batch) : Tensor();
        mixed ? add_gradients(batch, targets, answers) : add_gradients(batch, labels, answers);
      }
      update(0);
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

void Training::swap_average() {
  VT_CHECK(has_average());
  for (Slot& slot : slots_) std::swap(slot.parameter->value, slot.average);
}

std::vector<StateTensor> Training::state() const {
  std::vector<StateTensor> tensors;
  const auto add = [&](const std::string& prefix, Tensor Slot::* member) {
    for (const Slot& slot : slots_) {
      if ((slot.*member).defined()) tensors.push_back({prefix + slot.name, slot.*member});
    }
  };
  add(first_name(options_.optimizer), &Slot::first);
  add(kSecondName, &Slot::second);
  add(kAverageName, &Slot::average);
  return tensors;
}

}  // namespace vitrine
