#include "ops/gemm/int8_matrix.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "core/ceil_div.hpp"
#include "core/error.hpp"
#include "core/lasting_memory.hpp"
#include "core/parallel.hpp"
#include "ops/gemm/gemm_int8.hpp"
#include "ops/kernels/all.hpp"
#include "ops/kernels/gemm_int8.hpp"

namespace vitrine {
namespace {

using kernels::GemmInt8;

constexpr int64_t kRowsAtOnce = 16;  // of a weight, as a task

const GemmInt8& kernel_of(Isa isa) { return *kernels::narrow_of(isa).gemm_int8; }

/// The values of a step of one row; zeros behind k.
using Step = std::array<int8_t, GemmInt8::kLongestStep>;

/// Values that are added in the same 16 bits.
constexpr std::array<std::array<size_t, 4>, 2> kSharedSums = {{{0, 1, 4, 5}, {2, 3, 6, 7}}};

Step step_of(const int8_t* row, int64_t k, int64_t step, int64_t length) {
  Step values{};
  const int64_t begin = step * length;
  std::copy_n(row + begin, std::min(length, k - begin), values.begin());
  return values;
}

/// What of the values has to go to a second step so that neither step's products overflow 16 bits:
/// halves of four that could, otherwise zeros. (Four halves are at most 4 * 64 <= 258.)
Step rest_of(const Step& values, int32_t most) {
  Step rest{};
  if (most == 0) return rest;
  for (const auto& shared : kSharedSums) {
    int32_t positive = 0;
    int32_t negative = 0;
    for (const size_t p : shared) (values[p] > 0 ? positive : negative) += values[p];
    if (positive <= most && -negative <= most) continue;
    for (const size_t p : shared) rest[p] = static_cast<int8_t>(values[p] / 2);
  }
  return rest;
}

bool none(const Step& values) {
  return std::ranges::all_of(values, [](int8_t v) { return v == 0; });
}

}  // namespace

Int8Rows Int8Rows::of(int64_t n, int64_t k, const float* rows) {
  Int8Rows to{n, k, std::vector<int8_t>(static_cast<size_t>(n * k)),
              std::vector<float>(static_cast<size_t>(n))};
  parallel_for(n, kRowsAtOnce, [&](int64_t begin, int64_t end) {
    for (int64_t j = begin; j < end; ++j) {
      const float* row = rows + j * k;
      float largest = 0;
      float no_number = 0;
      for (int64_t p = 0; p < k; ++p) {
        largest = std::max(largest, std::abs(row[p]));
        no_number += 0 * row[p];
      }
      const float scale = largest / 127;
      to.scales[static_cast<size_t>(j)] = scale + no_number;
      if (!std::isfinite(scale + no_number) || scale == 0) continue;
      for (int64_t p = 0; p < k; ++p) {
        const float q = std::clamp(std::nearbyint(row[p] / scale), -127.0F, 127.0F);
        to.values[static_cast<size_t>(j * k + p)] = static_cast<int8_t>(q);
      }
    }
  });
  return to;
}

Int8Matrix::Int8Matrix(int64_t n, int64_t k, std::span<const int8_t> values,
                       std::span<const float> scales)
    : PackedWeight(Precision::kInt8, k, n) {
  if (k > GemmInt8::kMostK) {
    throw ShapeError(
        fmt::format("[int8] a row of {} values is longer than {}, beyond which 32-bit "
                    "sums are not exact",
                    k, GemmInt8::kMostK));
  }
  const GemmInt8& kernel = kernel_of(isa());
  const kernels::MicroPanels cut = kernel.cut();
  panels_.resize(static_cast<size_t>(cut.count(n)));
  parallel_for(cut.count(n), 1, [&](int64_t p, int64_t) { find_repeated(p, values); });

  int64_t size = 0;
  int64_t columns = 0;
  for (int64_t p = 0; p < cut.count(n); ++p) {
    Panel& panel = panels_[static_cast<size_t>(p)];
    panel.offset = size;
    panel.column = columns;
    // Vectors are read aligned.
    size += ceil_div(all_steps(panel) * kernel.step * cut.padded(n, p), 64) * 64;
    columns += cut.padded(n, p);
  }
  bytes_ = lasting_floats(ceil_div(size, static_cast<int64_t>(sizeof(float))));
  scales_.resize(static_cast<size_t>(columns));
  sums_.resize(static_cast<size_t>(columns));
  parallel_for(cut.count(n), 1, [&](int64_t p, int64_t) { write_panel(p, values, scales); });
}

void Int8Matrix::find_repeated(int64_t p, std::span<const int8_t> values) {
  const GemmInt8& kernel = kernel_of(isa());
  if (kernel.most == 0) return;
  const int64_t begin = kernel.cut().begin(n(), p);
  const int64_t end = kernel.cut().begin(n(), p + 1);
  for (int64_t s = 0; s < steps(); ++s) {
    bool repeat = false;
    for (int64_t j = begin; j < end && !repeat; ++j) {
      repeat = !none(rest_of(step_of(values.data() + j * k(), k(), s, kernel.step), kernel.most));
    }
    if (repeat) panels_[static_cast<size_t>(p)].repeated.push_back(static_cast<int32_t>(s));
  }
}

void Int8Matrix::write_panel(int64_t p, std::span<const int8_t> values,
                             std::span<const float> scales) {
  const GemmInt8& kernel = kernel_of(isa());
  const kernels::MicroPanels cut = kernel.cut();
  const Panel& panel = panels_[static_cast<size_t>(p)];
  const int64_t step_bytes = kernel.step * cut.padded(n(), p);
  int8_t* const first = bytes() + panel.offset;
  std::fill_n(first, all_steps(panel) * step_bytes, int8_t{0});
  for (int64_t j = 0; j < cut.columns(n(), p); ++j) {
    const int64_t column = cut.begin(n(), p) + j;
    std::array<int64_t, GemmInt8::kLongestStep> place{};
    for (int64_t i = 0; i < kernel.step; ++i) place[static_cast<size_t>(i)] = kernel.place(i, j);
    const auto write = [&](int64_t step, const Step& content) {
      int8_t* to = first + step * step_bytes;
      for (size_t i = 0; i < static_cast<size_t>(kernel.step); ++i) to[place[i]] = content[i];
    };
    int32_t sum = 0;
    size_t repeat = 0;
    for (int64_t s = 0; s < steps(); ++s) {
      Step content = step_of(values.data() + column * k(), k(), s, kernel.step);
      for (const int8_t v : content) sum += v;
      if (repeat < panel.repeated.size() && panel.repeated[repeat] == s) {
        const Step rest = rest_of(content, kernel.most);
        write(steps() + static_cast<int64_t>(repeat++), rest);
        for (size_t i = 0; i < content.size(); ++i) {
          content[i] = static_cast<int8_t>(content[i] - rest[i]);
        }
      }
      write(s, content);
    }
    scales_[static_cast<size_t>(panel.column + j)] = scales[static_cast<size_t>(column)];
    sums_[static_cast<size_t>(panel.column + j)] = sum;
  }
}

Int8Rows Int8Matrix::rows() const {
  const GemmInt8& kernel = kernel_of(isa());
  const kernels::MicroPanels cut = kernel.cut();
  Int8Rows to{n(), k(), std::vector<int8_t>(static_cast<size_t>(n() * k())),
              std::vector<float>(static_cast<size_t>(n()))};
  parallel_for(cut.count(n()), 1, [&](int64_t p, int64_t) {
    const Panel& panel = panels_[static_cast<size_t>(p)];
    const int64_t step_bytes = kernel.step * cut.padded(n(), p);
    const int8_t* const first = bytes() + panel.offset;
    for (int64_t j = 0; j < cut.columns(n(), p); ++j) {
      const int64_t column = cut.begin(n(), p) + j;
      to.scales[static_cast<size_t>(column)] = scales_[static_cast<size_t>(panel.column + j)];
      int8_t* row = to.values.data() + column * k();
      const auto add = [&](int64_t step, const int8_t* from) {
        const int64_t begin = step * kernel.step;
        for (int64_t i = 0; i < std::min(kernel.step, k() - begin); ++i) {
          row[begin + i] = static_cast<int8_t>(row[begin + i] + from[kernel.place(i, j)]);
        }
      };
      for (int64_t s = 0; s < steps(); ++s) add(s, first + s * step_bytes);
      for (size_t r = 0; r < panel.repeated.size(); ++r) {
        add(panel.repeated[r], first + (steps() + static_cast<int64_t>(r)) * step_bytes);
      }
    }
  });
  return to;
}

void Int8Matrix::unpack_transposed(float* to) const {
  const Int8Rows integers = rows();
  for (int64_t j = 0; j < n(); ++j) {
    const float scale = integers.scales[static_cast<size_t>(j)];
    for (int64_t p = 0; p < k(); ++p) {
      const size_t i = static_cast<size_t>(j * k() + p);
      to[i] = scale * static_cast<float>(integers.values[i]);
    }
  }
}

std::shared_ptr<const PackedWeight> Int8Matrix::for_active_isa() const {
  return std::make_shared<const Int8Matrix>(rows());
}

void Int8Matrix::multiply(int64_t m, const float* a, int64_t lda, float* c, int64_t ldc,
                          const GemmEpilogue& epilogue) const {
  gemm_int8(m, a, lda, *this, c, ldc, epilogue);
}

void Int8Matrix::multiply(const ImageRows& a, float* c, int64_t ldc,
                          const GemmEpilogue& epilogue) const {
  gemm_int8(a, *this, c, ldc, epilogue);
}

int64_t Int8Matrix::steps() const { return ceil_div(k(), kernel_of(isa()).step); }
const int8_t* Int8Matrix::panel(int64_t panel) const {
  return bytes() + panels_[static_cast<size_t>(panel)].offset;
}
int64_t Int8Matrix::panel_bytes(int64_t panel) const {
  const GemmInt8& kernel = kernel_of(isa());
  return all_steps(panels_[static_cast<size_t>(panel)]) * kernel.step *
         kernel.cut().padded(n(), panel);
}
std::span<const int32_t> Int8Matrix::repeated(int64_t panel) const {
  return panels_[static_cast<size_t>(panel)].repeated;
}
const float* Int8Matrix::scales(int64_t panel) const {
  return scales_.data() + panels_[static_cast<size_t>(panel)].column;
}
const int32_t* Int8Matrix::sums(int64_t panel) const {
  return sums_.data() + panels_[static_cast<size_t>(panel)].column;
}

}  // namespace vitrine
