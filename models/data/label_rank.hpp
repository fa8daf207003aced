#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

namespace vitrine {

/// Place of `label` among the scores of `classes` classes, from 0: how many are higher, or as high
/// and earlier. A label whose score is NaN comes last.
template <class T>
int64_t label_rank(const T* scores, int64_t classes, int32_t label) {
  const T own = scores[label];
  if (std::isnan(own)) return classes;
  return std::count_if(scores, scores + label, [own](T v) { return v >= own; }) +
         std::count_if(scores + label + 1, scores + classes, [own](T v) { return v > own; });
}

/// How often the label was among the best.
struct Accuracy {
  int64_t top1 = 0;
  int64_t top5 = 0;
  int64_t images = 0;

  void add(int64_t rank) {
    top1 += rank == 0 ? 1 : 0;
    top5 += rank < 5 ? 1 : 0;
    ++images;
  }
  double share1() const { return share(top1); }
  double share5() const { return share(top5); }

 private:
  double share(int64_t n) const {
    return images == 0 ? 0 : static_cast<double>(n) / static_cast<double>(images);
  }
};

}  // namespace vitrine
