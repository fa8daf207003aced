#include "models/training/training.hpp"

#include <fmt/format.h>
#include <fnmatch.h>

#include <algorithm>
#include <cmath>

#include "core/error.hpp"
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

/// left + right, of which either may be undefined.
Tensor plus(Tensor left, const Tensor& right) {
  if (!left.defined()) return right;
  return right.defined() ? add(std::move(left), right) : left;
}

}  // namespace

double layer_scale_of(const Network& network, std::string_view parameter, double decay) {
  return std::pow(decay, static_cast<double>(network.layers() - 1 - network.layer_of(parameter)));
}

double ema_decay_at(const UpdateOptions& options, int64_t step) {
  if (!options.ema_warmup) return options.ema;
  return std::min(options.ema, 1 - std::pow(static_cast<double>(step), -2.0 / 3));
}

Training::Training(Network& model, const UpdateOptions& options, Group& group)
    : model_(model),
      options_(options),
      group_(group),
      range_(shards_of(group.rank(), group.size(), options.shards)),
      statistics_(model, group, options.shards) {
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
    slots_.push_back({.name = name,
                      .parameter = &p,
                      .trained = trained,
                      .decays = options_.decay_all || role == Role::kWeight,
                      .lr_scale = layer_scale_of(model_, name, options_.layer_decay),
                      .lower = {}});
  });
  for (size_t i = 0; i < fits.size(); ++i) {
    if (!fits[i])
      throw UsageError(fmt::format("freeze '{}': no such parameter", options.freeze[i]));
  }
  if (std::ranges::none_of(slots_, &Slot::trained))
    throw UsageError("every parameter is frozen: nothing to train");
  keep_parts();
}

/// The state that this rank keeps, at its beginning.
void Training::keep_parts() {
  const auto keep = [&](size_t slot, int64_t begin, int64_t end) {
    const Slot& s = slots_[slot];
    const Tensor& value = s.parameter->value;
    Part part{.slot = slot,
              .begin = begin,
              .end = end,
              .whole = end - begin == value.numel(),
              .first = {},
              .second = {},
              .average = {}};
    const Tensor mine = view(part, value);
    if (s.trained) part.first = Tensor::zeros(mine.shape());
    if (s.trained && options_.optimizer == OptimizerKind::kAdamW) part.second = part.first.clone();
    if (options_.ema > 0) part.average = mine.clone();
    parts_.push_back(std::move(part));
  };
  if (group_.size() == 1) {
    for (size_t i = 0; i < slots_.size(); ++i) keep(i, 0, slots_[i].parameter->value.numel());
    return;
  }
  std::vector<int64_t> sizes;
  sizes.reserve(slots_.size());
  for (const Slot& slot : slots_) {
    sizes.push_back(slot.trained ? slot.parameter->value.numel() : 0);
  }
  exchange_ = std::make_unique<SliceExchange>(group_, sizes, options_.shards);
  for (const Slice& slice : exchange_->own()) keep(slice.parameter, slice.begin, slice.end);
  // Averages of statistics are small: every rank has them.
  for (size_t i = 0; i < slots_.size(); ++i) {
    if (!slots_[i].trained) keep(i, 0, slots_[i].parameter->value.numel());
  }
}

/// What `part` is of its whole parameter, or of anything of its shape; shares its storage.
Tensor Training::view(const Part& part, const Tensor& whole) const {
  return part.whole ? whole : whole.reshape({-1}).rows(part.begin, part.end);
}

uint64_t Training::part_number() const {
  const int64_t micro = steps_ * options_.accumulate + part_ % options_.accumulate;
  return static_cast<uint64_t>(micro * options_.shards + shard());
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
  if (part_ % options_.accumulate == 0) statistics_.begin(part_ == 0);
  Tape tape;
  std::vector<size_t> watched;
  for (size_t i = 0; i < slots_.size(); ++i) {
    if (!slots_[i].trained) continue;
    tape.watch(slots_[i].parameter->value);
    watched.push_back(i);
  }

  // Parts of one update draw different masks.
  const Pass pass{.training = true,
                  .seed = options_.seed,
                  .step = part_number(),
                  .checkpoint_blocks = options_.checkpoint_blocks};
  const HeadLogits heads = model_.heads(images, pass);
  const Tensor loss = loss_of(options_, heads, target, teacher);

  const Tensor share =
      Tensor::scalar(1.0F / static_cast<float>(options_.accumulate * options_.shards));
  tape.backward(std::span(&loss, 1), std::span(&share, 1),
                [&](int64_t leaf, const Tensor& gradient) {
                  add_gradient(watched[static_cast<size_t>(leaf)], gradient);
                });
  if (last_of_shard()) statistics_.end(shard());
  ++part_;
  return {double{loss.item()}, count_correct(heads.answer(), labels), images.dim(0)};
}

