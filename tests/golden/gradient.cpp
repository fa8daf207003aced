#include "tests/golden/gradient.hpp"

namespace vitrine::golden {

void compare_gradients(Tape& tape, const Cotangents& from,
                       const std::vector<WantedGradient>& wanted, Result& result) {
  const Gradients gradients = tape.backward(from.outputs, from.cotangents);
  for (const WantedGradient& w : wanted) {
    Tensor got = gradients.of(w.input);
    if (!got.defined()) got = Tensor::zeros(w.input.shape());
    result.compare(w.name, got, w.want, w.tolerance);
  }
}

}  // namespace vitrine::golden
