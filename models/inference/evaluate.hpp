#pragma once

#include <functional>

#include "models/data/loader.hpp"
#include "models/networks/network.hpp"

namespace vitrine {

/// What a network's answer to one picture is worth.
struct Judged {
  int64_t index = 0;  ///< in the data set
  int32_t label = 0, predicted = 0;
  int64_t rank = 0;        ///< classes whose logit is above the label's
  double loss = 0;         ///< cross-entropy
  double probability = 0;  ///< of the predicted class, where that is another; 0 if it is no number
};

/// logits (B, classes), labels (B), numbers of the pictures in the data set (B).
std::vector<Judged> judge(const Tensor& logits, std::span<const int32_t> labels,
                          std::span<const int64_t> indices);
/// The whole of `loader`'s epoch 0.
std::vector<Judged> judge(const Network& model, Loader& loader);

/// A picture that was taken for another class than its own.
struct Mistake {
  int64_t index = 0;  ///< in the data set
  int32_t label = 0, predicted = 0;
  double probability = 0;  ///< of the predicted class
  double loss = 0;         ///< cross-entropy
};

/// So many mistakes of an evaluation are kept: what fits on one picture.
inline constexpr size_t kWorstMistakes = 32;

/// Counts over a data set, without gradients.
struct Evaluation {
  double loss_sum = 0;  ///< cross-entropy, summed over the images
  int64_t top1 = 0;     ///< labels with the highest logit
  int64_t top5 = 0;     ///< labels among the five highest logits
  int64_t images = 0;
  std::vector<int64_t> confusion;  ///< (classes, classes): [label][prediction]
  /// Those with the highest losses, worst first; of equal ones, the first in the data set.
  std::vector<Mistake> mistakes;

  /// Adds a batch: logits (B, classes), labels (B), numbers of the pictures in the data set (B).
  void add(const Tensor& logits, std::span<const int32_t> labels, std::span<const int64_t> indices);
  /// Adds one picture, of so many classes.
  void add(const Judged& picture, int64_t classes);
  double loss() const { return per_image(loss_sum); }
  double accuracy() const { return per_image(static_cast<double>(top1)); }
  double accuracy5() const { return per_image(static_cast<double>(top5)); }

 private:
  void note(const Mistake& mistake);
  double per_image(double sum) const { return images == 0 ? 0 : sum / static_cast<double>(images); }
};

/// The class with the highest logit of each row (the first of equals; NaN never wins).
std::vector<int32_t> predictions(const Tensor& logits);

/// The whole of `loader`'s epoch 0 through the model. `seen` is called after each batch with the
/// number of images so far.
Evaluation evaluate(const Network& model, Loader& loader,
                    const std::function<void(const Evaluation&)>& seen = {});
/// The same of whatever gives logits (B, classes) of images (B, H, W, C).
Evaluation evaluate(const std::function<Tensor(const Tensor&)>& logits, Loader& loader,
                    const std::function<void(const Evaluation&)>& seen = {});

}  // namespace vitrine
