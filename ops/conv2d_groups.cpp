#include "ops/conv2d_groups.hpp"

#include <algorithm>
#include <cstring>
#include <memory>
#include <optional>
#include <vector>

#include "core/ceil_div.hpp"
#include "core/parallel.hpp"
#include "core/profile.hpp"
#include "core/reused.hpp"
#include "ops/gemm/gemm_blocking.hpp"
#include "ops/gemm/gemm_packed.hpp"
#include "ops/kernels/all.hpp"

namespace vitrine::detail {
namespace {

using kernels::Gemm;
using kernels::GemmA;
using kernels::GemmBlock;

// Floats of padded lines that a task copies before it multiplies them: half of a small L2.
constexpr int64_t kLineFloats = 1 << 15;

/// Whether groups so wide share a vector.
bool share_vectors(const Gemm& kernel, int64_t width) { return width < kernel.lanes; }

int64_t elements(const Tensor& weight) { return weight.dim(2) * weight.dim(3); }

/// The kernels of every block of groups as micro-panels: packed before, or in a scratch.
class Panels {
 public:
  Panels(const Gemm& kernel, const Tensor& weight, int64_t block)
      : kernel_(kernel),
        block_(block),
        k_(elements(weight) * weight.dim(1)),
        panels_(kernel.panels(block)) {
    for (int64_t first = 0; first < weight.dim(0); first += block) {
      const Tensor part = weight.detach().rows(first, std::min(first + block, weight.dim(0)));
      // Never in integers: has_precision leaves groups out.
      packed_.push_back(std::dynamic_pointer_cast<const PackedMatrix>(
          packed_weight(part, conv2d_matrix_of(weight))));
      if (packed_.back() != nullptr) continue;
      pack(weight);
      break;
    }
  }

  const float* at(int64_t block, int64_t panel) const {
    if (scratch_) return in_scratch(block, panel);
    return packed_[static_cast<size_t>(block)]->panel(0, panel);
  }

 private:
  float* in_scratch(int64_t block, int64_t panel) const {
    return scratch_->floats() + (block * panels_ + panel) * k_ * kernel_.nr;
  }

  void pack(const Tensor& weight) {
    const int64_t outputs = weight.dim(0);
    const int64_t blocks = ceil_div(outputs, block_);
    scratch_.emplace(scratch_floats(blocks * panels_ * k_ * kernel_.nr));
    const Tensor matrix = conv2d_matrix_of(weight)(weight);
    parallel_for(blocks, 1, [&](int64_t i, int64_t) {
      const int64_t n = std::min(block_, outputs - i * block_);
      for (int64_t p = 0; p < kernel_.panels(n); ++p) {
        const float* rows = matrix.data() + (i * block_ + kernel_.panel_begin(n, p)) * k_;
        kernel_.pack(kernel_.panel_columns(n, p), k_, rows, k_, 1, kernel_.nr, in_scratch(i, p));
      }
    });
  }

  const Gemm& kernel_;
  int64_t block_, k_, panels_;
  ReusedVector<std::shared_ptr<const PackedMatrix>> packed_;
  std::optional<Buffer> scratch_;  // of a weight that is not frozen
};

/// `count` pixels of `channels` channels to pixels of `floats`, or of kFloats if both are that.
template <int64_t kFloats>
void copy_pixels(const float* from, int64_t pitch, int64_t count, int64_t channels, int64_t floats,
                 float* to) {
  if (kFloats > 0) channels = floats = kFloats;
  for (int64_t i = 0; i < count; ++i, from += pitch, to += floats) {
    std::memcpy(to, from, static_cast<size_t>(channels) * sizeof(float));
    std::fill_n(to + channels, floats - channels, 0.0F);
  }
}

/// Lines of an image with their padding, as the kernel reads the channels of one block.
struct PaddedLines {
  const Gemm& kernel;
  const ConvSizes& s;
  const Conv2dOptions& options;

  /// Floats of a pixel: the channels of a group, or a vector.
  int64_t pixel() const { return std::max(s.group_channels(), kernel.lanes); }
  int64_t columns() const { return (s.grid.w - 1) * options.stride.w + s.kernel.w; }
  int64_t line() const { return columns() * pixel(); }  // floats
  /// Lines that `count` lines of the result see.
  int64_t lines(int64_t count) const { return (count - 1) * options.stride.h + s.kernel.h; }

