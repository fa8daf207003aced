#include "models/data/mix.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "core/error.hpp"
#include "core/parallel.hpp"

namespace vitrine {
namespace {

/// What is drawn for one sample: its own share, and the box that cutmix takes from the partner
/// (mixup if it is empty).
struct Draw {
  double own = 1;
  int64_t top = 0, bottom = 0, left = 0, right = 0;

  int64_t box_area() const { return (bottom - top) * (right - left); }
};

Draw draw_box(double own, int64_t height, int64_t width, Random& random) {
  const double side = std::sqrt(1 - own);
  const auto half_height = static_cast<int64_t>(static_cast<double>(height) * side) / 2;
  const auto half_width = static_cast<int64_t>(static_cast<double>(width) * side) / 2;
  const int64_t y = random.below(static_cast<uint32_t>(height));
  const int64_t x = random.below(static_cast<uint32_t>(width));
  Draw draw;
  draw.top = std::clamp<int64_t>(y - half_height, 0, height);
  draw.bottom = std::clamp<int64_t>(y + half_height, 0, height);
  draw.left = std::clamp<int64_t>(x - half_width, 0, width);
  draw.right = std::clamp<int64_t>(x + half_width, 0, width);
  draw.own = 1 - static_cast<double>(draw.box_area()) / static_cast<double>(height * width);
  return draw;
}

Draw draw_one(const Mix& o, int64_t height, int64_t width, Random& random) {
  const auto happens = [&](double probability) {
    return static_cast<double>(random.uniform()) < probability;
  };
  if (!happens(o.probability)) return {};
  const bool cuts = o.cutmix > 0 && (o.mixup == 0 || happens(o.cutmix_probability));
  const double alpha = cuts ? o.cutmix : o.mixup;
  const double own = random.beta(alpha, alpha);
  if (cuts) return draw_box(own, height, width, random);
  return {.own = own};
}

std::vector<Draw> draw_all(const Mix& o, const Tensor& images, Random& random) {
  const int64_t batch = images.dim(0);
  const auto draw = [&] { return draw_one(o, images.dim(1), images.dim(2), random); };
  if (o.mode == MixMode::kBatch) return std::vector<Draw>(static_cast<size_t>(batch), draw());
  std::vector<Draw> draws(static_cast<size_t>(batch));
  const int64_t drawn = o.mode == MixMode::kElem ? batch : (batch + 1) / 2;
  std::generate_n(draws.begin(), drawn, draw);
  if (o.mode == MixMode::kPair) {
    std::reverse_copy(draws.begin(), draws.begin() + batch / 2, draws.end() - batch / 2);
  }
  return draws;
}

/// One picture: `own` blended with `partner`, (H, W * C) floats each.
void mix_picture(const Draw& draw, const float* own, const float* partner, const Tensor& images,
                 float* to) {
  const int64_t channels = images.dim(3);
  const int64_t row = images.dim(2) * channels;
  const int64_t numel = images.dim(1) * row;
  if (draw.box_area() > 0 || draw.own == 1) {
    std::copy_n(own, numel, to);
    for (int64_t y = draw.top; y < draw.bottom; ++y) {
      const int64_t from = y * row + draw.left * channels;
      std::copy_n(partner + from, (draw.right - draw.left) * channels, to + from);
    }
    return;
  }
  const auto share = static_cast<float>(draw.own);
  const auto rest = static_cast<float>(1 - draw.own);
  for (int64_t i = 0; i < numel; ++i) to[i] = share * own[i] + rest * partner[i];
}

}  // namespace

MixedBatch mix_batch(const Tensor& images, std::span<const int32_t> labels, int64_t classes,
                     const Mix& options, Random& random) {
  if (images.rank() != 4 || static_cast<int64_t>(labels.size()) != images.dim(0)) {
    throw ShapeError(fmt::format("[mix_batch] images {} and {} labels do not fit",
                                 images.shape().str(), labels.size()));
  }
  for (const int32_t label : labels) {
    if (label < 0 || label >= classes) {
      throw UsageError(fmt::format("[mix_batch] label {} of {} classes", label, classes));
    }
  }
  const int64_t batch = images.dim(0);
  const std::vector<Draw> draws = draw_all(options, images, random);

  MixedBatch mixed{Tensor::empty(images.shape()), Tensor::zeros({batch, classes})};
  float* targets = mixed.targets.mutable_data();
  for (int64_t i = 0; i < batch; ++i) {
    const auto own = static_cast<size_t>(i);
    const auto partner = static_cast<size_t>(batch - 1 - i);
    const double share = own == partner ? 1 : draws[own].own;
    targets[i * classes + labels[own]] += static_cast<float>(share);
    targets[i * classes + labels[partner]] += static_cast<float>(1 - share);
  }
  const int64_t numel = images.numel() / std::max<int64_t>(batch, 1);
  const float* from = images.data();
  float* to = mixed.images.mutable_data();
  parallel_for(batch, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t partner = batch - 1 - i;
      const Draw draw = i == partner ? Draw{} : draws[static_cast<size_t>(i)];
      mix_picture(draw, from + i * numel, from + partner * numel, images, to + i * numel);
    }
  });
  return mixed;
}

}  // namespace vitrine
