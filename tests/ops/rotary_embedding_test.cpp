// rotary_embedding, rotary_table:
//   formula   backward is the transposed rotation, the table's gradient that of the formula: in
//             double against differences, below 1e-8
//   kernel    every ISA against the reference in double: both layouts, heads around every vector
//             size, in place
//   operation tokens before the patches pass; q and k in the rows of attention as apart; tables of
//             every head's own; storage that nobody holds is used again; threads; errors
//   tables    DINOv3's do not depend on the image size in their range; an EVA table at the
//   reference
//             grid has plain indices; learned frequencies get their gradient
// Not here: the values of timm (golden_check).

#include "ops/rotary_embedding.hpp"

#include <catch2/catch.hpp>

#include "core/error.hpp"
#include "core/tape.hpp"
#include "ops/kernels/all.hpp"
#include "ops/kernels/rotary_embedding.hpp"
#include "ops/permute.hpp"
#include "ops/reference/rotary_embedding.hpp"
#include "ops/rotary_table.hpp"
#include "ops/slice.hpp"
#include "tests/any_threads.hpp"
#include "tests/isas.hpp"
#include "tests/numbers.hpp"

namespace vitrine {
namespace {

using test::max_error;
using test::random_tensor;
using test::randoms;

RotaryLayout each_layout() { return GENERATE(RotaryLayout::kHalf, RotaryLayout::kInterleaved); }

TEST_CASE("rotary_embedding: the backward formulas are derivatives", "[ops][gradient]") {
  const RotaryLayout layout = each_layout();
  const int64_t hd = 6;
  const auto x = randoms<double>(hd, 1);
  const auto cos = randoms<double>(hd, 2);  // any numbers: the formula is linear in them
  const auto sin = randoms<double>(hd, 3);
  const auto dy = randoms<double>(hd, 4);
  const auto value = [&](const auto& x_, const auto& cos_, const auto& sin_) {
    std::vector<double> y(dy.size());
    reference::rotary_embedding_rotate(layout, false, 1, hd, x_.data(), hd, cos_.data(),
                                       sin_.data(), 0, y.data());
    return test::dot(y, dy);
  };
  std::vector<double> dx(dy.size());
  std::vector<double> dcos(dy.size(), 0.0);
  std::vector<double> dsin(dy.size(), 0.0);
  reference::rotary_embedding_rotate(layout, true, 1, hd, dy.data(), hd, cos.data(), sin.data(), 0,
                                     dx.data());
  reference::rotary_embedding_table_backward(layout, hd, x.data(), dy.data(), dcos.data(),
                                             dsin.data());
  using test::differences;
  CHECK(max_error(dx, differences([&](const auto& v) { return value(v, cos, sin); }, x)) < 1e-8);
  CHECK(max_error(dcos, differences([&](const auto& v) { return value(x, v, sin); }, cos)) < 1e-8);
  CHECK(max_error(dsin, differences([&](const auto& v) { return value(x, cos, v); }, sin)) < 1e-8);
}

TEST_CASE("rotary_embedding: kernels agree with the reference on every ISA", "[ops][isa]") {
  const ScopedIsa isa(test::each_isa());
  const RotaryLayout layout = each_layout();
  const bool back = GENERATE(false, true);
  const int64_t hd = GENERATE(2, 4, 6, 8, 10, 14, 16, 18, 30, 32, 34, 64, 72, 88);
  const int64_t pitch = hd + 3;  // misaligned from vector to vector
  const int64_t vectors = 4;
  const auto x = randoms<double>(vectors * pitch, 1);
  const auto dy = randoms<double>(vectors * pitch, 4);
  const auto cos = randoms<double>(vectors * hd, 2);
  const auto sin = randoms<double>(vectors * hd, 3);
  auto y = x;  // in place
  std::vector<double> dcos(static_cast<size_t>(hd), 1.0);
  std::vector<double> dsin(static_cast<size_t>(hd), 2.0);
  const auto to_float = [](const std::vector<double>& v) {
    return std::vector<float>(v.begin(), v.end());
  };
  auto got = to_float(x);
  auto got_dcos = to_float(dcos);
  auto got_dsin = to_float(dsin);
  reference::rotary_embedding_rotate(layout, back, vectors, hd, x.data(), pitch, cos.data(),
                                     sin.data(), hd, y.data());
  reference::rotary_embedding_table_backward(layout, hd, x.data(), dy.data(), dcos.data(),
                                             dsin.data());
  const kernels::RotaryEmbedding& kernel = *kernels::active().rotary_embedding;
  kernel.rotate(layout, back, vectors, hd, got.data(), pitch, to_float(cos).data(),
                to_float(sin).data(), hd, got.data());
  kernel.table_backward(layout, hd, to_float(x).data(), to_float(dy).data(), got_dcos.data(),
                        got_dsin.data());
  CHECK(max_error(got, y) < 3e-7);
  CHECK(max_error(got_dcos, dcos) < 3e-7);
  CHECK(max_error(got_dsin, dsin) < 3e-7);
}

/// Part i of 3 of the rows of attention, heads apart.
Tensor part_of(const Tensor& qkv, int64_t heads, int64_t i) {
  const int64_t width = qkv.dim(2) / 3;
  return permute(slice_axis(qkv, 2, i * width, (i + 1) * width)
                     .reshape({qkv.dim(0), qkv.dim(1), heads, width / heads}),
                 {0, 2, 1, 3});
}

TEST_CASE("rotary_embedding: queries and keys in the rows of attention turn as apart",
          "[ops][threads]") {
  const ScopedIsa isa(test::each_isa());
  const RotaryLayout layout = each_layout();
  const bool per_head = GENERATE(false, true);
  const int64_t prefix = GENERATE(0, 5);
  const int64_t heads = 3;
  const Tensor dy = random_tensor({2, 17 + prefix, 3 * 24}, 3);
  const auto got = test::same_on_any_threads([&] {
    Tensor qkv = random_tensor({2, 17 + prefix, 3 * 24}, 1);
    Tensor table = random_tensor(per_head ? Shape{2, heads, 17, 8} : Shape{2, 17, 8}, 2);
    Tape tape;
    tape.watch(qkv);
    tape.watch(table);
    const Tensor y = rotary_embedding_qkv(qkv, heads, table, layout, prefix);
    const Gradients g = tape.backward(std::span(&y, 1), std::span(&dy, 1));
    return std::vector{y, g.of(qkv), g.of(table)};
  });
  const Tensor qkv = random_tensor({2, 17 + prefix, 3 * 24}, 1);
  const Tensor table = random_tensor(per_head ? Shape{2, heads, 17, 8} : Shape{2, 17, 8}, 2);
  for (int64_t i = 0; i < 2; ++i) {
    const Tensor apart = rotary_embedding(part_of(qkv, heads, i), table, layout, prefix);
    CHECK(test::same_bits(part_of(got[0], heads, i), apart));
    const Tensor first = slice_axis(part_of(qkv, heads, i), 2, 0, prefix);
    CHECK(test::same_bits(slice_axis(apart, 2, 0, prefix), first));
  }
  CHECK(test::same_bits(part_of(got[0], heads, 2), part_of(qkv, heads, 2)));
  // Without a tape and with nobody else to hold it, its storage is the result's.
  Tensor mine = qkv.clone();
  const float* const storage = mine.data();
  CHECK(rotary_embedding_qkv(std::move(mine), heads, table, layout, prefix).data() == storage);
}

TEST_CASE("rotary_table: rules", "[ops]") {
  RotaryTableOptions o;
  o.reference = Size2d{4, 6};
  const Tensor at_reference = rotary_table(o, {4, 6}, 8);
  o.reference.reset();
  CHECK(test::same_bits(at_reference, rotary_table(o, {4, 6}, 8)));
  // Twice the patches at half the distance: every other angle stays.
  o.reference = Size2d{4, 6};
  const Tensor twice = rotary_table(o, {8, 12}, 8);
  CHECK(twice.data()[2 * 12 * 8 + 2 * 8] == at_reference.data()[6 * 8 + 8]);
  // The first half of the pairs turns with the row, or with the column.
  RotaryTableOptions columns = o;
  columns.axes = RotaryAxes::kColumnFirst;
  const Tensor swapped = rotary_table(columns, {4, 6}, 8);
  CHECK(swapped.data()[8] == at_reference.data()[6 * 8]);
  CHECK_THROWS_AS(rotary_table(o, {4, 4}, 6), UsageError);
  o.rule = RotaryRule::kMixed;
  CHECK_THROWS_AS(rotary_table(o, {4, 4}, 8), UsageError);
}

TEST_CASE("mixed_rotary_table: frequencies get the gradient of their angles", "[ops][gradient]") {
  const RotaryLayout layout = each_layout();
  Tensor frequencies = random_tensor({2, 3, 4}, 1);
  const Tensor dy = random_tensor({2, 3, 6, 8}, 2);
  Tape tape;
  tape.watch(frequencies);
  const Tensor table = mixed_rotary_table(frequencies, layout, {2, 3});
  const Tensor got = tape.backward(std::span(&table, 1), std::span(&dy, 1)).of(frequencies);
  const auto value = [&](const std::vector<double>& f) {
    double sum = 0;
    for (int64_t head = 0; head < 3; ++head) {
      for (int64_t patch = 0; patch < 6; ++patch) {
        reference::each_pair(layout, 8, [&, j = int64_t{0}](int64_t u, int64_t v) mutable {
          const auto at = static_cast<size_t>(head * 4 + j++);
          const double angle =
              static_cast<double>(patch % 3) * f[at] + static_cast<double>(patch / 3) * f[12 + at];
          for (const int64_t place : {u, v}) {
            const int64_t i = (head * 6 + patch) * 8 + place;
            sum += static_cast<double>(dy.data()[i]) * std::cos(angle) +
                   static_cast<double>(dy.data()[144 + i]) * std::sin(angle);
          }
        });
      }
    }
    return sum;
  };
  const auto want = test::differences(value, test::to_double(frequencies.values()));
  CHECK(max_error(got.values(), want) < 1e-6);
}

TEST_CASE("rotary_embedding: what does not fit is refused", "[ops]") {
  const Tensor x = random_tensor({1, 2, 5, 8}, 1);
  const auto layout = RotaryLayout::kHalf;
  CHECK_THROWS_AS(rotary_embedding(x, Tensor::zeros({2, 5, 8}), layout, 1), ShapeError);
  CHECK_THROWS_AS(rotary_embedding(x, Tensor::zeros({2, 4, 6}), layout, 1), ShapeError);
  CHECK_THROWS_AS(rotary_embedding(x, Tensor(), layout, 0), ShapeError);
  CHECK_THROWS_AS(rotary_embedding(x, Tensor::zeros({2, 5, 8}), layout, 6), ShapeError);
  CHECK_THROWS_AS(
      rotary_embedding(random_tensor({1, 2, 5, 7}, 1), Tensor::zeros({2, 5, 7}), layout, 0),
      ShapeError);
  CHECK_THROWS_AS(rotary_embedding_qkv(random_tensor({1, 5, 8}, 1), 1, Tensor(), layout, 0),
                  ShapeError);
}

}  // namespace
}  // namespace vitrine
