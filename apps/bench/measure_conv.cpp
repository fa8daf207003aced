#include "apps/bench/measure_conv.hpp"

#include "apps/bench/fill_random.hpp"
#include "ops/conv2d.hpp"

namespace vitrine {
namespace {

Tensor random_tensor(const Shape& shape, uint64_t stream) {
  Tensor tensor = Tensor::empty(shape);
  fill_random({tensor.mutable_data(), static_cast<size_t>(tensor.numel())}, 1, stream);
  return tensor;
}

Size2d grid_of(const ConvShape& s) {
  const int64_t p = s.padding;
  return places("bench conv", {s.height, s.width},
                {{s.kernel, s.kernel}, {s.stride, s.stride}, {1, 1}, {p, p, p, p}});
}

}  // namespace

int64_t ConvShape::macs() const {
  const Size2d grid = grid_of(*this);
  return batch * grid.h * grid.w * out * kernel * kernel * (in / groups);
}

std::vector<ConvShape> default_conv_shapes() {
  return {
      {"ResNet-50 stem", 224, 224, 3, 64, 7, 2, 3},
      {"ResNet-50 stage 1, 3 x 3", 56, 56, 64, 64},
      {"ResNet-50 stage 2, 3 x 3", 28, 28, 128, 128},
      {"ResNet-50 stage 3, 3 x 3", 14, 14, 256, 256},
      {"ResNet-50 stage 4, 3 x 3", 7, 7, 512, 512},
      {"ResNet-50 stage 1, narrow", 56, 56, 256, 64, 1, 1, 0},
      {"ResNet-50 stage 1, wide", 56, 56, 64, 256, 1, 1, 0},
      {"ResNet-50 stage 2, narrow", 28, 28, 512, 128, 1, 1, 0},
      {"ResNet-50 stage 2, wide", 28, 28, 128, 512, 1, 1, 0},
      {"ResNet-50 stage 3, narrow", 14, 14, 1024, 256, 1, 1, 0},
      {"ResNet-50 stage 3, wide", 14, 14, 256, 1024, 1, 1, 0},
      {"ResNet-50 stage 4, narrow", 7, 7, 2048, 512, 1, 1, 0},
      {"ResNet-50 stage 4, wide", 7, 7, 512, 2048, 1, 1, 0},
      {"ViT-B/16 patches", 224, 224, 3, 768, 16, 16, 0},
  };
}

Turns measure_conv(const ConvShape& s, bool backward, double seconds) {
  const int64_t p = s.padding;
  const Conv2dOptions options{
      .stride = {s.stride, s.stride}, .padding = {p, p, p, p}, .groups = s.groups};
  const Shape kernels{s.out, s.in / s.groups, s.kernel, s.kernel};
  const Size2d grid = grid_of(s);
  const Tensor x = random_tensor({s.batch, s.height, s.width, s.in}, 1);
  Tensor frozen = random_tensor(kernels, 2);
  frozen.freeze();
  pack_conv2d_weight(frozen, s.groups);

  std::vector<Contestant> contestants;
  contestants.push_back({"forward", [&] { conv2d(x, frozen, Tensor(), options); }});
  Tensor weight;
  Tensor dy;
  if (backward) {
    weight = random_tensor(kernels, 2);
    dy = random_tensor({s.batch, grid.h, grid.w, s.out}, 3);
    const auto gradient = [&](uint64_t needs) {
      return [&, needs] { conv2d_backward(dy, x, weight, options, Needs(needs)); };
    };
    contestants.push_back({"gradient of input", gradient(1)});
    contestants.push_back({"gradient of weight", gradient(2)});
  }
  return take_turns(contestants, 2 * static_cast<double>(s.macs()), seconds);
}

}  // namespace vitrine
