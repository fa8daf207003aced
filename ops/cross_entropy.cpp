#include "ops/cross_entropy.hpp"

#include "core/parallel.hpp"
#include "core/profile.hpp"
#include "ops/class_target.hpp"
#include "ops/kernels/all.hpp"
#include "ops/kernels/cross_entropy.hpp"
#include "ops/softmax.hpp"

namespace vitrine {
namespace {

using kernels::CrossEntropyTarget;

constexpr int64_t kChunkElements = 1 << 13;  // some microseconds

int64_t rows_per_chunk(int64_t width) {
  return std::max<int64_t>(kChunkElements / std::max<int64_t>(width, 1), 1);
}

/// The losses of the rows (B), and what backward needs.
Tensor row_losses(const Tensor& logits, const CrossEntropyTarget& target,
                  CrossEntropyStatistics& statistics) {
  const int64_t rows = logits.dim(0);
  const int64_t width = logits.dim(1);
  Tensor losses = Tensor::empty({rows});
  statistics = {Tensor::empty({rows}), Tensor::empty({rows})};
  float* loss = losses.mutable_data();
  float* max = statistics.max.mutable_data();
  float* sum = statistics.sum.mutable_data();
  const kernels::CrossEntropy& kernel = *kernels::active().cross_entropy;
  parallel_for(rows, rows_per_chunk(width), [&](int64_t begin, int64_t end) {
    kernel.forward(end - begin, width, logits.data() + begin * width, target.at(begin, width),
                   loss + begin, max + begin, sum + begin);
  });
  return losses;
}

Tensor logits_gradient(const Tensor& dlosses, const Tensor& logits,
                       const CrossEntropyTarget& target, const CrossEntropyStatistics& statistics) {
  const int64_t rows = logits.dim(0);
  const int64_t width = logits.dim(1);
  Tensor dlogits = Tensor::empty(logits.shape());
  float* to = dlogits.mutable_data();
  const kernels::CrossEntropy& kernel = *kernels::active().cross_entropy;
  parallel_for(rows, rows_per_chunk(width), [&](int64_t begin, int64_t end) {
    kernel.backward(end - begin, width, dlosses.data() + begin, logits.data() + begin * width,
                    target.at(begin, width), statistics.max.data() + begin,
                    statistics.sum.data() + begin, to + begin * width);
  });
  return dlogits;
}

/// dloss (1 - s) (-log_softmax(x)), row by row.
Tensor probabilities_gradient(const Tensor& dlosses, const Tensor& logits, float smoothing) {
  const int64_t width = logits.dim(1);
  Tensor gradient = log_softmax(logits.detach(), -1);
  float* to = gradient.mutable_data();
  parallel_for(logits.dim(0), rows_per_chunk(width), [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r) {
      const float factor = -(1.0F - smoothing) * dlosses.data()[r];
      for (int64_t c = r * width; c < (r + 1) * width; ++c) to[c] *= factor;
    }
  });
  return gradient;
}

}  // namespace

Tensor cross_entropy(const Tensor& logits, std::span<const int32_t> labels,
                     const CrossEntropyOptions& options) {
  const ProfileScope profile("cross_entropy");
  const CrossEntropyTarget target = label_target("cross_entropy", logits, labels, options);
  CrossEntropyStatistics statistics;
  Tensor loss = reduce(row_losses(logits, target, statistics), target, options.reduction);
  if (Tape* tape = Tape::recording({&logits})) {
    tape->record(
        {&logits}, loss,
        [logits = Saved(logits), labels = std::vector(labels.begin(), labels.end()), statistics,
         options](const Tensor& dy, Needs) {
          return std::vector{cross_entropy_backward(dy, logits, labels, statistics, options)};
        });
  }
  return loss;
}

Tensor cross_entropy(const Tensor& logits, const Tensor& probabilities,
                     const CrossEntropyOptions& options) {
  const ProfileScope profile("cross_entropy");
  const CrossEntropyTarget target =
      probability_target("cross_entropy", logits, probabilities, options);
  CrossEntropyStatistics statistics;
  Tensor loss = reduce(row_losses(logits, target, statistics), target, options.reduction);
  if (Tape* tape = Tape::recording({&logits, &probabilities})) {
    tape->record({&logits, &probabilities}, loss,
                 [logits = Saved(logits), probabilities = Saved(probabilities), statistics,
                  options](const Tensor& dy, Needs needs) {
                   auto g = cross_entropy_backward(dy, logits, probabilities.get(), statistics,
                                                   options, needs);
                   return std::vector{g.dlogits, g.dprobabilities};
                 });
  }
  return loss;
}

Tensor cross_entropy_backward(const Tensor& dy, const Tensor& logits,
                              std::span<const int32_t> labels,
                              const CrossEntropyStatistics& statistics,
                              const CrossEntropyOptions& options) {
  constexpr std::string_view kOp = "cross_entropy_backward";
  const CrossEntropyTarget target = label_target(kOp, logits, labels, options);
  const Tensor dlosses = row_gradients(kOp, dy, logits.dim(0), target, options.reduction);
  return logits_gradient(dlosses, logits, target, statistics);
}

CrossEntropyGradients cross_entropy_backward(const Tensor& dy, const Tensor& logits,
                                             const Tensor& probabilities,
                                             const CrossEntropyStatistics& statistics,
                                             const CrossEntropyOptions& options, Needs needs) {
  constexpr std::string_view kOp = "cross_entropy_backward";
  const CrossEntropyTarget target = probability_target(kOp, logits, probabilities, options);
  const Tensor dlosses = row_gradients(kOp, dy, logits.dim(0), target, options.reduction);
  CrossEntropyGradients g;
  if (needs[0]) g.dlogits = logits_gradient(dlosses, logits, target, statistics);
  if (needs[1]) {
    g.dprobabilities = probabilities_gradient(dlosses, logits, options.label_smoothing);
  }
  return g;
}

}  // namespace vitrine
