#include "models/weights/save_quantized.hpp"

#include <filesystem>
#include <map>

#include "models/weights/checkpoint.hpp"
#include "models/weights/mapped_weights.hpp"
#include "models/weights/precision.hpp"
#include "ops/quantize.hpp"

namespace vitrine {

std::vector<QuantizableWeight> quantizable_weights(const Model& plain, const Model& frozen) {
  std::map<std::string, Tensor> usable;
  size_t parameters = 0;
  frozen.network->visit([&](const std::string& name, Parameter& p, Role role) {
    if (has_precision(p.value, role)) usable.emplace(name, p.value);
    ++parameters;
  });
  std::vector<QuantizableWeight> weights;
  size_t of_plain = 0;
  plain.network->visit([&](const std::string& name, Parameter& p, Role) {
    ++of_plain;
    if (usable.contains(name)) weights.push_back({name, p.value});
  });
  const bool folded = parameters != of_plain;
  for (QuantizableWeight& weight : weights) {
    if (!folded) weight.value = usable.at(weight.name);
  }
  return weights;
}

int64_t save_quantized(const std::string& path, const Model& plain,
                       const std::vector<QuantizableWeight>& weights, Precision precision,
                       const std::set<std::string>& kept) {
  std::map<std::string, Int8Rows> integers;
  for (const auto& [name, value] : weights) {
    if (precision == Precision::kInt8 && !kept.contains(name)) {
      integers.emplace(name, int8_rows(value));
    }
  }
  std::vector<NamedTensor> tensors;
  for (NamedTensor& named : model_tensors(plain)) {
    const auto found = integers.find(named.name);
    if (found == integers.end()) {
      tensors.push_back(std::move(named));
      continue;
    }
    const Int8Rows& rows = found->second;
    tensors.push_back(
        {named.name, {Dtype::kI8, named.tensor.shape, std::as_bytes(std::span(rows.values))}});
    tensors.push_back({named.name + std::string(kScaleSuffix),
                       {Dtype::kF32, {rows.n}, std::as_bytes(std::span(rows.scales))}});
  }
  Metadata metadata = model_metadata(plain);
  if (!integers.empty()) {
    metadata["vitrine.format"] = std::to_string(kFormatVersion);
    metadata["vitrine.precision"] = name_of(kPrecisions, precision);
  }
  write_safetensors(path, tensors, metadata);
  return static_cast<int64_t>(std::filesystem::file_size(path));
}

}  // namespace vitrine
