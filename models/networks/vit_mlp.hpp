#pragma once

#include <string>

#include "models/networks/layers.hpp"

namespace vitrine {

/// Two linear layers with an activation between them; the first may have a gate.
struct Mlp {
  Linear fc1, fc2;      // fc1 (M, D); with a packed gate (2 M, D), the gate's rows first
  Linear fc1_g, fc1_x;  // gate and value of their own, in the place of fc1
  Norm norm;            // before fc2
  bool packed = false;
  Activation activation = Activation::kGelu;

  /// Whether it is activation(fc1(x)) alone, which ops' mlp does in one.
  bool plain() const { return fc1.weight.defined() && !packed && !norm.defined(); }

  /// Of a plain one: x (B, N, D) -> residual + scale * fc2(activation(fc1(x))), as ops' mlp:
  /// (B, N, D)
  Tensor operator()(const Tensor& x, const Tensor& residual = {}, const Tensor& scale = {}) const;

  /// x (B, N, D) -> the hidden layer after activation and gate, before the norm: (B, N, M)
  Tensor hidden_of(const Tensor& x, const Pass& pass, const std::string& name) const;

  /// The hidden layer -> what enters fc2.
  Tensor normed(const Tensor& hidden, const Pass& pass, const std::string& name) const;

  template <class F>
  void visit(const std::string& name, F&& f) {
    fc1.visit(name + ".fc1", f);
    fc1_g.visit(name + ".fc1_g", f);
    fc1_x.visit(name + ".fc1_x", f);
    norm.visit(name + ".norm", f);
    fc2.visit(name + ".fc2", f);
  }
};

}  // namespace vitrine
