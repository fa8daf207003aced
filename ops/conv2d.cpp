// Convolution as matrix products, one per group: y (B H' W', O) = rows of x (B H' W', kh kw C)
// times the kernels (kh kw C, O). The rows are gathered piece by piece while the product runs;
// those of a 1 x 1 kernel are the pixels themselves.
//
// The gradient of x is a convolution of dy. With a stride of 1 its kernel is the same one turned
// around. With stride s a pixel sees only every s-th element of the kernel, and which ones depends
// on (pixel + padding) mod s. Pixels that see dy at the same places, through whichever elements,
// are the columns of one product, so nothing is multiplied by zeros of a stretched dy.

#include "ops/conv2d.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <vector>

#include "core/ceil_div.hpp"
#include "core/check.hpp"
#include "core/parallel.hpp"
#include "core/profile.hpp"
#include "ops/conv2d_groups.hpp"
#include "ops/gemm/gemm.hpp"
#include "ops/permute.hpp"
#include "ops/reduce.hpp"
#include "ops/unary.hpp"

namespace vitrine {
namespace {

using Sizes = detail::ConvSizes;

constexpr int64_t kChunkElements = 1 << 14;  // some microseconds of copying
// Rows of x that are gathered at once for the gradient of the weight: 4 MB. A constant, since the
// sums are cut there.
constexpr int64_t kGatheredFloats = 1 << 20;

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

ReusedVector<int64_t> taps(int64_t kernel, int64_t dilation, int64_t padding) {
  ReusedVector<int64_t> at;
  at.reserve(static_cast<size_t>(kernel));
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
  const Tensor plain = weight.detach();
  // One pixel or one channel: nothing changes its place.
  const bool same = weight.dim(2) * weight.dim(3) == 1 || weight.dim(1) == 1;
  return (same ? plain : permute(plain, {0, 2, 3, 1}))
      .reshape({weight.dim(0), weight.dim(1) * weight.dim(2) * weight.dim(3)});
}

/// The kernels of outputs [first, first + count), packed; null unless the weight is frozen.
std::shared_ptr<const PackedWeight> packed_part(const Tensor& weight, int64_t first,
                                                int64_t count) {
  return packed_weight(weight.detach().rows(first, first + count), conv2d_matrix_of(weight));
}

/// y = epilogue(convolution)
Tensor product(const Sizes& s, const Conv2dOptions& options, const Tensor& x, const Tensor& weight,
               const GemmEpilogue& epilogue) {
  Tensor y = Tensor::empty(s.y());
  if (y.numel() == 0) return y;
  if (detail::in_groups(weight, s.groups, options.dilation)) {
    detail::convolve_groups(s, options, x.data(), weight, y.mutable_data(), epilogue);
    return y;
  }
  Tensor matrix;  // of a weight that is not frozen
  for (int64_t group = 0; group < s.groups; ++group) {
    const ImageRows rows = rows_of_x(s, options, x, group);
    const int64_t first = group * s.group_outputs();
    float* to = y.mutable_data() + first;
    if (const auto packed = packed_part(weight, first, s.group_outputs())) {
      packed->multiply(rows, to, s.outputs, epilogue.at(0, first));
      continue;
    }
    if (!matrix.defined()) matrix = weight_matrix(weight);
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
    check_shape(op, "bias", bias, {s.outputs}, "weight", weight.shape());
    epilogue.bias = bias.data();
  }
  if (residual.defined()) {
    check_shape(op, "residual", residual, s.y(), "x", x.shape());
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

/// Pixels of x, along one axis, that see dy at the same places: pixel number i of the line first,
/// first + stride, ... sees dy at i + tap, through one element of the kernel per tap.
struct Seers {
  struct Pixels {
    int64_t first;
    std::vector<int64_t> elements;
  };
  ReusedVector<int64_t> taps;  // in the order of dy, so that neighbours are read as one run
  std::vector<Pixels> pixels;
};

/// The pixels of an axis by what they see. Those that see nothing are left out.
std::vector<Seers> seers_of(int64_t size, int64_t kernel, int64_t stride, int64_t dilation,
                            int64_t padding) {
  std::vector<Seers> all;
  for (int64_t first = 0; first < std::min(stride, size); ++first) {
    ReusedVector<int64_t> taps;
    std::vector<int64_t> elements;
    for (int64_t u = kernel - 1; u >= 0; --u) {
      const int64_t distance = first + padding - u * dilation;
      if (distance % stride != 0) continue;
      taps.push_back(distance / stride);
      elements.push_back(u);
    }
    if (taps.empty()) continue;
    auto seers = std::ranges::find(all, taps, &Seers::taps);
    if (seers == all.end()) seers = all.insert(all.end(), {taps, {}});
    seers->pixels.push_back({first, elements});
  }
  return all;
}

/// What some pixels see, as the right operand of a product: for every tap and output of the group a
/// row; in it, for every line of pixels, the channels. by_element is (kh, kw, O, C / groups).
Tensor seen_kernels(const Sizes& s, const Tensor& by_element, const Seers& h, const Seers& w,
                    int64_t group) {
  const auto columns = static_cast<int64_t>(w.taps.size());
  const auto taps = static_cast<int64_t>(h.taps.size()) * columns;
  const auto lines = static_cast<int64_t>(h.pixels.size() * w.pixels.size());
  const int64_t channels = s.group_channels();
  const int64_t outputs = s.group_outputs();
  const int64_t width = lines * channels;
  Tensor seen = Tensor::empty({taps * outputs, width});
  float* rows = seen.mutable_data();
  const int64_t grain = std::max<int64_t>(kChunkElements / width, 1);
  parallel_for(taps * outputs, grain, [&](int64_t begin, int64_t end) {
    float* to = rows + begin * width;
    for (int64_t row = begin; row < end; ++row) {
      const auto a = static_cast<size_t>(row / outputs / columns);
      const auto b = static_cast<size_t>(row / outputs % columns);
      const int64_t o = group * outputs + row % outputs;
      for (const auto& y : h.pixels) {
        for (const auto& x : w.pixels) {
          const int64_t element = y.elements[a] * s.kernel.w + x.elements[b];
          to = std::copy_n(by_element.data() + (element * s.outputs + o) * channels, channels, to);
        }
      }
    }
  });
  return seen;
}

/// Copies the gradients of the pixels of `h` and `w`, a row of `from` for each place of `rows`, to
/// where they belong.
void scatter(const Sizes& s, const Conv2dOptions& o, const ImageRows& rows, const Seers& h,
             const Seers& w, const Tensor& from, float* to) {
  const int64_t channels = s.group_channels();
  const int64_t line = rows.columns * from.dim(1);
  const int64_t grain = std::max<int64_t>(kChunkElements / std::max<int64_t>(line, 1), 1);
  parallel_for(rows.batch * rows.rows, grain, [&](int64_t begin, int64_t end) {
    const float* next = from.data() + begin * line;
    for (int64_t r = begin; r < end; ++r) {
      const int64_t image = r / rows.rows * s.image.h * s.image.w;
      for (int64_t j = 0; j < rows.columns; ++j) {
        for (const auto& [first_h, elements_h] : h.pixels) {
          const int64_t y = first_h + r % rows.rows * o.stride.h;
          for (const auto& [first_w, elements_w] : w.pixels) {
            const int64_t x = first_w + j * o.stride.w;
            // The last pixels of a line may be missing.
            if (y < s.image.h && x < s.image.w) {
              std::copy_n(next, channels, to + (image + y * s.image.w + x) * s.channels);
            }
            next += channels;
          }
        }
      }
    }
  });
}

/// The gradients of a group's channels at the pixels of `h` and `w`; `dx` is the first of them.
void gradient_of_pixels(const Sizes& s, const Conv2dOptions& o, const Tensor& dy,
                        const Tensor& by_element, const Seers& h, const Seers& w, int64_t group,
                        float* dx) {
  const ImageRows rows{.data = dy.data() + group * s.group_outputs(),
                       .batch = s.batch,
                       .height = s.grid.h,
                       .width = s.grid.w,
                       .pitch = s.outputs,
                       .channels = s.group_outputs(),
                       .rows = ceil_div(s.image.h - h.pixels[0].first, o.stride.h),
                       .columns = ceil_div(s.image.w - w.pixels[0].first, o.stride.w),
                       .taps_h = h.taps,
                       .taps_w = w.taps};
  const Tensor kernels = seen_kernels(s, by_element, h, w, group);
  const int64_t n = kernels.dim(1);
  if (o.stride == Size2d{1, 1}) {  // all pixels, in their order
    gemm(rows, Trans::kNo, n, kernels.data(), n, dx, s.channels);
    return;
  }
  Tensor part = Tensor::empty({rows.m(), n});
  gemm(rows, Trans::kNo, n, kernels.data(), n, part.mutable_data(), n);
  scatter(s, o, rows, h, w, part, dx);
}

/// Of the convolution that is the gradient of x where the stride is 1.
Conv2dOptions turned_options(const Sizes& s, const Conv2dOptions& o) {
  return {
      .padding = {.top = s.kernel.h - 1 - o.padding.top, .left = s.kernel.w - 1 - o.padding.left},
      .groups = s.groups};
}

Tensor gradient_of_x(const Sizes& s, const Conv2dOptions& o, const Tensor& dy, const Tensor& x,
                     const Tensor& weight) {
  if (dy.numel() == 0 || x.numel() == 0) return Tensor::zeros(x.shape());
  if (const Conv2dOptions turned = turned_options(s, o);
      o.stride == Size2d{1, 1} && turned.padding.top >= 0 && turned.padding.left >= 0 &&
      detail::in_groups(weight, s.groups, o.dilation)) {
    Tensor dx = Tensor::empty(x.shape());
    const Sizes back{s.batch, s.grid, s.outputs, s.channels, s.kernel, s.image, s.groups};
    detail::convolve_groups(back, turned, dy.data(), detail::turned_groups(weight, s.groups),
                            dx.mutable_data(), {});
    return dx;
  }
  if (const int64_t joined = detail::joined_groups(weight, s.groups); joined > 1) {
    return gradient_of_x(s.joined(joined), o, dy, x, detail::join_groups(weight, s.groups, joined));
  }
  const bool all_seen = o.stride == Size2d{1, 1};
  Tensor dx = all_seen ? Tensor::empty(x.shape()) : Tensor::zeros(x.shape());
  const Tensor by_element = permute(weight.detach(), {2, 3, 0, 1});
  const auto by_h = seers_of(s.image.h, s.kernel.h, o.stride.h, o.dilation.h, o.padding.top);
  const auto by_w = seers_of(s.image.w, s.kernel.w, o.stride.w, o.dilation.w, o.padding.left);
  for (int64_t group = 0; group < s.groups; ++group) {
    float* to = dx.mutable_data() + group * s.group_channels();
    for (const Seers& h : by_h) {
      for (const Seers& w : by_w) gradient_of_pixels(s, o, dy, by_element, h, w, group, to);
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
  const int64_t step = std::clamp<int64_t>(kGatheredFloats / std::max<int64_t>(k, 1), 1, m);
  const Buffer piece = scratch_floats(step * k);
  const int64_t grain = std::max<int64_t>(kChunkElements / std::max<int64_t>(k, 1), 1);
  GemmEpilogue epilogue;
  for (int64_t row = 0; row < m; row += step) {
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
  if (dy.numel() == 0) return Tensor::zeros(weight.shape());
  if (const int64_t joined = detail::joined_groups(weight, s.groups); joined > 1) {
    const Tensor wide = detail::join_groups(weight, s.groups, joined);
    return detail::take_groups(gradient_of_weight(s.joined(joined), o, dy, x, wide), s.groups,
                               joined);
  }
  Tensor dmatrix = Tensor::empty({s.outputs, s.kernel.h, s.kernel.w, s.group_channels()});
  for (int64_t group = 0; group < s.groups; ++group) {
    const int64_t first = group * s.group_outputs();
    multiply_by_rows(s, rows_of_x(s, o, x, group), dy.data() + first,
                     dmatrix.mutable_data() + first * s.k());
  }
  return s.pointwise() ? dmatrix.reshape(weight.shape()) : permute(dmatrix, {0, 3, 1, 2});
}

}  // namespace

MatrixOf conv2d_matrix_of(const Tensor& weight) {
  return weight.dim(2) * weight.dim(3) == 1 ? nullptr : weight_matrix;
}

Tensor conv2d(const Tensor& x, const Tensor& weight, const Tensor& bias,
              const Conv2dOptions& options) {
  const ProfileScope profile("conv2d");
  return convolve("conv2d", x, weight, bias, Tensor(), options);
}

Tensor conv2d_add(const Tensor& x, const Tensor& weight, const Tensor& bias, const Tensor& residual,
                  const Conv2dOptions& options) {
  const ProfileScope profile("conv2d_add");
  check_rank_at_least("conv2d_add", "residual", residual, 4);
  return convolve("conv2d_add", x, weight, bias, residual, options);
}

void pack_conv2d_weight(const Tensor& weight, int64_t groups, Precision precision) {
  constexpr std::string_view kMust =
      "weight must be a frozen (O, C, kh, kw), O a multiple of the groups";
  check(weight.defined() && weight.rank() == 4 && groups > 0 && weight.dim(0) % groups == 0,
        "pack_conv2d_weight", kMust);
  check_usage(weight.storage().frozen(), "pack_conv2d_weight", kMust);
  if (weight.numel() == 0) return;
  // Groups stay in f32.
  const bool in_groups = detail::in_groups(weight, groups, {1, 1});
  const Precision kept = in_groups ? Precision::kFloat32 : precision;
  if (weight.storage().borrowed() && kept == Precision::kFloat32) return;
  const int64_t outputs = in_groups ? detail::block_of_groups(weight) : weight.dim(0) / groups;
  std::vector<std::shared_ptr<const PackedWeight>> packed;
  for (int64_t first = 0; first < weight.dim(0); first += outputs) {
    const Tensor part = weight.detach().rows(first, std::min(first + outputs, weight.dim(0)));
    packed.push_back(packed_as(part, conv2d_matrix_of(weight), kept));
  }
  if (weight.numel() != weight.storage().numel()) return;
  weight.storage().move_out([packed, shape = weight.shape()](float* to) {
    Tensor matrix = Tensor::empty({shape[0], shape[2], shape[3], shape[1]});
    float* row = matrix.mutable_data();
    for (const auto& part : packed) {
      part->unpack_transposed(row);
      row += part->n() * part->k();
    }
    const Tensor plain = permute(matrix, {0, 3, 1, 2});
    std::ranges::copy(plain.values(), to);
  });
}

Conv2dGradients conv2d_backward(const Tensor& dy, const Tensor& x, const Tensor& weight,
                                const Conv2dOptions& options, Needs needs) {
  const Sizes s = sizes_of("conv2d_backward", x, weight, options);
  check_shape("conv2d_backward", "dy", dy, s.y(), "x", x.shape());
  Conv2dGradients g;
  if (needs[0]) g.dx = gradient_of_x(s, options, dy, x, weight);
  if (needs[1]) g.dweight = gradient_of_weight(s, options, dy, x, weight);
  if (needs[2]) g.dbias = sum(dy, {0, 1, 2});
  return g;
}

}  // namespace vitrine
