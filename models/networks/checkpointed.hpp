#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/tape.hpp"
#include "models/networks/layers.hpp"
#include "models/networks/parameter.hpp"

namespace vitrine {

namespace detail {

/// Gradients of sum(dy * forward()) with respect to `leaves`, handles that `forward` reads.
std::vector<Tensor> gradients_of(const std::function<Tensor()>& forward,
                                 std::span<Tensor* const> leaves, const Tensor& dy);

/// A block and its input, to run again. The copies share their storage with the originals, but are
/// handles of their own, which another tape can watch.
template <class Block>
struct SecondRun {
  Block block;
  Tensor x;
  std::vector<Tensor*> leaves;  // x and the parameters whose gradients the first tape wants
  std::vector<Saved> saved;

  SecondRun(const Block& original, const Tensor& input) : block(original), x(input) {
    add(x);
    block.visit("", [this](const std::string&, Parameter& p, Role role) {
      p.grad = Tensor();
      if (role != Role::kBuffer) add(p.value);
    });
  }
  SecondRun(const SecondRun&) = delete;
  SecondRun& operator=(const SecondRun&) = delete;

  std::vector<Tensor> gradients(const Tensor& dy, const Pass& pass) {
    // Running statistics have moved in the first run.
    block.visit("", [](const std::string&, Parameter& p, Role role) {
      if (role == Role::kBuffer) p.value = p.value.clone();
    });
    return gradients_of([&] { return block(x, pass); }, leaves, dy);
  }

 private:
  void add(Tensor& tensor) {
    saved.emplace_back(tensor);
    if (Tape::recording({&tensor}) != nullptr) leaves.push_back(&tensor);
  }
};

}  // namespace detail

/// block(x, pass); with pass.checkpoint_blocks the tape keeps x alone of what backward needs, and
/// backward runs the block again: a second forward pass buys the memory of all but one block's
/// activations. Gradients are bit for bit the same: masks are a function of (seed, step, place),
/// and running statistics move in the first run only. Nothing runs twice under a probe, or where
/// nothing is recorded.
/// Block: operator()(x, pass), visit(name, f) and copies that share parameters; each parameter that
/// is trained must have a part in the result.
/// Source: Chen et al. 2016, arXiv 1604.06174.
template <class Block>
Tensor checkpointed(const Block& block, const Tensor& x, const Pass& pass) {
  if (!pass.checkpoint_blocks || pass.probe != nullptr) return block(x, pass);
  const auto again = std::make_shared<detail::SecondRun<Block>>(block, x);
  const std::vector<const Tensor*> inputs(again->leaves.begin(), again->leaves.end());
  Tape* tape = Tape::recording(inputs);
  if (tape == nullptr) return block(x, pass);
  Tensor y;
  {
    const Tape pause;
    y = block(x, pass);
  }
  tape->record(inputs, y,
               [again, pass](const Tensor& dy, Needs) { return again->gradients(dy, pass); });
  return y;
}

}  // namespace vitrine
