#include "models/weights/save_quantized.hpp"

#include <algorithm>
#include <filesystem>
#include <iterator>
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
  std::map<std::string, std::vector<uint16_t>> halves;
  for (const auto& [name, value] : weights) {
    if (kept.contains(name)) continue;
    if (precision == Precision::kInt8) integers.emplace(name, int8_rows(value));
    if (precision == Precision::kBfloat16) {
      std::vector<uint16_t>& to = halves[name];
      std::ranges::transform(value.values(), std::back_inserter(to), to_bfloat16);
    }
  }
  std::vector<NamedTensor> tensors;
  for (NamedTensor& named : model_tensors(plain)) {
    const std::string name = named.name;
    if (const auto found = integers.find(name); found != integers.end()) {
      const Int8Rows& rows = found->second;
      named.tensor.dtype = Dtype::kI8;
      named.tensor.bytes = std::as_bytes(std::span(rows.values));
      tensors.push_back(std::move(named));
      tensors.push_back({name + std::string(kScaleSuffix),
                         {Dtype::kF32, {rows.n}, std::as_bytes(std::span(rows.scales))}});
      continue;
    }
    if (const auto found = halves.find(name); found != halves.end()) {
      named.tensor.dtype = Dtype::kBf16;
      named.tensor.bytes = std::as_bytes(std::span(found->second));
    }
    tensors.push_back(std::move(named));
  }
  Metadata metadata = model_metadata(plain);
  if (integers.size() + halves.size() > 0) {
    metadata["vitrine.format"] = std::to_string(kFormatVersion);
    metadata[kPrecisionKey] = name_of(kPrecisions, precision);
  }
  write_safetensors(path, tensors, metadata);
  return static_cast<int64_t>(std::filesystem::file_size(path));
}

}  // namespace vitrine
