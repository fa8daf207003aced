#include "models/evaluate.hpp"

#include <limits>

#include "models/label_rank.hpp"
#include "ops/cross_entropy.hpp"

namespace vitrine {
std::vector<int32_t> predictions(const Tensor& logits) {
  const int64_t classes = logits.dim(-1);
  std::vector<int32_t> best(static_cast<size_t>(logits.dim(0)));
  for (size_t i = 0; i < best.size(); ++i) {
    const float* row = logits.data() + static_cast<int64_t>(i) * classes;
    float highest = -std::numeric_limits<float>::infinity();
    for (int64_t c = 0; c < classes; ++c) {
      if (row[c] > highest) {
        highest = row[c];
        best[i] = static_cast<int32_t>(c);
      }
    }
  }
  return best;
}

void Evaluation::add(const Tensor& logits, std::span<const int32_t> labels) {
  const int64_t classes = logits.dim(-1);
  confusion.resize(static_cast<size_t>(classes * classes));
  CrossEntropyOptions options;
  options.reduction = Reduction::kNone;
  const Tensor losses = cross_entropy(logits, labels, options);
  const std::vector<int32_t> predicted = predictions(logits);
  for (size_t i = 0; i < labels.size(); ++i) {
    const auto row = static_cast<int64_t>(i);
    const int64_t rank = label_rank(logits.data() + row * classes, classes, labels[i]);
    loss_sum += double{losses.data()[row]};
    top1 += rank == 0 ? 1 : 0;
    top5 += rank < 5 ? 1 : 0;
    ++confusion[static_cast<size_t>(labels[i] * classes + predicted[i])];
    ++images;
  }
}

Evaluation evaluate(const Network& model, Loader& loader,
                    const std::function<void(const Evaluation&)>& seen) {
  Evaluation result;
  loader.start(0);
  while (const Batch* batch = loader.next()) {
    result.add(model(batch->images), batch->labels);
    if (seen) seen(result);
  }
  return result;
}

}  // namespace vitrine
