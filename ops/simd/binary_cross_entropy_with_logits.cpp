// Cross-entropy of sigmoid(x) and a target t, class by class, with e = e^-|x|:
//
//   loss = sum_c |x_c| (x_c > 0 ? 1 - t_c : t_c) + log(1 + e)
//   dx_c = dloss ((1 - t_c) sigmoid(x_c) - t_c sigmoid(-x_c))    sigmoid(|x|) = 1 / (1 + e)
//                                                                sigmoid(-|x|) = e / (1 + e)
//
// The textbook's max(x, 0) - x t and sigmoid(x) - t are differences of nearly equal numbers where a
// network is right and sure.

#include "ops/kernels/binary_cross_entropy_with_logits.hpp"

#include "ops/simd/math.hpp"

namespace vitrine::kernels::VT_ISA {
namespace {

using namespace simd;

Vec loss_of(Vec x, Vec t) {
  const Vec size = abs(x);
  const Vec wrong = select(x > splat(0.0F), splat(1.0F) - t, t);
  return fma(size, wrong, simd::log1p(simd::exp(-size)));
}

Vec gradient_of(Vec x, Vec t) {
  const Vec e = simd::exp(-abs(x));
  const Vec larger = splat(1.0F) / (splat(1.0F) + e);
  const Vec smaller = e * larger;
  const auto positive = x > splat(0.0F);
  const Vec yes = select(positive, larger, smaller);  // sigmoid(x)
  const Vec no = select(positive, smaller, larger);   // sigmoid(-x)
  return fnma(t, no, (splat(1.0F) - t) * yes);
}

/// v with 0 in the lanes that `part` does not have.
template <class Part>
Vec only(Part part, Vec v) {
  alignas(64) float lane[kLanes];
  store(lane, v);
  return part.load(lane);
}

/// Classes [begin, end), all with the target t.
float loss_alike(int64_t begin, int64_t end, const float* x, float t) {
  Vec total = splat(0.0F);
  for_each_vector(end - begin, [&](int64_t i, auto part) {
    total += only(part, loss_of(part.load(x + begin + i), splat(t)));
  });
  return reduce_add(total);
}

float loss_of_probabilities(int64_t width, const float* x, const float* t, float keep, float off) {
  Vec total = splat(0.0F);
  for_each_vector(width, [&](int64_t i, auto part) {
    const Vec smooth = fma(splat(keep), part.load(t + i), splat(off));
    total += only(part, loss_of(part.load(x + i), smooth));
  });
  return reduce_add(total);
}

void forward(int64_t rows, int64_t width, const float* logits, const CrossEntropyTarget& target,
             float* loss) {
  const float keep = 1.0F - target.smoothing;
  const float off = target.smoothing / static_cast<float>(width);
  for (int64_t r = 0; r < rows; ++r, logits += width) {
    if (target.ignored(r)) {
      loss[r] = 0.0F;
    } else if (target.labels == nullptr) {
      loss[r] = loss_of_probabilities(width, logits, target.probabilities + r * width, keep, off);
    } else {
      const int64_t label = target.labels[r];
      loss[r] = loss_of(splat(logits[label]), splat(keep + off)).get(0) +
                loss_alike(0, label, logits, off) + loss_alike(label + 1, width, logits, off);
    }
  }
}

void backward(int64_t rows, int64_t width, const float* dloss, const float* logits,
              const CrossEntropyTarget& target, float* dlogits) {
  const float keep = 1.0F - target.smoothing;
  const Vec off = splat(target.smoothing / static_cast<float>(width));
  for (int64_t r = 0; r < rows; ++r, logits += width, dlogits += width) {
    const Vec d = splat(target.ignored(r) ? 0.0F : dloss[r]);
    const float* t = target.labels != nullptr ? nullptr : target.probabilities + r * width;
    for_each_vector(width, [&](int64_t i, auto part) {
      const Vec smooth = t == nullptr ? off : fma(splat(keep), part.load(t + i), off);
      part.store(dlogits + i, d * gradient_of(part.load(logits + i), smooth));
    });
    if (t != nullptr || target.ignored(r)) continue;
    const int32_t label = target.labels[r];
    dlogits[label] = (d * gradient_of(splat(logits[label]), splat(keep) + off)).get(0);
  }
}

}  // namespace

extern const BinaryCrossEntropyWithLogits binary_cross_entropy_with_logits;
const BinaryCrossEntropyWithLogits binary_cross_entropy_with_logits{forward, backward};

}  // namespace vitrine::kernels::VT_ISA
