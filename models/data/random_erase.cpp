#include "models/data/random_erase.hpp"

#include <cmath>

#include "core/random.hpp"

namespace vitrine {
namespace {

constexpr int kTries = 10;

/// Fills rows [top, top + height), columns [left, left + width) of a picture.
void fill(const Preprocess& rule, EraseMode mode, int64_t top, int64_t left, int64_t height,
          int64_t width, Random& random, std::span<float> picture) {
  const auto channels = static_cast<size_t>(rule.channels);
  std::vector<float> colour(channels, 0.0F);
  if (mode == EraseMode::kRand) {
    for (float& value : colour) value = static_cast<float>(random.normal());
  }
  for (int64_t y = top; y < top + height; ++y) {
    const auto row = picture.subspan(static_cast<size_t>(y * rule.width + left) * channels,
                                     static_cast<size_t>(width) * channels);
    for (size_t i = 0; i < row.size(); ++i) {
      row[i] =
          mode == EraseMode::kPixel ? static_cast<float>(random.normal()) : colour[i % channels];
    }
  }
}

void erase_one(const Preprocess& rule, const Augment& o, double share, Random& random,
               std::span<float> picture) {
  const auto between = [&](double low, double high) {
    return low + (high - low) * static_cast<double>(random.uniform());
  };
  const double area = share * static_cast<double>(rule.height * rule.width);
  for (int i = 0; i < kTries; ++i) {
    const double target = area * between(o.erase_area_min, o.erase_area_max);
    const double ratio =
        std::exp(between(std::log(o.erase_ratio_min), std::log(o.erase_ratio_max)));
    const int64_t height = std::llrint(std::sqrt(target * ratio));
    const int64_t width = std::llrint(std::sqrt(target / ratio));
    if (height >= rule.height || width >= rule.width) continue;
    const int64_t top = random.below(static_cast<uint32_t>(rule.height - height + 1));
    const int64_t left = random.below(static_cast<uint32_t>(rule.width - width + 1));
    fill(rule, o.erase_mode, top, left, height, width, random, picture);
    return;
  }
}

}  // namespace

void random_erase(const Preprocess& rule, const Augment& options, const AugmentKey& key,
                  std::span<float> picture) {
  Random random(key.seed, RandomPlace::kErase, key.stream());
  if (static_cast<double>(random.uniform()) >= options.erase) return;
  const int64_t count = 1 + int64_t{random.below(static_cast<uint32_t>(options.erase_count))};
  for (int64_t i = 0; i < count; ++i) {
    erase_one(rule, options, 1 / static_cast<double>(count), random, picture);
  }
}

}  // namespace vitrine
