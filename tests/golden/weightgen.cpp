#include "tests/golden/weightgen.hpp"

#include <cmath>
#include <string_view>

#include "core/parallel.hpp"

namespace vitrine::golden {
namespace {

constexpr uint64_t kIncrement = 0x9E3779B97F4A7C15;

/// FNV-1a, 64 bit.
uint64_t hash(std::string_view text) {
  uint64_t h = 0xcbf29ce484222325;
  for (const char c : text) {
    h ^= static_cast<unsigned char>(c);
    h *= 0x100000001b3;
  }
  return h;
}

/// SplitMix64: output i of the stream that starts at `state`.
uint64_t splitmix(uint64_t state, int64_t i) {
  uint64_t z = state + (static_cast<uint64_t>(i) + 1) * kIncrement;
  z ^= z >> 30;
  z *= 0xBF58476D1CE4E5B9;
  z ^= z >> 27;
  z *= 0x94D049BB133111EB;
  z ^= z >> 31;
  return z;
}

struct Rule {
  float offset, scale;
};

/// Value = offset + scale * unit; the first row of the table that fits.
Rule rule(std::string_view name, const Shape& shape) {
  const std::string_view last = name.substr(name.rfind('.') + 1);  // npos + 1 is 0
  if (last == "running_var") return {1, 0.125F};
  if (last == "running_mean") return {0, 0.125F};
  if (last == "cls_token" || last == "pos_embed" || last == "dist_token" || last == "reg_token") {
    return {0, 0.5F};
  }
  if (last == "gamma") return {0.25F, 0.125F};
  if (shape.rank() >= 2) {
    const auto fan_in = static_cast<double>(shape.product(1, shape.rank()));
    return {0, static_cast<float>(std::sqrt(3.0 / fan_in))};
  }
  if (last == "weight") return {1, 0.125F};
  return {0, 0.125F};
}

constexpr int64_t kGrain = 1 << 16;

}  // namespace

void WeightGenerator::unit(const std::string& name, float* out, int64_t count) const {
  const uint64_t state = hash(tag_ + "/" + name);
  parallel_for(count, kGrain, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const auto top = static_cast<int64_t>(splitmix(state, i) >> 40);
      out[i] = static_cast<float>(top - (1 << 23)) * 0x1p-23F;
    }
  });
}

std::vector<int32_t> WeightGenerator::integers(const std::string& name, int64_t count,
                                               uint32_t modulus) const {
  const uint64_t state = hash(tag_ + "/" + name);
  std::vector<int32_t> values;
  for (int64_t i = 0; i < count; ++i) {
    values.push_back(static_cast<int32_t>((splitmix(state, i) >> 32) % modulus));
  }
  return values;
}

void WeightGenerator::parameter(const std::string& name, Tensor& tensor) const {
  const Rule r = rule(name, tensor.shape());
  float* out = tensor.mutable_data();
  unit(name, out, tensor.numel());
  parallel_for(tensor.numel(), kGrain, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const float product = r.scale * out[i];  // rounded before the sum
      out[i] = r.offset == 0 ? product : product + r.offset;
    }
  });
}

WeightGenerator::Batch WeightGenerator::batch(const std::string& name, int64_t count,
                                              const std::vector<int64_t>& shape,
                                              int64_t classes) const {
  Batch batch;
  batch.labels = integers(name + "/labels", count, static_cast<uint32_t>(classes));
  std::vector<int64_t> dims = shape;
  dims.insert(dims.begin(), count);
  batch.images = Tensor::empty(Shape(dims));
  float* images = batch.images.mutable_data();
  unit(name + "/noise", images, batch.images.numel());
  const int64_t size = Shape(shape).numel();
  std::vector<float> prototype(static_cast<size_t>(size));
  for (int64_t b = 0; b < count; ++b) {
    unit("prototype/" + std::to_string(batch.labels[static_cast<size_t>(b)]), prototype.data(),
         size);
    float* image = images + b * size;
    for (int64_t j = 0; j < size; ++j) {
      image[j] = 0.5F * prototype[static_cast<size_t>(j)] + 0.5F * image[j];
    }
  }
  return batch;
}

}  // namespace vitrine::golden
