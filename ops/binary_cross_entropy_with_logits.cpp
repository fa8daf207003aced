#include "ops/binary_cross_entropy_with_logits.hpp"

#include "core/parallel.hpp"
#include "core/profile.hpp"
#include "ops/class_target.hpp"
#include "ops/kernels/all.hpp"
#include "ops/kernels/binary_cross_entropy_with_logits.hpp"

namespace vitrine {
namespace {

using kernels::CrossEntropyTarget;

constexpr std::string_view kOp = "binary_cross_entropy_with_logits";
constexpr std::string_view kBackward = "binary_cross_entropy_with_logits_backward";
constexpr int64_t kChunkElements = 1 << 12;  // some microseconds

int64_t rows_per_chunk(int64_t width) {
  return std::max<int64_t>(kChunkElements / std::max<int64_t>(width, 1), 1);
}

/// What the sum over the classes of a row is multiplied with.
float row_scale(int64_t width, const BinaryCrossEntropyOptions& options) {
  return options.sum_classes ? 1.0F : 1.0F / static_cast<float>(width);
}

Tensor loss_of(const Tensor& logits, const CrossEntropyTarget& target,
               const BinaryCrossEntropyOptions& options) {
  const int64_t rows = logits.dim(0);
  const int64_t width = logits.dim(1);
  Tensor losses = Tensor::empty({rows});
  float* to = losses.mutable_data();
  const float scale = row_scale(width, options);
  const auto& kernel = *kernels::active().binary_cross_entropy_with_logits;
  parallel_for(rows, rows_per_chunk(width), [&](int64_t begin, int64_t end) {
    kernel.forward(end - begin, width, logits.data() + begin * width, target.at(begin, width),
                   to + begin);
    for (int64_t r = begin; r < end; ++r) to[r] *= scale;
  });
  return reduce(losses, target, options.reduction);
}

/// The gradient of each row's sum over the classes.
Tensor sum_gradients(const Tensor& dy, const Tensor& logits, const CrossEntropyTarget& target,
                     const BinaryCrossEntropyOptions& options) {
  Tensor d = row_gradients(kBackward, dy, logits.dim(0), target, options.reduction).clone();
  const float scale = row_scale(logits.dim(1), options);
  float* values = d.mutable_data();
  for (int64_t r = 0; r < d.numel(); ++r) values[r] *= scale;
  return d;
}

Tensor logits_gradient(const Tensor& dsums, const Tensor& logits,
                       const CrossEntropyTarget& target) {
  const int64_t width = logits.dim(1);
  Tensor dlogits = Tensor::empty(logits.shape());
  float* to = dlogits.mutable_data();
  const auto& kernel = *kernels::active().binary_cross_entropy_with_logits;
  parallel_for(logits.dim(0), rows_per_chunk(width), [&](int64_t begin, int64_t end) {
    kernel.backward(end - begin, width, dsums.data() + begin, logits.data() + begin * width,
                    target.at(begin, width), to + begin * width);
  });
  return dlogits;
}

Tensor probabilities_gradient(const Tensor& dsums, const Tensor& logits, float smoothing) {
  const int64_t width = logits.dim(1);
  Tensor gradient = Tensor::empty(logits.shape());
  float* to = gradient.mutable_data();
  parallel_for(logits.dim(0), rows_per_chunk(width), [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r) {
      const float factor = -(1.0F - smoothing) * dsums.data()[r];
      for (int64_t i = r * width; i < (r + 1) * width; ++i) to[i] = factor * logits.data()[i];
    }
  });
  return gradient;
}

}  // namespace

Tensor binary_cross_entropy_with_logits(const Tensor& logits, std::span<const int32_t> labels,
                                        const BinaryCrossEntropyOptions& options) {
  const ProfileScope profile(kOp);
  Tensor loss = loss_of(logits, label_target(kOp, logits, labels, options), options);
  if (Tape* tape = Tape::recording({&logits})) {
    tape->record({&logits}, loss,
                 [logits = Saved(logits), labels = std::vector(labels.begin(), labels.end()),
                  options](const Tensor& dy, Needs) {
                   return std::vector{
                       binary_cross_entropy_with_logits_backward(dy, logits, labels, options)};
                 });
  }
  return loss;
}

Tensor binary_cross_entropy_with_logits(const Tensor& logits, const Tensor& probabilities,
                                        const BinaryCrossEntropyOptions& options) {
  const ProfileScope profile(kOp);
  Tensor loss = loss_of(logits, probability_target(kOp, logits, probabilities, options), options);
  if (Tape* tape = Tape::recording({&logits, &probabilities})) {
    tape->record({&logits, &probabilities}, loss,
                 [logits = Saved(logits), probabilities = Saved(probabilities), options](
                     const Tensor& dy, Needs needs) {
                   auto g = binary_cross_entropy_with_logits_backward(
                       dy, logits, probabilities.get(), options, needs);
                   return std::vector{g.dlogits, g.dprobabilities};
                 });
  }
  return loss;
}

Tensor binary_cross_entropy_with_logits_backward(const Tensor& dy, const Tensor& logits,
                                                 std::span<const int32_t> labels,
                                                 const BinaryCrossEntropyOptions& options) {
  const CrossEntropyTarget target = label_target(kBackward, logits, labels, options);
  return logits_gradient(sum_gradients(dy, logits, target, options), logits, target);
}

BinaryCrossEntropyGradients binary_cross_entropy_with_logits_backward(
    const Tensor& dy, const Tensor& logits, const Tensor& probabilities,
    const BinaryCrossEntropyOptions& options, Needs needs) {
  const CrossEntropyTarget target = probability_target(kBackward, logits, probabilities, options);
  const Tensor dsums = sum_gradients(dy, logits, target, options);
  BinaryCrossEntropyGradients g;
  if (needs[0]) g.dlogits = logits_gradient(dsums, logits, target);
  if (needs[1]) {
    g.dprobabilities = probabilities_gradient(dsums, logits, options.label_smoothing);
  }
  return g;
}

}  // namespace vitrine
