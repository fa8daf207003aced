#include "ops/conv2d_groups.hpp"

#include <algorithm>
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

// Floats of padded lines that a task copies before it multiplies them: half of a small L2.
constexpr int64_t kLineFloats = 1 << 15;

int64_t elements(const Tensor& weight) { return weight.dim(2) * weight.dim(3); }

/// Rows of the right operand, transposed: output `o` of a weight (n, width, kh, kw), whose n /
/// width groups are joined, as (kh kw n) numbers, 0 where a channel is of another group.
void fill_row(const float* output, int64_t o, int64_t n, int64_t width, int64_t taps, float* row) {
  std::fill_n(row, taps * n, 0.0F);
  const int64_t first = o / width * width;
  for (int64_t c = 0; c < width; ++c) {
    for (int64_t t = 0; t < taps; ++t) row[t * n + first + c] = output[c * taps + t];
  }
}

/// (n, width, kh, kw), n / width groups that are joined -> (n, kh kw n)
Tensor joined_matrix(const Tensor& weight) {
  const int64_t n = weight.dim(0);
  const int64_t k = elements(weight) * n;
  Tensor matrix = Tensor::empty({n, k});
  float* to = matrix.mutable_data();
  for (int64_t o = 0; o < n; ++o) {
    fill_row(weight.data() + o * weight.dim(1) * elements(weight), o, n, weight.dim(1),
             elements(weight), to + o * k);
  }
  return matrix;
}

/// The kernels of joined group `g`, packed; null unless the weight is frozen.
std::shared_ptr<const PackedMatrix> packed_group(const Tensor& weight, int64_t groups, int64_t g) {
  const int64_t n = joined_groups(weight, groups) * weight.dim(1);
  // Never in integers: has_precision leaves groups out.
  return std::dynamic_pointer_cast<const PackedMatrix>(
      packed_weight(weight.detach().rows(g * n, (g + 1) * n), joined_matrix));
}

/// Writes the kernels of a joined group, each of `width` channels, as they were; returns their end.
float* unpack_group(const PackedMatrix& packed, int64_t width, float* to) {
  const int64_t n = packed.n();
  const int64_t taps = packed.k() / n;
  std::vector<float> rows(static_cast<size_t>(n * packed.k()));
  packed.unpack_transposed(rows.data());
  for (int64_t o = 0; o < n; ++o) {
    const float* row = rows.data() + o * packed.k() + o / width * width;
    for (int64_t c = 0; c < width; ++c) {
      for (int64_t t = 0; t < taps; ++t) *to++ = row[t * n + c];
    }
  }
  return to;
}

/// The kernels of every joined group as micro-panels: packed before, or in a scratch.
class Panels {
 public:
  Panels(const Gemm& kernel, const Tensor& weight, int64_t groups)
      : kernel_(kernel),
        joined_(joined_groups(weight, groups)),
        n_(joined_ * weight.dim(1)),
        k_(elements(weight) * n_),
        panels_(kernel.panels(n_)) {
    for (int64_t g = 0; g < groups / joined_; ++g) {
      packed_.push_back(packed_group(weight, groups, g));
      if (packed_.back() != nullptr) continue;
      pack(weight);
      break;
    }
  }

  int64_t n() const { return n_; }
  int64_t panels() const { return panels_; }
  /// Micro-panel `panel` of joined group `g`, from row `row` of k on.
  const float* at(int64_t g, int64_t panel, int64_t row) const {
    const float* first = !scratch_ ? packed_[static_cast<size_t>(g)]->panel(0, panel)
                                   : scratch_->floats() + (g * panels_ + panel) * k_ * kernel_.nr;
    return first + row * kernel_.nr;
  }

 private:
  void pack(const Tensor& weight) {
    const int64_t groups = weight.dim(0) / n_;
    scratch_.emplace(scratch_floats(groups * panels_ * k_ * kernel_.nr));
    parallel_for(groups, 1, [&](int64_t g, int64_t) {
      const Tensor matrix = joined_matrix(weight.detach().rows(g * n_, (g + 1) * n_));
      for (int64_t p = 0; p < panels_; ++p) {
        kernel_.pack(kernel_.panel_columns(n_, p), k_,
                     matrix.data() + kernel_.panel_begin(n_, p) * k_, k_, 1, kernel_.nr,
                     scratch_->floats() + (g * panels_ + p) * k_ * kernel_.nr);
      }
    });
  }

  const Gemm& kernel_;
  int64_t joined_, n_, k_, panels_;
  ReusedVector<std::shared_ptr<const PackedMatrix>> packed_;
  std::optional<Buffer> scratch_;  // of a weight that is not frozen
};

/// `count` pixels of kWidth channels, or of `width` if that is 0.
template <int64_t kWidth>
void copy_pixels(const float* from, int64_t pitch, int64_t width, int64_t count, float* to) {
  const int64_t floats = kWidth > 0 ? kWidth : width;
  for (int64_t i = 0; i < count; ++i) std::copy_n(from + i * pitch, floats, to + i * floats);
}

/// Lines of an image with their padding, the channels of one joined group side by side.
struct PaddedLines {
  const ConvSizes& s;
  const Conv2dOptions& options;
  int64_t width;  // channels of a joined group

