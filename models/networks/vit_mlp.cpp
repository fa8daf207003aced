#include "models/networks/vit_mlp.hpp"

#include "ops/activation.hpp"
#include "ops/gated.hpp"
#include "ops/slice.hpp"

namespace vitrine {

Tensor Mlp::operator()(const Tensor& x, const Tensor& residual, const Tensor& scale) const {
  return vitrine::mlp(x, fc1.weight.value, fc1.bias.value, activation, fc2.weight.value,
                      fc2.bias.value, residual, scale);
}

Tensor Mlp::hidden_of(const Tensor& x, const Pass& pass, const std::string& name) const {
  const bool probed = pass.probe != nullptr;
  if (fc1_g.weight.defined()) {
    const Tensor gate = fc1_g(x);
    const Tensor value = fc1_x(x);
    if (probed) {
      pass.report(name + ".fc1_g", gate);
      pass.report(name + ".fc1_x", value);
      pass.report(name + ".act", activate(activation, gate));
    }
    return gated(gate, value, activation);
  }
  if (!packed && !probed) return linear(x, fc1.weight.value, fc1.bias.value, activation);
  const Tensor before = fc1(x);
  pass.report(name + ".fc1", before);
  if (!packed) {
    const Tensor after = activate(activation, before);
    pass.report(name + ".act", after);
    return after;
  }
  if (probed) {
    const Tensor gate = slice_axis(before, -1, 0, before.dim(-1) / 2);
    pass.report(name + ".act", activate(activation, gate));
  }
  return gated(before, activation);
}

Tensor Mlp::normed(const Tensor& hidden, const Pass& pass, const std::string& name) const {
  if (!norm.defined()) return hidden;
  const Tensor y = norm(hidden);
  pass.report(name + ".norm", y);
  return y;
}

}  // namespace vitrine
