#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "core/shape.hpp"
#include "core/storage.hpp"

namespace vitrine {

/// A float32 array in row-major order without gaps: a value that shares its storage. Copying copies
/// the handle; clone() copies the numbers. reshape() and rows() are the only views. Reading is
/// const; writing is another word, mutable_data(), so that a search finds every write.
///
/// A default-constructed Tensor is no tensor: an optional argument that is absent.
class Tensor {
 public:
  Tensor() = default;

  /// Uninitialised.
  static Tensor empty(const Shape& shape);
  static Tensor zeros(const Shape& shape) { return full(shape, 0.0F); }
  static Tensor full(const Shape& shape, float value);
  /// Copies `values` in. Throws ShapeError if their number is not shape.numel().
  static Tensor from(std::span<const float> values, const Shape& shape);
  static Tensor scalar(float value) { return full({}, value); }
  /// Shows `values` where they are, frozen; `owner` keeps them there as long as this storage lives.
  /// For short use of what others cannot change (Storage, 5). Throws ShapeError if their number is
  /// not shape.numel().
  static Tensor borrow(std::span<const float> values, const Shape& shape,
                       std::shared_ptr<const void> owner);

  bool defined() const { return storage_ != nullptr; }
  const Shape& shape() const { return shape_; }
  int64_t rank() const { return shape_.rank(); }
  int64_t numel() const { return shape_.numel(); }
  /// The size along `axis`; negative axes count from the end.
  int64_t dim(int64_t axis) const { return shape_.dim(axis); }

  const float* data() const { return storage_->data() + offset_; }
  std::span<const float> values() const { return {data(), static_cast<size_t>(numel())}; }
  /// For writing; see Storage for when it throws.
  float* mutable_data() { return storage_->mutable_data() + offset_; }
  /// The one number of a tensor with one element. Throws ShapeError on any other.
  float item() const;

  /// The same numbers under another shape, sharing storage; one size may be -1 (whatever fits).
  /// Differentiable. Throws ShapeError if the numbers of elements differ.
  Tensor reshape(const Shape& shape) const;
  Tensor reshape(std::span<const int64_t> dims) const;
  Tensor reshape(std::initializer_list<int64_t> dims) const {
    return reshape(std::span(dims.begin(), dims.size()));
  }
  /// Rows [begin, end) along the first axis, sharing storage. Differentiable.
  Tensor rows(int64_t begin, int64_t end) const;
  /// A copy with storage of its own, not recorded by any tape.
  Tensor clone() const;
  /// The same storage, unknown to any tape.
  Tensor detach() const;

  /// Nobody else holds this storage: it may be reused for a result.
  bool unique() const { return storage_.use_count() == 1; }
  bool shares_storage(const Tensor& other) const { return storage_ == other.storage_; }
  Storage& storage() const { return *storage_; }
  /// Where this tensor begins in its storage, in floats.
  int64_t offset() const { return offset_; }

  /// No more writing: matrix products may keep this tensor packed. Every handle is affected.
  void freeze() { storage_->freeze(); }

 private:
  friend class Tape;
  friend class Gradients;
  Tensor(std::shared_ptr<Storage> storage, int64_t offset, const Shape& shape)
      : storage_(std::move(storage)), offset_(offset), shape_(shape) {}

  std::shared_ptr<Storage> storage_;
  int64_t offset_ = 0;  // in floats
  Shape shape_;
  uint64_t tape_ = 0;  // id of the tape that knows this value, 0 if none
  int64_t slot_ = -1;  // its slot there
};

}  // namespace vitrine
