#pragma once

#include <cstdint>
#include <span>

#include "core/random.hpp"
#include "core/tensor.hpp"

namespace vitrine {

/// Which samples of a batch share what is drawn. The partner of sample i of B is B - 1 - i.
enum class MixMode {
  kBatch,  ///< all of them
  kPair,   ///< a sample and its partner
  kElem,   ///< none
};

/// How samples of a batch are blended, as plain data; the default does nothing.
struct Mix {
  double mixup = 0;   ///< alpha of mixup's Beta(alpha, alpha); 0 for no mixup
  double cutmix = 0;  ///< alpha of cutmix's; 0 for no cutmix
  double probability = 1;
  double cutmix_probability = 0.5;  ///< of cutmix, where both are on
  MixMode mode = MixMode::kBatch;
  int64_t off_epoch = 0;  ///< epochs from this one on are not mixed; 0 for all are

  bool active(int64_t epoch) const {
    return (mixup > 0 || cutmix > 0) && (off_epoch == 0 || epoch < off_epoch);
  }
};

struct MixedBatch {
  Tensor images;   ///< (B, H, W, C)
  Tensor targets;  ///< (B, classes), rows add up to 1
};

/// Mixup and cutmix of a batch with itself, in reverse order; in an odd batch, the sample in the
/// middle stays as it is.
///   mixup    x_i = lam x_i + (1 - lam) x_j         lam ~ Beta(alpha, alpha)
///   cutmix   x_i = x_j within a box of the share 1 - lam of the area, with its centre uniform in
///            the picture; lam becomes 1 - what of the box is inside
///   target   lam onehot(y_i) + (1 - lam) onehot(y_j)
///   images   (B, H, W, C), labels B class numbers in [0, classes)
/// Source: Zhang et al. 2018, arXiv 1710.09412 (mixup); Yun et al. 2019, arXiv 1905.04899
/// (cutmix); the draws as timm's Mixup has them.
MixedBatch mix_batch(const Tensor& images, std::span<const int32_t> labels, int64_t classes,
                     const Mix& options, Random& random);

}  // namespace vitrine
