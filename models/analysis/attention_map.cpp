#include "models/analysis/attention_map.hpp"

#include "core/check.hpp"

namespace vitrine {

Tensor attention_map(const Tensor& attention, const TokenLayout& layout) {
  check_rank_at_least("attention_map", "attention", attention, 3);
  const int64_t heads = attention.dim(0);
  const int64_t tokens = layout.tokens();
  check_shape("attention_map", "attention", attention, {heads, tokens, tokens});

  const std::vector<double> read = layout.read_weights();
  Tensor map = Tensor::empty({heads, layout.grid_height, layout.grid_width});
  for (int64_t h = 0; h < heads; ++h) {
    const float* rows = attention.data() + h * tokens * tokens;  // (N, N)
    float* to = map.mutable_data() + h * layout.patches();
    for (int64_t patch = 0; patch < layout.patches(); ++patch) {
      double sum = 0;
      for (int64_t i = 0; i < tokens; ++i) {
        const double weight = read[static_cast<size_t>(i)];
        if (weight != 0) sum += weight * double{rows[i * tokens + layout.prefix + patch]};
      }
      to[patch] = static_cast<float>(sum);
    }
  }
  return map;
}

}  // namespace vitrine
