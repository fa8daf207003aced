#include "models/networks/checkpointed.hpp"

namespace vitrine::detail {

std::vector<Tensor> gradients_of(const std::function<Tensor()>& forward,
                                 std::span<Tensor* const> leaves, const Tensor& dy) {
  Tape tape;
  for (Tensor* leaf : leaves) tape.watch(*leaf);
  const Tensor y = forward();
  const Gradients found = tape.backward(std::span(&y, 1), std::span(&dy, 1));
  std::vector<Tensor> gradients;
  gradients.reserve(leaves.size());
  for (const Tensor* leaf : leaves) gradients.push_back(found.of(*leaf));
  return gradients;
}

}  // namespace vitrine::detail