/// Adds what backward has found for a parameter in this part: to those of the shard's other micro
/// batches, and after the last of them to the shards before, as far as the tree goes.
void Training::add_gradient(size_t slot, const Tensor& gradient) {
  Slot& s = slots_[slot];
  Tensor& sum = s.parameter->grad;
  if (gradient.defined()) sum = plus(std::move(sum), gradient);
  if (!last_of_shard()) return;
  for (int64_t i = sums_after(shard(), range_); i > 0; --i) {
    sum = plus(std::move(s.lower.back()), sum);
    s.lower.pop_back();
  }
  const bool last = shard() + 1 == range_.end;
  if (last && exchange_ == nullptr) return;
  s.lower.push_back(std::exchange(sum, Tensor()));
  if (last) exchange_->send_gradient(slot, std::exchange(s.lower, {}));
}

/// The gradients of parts_, undefined where none reached the parameter; their norm with all others.
double Training::take_gradients(std::vector<Tensor>& gradients) {
  if (exchange_ != nullptr) {
    gradients = exchange_->take_gradients();
    for (size_t i = 0; i < gradients.size(); ++i) {
      const Part& part = parts_[i];
      if (!part.whole || !gradients[i].defined()) continue;
      gradients[i] = gradients[i].reshape(slots_[part.slot].parameter->value.shape());
    }
    return exchange_->norm(gradients);
  }
  for (const Part& part : parts_) gradients.push_back(slots_[part.slot].parameter->grad);
  return grad_norm(gradients);
}

double Training::update(double lr) {
  statistics_.settle();
  std::vector<Tensor> gradients;
  const double norm = take_gradients(gradients);
  gradients.resize(parts_.size());  // statistics have none
  ++steps_;
  part_ = 0;
  const UpdateExtras extras{
      .grad_scale = options_.clip_norm > 0 ? clip_scale(norm, options_.clip_norm) : 1,
      .ema_decay = ema_decay_at(options_, steps_)};
  apply(gradients, lr, extras);
  gradients.clear();  // before weights come
  for (const Part& part : parts_) {
    const Slot& slot = slots_[part.slot];
    slot.parameter->grad = Tensor();
    if (!slot.trained) {
      Tensor average = part.average;
      ema_(average, slot.parameter->value, extras.ema_decay);
    }
  }
  share_weights();
  return norm;
}

/// Updates the parts whose gradients are there.
void Training::apply(std::span<const Tensor> gradients, double lr, const UpdateExtras& extras) {
  std::vector<Tensor> values;
  values.reserve(parts_.size());
  std::vector<AdamWItem> adamw_items;
  std::vector<SgdItem> sgd_items;
  const bool adamw = options_.optimizer == OptimizerKind::kAdamW;
  for (size_t i = 0; i < parts_.size(); ++i) {
    if (!gradients[i].defined()) continue;
    Part& part = parts_[i];
    const Slot& slot = slots_[part.slot];
    Tensor* value = &values.emplace_back(view(part, slot.parameter->value));
    Tensor* average = options_.ema > 0 ? &part.average : nullptr;
    const double slot_lr = lr * slot.lr_scale;
    const double decay = slot.decays ? options_.weight_decay : 0;
    if (adamw) {
      adamw_items.push_back(
          {value, &gradients[i], &part.first, &part.second, average, slot_lr, decay});
    } else {
      sgd_items.push_back({value, &gradients[i], &part.first, average, slot_lr, decay});
    }
  }
  if (adamw) {
    const AdamWOptions o{.beta1 = options_.beta1, .beta2 = options_.beta2, .eps = options_.eps};
    adamw_(adamw_items, o, steps_, extras);
  } else {
    sgd_(sgd_items, {.momentum = options_.momentum, .nesterov = options_.nesterov}, extras);
  }
}

/// All ranks get the parts that this one has changed, and it theirs.
void Training::share_weights() {
  if (exchange_ == nullptr) return;
  exchange_->share([this](size_t slot) { return slots_[slot].parameter->value; });
}

void Training::swap_average() {
  VT_CHECK(has_average());
  for (Part& part : parts_) {
    Tensor& value = slots_[part.slot].parameter->value;
    if (part.whole) {
      std::swap(value, part.average);
    } else {
      Tensor mine = view(part, value);
      std::swap_ranges(mine.mutable_data(), mine.mutable_data() + mine.numel(),
                       part.average.mutable_data());
    }
  }
  share_weights();
}

}  // namespace vitrine
