#include "models/weights/mapped_weights.hpp"

#include <algorithm>

#include "core/error.hpp"

namespace vitrine {
namespace {

// What a run's checkpoint holds beside the weights.
constexpr std::string_view kOptimizer = "optimizer/";
constexpr std::string_view kAverage = "ema/";

}  // namespace

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
  for (const auto& [name, tensor] : archive.tensors()) {
    const bool average = name.starts_with(kAverage);
    if (name.starts_with(kOptimizer) || (average && !averaged) || is_batch_count(name)) continue;
    const std::string ours = average ? name.substr(kAverage.size()) : name;
    MappedTensor& place = weights.at(weights.place_of(ours));
    if (average || place.parts.empty()) place = {ours, tensor.shape, {{name, tensor}}};
  }
  return weights;
}

}  // namespace vitrine
