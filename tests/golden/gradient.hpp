#pragma once

#include <string>
#include <vector>

#include "core/tape.hpp"
#include "tests/golden/compare.hpp"

namespace vitrine::golden {

/// A gradient that is expected: that of sum over k of sum(cotangent[k] * output[k]).
struct WantedGradient {
  std::string name;  ///< for messages
  Tensor input;      ///< watched by the tape
  Tensor want;
  Tolerance tolerance;
};

/// Outputs of an operation and the cotangents that enter through them.
struct Cotangents {
  std::vector<Tensor> outputs, cotangents;

  void add(const Tensor& output, const Tensor& cotangent) {
    outputs.push_back(output);
    cotangents.push_back(cotangent);
  }
};

/// Runs the tape backward and compares. A gradient that nothing reached counts as zeros.
void compare_gradients(Tape& tape, const Cotangents& from,
                       const std::vector<WantedGradient>& wanted, Result& result);

}  // namespace vitrine::golden
