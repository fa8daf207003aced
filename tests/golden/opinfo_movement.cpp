#include <algorithm>
#include <array>

#include "core/error.hpp"
#include "ops/concat.hpp"
#include "ops/expand.hpp"
#include "ops/flip.hpp"
#include "ops/index_select.hpp"
#include "ops/pad.hpp"
#include "ops/permute.hpp"
#include "ops/slice.hpp"
#include "tests/golden/opinfo.hpp"

namespace vitrine::golden {
namespace {

using Tensors = std::vector<Tensor>;

Tensors run_permute(OpinfoCall& call) {
  const Tensor x = call.input();
  const std::vector<int64_t> dims = call.integers(0, "dims");
  call.done();
  return {permute(x, dims)};
}

Tensors run_transpose(OpinfoCall& call) {
  const Tensor x = call.input();
  const int64_t dim0 = call.integer(0, "dim0").value();
  const int64_t dim1 = call.integer(1, "dim1").value();
  call.done();
  return {transpose(x, dim0, dim1)};
}

Tensors run_reshape(OpinfoCall& call) {
  const Tensor x = call.input();
  const std::vector<int64_t> shape = call.integers(0, "shape");
  call.done();
  return {x.reshape(shape)};
}

Tensors run_flatten(OpinfoCall& call) {
  const Tensor x = call.input();
  const int64_t start = call.integer(0, "start_dim").value_or(0);
  const int64_t end = call.integer(1, "end_dim").value_or(-1);
  call.done();
  if (x.rank() == 0) return {x.reshape({1})};
  const int64_t from = x.shape().normalize_axis(start);
  const int64_t to = x.shape().normalize_axis(end) + 1;
  std::vector<int64_t> shape(x.shape().begin(), x.shape().begin() + from);
  shape.push_back(x.shape().product(from, to));
  shape.insert(shape.end(), x.shape().begin() + to, x.shape().end());
  return {x.reshape(shape)};
}

Tensors run_unsqueeze(OpinfoCall& call) {
  const Tensor x = call.input();
  const int64_t dim = call.integer(0, "dim").value();
  call.done();
  std::vector<int64_t> shape(x.shape().begin(), x.shape().end());
  shape.insert(shape.begin() + (dim < 0 ? dim + x.rank() + 1 : dim), 1);
  return {x.reshape(shape)};
}

/// Drops axes of size 1: all, or those that are named.
Tensors run_squeeze(OpinfoCall& call) {
  const Tensor x = call.input();
  const bool all = call.take(0, "dim") == nullptr;
  std::vector<int64_t> dims = call.integers(0, "dim");
  call.done();
  if (x.rank() == 0) return {x};
  for (int64_t& dim : dims) dim = x.shape().normalize_axis(dim);
  std::vector<int64_t> shape;
  for (int64_t axis = 0; axis < x.rank(); ++axis) {
    const bool named = all || std::ranges::find(dims, axis) != dims.end();
    if (!(named && x.dim(axis) == 1)) shape.push_back(x.dim(axis));
  }
  return {x.reshape(shape)};
}

/// A size of -1 keeps that of the axis.
Tensors run_expand(OpinfoCall& call) {
  const Tensor x = call.input();
  std::vector<int64_t> shape = call.integers(0, "size");
  call.done();
  const auto added = static_cast<int64_t>(shape.size()) - x.rank();
  for (size_t i = 0; i < shape.size(); ++i) {
    if (shape[i] == -1) shape[i] = x.dim(static_cast<int64_t>(i) - added);
  }
  return {expand(x, Shape(shape))};
}

Tensors run_cat(OpinfoCall& call) {
  const Tensors parts = call.inputs();
  const int64_t dim = call.integer(0, "dim").value_or(0);
  call.done();
  const Shape none{0};
  const bool mixed = std::ranges::any_of(
      parts, [&](const Tensor& part) { return part.rank() != parts[0].rank(); });
  if (mixed && std::ranges::any_of(parts, [&](const Tensor& p) { return p.shape() == none; })) {
    call.not_offered("with an empty vector among tensors of another rank");
  }
  return {concat(parts, dim)};
}

Tensors run_stack(OpinfoCall& call) {
  const Tensors parts = call.inputs();
  const int64_t dim = call.integer(0, "dim").value_or(0);
  call.done();
  return {stack(parts, dim)};
}

Tensors run_split(OpinfoCall& call) {
  const Tensor x = call.input();
  const Json* size = call.take(0, "split_size_or_sections");
  std::vector<int64_t> sizes = call.integers(0, "split_size_or_sections");
  const int64_t dim = call.integer(1, "dim").value_or(0);
  call.done();
  if (size != nullptr && !size->is_array()) {  // parts of one size, the last may be smaller
    const int64_t each = sizes.at(0);
    sizes.clear();
    for (int64_t left = x.dim(dim); left > 0; left -= each) sizes.push_back(std::min(left, each));
  }
  return split(x, sizes, dim);
}

/// Elements [start, start + length) of an axis: the middle one of three parts.
Tensors run_narrow(OpinfoCall& call) {
  const Tensor x = call.input();
  const int64_t dim = call.integer(0, "dim").value();
  int64_t start = call.integer(1, "start").value();
  const int64_t length = call.integer(2, "length").value();
  call.done();
  if (start < 0) start += x.dim(dim);
  return {split(x, {start, length, x.dim(dim) - start - length}, dim)[1]};
}

Tensors run_slice(OpinfoCall& call) {
  const Tensor x = call.input();
  const int64_t dim = call.integer(0, "dim").value_or(0);
  const int64_t start = call.integer(1, "start").value_or(0);
  const int64_t end = call.integer(2, "end").value_or(kEnd);
  const int64_t step = call.integer(3, "step").value_or(1);
  call.done();
  return {slice_axis(x, dim, start, end, step)};
}

/// One position of an axis, which is dropped.
Tensors run_select(OpinfoCall& call) {
  const Tensor x = call.input();
  const int64_t dim = x.shape().normalize_axis(call.integer(0, "dim").value());
  int64_t index = call.integer(1, "index").value();
  call.done();
  if (index < 0) index += x.dim(dim);
  std::vector<int64_t> shape(x.shape().begin(), x.shape().end());
  shape.erase(shape.begin() + dim);
  return {split(x, {index, 1, x.dim(dim) - index - 1}, dim)[1].reshape(shape)};
}

Tensors run_flip(OpinfoCall& call) {
  const Tensor x = call.input();
  const std::vector<int64_t> dims = call.integers(0, "dims");
  call.done();
  return {flip(x, dims)};
}

Tensors run_index_select(OpinfoCall& call) {
  const Tensor x = call.input();
  const int64_t dim = call.integer(0, "dim").value();
  const Json* index = call.take(1, "index");
  if (index == nullptr) call.not_offered("without an index");
  const std::vector<int64_t> indices = call.integer_tensor(*index);
  call.done();
  if (x.rank() == 0) call.not_offered("of a scalar");
  return {index_select(x, dim, indices)};
}

/// PyTorch's pairs begin with the last axis; axes without one stay as they are.
Tensors run_pad(OpinfoCall& call) {
  const Tensor x = call.input();
  const std::vector<int64_t> list = call.integers(0, "pad");
  const Json* mode = call.take(1, "mode");
  const Json* value = call.take(2, "value");
  call.done();
  if (mode != nullptr && *mode != "constant") call.not_offered("of another mode");
  std::vector<std::pair<int64_t, int64_t>> pads(static_cast<size_t>(x.rank()));
  if (list.size() % 2 != 0 || list.size() / 2 > pads.size()) {
    throw ShapeError("[pad] there must be pairs, at most one per axis");
  }
  for (size_t i = 0; i < list.size() / 2; ++i) {
    pads[pads.size() - 1 - i] = {list[2 * i], list[2 * i + 1]};
  }
  return {pad(x, pads, value == nullptr ? 0.0F : value->get<float>())};
}

}  // namespace

std::span<const OpinfoAdapter> opinfo_movement_calls() {
  static constexpr auto kTable = std::to_array<OpinfoAdapter>({
      {"permute", run_permute},
      {"transpose", run_transpose},
      {"reshape", run_reshape},
      {"view", run_reshape},
      {"flatten", run_flatten},
      {"unsqueeze", run_unsqueeze},
      {"squeeze", run_squeeze},
      {"expand", run_expand},
      {"broadcast_to", run_expand},
      {"cat", run_cat},
      {"stack", run_stack},
      {"split", run_split},
      {"narrow", run_narrow},
      {"slice", run_slice},
      {"select", run_select},
      {"flip", run_flip},
      {"index_select", run_index_select},
      {"nn.functional.pad", run_pad},
  });
  return kTable;
}

}  // namespace vitrine::golden
