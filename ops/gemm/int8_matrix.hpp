#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "core/isa.hpp"
#include "ops/gemm/gemm_packed.hpp"

namespace vitrine {

/// The rows of a weight (n, k) in 8-bit integers, symmetric, one scale per row: w = scale q, q in
/// -127 .. 127. |w - scale q| <= scale / 2.
struct Int8Rows {
  int64_t n = 0, k = 0;
  std::vector<int8_t> values;  ///< (n, k)
  std::vector<float> scales;   ///< (n); NaN for a row that holds an infinity or a NaN

  /// Rounds to the nearest integers, ties to even; `rows` is (n, k).
  static Int8Rows of(int64_t n, int64_t k, const float* rows);
};

/// Int8Rows as the right operand of x W^T, in the order in which the micro-kernel of one ISA reads
/// it: ops/gemm/int8.md.
class Int8Matrix final : public PackedWeight {
 public:
  /// values (n, k), scales (n). Throws ShapeError if k is longer than sums in 32 bits allow.
  Int8Matrix(int64_t n, int64_t k, std::span<const int8_t> values, std::span<const float> scales);
  explicit Int8Matrix(const Int8Rows& rows)
      : Int8Matrix(rows.n, rows.k, rows.values, rows.scales) {}

  /// The same integers again.
  Int8Rows rows() const;

  void unpack_transposed(float* to) const override;
  std::shared_ptr<const PackedWeight> for_active_isa() const override;
  void multiply(int64_t m, const float* a, int64_t lda, float* c, int64_t ldc,
                const GemmEpilogue& epilogue) const override;
  void multiply(const ImageRows& a, float* c, int64_t ldc,
                const GemmEpilogue& epilogue) const override;

  /// Of k, with the last one filled up by zeros.
  int64_t steps() const;
  /// A micro-panel: its steps in order and then those that are repeated.
  const int8_t* panel(int64_t panel) const;
  int64_t panel_bytes(int64_t panel) const;
  std::span<const int32_t> repeated(int64_t panel) const;
  /// Of a micro-panel's columns, in whole vectors.
  const float* scales(int64_t panel) const;
  const int32_t* sums(int64_t panel) const;

 private:
  struct Panel {
    int64_t offset = 0;             // bytes
    int64_t column = 0;             // in scales_ and sums_
    std::vector<int32_t> repeated;  // steps
  };
  int8_t* bytes() const { return reinterpret_cast<int8_t*>(bytes_.get()); }
  int64_t all_steps(const Panel& panel) const {
    return steps() + static_cast<int64_t>(panel.repeated.size());
  }
  void find_repeated(int64_t panel, std::span<const int8_t> values);
  void write_panel(int64_t panel, std::span<const int8_t> values, std::span<const float> scales);

  std::vector<Panel> panels_;
  std::shared_ptr<float> bytes_;
  std::vector<float> scales_;
  std::vector<int32_t> sums_;
};

}  // namespace vitrine
