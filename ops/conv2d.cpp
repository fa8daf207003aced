// Convolution as matrix products, one per group: y (B H' W', O) = rows of x (B H' W', kh kw C)
// times the kernels (kh kw C, O). The rows are gathered piece by piece while the product runs;
// those of a 1 x 1 kernel are the pixels themselves.
//
// The gradient of x is a convolution of dy. With a stride of 1 its kernel is the same one turned
// around. With stride s a pixel sees only every s-th element of the kernel, and which ones depends
// on (pixel + padding) mod s: each such class of pixels is a product of its own, without zeros.

#include "ops/conv2d.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "core/parallel.hpp"
#include "core/profile.hpp"
#include "ops/check.hpp"
#include "ops/gemm.hpp"
#include "ops/permute.hpp"
#include "ops/reduce.hpp"
#include "ops/unary.hpp"

namespace vitrine {
namespace {

constexpr int64_t kChunkElements = 1 << 14;  // some microseconds of copying
// Rows of x that are gathered at once for the gradient of the weight: 4 MB. A constant, since the
// sums are cut there.
constexpr int64_t kGatheredFloats = 1 << 20;

/// The sizes of one call.
struct Sizes {
  int64_t batch;
  Size2d image;  // (H, W)
  int64_t channels;
  int64_t outputs;
  Size2d kernel;
  Size2d grid;  // (H', W')
  int64_t groups;

  int64_t group_channels() const { return channels / groups; }
  int64_t group_outputs() const { return outputs / groups; }
  int64_t k() const { return kernel.h * kernel.w * group_channels(); }
  int64_t m() const { return batch * grid.h * grid.w; }
  bool pointwise() const { return kernel == Size2d{1, 1}; }
  Shape y() const { return {batch, grid.h, grid.w, outputs}; }
};

Sizes sizes_of(std::string_view op, const Tensor& x, const Tensor& weight,
               const Conv2dOptions& options) {
  check_images(op, x);
  const int64_t groups = options.groups;
  if (groups < 1 || x.dim(3) % groups != 0) {
    throw ShapeError(fmt::format("[{}] {} groups must divide the channels of x {}", op, groups,
                                 x.shape().str()));
  }
  if (!weight.defined() || weight.rank() != 4 || weight.dim(1) != x.dim(3) / groups ||
      weight.dim(0) % groups != 0) {
    throw ShapeError(
        fmt::format("[{}] weight must be (O, {}, kh, kw), O a multiple of {}, to match "
                    "x {}, got {}",
                    op, x.dim(3) / groups, groups, x.shape().str(),
                    weight.defined() ? weight.shape().str() : "nothing"));
  }
  Sizes s{x.dim(0),      {x.dim(1), x.dim(2)},           x.dim(3),
          weight.dim(0), {weight.dim(2), weight.dim(3)}, {},
          groups};
  s.grid = places(op, s.image, {s.kernel, options.stride, options.dilation, options.padding});
  return s;
}

std::vector<int64_t> taps(int64_t kernel, int64_t dilation, int64_t padding) {
  std::vector<int64_t> at;
  for (int64_t u = 0; u < kernel; ++u) at.push_back(u * dilation - padding);
  return at;
}

/// What the outputs of a group see of x.
ImageRows rows_of_x(const Sizes& s, const Conv2dOptions& o, const Tensor& x, int64_t group) {
  return {.data = x.data() + group * s.group_channels(),
          .batch = s.batch,
          .height = s.image.h,
          .width = s.image.w,
          .pitch = s.channels,
          .channels = s.group_channels(),
          .rows = s.grid.h,
          .columns = s.grid.w,
          .stride_h = o.stride.h,
          .stride_w = o.stride.w,
          .taps_h = taps(s.kernel.h, o.dilation.h, o.padding.top),
          .taps_w = taps(s.kernel.w, o.dilation.w, o.padding.left)};
}

/// (O, C, kh, kw) -> (O, kh kw C), the order of the rows of x.
Tensor weight_matrix(const Tensor& weight) {
  const int64_t outputs = weight.dim(0);
  return permute(weight.detach(), {0, 2, 3, 1})
      .reshape({outputs, weight.dim(1) * weight.dim(2) * weight.dim(3)});
}

/// y = epilogue(convolution)
Tensor product(const Sizes& s, const Conv2dOptions& options, const Tensor& x, const Tensor& weight,
               const GemmEpilogue& epilogue) {
  Tensor y = Tensor::empty(s.y());
  const MatrixOf matrix_of = s.pointwise() ? nullptr : weight_matrix;
  Tensor matrix;  // of a weight that is not frozen
  for (int64_t group = 0; group < s.groups; ++group) {
    const ImageRows rows = rows_of_x(s, options, x, group);
    const int64_t first = group * s.group_outputs();
    float* to = y.mutable_data() + first;
    const Tensor part = weight.detach().rows(first, first + s.group_outputs());
    if (const auto packed = packed_weight(part, matrix_of)) {
      gemm(rows, *packed, to, s.outputs, epilogue.at(0, first));
      continue;
    }
    if (!matrix.defined()) matrix = s.pointwise() ? weight.detach() : weight_matrix(weight);
    gemm(rows, Trans::kYes, s.group_outputs(), matrix.data() + first * s.k(), s.k(), to, s.outputs,
         epilogue.at(0, first));
  }
  return y;
}

/// conv2d and conv2d_add; `residual` may be undefined.
Tensor convolve(const char* op, const Tensor& x, const Tensor& weight, const Tensor& bias,
                const Tensor& residual, const Conv2dOptions& options) {
  const Sizes s = sizes_of(op, x, weight, options);
  GemmEpilogue epilogue;
  epilogue.relu = options.relu;
  if (bias.defined()) {
    check_shape(op, "bias", bias, {s.outputs});
    epilogue.bias = bias.data();
  }
  if (residual.defined()) {
    check_shape(op, "residual", residual, s.y());
    epilogue.residual = residual.data();
    epilogue.residual_pitch = s.outputs;
  }
  Tensor y = product(s, options, x, weight, epilogue);
  if (Tape* tape = Tape::recording({&x, &weight, &bias, &residual})) {
    tape->record({&x, &weight, &bias, &residual}, y,
                 [x = Saved(x), weight = Saved(weight), y = Saved(options.relu ? y : Tensor()),
                  options](const Tensor& dy, Needs needs) {
                   const Tensor d = options.relu ? unary_backward(UnaryFunction::kRelu, dy, y) : dy;
                   Conv2dGradients g = conv2d_backward(d, x, weight, options, needs);
                   return std::vector{g.dx, g.dweight, g.dbias, d};
                 });
  }
  return y;
}

// --- gradient of x -------------------------------------------------------------------------------

/// The elements of the kernel, along one axis, that pixels first, first + stride, ... see, and
/// where in dy they see them. In the order of dy, so that neighbours are read as one run.
struct Seen {
  std::vector<int64_t> elements, taps;

