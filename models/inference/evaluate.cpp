#include "models/inference/evaluate.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "models/data/label_rank.hpp"
#include "models/inference/batches.hpp"
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

void Evaluation::note(const Mistake& mistake) {
  const auto worse = [](const Mistake& a, const Mistake& b) {
    return a.loss != b.loss ? a.loss > b.loss : a.index < b.index;
  };
  if (mistakes.size() == kWorstMistakes && !worse(mistake, mistakes.back())) return;
  mistakes.insert(std::ranges::upper_bound(mistakes, mistake, worse), mistake);
  if (mistakes.size() > kWorstMistakes) mistakes.pop_back();
}

std::vector<Judged> judge(const Tensor& logits, std::span<const int32_t> labels,
                          std::span<const int64_t> indices) {
  const int64_t classes = logits.dim(-1);
  CrossEntropyOptions options;
  options.reduction = Reduction::kNone;
  const Tensor losses = cross_entropy(logits, labels, options);
  const std::vector<int32_t> predicted = predictions(logits);
  std::vector<Judged> judged(labels.size());
  for (size_t i = 0; i < labels.size(); ++i) {
    const float* x = logits.data() + static_cast<int64_t>(i) * classes;
    const double loss = double{losses.data()[i]};
    // loss = log sum e^x - x[label]
    const double probability = std::exp(double{x[predicted[i]]} - double{x[labels[i]]} - loss);
    judged[i] = {.index = indices[i],
                 .label = labels[i],
                 .predicted = predicted[i],
                 .rank = label_rank(x, classes, labels[i]),
                 .loss = loss,
                 .probability = std::isfinite(loss) ? probability : 0};
  }
  return judged;
}

std::vector<Judged> judge(const Network& model, Loader& loader) {
  std::vector<Judged> all;
  for_each_batch(loader, [&](const Batch& batch) {
    const std::vector<Judged> more = judge(model(batch.images), batch.labels, batch.indices);
    all.insert(all.end(), more.begin(), more.end());
  });
  return all;
}

void Evaluation::add(const Judged& p, int64_t classes) {
  confusion.resize(static_cast<size_t>(classes * classes));
  loss_sum += p.loss;
  if (p.predicted != p.label) {
    // No number is worse than any: infinity, so that there is an order.
    const bool finite = std::isfinite(p.loss);
    note({p.index, p.label, p.predicted, p.probability,
          finite ? p.loss : std::numeric_limits<double>::infinity()});
  }
  top1 += p.rank == 0 ? 1 : 0;
  top5 += p.rank < 5 ? 1 : 0;
  ++confusion[static_cast<size_t>(p.label * classes + p.predicted)];
  ++images;
}

void Evaluation::add(const Tensor& logits, std::span<const int32_t> labels,
                     std::span<const int64_t> indices) {
  for (const Judged& p : judge(logits, labels, indices)) add(p, logits.dim(-1));
}

Evaluation evaluate(const Network& model, Loader& loader,
                    const std::function<void(const Evaluation&)>& seen) {
  return evaluate([&](const Tensor& images) { return model(images); }, loader, seen);
}

Evaluation evaluate(const std::function<Tensor(const Tensor&)>& logits, Loader& loader,
                    const std::function<void(const Evaluation&)>& seen) {
  Evaluation result;
  for_each_batch(loader, [&](const Batch& batch) {
    result.add(logits(batch.images), batch.labels, batch.indices);
    if (seen) seen(result);
  });
  return result;
}

}  // namespace vitrine
