#include "models/weights/load_weights.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <bit>
#include <set>

#include "core/error.hpp"
#include "models/weights/weight_fit.hpp"
#include "ops/gemm/gemm_packed.hpp"
#include "ops/quantize.hpp"

namespace vitrine {
namespace {

std::span<const int64_t> without_leading_ones(std::span<const int64_t> shape) {
  while (!shape.empty() && shape.front() == 1) shape = shape.subspan(1);
  return shape;
}

/// Old files have the patch embedding as a matrix (D, C p q).
bool is_flat_kernel(std::span<const int64_t> shape, std::span<const int64_t> wanted) {
  return shape.size() == 2 && wanted.size() == 4 && shape[0] == wanted[0] &&
         shape[1] == wanted[1] * wanted[2] * wanted[3];
}

bool fits(std::span<const int64_t> shape, std::span<const int64_t> wanted, bool exact) {
  if (exact) return std::ranges::equal(shape, wanted);
  return std::ranges::equal(without_leading_ones(shape), without_leading_ones(wanted)) ||
         is_flat_kernel(shape, wanted);
}

void check_fit(Network& network, const MappedWeights& weights, std::string_view path) {
  WeightFit fit;
  std::set<std::string> known;
  network.visit([&](const std::string& name, Parameter& p, Role) {
    known.insert(name);
    const MappedTensor* tensor = weights.find(name);
    if (tensor == nullptr) {
      fit.missing.push_back(name);
    } else if (!fits(tensor->shape, p.value.shape().dims(), weights.exact_shapes)) {
      fit.reshaped.push_back(fmt::format("{} is ({}), wanted {}", name,
                                         fmt::join(tensor->shape, ", "), p.value.shape().str()));
    }
  });
  for (const MappedTensor& tensor : weights.tensors()) {
    if (!known.contains(tensor.name)) fit.extra.push_back(tensor.name);
  }
  fit.require(path);
}

/// The tensor's values where they lie in the file; undefined if they cannot be used there.
Tensor borrowed_values(const MappedTensor& tensor, const Shape& shape,
                       const TensorArchive& archive) {
  if (tensor.parts.size() != 1 || tensor.parts[0].layout != Layout::kSame) return {};
  const RawTensor& whole = tensor.parts[0].tensor;
  const MappedFile* file = archive.file_of(whole);
  const bool aligned = std::bit_cast<uintptr_t>(whole.bytes.data()) % alignof(float) == 0;
  if (file == nullptr || whole.dtype != Dtype::kF32 || !aligned) return {};
  const auto* values = reinterpret_cast<const float*>(whole.bytes.data());
  file->populate(whole.bytes);
  return Tensor::borrow({values, whole.bytes.size() / sizeof(float)}, shape, file->mapping());
}

/// The values of a tensor of 8-bit integers where they lie in the file.
std::span<const int8_t> integers(const MappedTensor& tensor) {
  const RawTensor& whole = tensor.parts[0].tensor;
  return {reinterpret_cast<const int8_t*>(whole.bytes.data()), whole.bytes.size()};
}

/// Gives a parameter its values, in the form that they have in a network for this use.
void load_parameter(Tensor& value, Role role, std::optional<Use> frozen,
                    std::optional<Precision> precision, const MappedTensor& tensor,
                    const TensorArchive& archive) {
  const bool weight = frozen && role == Role::kWeight;
  const Precision wanted = precision.value_or(tensor.precision());
  const bool pack = weight && (value.rank() == 2 || tensor.precision() == Precision::kBfloat16);
  if (weight && tensor.scales && wanted == Precision::kInt8) {
    value.freeze();
    keep_int8_weight(value, integers(tensor), to_float32(*tensor.scales, tensor.name));
    archive.forget(tensor.parts[0].tensor);
    return;
  }
  if (pack && frozen == Use::kOnce && wanted == Precision::kFloat32) {
    if (Tensor borrowed = borrowed_values(tensor, value.shape(), archive); borrowed.defined()) {
      value = std::move(borrowed);
      return;
    }
  }
  // The memory of the matrix before, which is packed by now, is used again.
  if (pack) value = Tensor::empty(value.shape());
  write_values(tensor, {value.mutable_data(), static_cast<size_t>(value.numel())});
  if (pack) {
    value.freeze();
    quantize_weight(value, wanted);
  }
  for (const MappedPart& part : tensor.parts) archive.forget(part.tensor);
}

}  // namespace

std::unique_ptr<Network> build_network(const NetworkConfig& config, int64_t numbers,
                                       const TensorArchive& archive) {
  const int64_t parameters = config.parameters();
  if (parameters > numbers) {
    throw FormatError(
        FormatKind::kMismatch, archive.path(), -1,
        fmt::format("the configuration needs {} numbers, the file holds {}", parameters, numbers));
  }
  // The tensors of a pickle may all be views of the same few bytes.
  const auto bytes = static_cast<size_t>(archive.file_bytes());
  if (parameters * static_cast<int64_t>(sizeof(float)) > unpacking_limit(bytes)) {
    throw FormatError(
        FormatKind::kTooLarge, archive.path(), -1,
        fmt::format("the network has {} numbers, far more than a file of {} bytes can "
                    "hold",
                    parameters, bytes));
  }
  return config.build();
}

void load_weights(Network& network, const MappedWeights& weights, const TensorArchive& archive,
                  std::optional<Use> frozen, std::optional<Precision> precision) {
  check_fit(network, weights, archive.path());
  network.visit([&](const std::string& name, Parameter& p, Role role) {
    load_parameter(p.value, role, frozen, precision, *weights.find(name), archive);
  });
}

}  // namespace vitrine