  Seen(int64_t first, int64_t kernel, int64_t stride, int64_t dilation, int64_t padding) {
    for (int64_t u = kernel - 1; u >= 0; --u) {
      const int64_t distance = first + padding - u * dilation;
      if (distance % stride != 0) continue;
      elements.push_back(u);
      taps.push_back(distance / stride);
    }
  }
};

/// Kernels by element: (kh, kw, O, C / groups) -> those of `h` x `w` and of the outputs of a group,
/// (seen elements * O / groups, C / groups).
Tensor seen_kernels(const Sizes& s, const Tensor& by_element, const Seen& h, const Seen& w,
                    int64_t group) {
  const int64_t block = s.group_outputs() * s.group_channels();
  const auto count = static_cast<int64_t>(h.elements.size() * w.elements.size());
  Tensor seen = Tensor::empty({count * s.group_outputs(), s.group_channels()});
  float* to = seen.mutable_data();
  for (const int64_t u : h.elements) {
    for (const int64_t v : w.elements) {
      const float* from = by_element.data() + ((u * s.kernel.w + v) * s.groups + group) * block;
      to = std::copy_n(from, block, to);
    }
  }
  return seen;
}

/// Copies the gradients of a class of pixels, (B, rows, columns, C / groups), to their places.
void scatter(const Sizes& s, const Conv2dOptions& o, const ImageRows& rows, const Tensor& from,
             Size2d first, int64_t group, Tensor& dx) {
  const int64_t channels = s.group_channels();
  const int64_t line = rows.columns * channels;
  float* to = dx.mutable_data() + group * channels;
  const int64_t grain = std::max<int64_t>(kChunkElements / std::max<int64_t>(line, 1), 1);
  parallel_for(rows.batch * rows.rows, grain, [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r) {
      const int64_t y = first.h + r % rows.rows * o.stride.h;
      const int64_t pixels = (r / rows.rows * s.image.h + y) * s.image.w + first.w;
      for (int64_t j = 0; j < rows.columns; ++j) {
        std::memcpy(to + (pixels + j * o.stride.w) * s.channels,
                    from.data() + r * line + j * channels,
                    static_cast<size_t>(channels) * sizeof(float));
      }
    }
  });
}

/// The gradients of pixels first, first + stride, ... of a group's channels.
void add_class(const Sizes& s, const Conv2dOptions& o, const Tensor& dy, const Tensor& by_element,
               Size2d first, int64_t group, Tensor& dx) {
  const Seen h(first.h, s.kernel.h, o.stride.h, o.dilation.h, o.padding.top);
  const Seen w(first.w, s.kernel.w, o.stride.w, o.dilation.w, o.padding.left);
  if (h.taps.empty() || w.taps.empty()) return;  // dx is 0 there
  const ImageRows rows{.data = dy.data() + group * s.group_outputs(),
                       .batch = s.batch,
                       .height = s.grid.h,
                       .width = s.grid.w,
                       .pitch = s.outputs,
                       .channels = s.group_outputs(),
                       .rows = chunk_count(s.image.h - first.h, o.stride.h),
                       .columns = chunk_count(s.image.w - first.w, o.stride.w),
                       .taps_h = h.taps,
                       .taps_w = w.taps};
  const Tensor kernels = seen_kernels(s, by_element, h, w, group);
  const int64_t channels = s.group_channels();
  if (o.stride == Size2d{1, 1}) {
    gemm(rows, Trans::kNo, channels, kernels.data(), channels, dx.mutable_data() + group * channels,
         s.channels);
    return;
  }
  Tensor part = Tensor::empty({rows.m(), channels});
  gemm(rows, Trans::kNo, channels, kernels.data(), channels, part.mutable_data(), channels);
  scatter(s, o, rows, part, first, group, dx);
}

Tensor gradient_of_x(const Sizes& s, const Conv2dOptions& o, const Tensor& dy, const Tensor& x,
                     const Tensor& weight) {
  const bool all_seen = o.stride == Size2d{1, 1};
  Tensor dx = all_seen ? Tensor::empty(x.shape()) : Tensor::zeros(x.shape());
  const Tensor by_element = permute(weight.detach(), {2, 3, 0, 1});
  for (int64_t group = 0; group < s.groups; ++group) {
    for (int64_t i = 0; i < std::min(o.stride.h, s.image.h); ++i) {
      for (int64_t j = 0; j < std::min(o.stride.w, s.image.w); ++j) {
        add_class(s, o, dy, by_element, {i, j}, group, dx);
      }
    }
  }
  return dx;
}

// --- gradient of the weight ----------------------------------------------------------------------

/// to (O / groups, k) = dy^T rows, piece by piece.
void multiply_by_rows(const Sizes& s, const ImageRows& rows, const float* dy, float* to) {
  const int64_t k = s.k();
  const int64_t m = s.m();
  const int64_t outputs = s.group_outputs();
  if (rows.in_place()) {
    gemm(Trans::kYes, Trans::kNo, outputs, k, m, dy, s.outputs, rows.data, rows.pitch, to, k);
    return;
  }
  const int64_t step =
      std::clamp<int64_t>(kGatheredFloats / std::max<int64_t>(k, 1), 1, std::max<int64_t>(m, 1));
  const Buffer piece = scratch_floats(step * k);
  const int64_t grain = std::max<int64_t>(kChunkElements / std::max<int64_t>(k, 1), 1);
  GemmEpilogue epilogue;
  for (int64_t row = 0; row == 0 || row < m; row += step) {
    const int64_t count = std::min(step, m - row);
    parallel_for(count, grain, [&](int64_t begin, int64_t end) {
      rows.gather(row + begin, end - begin, 0, k, piece.floats() + begin * k, k);
    });
    gemm(Trans::kYes, Trans::kNo, outputs, k, count, dy + row * s.outputs, s.outputs,
         piece.floats(), k, to, k, epilogue);
    epilogue.accumulate = true;
  }
}

Tensor gradient_of_weight(const Sizes& s, const Conv2dOptions& o, const Tensor& dy, const Tensor& x,
                          const Tensor& weight) {
  Tensor dmatrix = Tensor::empty({s.outputs, s.kernel.h, s.kernel.w, s.group_channels()});
  for (int64_t group = 0; group < s.groups; ++group) {
    const int64_t first = group * s.group_outputs();
    multiply_by_rows(s, rows_of_x(s, o, x, group), dy.data() + first,
                     dmatrix.mutable_data() + first * s.k());
  }
  return s.pointwise() ? dmatrix.reshape(weight.shape()) : permute(dmatrix, {0, 3, 1, 2});
}

}  // namespace

Tensor conv2d(const Tensor& x, const Tensor& weight, const Tensor& bias,
              const Conv2dOptions& options) {
  const ProfileScope profile("conv2d");
  return convolve("conv2d", x, weight, bias, Tensor(), options);
}

Tensor conv2d_add(const Tensor& x, const Tensor& weight, const Tensor& bias, const Tensor& residual,
                  const Conv2dOptions& options) {
  const ProfileScope profile("conv2d_add");
  check_rank("conv2d_add", "residual", residual, 4);
  return convolve("conv2d_add", x, weight, bias, residual, options);
}

Conv2dGradients conv2d_backward(const Tensor& dy, const Tensor& x, const Tensor& weight,
                                const Conv2dOptions& options, Needs needs) {
  const Sizes s = sizes_of("conv2d_backward", x, weight, options);
  check_shape("conv2d_backward", "dy", dy, s.y());
  Conv2dGradients g;
  if (needs[0]) g.dx = gradient_of_x(s, options, dy, x, weight);
  if (needs[1]) g.dweight = gradient_of_weight(s, options, dy, x, weight);
  if (needs[2]) g.dbias = sum(dy, {0, 1, 2});
  return g;
}

}  // namespace vitrine