  /// Copies those that lines [begin, begin + count) of the result see; `image` is the first of
  /// `channels` channels of the image's first pixel.
  void copy(const float* image, int64_t channels, int64_t begin, int64_t count, float* to) const {
    const int64_t left = std::min(options.padding.left, columns());
    const int64_t inside = std::clamp<int64_t>(s.image.w, 0, columns() - left);
    for (int64_t l = 0; l < lines(count); ++l, to += line()) {
      const int64_t y = begin * options.stride.h + l - options.padding.top;
      if (y < 0 || y >= s.image.h) {
        std::fill_n(to, line(), 0.0F);
        continue;
      }
      const float* from = image + y * s.image.w * s.channels;
      std::fill_n(to, left * pixel(), 0.0F);
      copy_pixels(from, inside, channels, to + left * pixel());
      std::fill_n(to + (left + inside) * pixel(), (columns() - left - inside) * pixel(), 0.0F);
    }
  }

 private:
  void copy_pixels(const float* from, int64_t count, int64_t channels, float* to) const {
    const auto copy = channels != pixel() ? detail::copy_pixels<0>
                      : channels == 8     ? detail::copy_pixels<8>
                      : channels == 16    ? detail::copy_pixels<16>
                                          : detail::copy_pixels<0>;
    copy(from, s.channels, count, channels, pixel(), to);
  }
};

/// Lines of the result that a task computes, for which what they see is copied once. While all
/// blocks pass by, they and what they see stay in half of L2.
int64_t lines_together(const ConvSizes& s, const Conv2dOptions& options,
                       const PaddedLines& padded) {
  const int64_t copied = kLineFloats / (padded.line() * options.stride.h) - s.kernel.h;
  const int64_t line = s.image.w * options.stride.h * s.channels + s.grid.w * s.outputs;
  const int64_t read = l2_bytes() / 2 / (line * static_cast<int64_t>(sizeof(float)));
  return std::clamp<int64_t>(std::min(copied, read), 1, s.grid.h);
}

}  // namespace

int64_t joined_groups(const Tensor& weight, int64_t groups) {
  const int64_t width = weight.dim(1);
  const int64_t lanes = kernels::active().gemm->lanes;
  if (groups < 2 || weight.dim(0) != groups * width) return 1;
  for (int64_t joined = 1; joined <= groups; ++joined) {
    if (groups % joined == 0 && joined * width >= lanes) return joined;
  }
  return groups;
}

Tensor join_groups(const Tensor& weight, int64_t groups, int64_t joined) {
  const int64_t width = weight.dim(1);
  const int64_t taps = elements(weight);
  const int64_t per_group = weight.dim(0) / groups;
  Tensor wide = Tensor::zeros({weight.dim(0), joined * width, weight.dim(2), weight.dim(3)});
  for (int64_t o = 0; o < weight.dim(0); ++o) {
    const int64_t place = o / per_group % joined;
    std::copy_n(weight.data() + o * width * taps, width * taps,
                wide.mutable_data() + (o * joined + place) * width * taps);
  }
  return wide;
}

Tensor take_groups(const Tensor& weight, int64_t groups, int64_t joined) {
  const int64_t width = weight.dim(1) / joined;
  const int64_t taps = elements(weight);
  const int64_t per_group = weight.dim(0) / groups;
  Tensor narrow = Tensor::empty({weight.dim(0), width, weight.dim(2), weight.dim(3)});
  for (int64_t o = 0; o < weight.dim(0); ++o) {
    const int64_t place = o / per_group % joined;
    std::copy_n(weight.data() + (o * joined + place) * width * taps, width * taps,
                narrow.mutable_data() + o * width * taps);
  }
  return narrow;
}

int64_t block_of_groups(const Tensor& weight) {
  const int64_t width = weight.dim(1);
  return std::min(std::max(kernels::active().gemm->lanes / width, int64_t{1}) * width,
                  weight.dim(0) - width);
}

bool in_groups(const Tensor& weight, int64_t groups, Size2d dilation) {
  const int64_t k = elements(weight) * weight.dim(1);
  return groups > 1 && weight.dim(0) == groups * weight.dim(1) && elements(weight) > 1 &&
         dilation == Size2d{1, 1} && k <= kernels::active().gemm->kc;
}

Tensor turned_groups(const Tensor& weight, int64_t groups) {
  const int64_t width = weight.dim(1);
  const int64_t taps = elements(weight);
  Tensor turned = Tensor::empty(weight.shape());
  float* to = turned.mutable_data();
  for (int64_t g = 0; g < groups; ++g) {
    for (int64_t o = 0; o < width; ++o) {
      const float* from = weight.data() + (g * width + o) * width * taps;
      for (int64_t c = 0; c < width; ++c) {
        float* kernel = to + ((g * width + c) * width + o) * taps;
        std::reverse_copy(from + c * taps, from + (c + 1) * taps, kernel);
      }
    }
  }
  return turned;
}

void convolve_groups(const ConvSizes& s, const Conv2dOptions& options, const float* x,
                     const Tensor& weight, float* y, const GemmEpilogue& epilogue) {
  profile_macs(s.m() * s.outputs * s.k());
  const Gemm& kernel = *kernels::active().gemm;
  const int64_t block = block_of_groups(weight);
  const Panels panels(kernel, weight, block);
  const PaddedLines padded{kernel, s, options};
  const int64_t together = lines_together(s, options, padded);
  const int64_t pieces = ceil_div(s.grid.h, together);
  const int64_t blocks = ceil_div(s.outputs, block);
  const int64_t scratch = padded.lines(together) * padded.line();
  const Buffer lines = scratch_floats(threads() * scratch);

  // A piece of an image comes to all blocks, one after the other: it stays in the cache.
  const auto task = [&](int64_t i, float* copied) {
    const int64_t b = i % blocks;
    const int64_t n = std::min(block, s.outputs - b * block);
    const int64_t first = i / blocks % pieces * together;
    const int64_t image = i / blocks / pieces;
    const int64_t count = std::min(together, s.grid.h - first);
    const float* const pixels = x + image * s.image.h * s.image.w * s.channels + b * block;
    padded.copy(pixels, n, first, count, copied);
    for (int64_t l = 0; l < count; ++l) {
      const int64_t row = (image * s.grid.h + first + l) * s.grid.w;
      for (int64_t p = 0; p < kernel.panels(n); ++p) {
        const int64_t column = b * block + kernel.panel_begin(n, p);
        GemmBlock line{.rows = s.grid.w,
                       .tiles = 1,
                       .columns = kernel.panel_columns(n, p),
                       .k = s.kernel.w * s.group_channels(),
                       .a = copied + l * options.stride.h * padded.line(),
                       .a_layout = GemmA::kRows,
                       .a_pitch = options.stride.w * padded.pixel(),
                       .b = panels.at(b, p),
                       .ahead = {},
                       .c = y + row * s.outputs + column,
                       .c_pitch = s.outputs,
                       .add = false,
                       .last = true,
                       .epilogue = epilogue.at(row, column),
                       .runs = s.kernel.h,
                       .run_pitch = padded.line(),
                       .width = s.group_channels()};
        if (share_vectors(kernel, s.group_channels())) {
          line.a_layout = GemmA::kGroups;
          // The next block's part of the pixels: it lies in other lines of the cache.
          const int64_t image_line = std::min(first * options.stride.h + l, s.image.h - 1);
          if (b + 1 < blocks) {
            line.ahead = {pixels + block + image_line * s.image.w * s.channels, 1, s.channels};
          }
        }
        kernel.multiply(line);
      }
    }
  };
  const int64_t macs = together * s.grid.w * block * s.k();
  const int64_t grain = std::max<int64_t>(kTaskMacs / std::max<int64_t>(macs, 1), 1);
  parallel_chunks(s.batch * pieces * blocks, grain,
                  [&](int64_t, int64_t begin, int64_t end, int worker) {
                    for (int64_t i = begin; i < end; ++i)
                      task(i, lines.floats() + worker * scratch);
                  });
}

}  // namespace vitrine::detail
