#include "ops/patch_embed.hpp"

#include <fmt/format.h>

#include <cstring>

#include "core/parallel.hpp"
#include "core/profile.hpp"
#include "ops/check.hpp"
#include "ops/gemm.hpp"
#include "ops/reduce.hpp"

namespace vitrine {
namespace {

constexpr int64_t kChunkElements = 1 << 14;  // some microseconds of copying

/// The sizes of one call.
struct Grid {
  int64_t batch, height, width, channels;  // of the images
  int64_t dim, p, q;                       // of the weight
  int64_t rows, columns;                   // of patches in an image

  int64_t patches() const { return batch * rows * columns; }
  int64_t line() const { return q * channels; }  // floats of one line of a patch
  int64_t patch() const { return p * line(); }   // floats of a patch
  bool exact() const { return rows * p == height && columns * q == width; }
};

Grid grid_of(std::string_view op, const Tensor& x, const Tensor& weight) {
  if (!x.defined() || x.rank() != 4) {
    throw ShapeError(fmt::format("[{}] x must be (B, H, W, C), got {}", op,
                                 x.defined() ? x.shape().str() : "nothing"));
  }
  if (!weight.defined() || weight.rank() != 4 || weight.dim(1) != x.dim(3)) {
    throw ShapeError(fmt::format("[{}] weight must be (D, {}, p, q) to match x {}, got {}", op,
                                 x.dim(3), x.shape().str(),
                                 weight.defined() ? weight.shape().str() : "nothing"));
  }
  Grid g{x.dim(0), x.dim(1), x.dim(2), x.dim(3), weight.dim(0), weight.dim(2), weight.dim(3), 0, 0};
  if (g.p < 1 || g.q < 1 || g.height < g.p || g.width < g.q) {
    throw ShapeError(fmt::format("[{}] patches of ({}, {}) do not fit into images of ({}, {})", op,
                                 g.p, g.q, g.height, g.width));
  }
  g.rows = g.height / g.p;
  g.columns = g.width / g.q;
  return g;
}

/// Calls f(line of the image, line of the patch matrix) with the offsets of every line of every
/// patch; both are g.line() floats long.
template <class F>
void for_each_line(const Grid& g, const F& f) {
  const int64_t grain = std::max<int64_t>(kChunkElements / std::max<int64_t>(g.patch(), 1), 1);
  parallel_for(g.patches(), grain, [&](int64_t begin, int64_t end) {
    for (int64_t n = begin; n < end; ++n) {
      const int64_t b = n / (g.rows * g.columns);
      const int64_t i = n / g.columns % g.rows;
      const int64_t j = n % g.columns;
      for (int64_t u = 0; u < g.p; ++u) {
        const int64_t pixel = (b * g.height + i * g.p + u) * g.width + j * g.q;
        f(pixel * g.channels, n * g.patch() + u * g.line());
      }
    }
  });
}

/// (B, H, W, C) -> (B N, p q C): a patch is p lines of q C floats that lie in the image as they
/// are.
Tensor gather(const Grid& g, const Tensor& x) {
  Tensor patches = Tensor::empty({g.patches(), g.patch()});
  float* to = patches.mutable_data();
  const size_t bytes = static_cast<size_t>(g.line()) * sizeof(float);
  for_each_line(
      g, [&](int64_t image, int64_t patch) { std::memcpy(to + patch, x.data() + image, bytes); });
  return patches;
}

/// The reverse of gather; pixels that belong to no patch become 0.
Tensor scatter(const Grid& g, const Tensor& patches, const Shape& shape) {
  Tensor x = g.exact() ? Tensor::empty(shape) : Tensor::zeros(shape);
  float* to = x.mutable_data();
  const size_t bytes = static_cast<size_t>(g.line()) * sizeof(float);
  for_each_line(g, [&](int64_t image, int64_t patch) {
    std::memcpy(to + image, patches.data() + patch, bytes);
  });
  return x;
}

/// (outer, rows, columns) -> (outer, columns, rows)
Tensor swap_last_two(const Tensor& from, int64_t outer, int64_t rows, int64_t columns,
                     const Shape& shape) {
  Tensor to = Tensor::empty(shape);
  float* out = to.mutable_data();
  const int64_t block = rows * columns;
  const int64_t grain = std::max<int64_t>(kChunkElements / std::max<int64_t>(block, 1), 1);
  parallel_for(outer, grain, [&](int64_t begin, int64_t end) {
    for (int64_t o = begin; o < end; ++o) {
      const float* in = from.data() + o * block;
      for (int64_t c = 0; c < columns; ++c) {
        for (int64_t r = 0; r < rows; ++r) out[o * block + c * rows + r] = in[r * columns + c];
      }
    }
  });
  return to;
}

/// (D, C, p, q) -> (D, p q C), the order of a patch's floats.
Tensor weight_matrix(const Tensor& weight) {
  const int64_t channels = weight.dim(1);
  const int64_t pixels = weight.dim(2) * weight.dim(3);
  return swap_last_two(weight, weight.dim(0), channels, pixels, {weight.dim(0), pixels * channels});
}

}  // namespace

Tensor patch_embed(const Tensor& x, const Tensor& weight, const Tensor& bias) {
  const ProfileScope profile("patch_embed");
  const Grid g = grid_of("patch_embed", x, weight);
  if (bias.defined()) check_shape("patch_embed", "bias", bias, {g.dim});
  const Tensor patches = gather(g, x);
  Tensor y = Tensor::empty({g.batch, g.rows * g.columns, g.dim});
  GemmEpilogue epilogue;
  if (bias.defined()) epilogue.bias = bias.data();
  if (const auto packed = packed_weight(weight, weight_matrix)) {
    gemm(Trans::kNo, g.patches(), patches.data(), g.patch(), *packed, y.mutable_data(), g.dim,
         epilogue);
  } else {
    const Tensor matrix = weight_matrix(weight);
    gemm(Trans::kNo, Trans::kYes, g.patches(), g.dim, g.patch(), patches.data(), g.patch(),
         matrix.data(), g.patch(), y.mutable_data(), g.dim, epilogue);
  }

  if (Tape* tape = Tape::recording({&x, &weight, &bias})) {
    tape->record({&x, &weight, &bias}, y,
                 [x = Saved(x), weight = Saved(weight)](const Tensor& dy, Needs needs) {
                   auto gradients = patch_embed_backward(dy, x, weight, needs);
                   return std::vector{gradients.dx, gradients.dweight, gradients.dbias};
                 });
  }
  return y;
}

PatchEmbedGradients patch_embed_backward(const Tensor& dy, const Tensor& x, const Tensor& weight,
                                         Needs needs) {
  const Grid g = grid_of("patch_embed_backward", x, weight);
  check_shape("patch_embed_backward", "dy", dy, {g.batch, g.rows * g.columns, g.dim});
  PatchEmbedGradients gradients;
  if (needs[0]) {
    const Tensor matrix = weight_matrix(weight);
    Tensor dpatches = Tensor::empty({g.patches(), g.patch()});
    gemm(Trans::kNo, Trans::kNo, g.patches(), g.patch(), g.dim, dy.data(), g.dim, matrix.data(),
         g.patch(), dpatches.mutable_data(), g.patch());
    gradients.dx = scatter(g, dpatches, x.shape());
  }
  if (needs[1]) {
    // Gathering the patches again is cheaper than keeping them: they are as large as the images.
    const Tensor patches = gather(g, x);
    Tensor dmatrix = Tensor::empty({g.dim, g.patch()});
    gemm(Trans::kYes, Trans::kNo, g.dim, g.patch(), g.patches(), dy.data(), g.dim, patches.data(),
         g.patch(), dmatrix.mutable_data(), g.patch());
    gradients.dweight = swap_last_two(dmatrix, g.dim, g.p * g.q, g.channels, weight.shape());
  }
  if (needs[2]) gradients.dbias = sum(dy, {0, 1});
  return gradients;
}

}  // namespace vitrine
