#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <span>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/tensor.hpp"

namespace vitrine {

/// Which inputs of an operation need a gradient, in the order of its inputs.
class Needs {
 public:
  explicit Needs(uint64_t bits) : bits_(bits) {}
  static Needs all() { return Needs(~uint64_t{0}); }
  /// Inputs from kLast on share one bit.
  bool operator[](int64_t input) const { return ((bits_ >> std::min(input, kLast)) & 1U) != 0; }
  static constexpr int64_t kLast = 63;

  /// What other operations have sent to `input` so far, or an undefined tensor. For an operation
  /// that adds to it while it writes its own gradient: what it returns is then the sum of both.
  Tensor take_sum(int64_t input) const;

 private:
  friend class Tape;
  Needs(uint64_t bits, std::span<const int64_t> slots, std::span<Tensor> gradients)
      : bits_(bits), slots_(slots), gradients_(gradients) {}

  uint64_t bits_;
  std::span<const int64_t> slots_;  // of the inputs
  std::span<Tensor> gradients_;     // by slot
};

/// From the gradient of an operation's output to those of its inputs, in order; an input that does
/// not need one may stay undefined.
using Backward = std::function<std::vector<Tensor>(const Tensor& dy, Needs needs)>;

/// An operation's output that need not be kept for those who read it in backward, because it is
/// cheap to compute from what the operation's own backward keeps anyway, such as a layer norm's.
class Recomputation {
 public:
  explicit Recomputation(std::function<Tensor()> compute) : compute_(std::move(compute)) {}
  /// The output; computed when somebody asks first.
  const Tensor& value() {
    if (!value_.defined()) value_ = compute_();
    return value_;
  }

 private:
  std::function<Tensor()> compute_;
  Tensor value_;
};

/// A tensor that a backward will read. While it lives, writing to the tensor's storage throws.
/// If the tape knows how to compute the tensor again, that is kept in its place.
class Saved {
 public:
  Saved() = default;
  explicit Saved(const Tensor& tensor);
  Saved(const Saved& other) : tensor_(other.tensor_), again_(other.again_) { add(); }
  Saved& operator=(const Saved&) = delete;
  ~Saved() {
    if (tensor_.defined()) tensor_.storage().drop_capture();
  }
  const Tensor& get() const { return again_ ? again_->value() : tensor_; }
  operator const Tensor&() const { return get(); }  // NOLINT: reads as the tensor that it is

 private:
  void add() {
    if (tensor_.defined()) tensor_.storage().add_capture();
  }
  Tensor tensor_;
  std::shared_ptr<Recomputation> again_;
};

class Gradients;

/// Reverse-mode differentiation (Wengert list). While a Tape lives, operations on this thread that
/// touch a watched tensor, or anything computed from one, are recorded; without a Tape nothing is,
/// so inference pays nothing. The order of execution is the order of the list, so backward is one
/// loop from its end, which frees each node as it passes.
///
///   Tape tape;
///   tape.watch(w);
///   Tensor loss = mean(square(matmul(x, w)));
///   Gradients g = tape.backward(loss);
///   g.of(w);
///
/// Rules:
///   1. A tape belongs to the thread that made it. A second tape inside pauses the first.
///   2. Nodes know slots, not tensors: what a backward needs is what its closure captures.
///   3. backward runs once; a gradient of a gradient is not offered.
/// Cost: about 0.15 us to record a node and 0.05 us to play it back.
class Tape {
 public:
  Tape();
  ~Tape();
  Tape(const Tape&) = delete;
  Tape& operator=(const Tape&) = delete;

  /// Makes `leaf` (this handle and copies made of it later) a tensor whose gradient is wanted. Its
  /// number, for Complete.
  int64_t watch(Tensor& leaf);

  /// The tape that records on this thread, if at least one of `inputs` (null or undefined ones
  /// count for nothing) is known to it; otherwise null.
  static Tape* recording(std::initializer_list<const Tensor*> inputs) {
    return recording(std::span(inputs.begin(), inputs.size()));
  }
  static Tape* recording(std::span<const Tensor* const> inputs);

  /// Notes that `output` came from `inputs` and how gradients flow back. Called by operations.
  /// `recompute`, if given, computes the output again, bit for bit, from what `backward` keeps;
  /// then those who save the output keep this instead. Not if an input is computed again itself: of
  /// a chain of such operations every second output is kept.
  void record(std::initializer_list<const Tensor*> inputs, Tensor& output, Backward backward,
              std::function<Tensor()> recompute = {}) {
    record(std::span(inputs.begin(), inputs.size()), output, std::move(backward),
           std::move(recompute));
  }
  void record(std::span<const Tensor* const> inputs, Tensor& output, Backward backward,
              std::function<Tensor()> recompute = {});

  /// Gradients of the scalar `loss` with respect to every watched tensor.
  Gradients backward(const Tensor& loss);
  /// Gradients of sum over k of sum(cotangents[k] * outputs[k]). Throws ShapeError if the shapes
  /// differ, UsageError if backward ran before.
  Gradients backward(std::span<const Tensor> outputs, std::span<const Tensor> cotangents);

  /// Takes the gradient of the watched tensor of this number; undefined if the outputs do not
  /// depend on it.
  using Complete = std::function<void(int64_t leaf, Tensor gradient)>;
  /// The same, but every gradient goes to `complete`, once for each watched tensor, as soon as
  /// nothing more is added to it: while those of earlier layers are still to come.
  void backward(std::span<const Tensor> outputs, std::span<const Tensor> cotangents,
                const Complete& complete);

 private:
  struct Node {
    std::vector<int64_t> inputs;  // slots; -1 for inputs that this tape does not know
    int64_t output;
    Backward backward;
    std::string_view name;  // of the operation, for the profile
  };
  void accumulate(int64_t slot, Tensor gradient);
  void begin_backward(std::span<const Tensor> outputs, std::span<const Tensor> cotangents);
  std::vector<int64_t> play_last_node();
  friend class Saved;
  /// How to compute `tensor` again, or null.
  static std::shared_ptr<Recomputation> recomputation_of(const Tensor& tensor);

  uint64_t id_;
  Tape* outer_;
  bool done_ = false;
  std::vector<Node> nodes_;
  std::vector<bool> watched_;      // by slot
  std::vector<Tensor> gradients_;  // by slot, while backward runs
  std::unordered_map<int64_t, std::shared_ptr<Recomputation>> recomputations_;  // by slot
};

/// What backward found.
class Gradients {
 public:
  /// The gradient of a watched tensor; undefined if the loss does not depend on it.
  Tensor of(const Tensor& leaf) const;

 private:
  friend class Tape;
  uint64_t tape_ = 0;
  std::vector<Tensor> by_slot_;
};

}  // namespace vitrine
