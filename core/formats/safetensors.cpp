#include "core/formats/safetensors.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <numeric>
#include <set>

#include "core/error.hpp"
#include "core/formats/bytes.hpp"
#include "core/formats/safetensors_header.hpp"
#include "core/text/json_text.hpp"

namespace vitrine {
namespace {

constexpr size_t kLengthBytes = 8;
constexpr uint64_t kMaxHeaderBytes = 100'000'000;  // the reference implementation's limit

// Types of the format that no CPU has.
constexpr std::array<std::string_view, 7> kUnsupportedDtypes = {
    "C64", "F4", "F6_E2M3", "F6_E3M2", "F8_E8M0", "F8_E4M3FNUZ", "F8_E5M2FNUZ"};

// Files that are often given by mistake.
void refuse_other_formats(std::span<const std::byte> bytes, std::string_view path) {
  struct Other {
    std::string_view start;
    std::string_view hint;
  };
  static constexpr std::array<Other, 4> kOthers = {
      {{"version https://git-lfs", "a Git LFS pointer instead of the weights; run 'git lfs pull'"},
       {"PK\x03\x04", "a zip archive (.npz or .pth), not a safetensors file"},
       {"<!DOCTYPE", "a web page instead of the weights; download the file again"},
       {"<html", "a web page instead of the weights; download the file again"}}};
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  for (const Other& other : kOthers) {
    if (text.starts_with(other.start)) {
      throw FormatError(FormatKind::kBadMagic, path, 0, other.hint);
    }
  }
}

std::string_view header_text(std::span<const std::byte> bytes, std::string_view path) {
  if (bytes.size() < kLengthBytes) {
    throw FormatError(FormatKind::kTruncated, path, 0,
                      fmt::format("the header's length needs 8 bytes, the file has {}; download "
                                  "it again",
                                  bytes.size()));
  }
  const uint64_t length = load_le64(bytes.data());
  if (length > kMaxHeaderBytes) {
    throw FormatError(FormatKind::kTooLarge, path, 0,
                      fmt::format("a header of {} bytes (at most {} are allowed); is this a "
                                  "safetensors file?",
                                  length, kMaxHeaderBytes));
  }
  if (length > bytes.size() - kLengthBytes) {
    throw FormatError(FormatKind::kTruncated, path, 0,
                      fmt::format("the header has {} bytes, the file {}; download it again", length,
                                  bytes.size()));
  }
  return {reinterpret_cast<const char*>(bytes.data()) + kLengthBytes, length};
}

RawTensor check_entry(const SafetensorsHeader::Entry& entry, std::span<const std::byte> data,
                      std::string_view path) {
  const auto refuse = [&](FormatKind kind, const std::string& what) {
    throw FormatError(kind, path, -1, fmt::format("tensor '{}' {}", entry.name, what));
  };
  const std::optional<Dtype> dtype = find_dtype(entry.dtype);
  if (!dtype) {
    const bool legal = std::find(kUnsupportedDtypes.begin(), kUnsupportedDtypes.end(),
                                 entry.dtype) != kUnsupportedDtypes.end();
    refuse(legal ? FormatKind::kUnsupported : FormatKind::kBadDtype,
           fmt::format("has element type '{}'", entry.dtype));
  }
  const std::optional<int64_t> bytes = byte_count(*dtype, entry.shape);
  if (!bytes) {
    refuse(FormatKind::kBadShape,
           fmt::format("has shape ({}), which overflows", fmt::join(entry.shape, ", ")));
  }
  if (entry.begin > entry.end) {
    refuse(FormatKind::kBadOffsets, fmt::format("has offsets {} to {}", entry.begin, entry.end));
  }
  if (*bytes != entry.end - entry.begin) {
    refuse(FormatKind::kBadShape,
           fmt::format("has shape ({}) of {}, {} bytes, and offsets {} to {}",
                       fmt::join(entry.shape, ", "), entry.dtype, *bytes, entry.begin, entry.end));
  }
  if (entry.end > static_cast<int64_t>(data.size())) {
    refuse(FormatKind::kTruncated, fmt::format("ends at byte {} of the data, which has {}; "
                                               "download the file again",
                                               entry.end, data.size()));
  }
  return {*dtype, entry.shape,
          data.subspan(static_cast<size_t>(entry.begin), static_cast<size_t>(*bytes))};
}

void check_coverage(const SafetensorsHeader& header, int64_t data_size, std::string_view path) {
  std::vector<const SafetensorsHeader::Entry*> order;
  order.reserve(header.entries.size());
  for (const auto& entry : header.entries) order.push_back(&entry);
  std::sort(order.begin(), order.end(), [](const auto* a, const auto* b) {
    return std::pair(a->begin, a->end) < std::pair(b->begin, b->end);
  });
  int64_t next = 0;
  for (const auto* entry : order) {
    if (entry->begin != next) {
      throw FormatError(FormatKind::kBadOffsets, path, -1,
                        fmt::format("tensor '{}' starts at byte {} of the data, but the one before "
                                    "it ends at {}",
                                    entry->name, entry->begin, next));
    }
    next = entry->end;
  }
  if (next != data_size) {
    throw FormatError(
        FormatKind::kBadOffsets, path, -1,
        fmt::format("the tensors end at byte {} of the data, which has {}", next, data_size));
  }
}

std::string json_text(const std::string& text) {
  try {
    return write_json(nlohmann::json(text));
  } catch (const nlohmann::json::exception&) {
    throw UsageError("[write_safetensors] a name or metadata text is not UTF-8");
  }
}

void check_size(const NamedTensor& named, size_t size) {
  const RawTensor& tensor = named.tensor;
  const auto bytes = byte_count(tensor.dtype, tensor.shape);
  if (bytes && static_cast<size_t>(*bytes) == size) return;
  throw ShapeError(fmt::format("[write_safetensors] '{}' of shape ({}) and type {} has {} bytes",
                               named.name, fmt::join(tensor.shape, ", "), dtype_name(tensor.dtype),
                               size));
}

std::string directory_text(std::span<const NamedTensor> tensors, const Metadata& metadata) {
  std::string text = "{";
  const auto separate = [&] {
    if (text.size() > 1) text += ',';
  };
  if (!metadata.empty()) {
    text += "\"__metadata__\":{";
    const size_t start = text.size();
    for (const auto& [key, value] : metadata) {
      if (text.size() > start) text += ',';
      text += json_text(key) + ':' + json_text(value);
    }
    text += '}';
  }
  size_t offset = 0;
  std::set<std::string_view> names;
  for (const NamedTensor& named : tensors) {
    const auto& [name, tensor] = named;
    if (name == "__metadata__" || !names.insert(name).second) {
      throw UsageError(
          fmt::format("[write_safetensors] tensor name '{}' is reserved or comes twice", name));
    }
    const auto bytes = static_cast<size_t>(byte_count(tensor.dtype, tensor.shape).value_or(0));
    separate();
    text += json_text(name);
    text +=
        fmt::format(":{{\"dtype\":\"{}\",\"shape\":[{}],\"data_offsets\":[{},{}]}}",
                    dtype_name(tensor.dtype), fmt::join(tensor.shape, ","), offset, offset + bytes);
    offset += bytes;
  }
  text += '}';
  return text;
}

}  // namespace

Safetensors parse_safetensors(std::span<const std::byte> bytes, std::string_view path) {
  refuse_other_formats(bytes, path);
  const std::string_view text = header_text(bytes, path);
  SafetensorsHeader header = parse_safetensors_header(text, path);
  const std::span<const std::byte> data = bytes.subspan(kLengthBytes + text.size());

  Safetensors content;
  content.tensors.reserve(header.entries.size());
  for (const auto& entry : header.entries) {
    content.tensors.push_back({entry.name, check_entry(entry, data, path)});
  }
  check_coverage(header, static_cast<int64_t>(data.size()), path);
  content.index = NameIndex(content.tensors);
  content.metadata = std::move(header.metadata);
  return content;
}

SafetensorsFile::SafetensorsFile(std::string path)
    : file_(std::move(path)), content_(parse_safetensors(file_.bytes(), file_.path())) {}

void write_safetensors(const std::string& path, std::span<const NamedTensor> tensors,
                       const Metadata& metadata) {
  for (const NamedTensor& named : tensors) check_size(named, named.tensor.bytes.size());
  write_safetensors(path, tensors, metadata, [&](size_t i) { return tensors[i].tensor.bytes; });
}

void write_safetensors(const std::string& path, std::span<const NamedTensor> tensors,
                       const Metadata& metadata,
                       const std::function<std::span<const std::byte>(size_t i)>& data_of) {
  std::string text = directory_text(tensors, metadata);
  text.resize((text.size() + 7) / 8 * 8, ' ');
  const uint64_t length = text.size();

  AtomicFile file(path);
  file.write(std::as_bytes(std::span(&length, 1)));
  file.write(std::as_bytes(std::span(text)));
  for (size_t i = 0; i < tensors.size(); ++i) {
    const std::span<const std::byte> bytes = data_of(i);
    check_size(tensors[i], bytes.size());
    file.write(bytes);
  }
  file.commit();
}

}  // namespace vitrine
