#include "ops/class_target.hpp"

#include <fmt/format.h>

#include "core/check.hpp"
#include "core/error.hpp"

namespace vitrine {
namespace {

void check_arguments(std::string_view op, const Tensor& logits,
                     const CrossEntropyOptions& options) {
  if (!logits.defined() || logits.rank() != 2) {
    throw ShapeError(fmt::format("[{}] logits must be (B, C), got {}", op,
                                 logits.defined() ? logits.shape().str() : "nothing"));
  }
  check_usage(options.label_smoothing >= 0 && options.label_smoothing <= 1, op,
              fmt::format("label_smoothing must be in [0, 1], got {}", options.label_smoothing));
}

/// Number of rows that have a loss.
int64_t count_rows(int64_t rows, const kernels::CrossEntropyTarget& target) {
  int64_t count = 0;
  for (int64_t r = 0; r < rows; ++r) count += target.ignored(r) ? 0 : 1;
  return count;
}

}  // namespace

kernels::CrossEntropyTarget label_target(std::string_view op, const Tensor& logits,
                                         std::span<const int32_t> labels,
                                         const CrossEntropyOptions& options) {
  check_arguments(op, logits, options);
  check(std::ssize(labels) == logits.dim(0), op,
        fmt::format("logits {} want {} labels, got {}", logits.shape().str(), logits.dim(0),
                    labels.size()));
  for (size_t row = 0; row < labels.size(); ++row) {
    const int32_t label = labels[row];
    if ((label >= 0 && label < logits.dim(1)) || label == options.ignore_index) continue;
    throw UsageError(fmt::format("[{}] the label of row {} must be in [0, {}), got {}", op, row,
                                 logits.dim(1), label));
  }
  return {labels.data(), nullptr, options.label_smoothing, options.ignore_index};
}

kernels::CrossEntropyTarget probability_target(std::string_view op, const Tensor& logits,
                                               const Tensor& probabilities,
                                               const CrossEntropyOptions& options) {
  check_arguments(op, logits, options);
  check_shape(op, "probabilities", probabilities, logits.shape(), "logits", logits.shape());
  return {nullptr, probabilities.data(), options.label_smoothing, options.ignore_index};
}

Tensor reduce(const Tensor& losses, const kernels::CrossEntropyTarget& target,
              Reduction reduction) {
  if (reduction == Reduction::kNone) return losses;
  double sum = 0;
  for (const float loss : losses.values()) sum += static_cast<double>(loss);
  if (reduction == Reduction::kMean) {
    sum /= static_cast<double>(count_rows(losses.numel(), target));
  }
  return Tensor::scalar(static_cast<float>(sum));
}

Tensor row_gradients(std::string_view op, const Tensor& dy, int64_t rows,
                     const kernels::CrossEntropyTarget& target, Reduction reduction) {
  check_shape(op, "dy", dy, reduction == Reduction::kNone ? Shape{rows} : Shape{});
  if (reduction == Reduction::kNone) return dy;
  if (reduction == Reduction::kSum) return Tensor::full({rows}, dy.item());
  return Tensor::full({rows}, dy.item() / static_cast<float>(count_rows(rows, target)));
}

}  // namespace vitrine
