#pragma once

#include <functional>

#include "models/loader.hpp"
#include "models/network.hpp"

namespace vitrine {

/// Counts over a data set, without gradients.
struct Evaluation {
  double loss_sum = 0;  ///< cross-entropy, summed over the images
  int64_t top1 = 0;     ///< labels with the highest logit
  int64_t top5 = 0;     ///< labels among the five highest logits
  int64_t images = 0;
  std::vector<int64_t> confusion;  ///< (classes, classes): [label][prediction]

  /// Adds a batch: logits (B, classes), labels (B).
  void add(const Tensor& logits, std::span<const int32_t> labels);
  double loss() const { return per_image(loss_sum); }
  double accuracy() const { return per_image(static_cast<double>(top1)); }
  double accuracy5() const { return per_image(static_cast<double>(top5)); }

 private:
  double per_image(double sum) const { return images == 0 ? 0 : sum / static_cast<double>(images); }
};

/// The class with the highest logit of each row (the first of equals; NaN never wins).
std::vector<int32_t> predictions(const Tensor& logits);

/// The whole of `loader`'s epoch 0 through the model. `seen` is called after each batch with the
/// number of images so far.
Evaluation evaluate(const Network& model, Loader& loader,
                    const std::function<void(const Evaluation&)>& seen = {});

}  // namespace vitrine
