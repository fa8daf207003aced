#include "models/weights/mapped_weights.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "core/error.hpp"

namespace vitrine {
namespace {

// What a run's checkpoint holds beside the weights.
constexpr std::string_view kOptimizer = "optimizer/";
constexpr std::string_view kAverage = "ema/";

/// By the name of each tensor of 8-bit integers, its scales.
std::map<std::string_view, RawTensor> scales_of(const TensorArchive& archive) {
  std::map<std::string_view, RawTensor> scales;
  for (const auto& [name, tensor] : archive.tensors()) {
    if (tensor.dtype != Dtype::kI8) continue;
    const std::string of = fmt::format("{}{}", name, kScaleSuffix);
    const RawTensor* scale = archive.find(of);
    const auto rows = tensor.shape.empty() ? 0 : tensor.shape[0];
    if (scale == nullptr || scale->dtype != Dtype::kF32 ||
        scale->shape != std::vector<int64_t>{rows}) {
      throw FormatError(
          FormatKind::kMismatch, archive.path(), -1,
          fmt::format("{} is in 8-bit integers and needs a {} of {} float32", name, of, rows));
    }
    scales.emplace(name, *scale);
  }
  return scales;
}

bool is_scale(std::string_view name, const std::map<std::string_view, RawTensor>& scales) {
  return name.ends_with(kScaleSuffix) &&
         scales.contains(name.substr(0, name.size() - kScaleSuffix.size()));
}

}  // namespace

Precision MappedTensor::precision() const {
  if (scales) return Precision::kInt8;
  const bool half = kept && parts.size() == 1 && parts[0].tensor.dtype == Dtype::kBf16;
  return half ? Precision::kBfloat16 : Precision::kFloat32;
}

void write_values(const MappedTensor& tensor, std::span<float> out) {
  if (tensor.parts.empty()) std::ranges::fill(out, 0.0F);
  size_t done = 0;
  for (const MappedPart& part : tensor.parts) {
    const auto size = static_cast<size_t>(part.tensor.size());
    if (part.added) {
      const std::vector<float> values = to_float32(part.tensor, part.name);
      VT_CHECK(size == out.size());
      for (size_t i = 0; i < size; ++i) out[i] += values[i];
      continue;
    }
    VT_CHECK(size <= out.size() - done);
    write_as_timm(part.tensor, part.layout, part.name, out.subspan(done, size));
    done += size;
  }
  VT_CHECK(tensor.parts.empty() || done == out.size());
  if (!tensor.scales || out.empty()) return;
  const std::vector<float> scales = to_float32(*tensor.scales, tensor.name);
  const size_t row = out.size() / scales.size();
  for (size_t i = 0; i < out.size(); ++i) out[i] *= scales[i / row];
}

bool is_batch_count(std::string_view name) { return name.ends_with(".num_batches_tracked"); }

const MappedTensor* MappedWeights::find(std::string_view name) const {
  const auto found = places_.find(name);
  return found == places_.end() ? nullptr : &tensors_[found->second];
}

MappedTensor* MappedWeights::find(std::string_view name) {
  const auto found = places_.find(name);
  return found == places_.end() ? nullptr : &tensors_[found->second];
}

size_t MappedWeights::place_of(const std::string& name) {
  const auto [found, first] = places_.try_emplace(name, tensors_.size());
  if (first) tensors_.push_back({name, {}, {}});
  return found->second;
}

bool MappedWeights::rename(std::string_view from, const std::string& to) {
  const auto found = places_.find(from);
  if (found == places_.end() || !places_.try_emplace(to, found->second).second) return false;
  tensors_[found->second].name = to;
  places_.erase(found);
  return true;
}

size_t MappedWeights::erase_all(std::string_view prefix) {
  const size_t count = std::erase_if(
      tensors_, [&](const MappedTensor& tensor) { return tensor.name.starts_with(prefix); });
  if (count == 0) return 0;
  places_.clear();
  for (size_t i = 0; i < tensors_.size(); ++i) places_[tensors_[i].name] = i;
  return count;
}

MappedWeights own_weights(const TensorArchive& archive, bool averaged) {
  MappedWeights weights;
  weights.exact_shapes = true;
  const auto scales = scales_of(archive);
  for (const auto& [name, tensor] : archive.tensors()) {
    if (is_scale(name, scales)) continue;
    const bool average = name.starts_with(kAverage);
    if (name.starts_with(kOptimizer) || (average && !averaged) || is_batch_count(name)) continue;
    const std::string ours = average ? name.substr(kAverage.size()) : name;
    MappedTensor& place = weights.at(weights.place_of(ours));
    if (!average && !place.parts.empty()) continue;
    place = {ours, tensor.shape, {{name, tensor}}};
    place.kept = true;
    if (const auto found = scales.find(name); found != scales.end()) place.scales = found->second;
  }
  return weights;
}

}  // namespace vitrine
