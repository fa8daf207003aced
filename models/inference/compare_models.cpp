#include "models/inference/compare_models.hpp"

#include <algorithm>
#include <cmath>

#include "core/error.hpp"
#include "models/inference/batches.hpp"

namespace vitrine {

std::vector<double> cosines(const Tensor& a, const Tensor& b) {
  VT_CHECK(a.shape() == b.shape() && a.rank() == 2);
  const int64_t rows = a.dim(0);
  const int64_t width = a.dim(1);
  std::vector<double> result;
  for (int64_t i = 0; i < rows; ++i) {
    double ab = 0;
    double aa = 0;
    double bb = 0;
    for (int64_t j = 0; j < width; ++j) {
      const auto x = static_cast<double>(a.data()[i * width + j]);
      const auto y = static_cast<double>(b.data()[i * width + j]);
      ab += x * y;
      aa += x * x;
      bb += y * y;
    }
    double cosine = ab / std::sqrt(aa * bb);
    if (aa == 0 && bb == 0) cosine = 1;
    if (!std::isfinite(cosine)) cosine = 0;
    result.push_back(cosine);
  }
  return result;
}

ModelComparison compare_models(const Network& before, const Network& after, Loader& loader,
                               bool labelled,
                               const std::function<void(const ModelComparison&)>& seen) {
  const bool classifies = before.network_config().classes > 0;
  ModelComparison all;
  for_each_batch(loader, [&](const Batch& batch) {
    const auto count = batch.images.dim(0);
    const auto cosine = cosines(before.features(batch.images), after.features(batch.images));
    for (size_t i = 0; i < cosine.size(); ++i) {
      all.cosine_sum += cosine[i];
      all.farthest.push_back({batch.indices[i], cosine[i]});
    }
    std::ranges::stable_sort(all.farthest, std::less<>(), &PictureCosine::cosine);
    all.farthest.resize(std::min(all.farthest.size(), kFarthestPictures));
    all.images += count;
    if (classifies) {
      const Tensor old_logits = before(batch.images);
      const Tensor new_logits = after(batch.images);
      const auto old_answers = predictions(old_logits);
      const auto new_answers = predictions(new_logits);
      for (size_t i = 0; i < old_answers.size(); ++i) {
        if (old_answers[i] == new_answers[i]) ++all.same;
      }
      if (labelled) {
        all.before.add(old_logits, batch.labels, batch.indices);
        all.after.add(new_logits, batch.labels, batch.indices);
      }
    }
    if (seen) seen(all);
  });
  return all;
}

}  // namespace vitrine
