// The gate of a gated linear unit: y = f(a) b, and its gradients da = dy f'(a) b, db = dy f(a).

#include "ops/kernels/gated.hpp"

#include "ops/simd/activation.hpp"
#include "ops/simd/simd.hpp"

namespace vitrine::kernels::VT_ISA {
namespace {

using namespace simd;

template <Activation kF>
void forward_of(int64_t rows, int64_t width, const float* a, const float* b, int64_t pitch,
                float* y) {
  for (int64_t r = 0; r < rows; ++r, a += pitch, b += pitch, y += width) {
    for_each_vector(width, [&](int64_t i, auto part) {
      part.store(y + i, activate(kF, part.load(a + i)) * part.load(b + i));
    });
  }
}

template <Activation kF>
void backward_of(int64_t rows, int64_t width, const float* dy, const float* a, const float* b,
                 int64_t pitch, float* da, float* db) {
  for (int64_t r = 0; r < rows;
       ++r, dy += width, a += pitch, b += pitch, da += pitch, db += pitch) {
    for_each_vector(width, [&](int64_t i, auto part) {
      const Vec d = part.load(dy + i);
      const Vec gate = part.load(a + i);
      part.store(da + i, d * activation_derivative(kF, gate) * part.load(b + i));
      part.store(db + i, d * activate(kF, gate));
    });
  }
}

/// run(constant) with the activation as a constant, so that its switch is outside of every loop.
template <class Run>
void with_activation(Activation f, Run run) {
  switch (f) {
    case Activation::kNone:
      return run.template operator()<Activation::kNone>();
    case Activation::kRelu:
      return run.template operator()<Activation::kRelu>();
    case Activation::kGelu:
      return run.template operator()<Activation::kGelu>();
    case Activation::kGeluTanh:
      return run.template operator()<Activation::kGeluTanh>();
    case Activation::kQuickGelu:
      return run.template operator()<Activation::kQuickGelu>();
    case Activation::kSilu:
      return run.template operator()<Activation::kSilu>();
    case Activation::kTanh:
      return run.template operator()<Activation::kTanh>();
    case Activation::kSigmoid:
      return run.template operator()<Activation::kSigmoid>();
  }
}

void forward(Activation f, int64_t rows, int64_t width, const float* a, const float* b,
             int64_t pitch, float* y) {
  with_activation(f, [&]<Activation kF>() { forward_of<kF>(rows, width, a, b, pitch, y); });
}

void backward(Activation f, int64_t rows, int64_t width, const float* dy, const float* a,
              const float* b, int64_t pitch, float* da, float* db) {
  with_activation(f,
                  [&]<Activation kF>() { backward_of<kF>(rows, width, dy, a, b, pitch, da, db); });
}

}  // namespace

extern const Gated gated;
const Gated gated{forward, backward};

}  // namespace vitrine::kernels::VT_ISA
