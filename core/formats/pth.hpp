#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include "core/formats/tensor_set.hpp"

namespace vitrine {

/// Whether the bytes start like a file that torch.save wrote before PyTorch 1.6 (no zip archive).
bool is_legacy_pth(std::span<const std::byte> bytes);

/// Reads what torch.save wrote: dictionaries, however nested, of tensors. The keys that lead to a
/// tensor are joined with "/" ("model/head.weight"); what is not a tensor under text keys (an
/// optimiser's state, numbers, lists, objects) is left out. Tensors may share storage, start inside
/// it, and have any strides; those that are dense point into the file, copies of the others need at
/// most unpacking_limit() bytes. Nothing that the file names is imported or run.
/// Both the zip format and the legacy one. Checksums are compared where the writer made them.
///   path   for messages
/// Throws FormatError with every kind that fits: kUnsafe for a pickle that would call anything but
/// what tensors and containers are made of, kUnsupported for TorchScript, kMismatch for a file that
/// holds no dictionary.
/// Source: torch/serialization.py, torch/_utils.py, torch/_weights_only_unpickler.py
/// (PyTorch 2.13).
TensorSet parse_pth(std::span<const std::byte> bytes, std::string_view path);

}  // namespace vitrine
