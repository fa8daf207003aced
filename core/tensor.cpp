#include "core/tensor.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>

#include "core/dry_run.hpp"
#include "core/error.hpp"
#include "core/reused.hpp"
#include "core/tape.hpp"

namespace vitrine {
namespace {

void check_count(size_t values, const Shape& shape) {
  if (static_cast<int64_t>(values) == shape.numel()) return;
  throw ShapeError(
      fmt::format("[tensor] {} holds {} elements, got {}", shape.str(), shape.numel(), values));
}

/// `dims` with its -1, if any, replaced by what makes the number of elements `numel`.
Shape infer(std::span<const int64_t> dims, int64_t numel) {
  std::array<int64_t, Shape::kMaxRank> sizes{};
  if (dims.size() > sizes.size()) return Shape(dims);  // throws
  int64_t known = 1;
  int64_t unknown = -1;
  for (size_t i = 0; i < dims.size(); ++i) {
    sizes[i] = dims[i];
    if (dims[i] == -1 && unknown < 0) {
      unknown = static_cast<int64_t>(i);
    } else {
      known *= dims[i];
    }
  }
  if (unknown >= 0) {
    if (known <= 0 || numel % known != 0) {
      throw ShapeError(
          fmt::format("[reshape] {} elements do not fit ({})", numel, fmt::join(dims, ", ")));
    }
    sizes[static_cast<size_t>(unknown)] = numel / known;
  }
  return Shape(std::span<const int64_t>(sizes.data(), dims.size()));
}

}  // namespace

Tensor Tensor::empty(const Shape& shape) {
  return {std::allocate_shared<Storage>(Reused<Storage>(), shape.numel()), 0, shape};
}

Tensor Tensor::full(const Shape& shape, float value) {
  Tensor t = empty(shape);
  if (DryRun::current() == nullptr) std::fill_n(t.mutable_data(), t.numel(), value);
  return t;
}

Tensor Tensor::from(std::span<const float> values, const Shape& shape) {
  check_count(values.size(), shape);
  Tensor t = empty(shape);
  if (DryRun::current() == nullptr) std::ranges::copy(values, t.mutable_data());
  return t;
}

Tensor Tensor::borrow(std::span<const float> values, const Shape& shape,
                      std::shared_ptr<const void> owner) {
  check_count(values.size(), shape);
  return {std::make_shared<Storage>(values, std::move(owner)), 0, shape};
}

float Tensor::item() const {
  if (numel() != 1) throw ShapeError("[item] wants one element, got " + shape_.str());
  return *data();
}

Tensor Tensor::reshape(std::span<const int64_t> dims) const {
  return reshape(infer(dims, numel()));
}

Tensor Tensor::reshape(const Shape& shape) const {
  if (shape.numel() != numel()) {
    throw ShapeError(fmt::format("[reshape] {} has {} elements, {} needs {}", shape_.str(), numel(),
                                 shape.str(), shape.numel()));
  }
  Tensor y(storage_, offset_, shape);
  if (Tape* tape = Tape::recording({this})) {
    tape->record({this}, y, [before = shape_](const Tensor& dy, Needs) {
      return std::vector{dy.reshape(before)};
    });
  }
  return y;
}

Tensor Tensor::rows(int64_t begin, int64_t end) const {
  if (rank() == 0 || begin < 0 || end < begin || end > shape_[0]) {
    throw ShapeError(
        fmt::format("[rows] [{}, {}) is out of range for {}", begin, end, shape_.str()));
  }
  const int64_t row = shape_.product(1, rank());
  Tensor y(storage_, offset_ + begin * row, shape_.with(0, end - begin));
  if (Tape* tape = Tape::recording({this})) {
    tape->record({this}, y, [before = shape_, start = begin * row](const Tensor& dy, Needs) {
      Tensor dx = Tensor::zeros(before);
      std::ranges::copy(dy.values(), dx.mutable_data() + start);
      return std::vector{dx};
    });
  }
  return y;
}

Tensor Tensor::clone() const { return from(values(), shape_); }

Tensor Tensor::detach() const { return {storage_, offset_, shape_}; }

}  // namespace vitrine
