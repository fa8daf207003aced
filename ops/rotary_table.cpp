#include "ops/rotary_table.hpp"

#include <fmt/format.h>

#include <cmath>
#include <numbers>
#include <vector>

#include "core/check.hpp"
#include "core/error.hpp"
#include "core/parallel.hpp"
#include "core/tape.hpp"

namespace vitrine {
namespace {

/// Coordinates of the patches along an axis of n.
std::vector<double> coordinates(const RotaryTableOptions& o, int64_t n, int64_t reference,
                                double shift, double scale) {
  std::vector<double> t(static_cast<size_t>(n));
  for (int64_t i = 0; i < n; ++i) {
    const auto index = static_cast<double>(i);
    const auto count = static_cast<double>(n);
    t[static_cast<size_t>(i)] =
        o.rule == RotaryRule::kDinov3
            ? (2 * (index + 0.5) / count - 1 + shift) * scale
            : (index + o.offset) * (reference > 0 ? static_cast<double>(reference) / count : 1);
  }
  return t;
}

/// f(j, place) for both numbers of pair j.
template <class F>
void each_number(RotaryLayout layout, int64_t pairs, F f) {
  for (int64_t j = 0; j < pairs; ++j) {
    f(j, layout == RotaryLayout::kHalf ? j : 2 * j);
    f(j, layout == RotaryLayout::kHalf ? j + pairs : 2 * j + 1);
  }
}

/// Angles of pair j of head h at column x and row y.
double mixed_angle(const float* frequencies, int64_t count, int64_t at, int64_t x, int64_t y) {
  return static_cast<double>(x) * static_cast<double>(frequencies[at]) +
         static_cast<double>(y) * static_cast<double>(frequencies[count + at]);
}

}  // namespace

Tensor rotary_table(const RotaryTableOptions& o, Size2d grid, int64_t head_dim) {
  check_usage(o.rule != RotaryRule::kMixed, "rotary_table",
              "mixed angles have learned frequencies");
  if (head_dim < 4 || head_dim % 4 != 0) {
    throw UsageError(fmt::format(
        "rotary positions need heads of a multiple of 4 numbers, half for the row and half for the "
        "column; these have {}",
        head_dim));
  }
  const int64_t bands = head_dim / 4;
  const Size2d reference = o.reference.value_or(Size2d{0, 0});
  const auto rows = coordinates(o, grid.h, reference.h, o.shift[0], o.scale[0]);
  const auto columns = coordinates(o, grid.w, reference.w, o.shift[1], o.scale[1]);
  const double turn = o.rule == RotaryRule::kDinov3 ? 2 * std::numbers::pi : 1;
  std::vector<double> frequency(static_cast<size_t>(bands));
  for (int64_t k = 0; k < bands; ++k) {
    frequency[static_cast<size_t>(k)] =
        turn * std::pow(o.temperature, -static_cast<double>(k) / static_cast<double>(bands));
  }
  Tensor table = Tensor::empty({2, grid.h * grid.w, head_dim});
  float* cos = table.mutable_data();
  float* sin = cos + grid.h * grid.w * head_dim;
  for (const double y : rows) {
    for (const double x : columns) {
      each_number(o.layout, head_dim / 2, [&](int64_t j, int64_t place) {
        const bool by_row = (j < bands) == (o.axes == RotaryAxes::kRowFirst);
        const double angle = (by_row ? y : x) * frequency[static_cast<size_t>(j % bands)];
        cos[place] = static_cast<float>(std::cos(angle));
        sin[place] = static_cast<float>(std::sin(angle));
      });
      cos += head_dim;
      sin += head_dim;
    }
  }
  return table;
}

Tensor mixed_rotary_table(const Tensor& frequencies, RotaryLayout layout, Size2d grid) {
  constexpr const char* kName = "mixed_rotary_table";
  check(frequencies.defined() && frequencies.rank() == 3 && frequencies.dim(0) == 2, kName,
        "frequencies must be (2, H, hd / 2)");
  const int64_t heads = frequencies.dim(1);
  const int64_t pairs = frequencies.dim(2);
  const int64_t patches = grid.h * grid.w;
  const int64_t hd = 2 * pairs;
  Tensor table = Tensor::empty({2, heads, patches, hd});
  float* const cos = table.mutable_data();
  float* const sin = cos + heads * patches * hd;
  const float* const f = frequencies.data();
  parallel_for(heads * patches, 16, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t head = i / patches;
      const int64_t patch = i % patches;
      each_number(layout, pairs, [&](int64_t j, int64_t place) {
        const double angle =
            mixed_angle(f, heads * pairs, head * pairs + j, patch % grid.w, patch / grid.w);
        cos[i * hd + place] = static_cast<float>(std::cos(angle));
        sin[i * hd + place] = static_cast<float>(std::sin(angle));
      });
    }
  });
  if (Tape* tape = Tape::recording({&frequencies})) {
    // d cos = -sin d angle, d sin = cos d angle.
    tape->record(
        {&frequencies}, table,
        [table = Saved(table), shape = frequencies.shape(), layout, grid, heads, pairs, patches,
         hd](const Tensor& dy, Needs) {
          const Tensor& turns = table;
          Tensor gradient = Tensor::zeros(shape);
          float* const df = gradient.mutable_data();
          const int64_t sines = heads * patches * hd;
          parallel_for(heads, 1, [&](int64_t begin, int64_t end) {
            for (int64_t head = begin; head < end; ++head) {
              std::vector<double> sums(static_cast<size_t>(2 * pairs), 0.0);
              for (int64_t patch = 0; patch < patches; ++patch) {
                const int64_t at = (head * patches + patch) * hd;
                each_number(layout, pairs, [&](int64_t j, int64_t place) {
                  const int64_t c = at + place;
                  const int64_t s = sines + c;
                  const double dangle =
                      static_cast<double>(dy.data()[s]) * static_cast<double>(turns.data()[c]) -
                      static_cast<double>(dy.data()[c]) * static_cast<double>(turns.data()[s]);
                  sums[static_cast<size_t>(j)] += dangle * static_cast<double>(patch % grid.w);
                  sums[static_cast<size_t>(pairs + j)] +=
                      dangle * static_cast<double>(patch / grid.w);
                });
              }
              for (int64_t j = 0; j < pairs; ++j) {
                df[head * pairs + j] = static_cast<float>(sums[static_cast<size_t>(j)]);
                df[(heads + head) * pairs + j] =
                    static_cast<float>(sums[static_cast<size_t>(pairs + j)]);
              }
            }
          });
          return std::vector{gradient};
        });
  }
  return table;
}

}  // namespace vitrine
