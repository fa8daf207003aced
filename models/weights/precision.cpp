#include "models/weights/precision.hpp"

#include "core/memory.hpp"
#include "ops/gemm/gemm_packed.hpp"
#include "ops/quantize.hpp"

namespace vitrine {

bool has_precision(const Tensor& value, Role role) {
  if (role != Role::kWeight) return false;
  // A convolution in groups is packed in parts.
  return value.rank() == 2 || (value.rank() == 4 && packed_precision(value).has_value());
}

void set_precision(Network& network, Precision precision, const std::set<std::string>& except) {
  network.visit([&](const std::string& name, Parameter& p, Role role) {
    if (!has_precision(p.value, role) || except.contains(name)) return;
    if (packed_precision(p.value) == precision) return;
    quantize_weight(p.value, precision);
    trim_memory();  // the plain weight: no activation is as large
  });
}

}  // namespace vitrine
