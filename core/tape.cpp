#include "core/tape.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <utility>

#include "core/error.hpp"
#include "core/parallel.hpp"
#include "core/profile.hpp"

namespace vitrine {
namespace {

thread_local Tape* t_current = nullptr;
std::atomic<uint64_t> g_next_id{1};

/// Recording is off while one lives: backward functions use operations too.
struct Pause {
  Tape* before = std::exchange(t_current, nullptr);
  ~Pause() { t_current = before; }
};

}  // namespace

Tensor Needs::take_sum(int64_t input) const {
  const int64_t slot = slots_.empty() ? -1 : slots_[static_cast<size_t>(input)];
  return slot < 0 ? Tensor() : std::exchange(gradients_[static_cast<size_t>(slot)], Tensor());
}

Saved::Saved(const Tensor& tensor) : again_(Tape::recomputation_of(tensor)) {
  if (again_ == nullptr) tensor_ = tensor.detach();
  add();
}

Tape::Tape() : id_(g_next_id++), outer_(std::exchange(t_current, this)) {}

Tape::~Tape() { t_current = outer_; }

int64_t Tape::watch(Tensor& leaf) {
  leaf.tape_ = id_;
  leaf.slot_ = static_cast<int64_t>(watched_.size());
  watched_.push_back(true);
  return leaf.slot_;
}

Tape* Tape::recording(std::span<const Tensor* const> inputs) {
  if (t_current == nullptr) return nullptr;
  for (const Tensor* input : inputs) {
    if (input != nullptr && input->tape_ == t_current->id_) return t_current;
  }
  return nullptr;
}

std::shared_ptr<Recomputation> Tape::recomputation_of(const Tensor& tensor) {
  if (t_current == nullptr || tensor.tape_ != t_current->id_) return nullptr;
  const auto found = t_current->recomputations_.find(tensor.slot_);
  return found == t_current->recomputations_.end() ? nullptr : found->second;
}

void Tape::record(std::span<const Tensor* const> inputs, Tensor& output, Backward backward,
                  std::function<Tensor()> recompute) {
  Node node{
      {}, static_cast<int64_t>(watched_.size()), std::move(backward), ProfileScope::current()};
  node.inputs.reserve(inputs.size());
  for (const Tensor* input : inputs) {
    const bool known = input != nullptr && input->tape_ == id_;
    node.inputs.push_back(known ? input->slot_ : -1);
  }
  output.tape_ = id_;
  output.slot_ = node.output;
  const auto again = [](const Tensor* input) {
    return input != nullptr && recomputation_of(*input) != nullptr;
  };
  if (recompute && std::ranges::none_of(inputs, again)) {
    recomputations_.emplace(node.output, std::make_shared<Recomputation>(std::move(recompute)));
  }
  watched_.push_back(false);
  nodes_.push_back(std::move(node));
}

void Tape::accumulate(int64_t slot, Tensor gradient) {
  Tensor& sum = gradients_[static_cast<size_t>(slot)];
  if (!sum.defined()) {
    sum = std::move(gradient);
    return;
  }
  if (sum.shape() != gradient.shape()) {
    throw ShapeError(fmt::format("[tape] gradients of shapes {} and {} meet", sum.shape().str(),
                                 gradient.shape().str()));
  }
  // In place only if nobody else holds the buffer: `add` hands the same dy to both of its inputs.
  if (!sum.unique()) sum = sum.clone();
  float* to = sum.mutable_data();
  const float* from = gradient.data();
  constexpr int64_t kGrain = 1 << 16;
  parallel_for(sum.numel(), kGrain, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) to[i] += from[i];
  });
}

Gradients Tape::backward(const Tensor& loss) {
  const Tensor one = Tensor::full(loss.shape(), 1.0F);
  if (loss.numel() != 1) {
    throw ShapeError("[backward] wants a scalar loss, got " + loss.shape().str());
  }
  return backward(std::span(&loss, 1), std::span(&one, 1));
}

void Tape::begin_backward(std::span<const Tensor> outputs, std::span<const Tensor> cotangents) {
  if (done_) throw UsageError("[backward] ran already on this tape: record again");
  if (outputs.size() != cotangents.size()) {
    throw ShapeError(
        fmt::format("[backward] {} outputs but {} cotangents", outputs.size(), cotangents.size()));
  }
  done_ = true;
  gradients_.resize(watched_.size());
  for (size_t i = 0; i < outputs.size(); ++i) {
    if (outputs[i].shape() != cotangents[i].shape()) {
      throw ShapeError(fmt::format("[backward] the cotangent of {} has shape {}",
                                   outputs[i].shape().str(), cotangents[i].shape().str()));
    }
    if (outputs[i].tape_ == id_) accumulate(outputs[i].slot_, cotangents[i].detach());
  }
}

/// Sends the last node's gradient to its inputs and frees the node. Their slots.
std::vector<int64_t> Tape::play_last_node() {
  Node node = std::move(nodes_.back());
  nodes_.pop_back();
  recomputations_.erase(node.output);  // all who read it come later on the list
  const Tensor dy = std::exchange(gradients_[static_cast<size_t>(node.output)], Tensor());
  if (!dy.defined()) return std::move(node.inputs);  // nothing asked for depends on it
  uint64_t needs = 0;
  for (size_t i = 0; i < node.inputs.size(); ++i) {
    const auto bit = std::min(static_cast<int64_t>(i), Needs::kLast);
    if (node.inputs[i] >= 0) needs |= uint64_t{1} << bit;
  }
  const ProfileScope profile(node.name, true);
  std::vector<Tensor> gradients = node.backward(dy, Needs(needs, node.inputs, gradients_));
  VT_CHECK(gradients.size() == node.inputs.size());
  for (size_t i = 0; i < node.inputs.size(); ++i) {
    if (node.inputs[i] < 0) continue;
    VT_CHECK(gradients[i].defined());
    accumulate(node.inputs[i], std::move(gradients[i]));
  }
  return std::move(node.inputs);
}

Gradients Tape::backward(std::span<const Tensor> outputs, std::span<const Tensor> cotangents) {
  const Pause pause;
  begin_backward(outputs, cotangents);
  while (!nodes_.empty()) play_last_node();
  Gradients result;
  result.tape_ = id_;
  result.by_slot_ = std::move(gradients_);
  return result;
}

void Tape::backward(std::span<const Tensor> outputs, std::span<const Tensor> cotangents,
                    const Complete& complete) {
  const Pause pause;
  begin_backward(outputs, cotangents);
  std::vector<int64_t> readers(watched_.size());  // nodes still to be played, by slot
  for (const Node& node : nodes_) {
    for (const int64_t slot : node.inputs) {
      if (slot >= 0) ++readers[static_cast<size_t>(slot)];
    }
  }
  const auto pass_on = [&](size_t slot) {
    complete(static_cast<int64_t>(slot), std::exchange(gradients_[slot], Tensor()));
  };
  for (size_t slot = 0; slot < readers.size(); ++slot) {
    if (watched_[slot] && readers[slot] == 0) pass_on(slot);
  }
  while (!nodes_.empty()) {
    for (const int64_t input : play_last_node()) {
      const auto slot = static_cast<size_t>(input);
      if (input >= 0 && --readers[slot] == 0 && watched_[slot]) pass_on(slot);
    }
  }
}

Tensor Gradients::of(const Tensor& leaf) const {
  if (leaf.tape_ != tape_) return {};
  return by_slot_[static_cast<size_t>(leaf.slot_)];
}

}  // namespace vitrine
