#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/formats/file.hpp"
#include "core/formats/name_index.hpp"
#include "core/formats/raw_tensor.hpp"

namespace vitrine {

using Metadata = std::map<std::string, std::string>;

/// What a safetensors file says; the tensors point into the bytes that were parsed.
struct Safetensors {
  Metadata metadata;
  std::vector<NamedTensor> tensors;  ///< in the order of the directory
  NameIndex index;                   ///< of `tensors`

  /// The tensor of that name, or nullptr.
  const RawTensor* find(std::string_view name) const { return index.find(tensors, name); }
};

/// Reads the whole structure and checks it before anything is used: types, shapes and byte ranges
/// agree, and the ranges cover the data exactly, without overlap or hole.
///   path   for messages
/// Throws FormatError with every kind that fits (a header over 100 MB is kTooLarge, as in the
/// reference implementation). Needs memory for the directory alone.
/// Source: https://github.com/huggingface/safetensors, section Format of its README.
Safetensors parse_safetensors(std::span<const std::byte> bytes, std::string_view path);

/// A safetensors file. Tensor data is where the MappedFile has it.
class SafetensorsFile {
 public:
  /// Throws IoError and what parse_safetensors throws.
  explicit SafetensorsFile(std::string path);

  const std::string& path() const { return file_.path(); }
  const Metadata& metadata() const { return content_.metadata; }
  const std::vector<NamedTensor>& tensors() const { return content_.tensors; }
  const RawTensor* find(std::string_view name) const { return content_.find(name); }

 private:
  MappedFile file_;
  Safetensors content_;
};

/// Writes a safetensors file atomically (core/formats/file.hpp). The bytes depend on the arguments
/// alone: tensors in the given order, metadata sorted by key and left out if empty, header padded
/// with spaces so that the data starts at a multiple of 8. Tensor data is not copied. Throws
/// ShapeError if a tensor's bytes do not match its shape, UsageError for a name that comes twice,
/// is reserved, or for text that is not UTF-8, and IoError.
void write_safetensors(const std::string& path, std::span<const NamedTensor> tensors,
                       const Metadata& metadata);

/// The same of tensors whose data are not all there at once: `data_of(i)`, called in order, gives
/// those of tensors[i] for as long as it takes to write them; tensors[i] has none itself.
void write_safetensors(const std::string& path, std::span<const NamedTensor> tensors,
                       const Metadata& metadata,
                       const std::function<std::span<const std::byte>(size_t i)>& data_of);

}  // namespace vitrine
