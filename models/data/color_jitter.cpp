#include "models/data/color_jitter.hpp"

#include <algorithm>
#include <array>

#include "models/data/shuffle.hpp"
#include "ops/images/enhance.hpp"

namespace vitrine {
namespace {

struct Step {
  void (*adjust)(Image&, double);
  double low, high;  // of the factor
  bool used;
};

Step around_one(void (*adjust)(Image&, double), double v) {
  return {adjust, std::max(0.0, 1 - v), 1 + v, v > 0};
}

}  // namespace

void color_jitter(Image& image, const ColorJitter& options, Random& random) {
  const std::array<Step, 4> steps = {{around_one(adjust_brightness, options.brightness),
                                      around_one(adjust_contrast, options.contrast),
                                      around_one(adjust_color, options.saturation),
                                      {adjust_hue, -options.hue, options.hue, options.hue > 0}}};
  std::array<int64_t, 4> order = {0, 1, 2, 3};
  shuffle(order, random);
  for (const int64_t i : order) {
    const Step& step = steps[static_cast<size_t>(i)];
    const auto at = static_cast<double>(random.uniform());
    if (step.used) step.adjust(image, step.low + (step.high - step.low) * at);
  }
}

}  // namespace vitrine
