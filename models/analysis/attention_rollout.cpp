#include "models/analysis/attention_rollout.hpp"

#include "core/check.hpp"

namespace vitrine {
namespace {

// flow A for one block, where A (N, N) is the mean over heads plus the identity, rows scaled to 1.
//   flow (N), attention (H, N, N)
std::vector<double> through_block(const std::vector<double>& flow, const Tensor& attention) {
  const int64_t heads = attention.dim(0);
  const auto tokens = static_cast<int64_t>(flow.size());
  std::vector<double> next(flow.size(), 0.0);
  std::vector<double> row(flow.size());
  for (int64_t i = 0; i < tokens; ++i) {
    const double amount = flow[static_cast<size_t>(i)];
    if (amount == 0) continue;
    row.assign(flow.size(), 0.0);
    for (int64_t h = 0; h < heads; ++h) {
      const float* from = attention.data() + (h * tokens + i) * tokens;
      for (int64_t j = 0; j < tokens; ++j) row[static_cast<size_t>(j)] += double{from[j]};
    }
    double sum = 0;
    for (double& v : row) sum += v /= static_cast<double>(heads);
    row[static_cast<size_t>(i)] += 1;
    sum += 1;
    for (size_t j = 0; j < row.size(); ++j) next[j] += amount * row[j] / sum;
  }
  return next;
}

}  // namespace

Tensor attention_rollout(std::span<const Tensor> attention, const TokenLayout& layout) {
  check(!attention.empty(), "attention_rollout", "there must be at least one block");
  for (const Tensor& block : attention) {
    check_rank_at_least("attention_rollout", "attention", block, 3);
    check_shape("attention_rollout", "attention", block,
                {block.dim(0), layout.tokens(), layout.tokens()});
    check(block.dim(0) > 0, "attention_rollout", "a block must have at least one head");
  }
  // Only the rows that the head reads are wanted. Going back from the last block they are one row
  // vector: L products of a vector and a matrix instead of L products of matrices.
  std::vector<double> flow = layout.read_weights();
  for (size_t block = attention.size(); block-- > 0;) flow = through_block(flow, attention[block]);

  Tensor map = Tensor::empty({layout.grid_height, layout.grid_width});
  float* to = map.mutable_data();
  for (int64_t patch = 0; patch < layout.patches(); ++patch) {
    to[patch] = static_cast<float>(flow[static_cast<size_t>(layout.prefix + patch)]);
  }
  return map;
}

}  // namespace vitrine