  int64_t columns() const { return (s.grid.w - 1) * options.stride.w + s.kernel.w; }
  int64_t line() const { return columns() * width; }  // floats
  /// Lines that `count` lines of the result see.
  int64_t lines(int64_t count) const { return (count - 1) * options.stride.h + s.kernel.h; }

  /// Copies those that lines [begin, begin + count) of the result see; `image` is the first channel
  /// of the image's first pixel.
  void copy(const float* image, int64_t begin, int64_t count, float* to) const {
    const int64_t left = std::min(options.padding.left, columns());
    const int64_t inside = std::clamp<int64_t>(s.image.w, 0, columns() - left);
    for (int64_t l = 0; l < lines(count); ++l, to += line()) {
      const int64_t y = begin * options.stride.h + l - options.padding.top;
      if (y < 0 || y >= s.image.h) {
        std::fill_n(to, line(), 0.0F);
        continue;
      }
      const float* from = image + y * s.image.w * s.channels;
      std::fill_n(to, left * width, 0.0F);
      copy_pixels(from, inside, to + left * width);
      std::fill_n(to + (left + inside) * width, (columns() - left - inside) * width, 0.0F);
    }
  }

 private:
  void copy_pixels(const float* from, int64_t count, float* to) const {
    switch (width) {
      case 4:
        return detail::copy_pixels<4>(from, s.channels, width, count, to);
      case 8:
        return detail::copy_pixels<8>(from, s.channels, width, count, to);
      case 16:
        return detail::copy_pixels<16>(from, s.channels, width, count, to);
      default:
        return detail::copy_pixels<0>(from, s.channels, width, count, to);
    }
  }
};

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

bool in_groups(const Tensor& weight, int64_t groups, Size2d dilation) {
  const int64_t width = joined_groups(weight, groups) * weight.dim(1);
  return groups > 1 && weight.dim(0) == groups * weight.dim(1) && elements(weight) > 1 &&
         dilation == Size2d{1, 1} && elements(weight) * width <= kernels::active().gemm->kc;
}

void pack_groups(const Tensor& weight, int64_t groups) {
  const int64_t count = groups / joined_groups(weight, groups);
  std::vector<std::shared_ptr<const PackedMatrix>> packed;
  for (int64_t g = 0; g < count; ++g) packed.push_back(packed_group(weight, groups, g));
  if (weight.numel() != weight.storage().numel()) return;
  weight.storage().move_out([packed, width = weight.dim(1)](float* to) {
    for (const auto& group : packed) to = unpack_group(*group, width, to);
  });
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
  profile_macs(s.m() * s.outputs * s.k());  // without the zeros between groups
  const Gemm& kernel = *kernels::active().gemm;
  const Panels panels(kernel, weight, s.groups);
  const int64_t n = panels.n();
  const PaddedLines padded{s, options, n};
  // Lines of the result that a task computes: what they see is copied once.
  const int64_t most = kLineFloats / (padded.line() * options.stride.h) - s.kernel.h;
  const int64_t together = std::clamp<int64_t>(most, 1, s.grid.h);
  const int64_t pieces = ceil_div(s.grid.h, together);
  const int64_t blocks = s.outputs / n;
  const int64_t k = s.kernel.w * n;  // of a line of the kernel
  const int64_t scratch = padded.lines(together) * padded.line();
  const Buffer lines = scratch_floats(threads() * scratch);

  // A piece of an image comes to all joined groups, one after the other: it stays in the cache.
  const auto task = [&](int64_t i, float* copied) {
    const int64_t g = i % blocks;
    const int64_t first = i / blocks % pieces * together;
    const int64_t image = i / blocks / pieces;
    const int64_t count = std::min(together, s.grid.h - first);
    padded.copy(x + image * s.image.h * s.image.w * s.channels + g * n, first, count, copied);
    for (int64_t l = 0; l < count; ++l) {
      const int64_t row = (image * s.grid.h + first + l) * s.grid.w;
      for (int64_t p = 0; p < panels.panels(); ++p) {
        const int64_t column = g * n + kernel.panel_begin(n, p);
        for (int64_t u = 0; u < s.kernel.h; ++u) {
          kernel.multiply({.rows = s.grid.w,
                           .tiles = 1,
                           .columns = kernel.panel_columns(n, p),
                           .k = k,
                           .a = copied + (l * options.stride.h + u) * padded.line(),
                           .a_layout = GemmA::kRows,
                           .a_pitch = options.stride.w * n,
                           .b = panels.at(g, p, u * k),
                           .ahead = {},
                           .c = y + row * s.outputs + column,
                           .c_pitch = s.outputs,
                           .add = u > 0,
                           .last = u + 1 == s.kernel.h,
                           .epilogue = epilogue.at(row, column)});
        }
      }
    }
  };
  const int64_t macs = together * s.grid.w * n * n * elements(weight);
  const int64_t grain = std::max<int64_t>(kTaskMacs / std::max<int64_t>(macs, 1), 1);
  parallel_chunks(s.batch * pieces * blocks, grain,
                  [&](int64_t, int64_t begin, int64_t end, int worker) {
                    for (int64_t i = begin; i < end; ++i)
                      task(i, lines.floats() + worker * scratch);
                  });
}

}  // namespace vitrine::detail
