#include "core/formats/tensor_archive.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>

#include "core/error.hpp"
#include "core/formats/npy.hpp"
#include "core/formats/pth.hpp"
#include "core/formats/zip.hpp"
#include "core/text/json_text.hpp"

namespace vitrine {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr std::string_view kIndexSuffix = ".index.json";
constexpr int64_t kMaxIndexBytes = 100'000'000;  // as a safetensors header

/// A zip archive of arrays or of torch.save.
TensorSet parse_archive(std::span<const std::byte> bytes, std::string_view path) {
  const std::vector<ZipMember> members = parse_zip(bytes, path);
  const bool torch = std::ranges::any_of(members, [](const ZipMember& m) {
    return m.name == "data.pkl" || m.name.ends_with("/data.pkl");
  });
  const bool arrays =
      std::ranges::any_of(members, [](const ZipMember& m) { return m.name.ends_with(".npy"); });
  // An empty .npz is legal; an archive of anything else is an unknown thing.
  return torch || (!arrays && !members.empty()) ? parse_pth(bytes, path) : parse_npz(bytes, path);
}

/// What a name promises that is not safetensors.
bool promises_other_format(std::string_view path) {
  constexpr std::array<std::string_view, 7> kSuffixes = {".npz", ".npy",  ".pth", ".pt",
                                                         ".bin", ".ckpt", ".tar"};
  return std::ranges::any_of(kSuffixes, [&](std::string_view s) { return path.ends_with(s); });
}

/// A JSON value with every key once. Throws FormatError.
json parse_unique_json(std::string_view text, std::string_view path) {
  std::vector<std::set<std::string>> keys;
  const auto check = [&](int depth, json::parse_event_t event, json& parsed) {
    if (depth > kMaxJsonDepth) {
      throw FormatError(FormatKind::kBadHeader, path, -1, "lists or objects are nested too deeply");
    }
    if (event == json::parse_event_t::object_start) keys.emplace_back();
    if (event == json::parse_event_t::object_end) keys.pop_back();
    if (event == json::parse_event_t::key &&
        !keys.back().insert(parsed.get_ref<const std::string&>()).second) {
      throw FormatError(FormatKind::kDuplicate, path, -1,
                        fmt::format("'{}' comes twice", parsed.get_ref<const std::string&>()));
    }
    return true;
  };
  try {
    return json::parse(text, check);
  } catch (const json::exception&) {
    throw FormatError(FormatKind::kBadHeader, path, -1, "not valid JSON; download the file again");
  }
}

}  // namespace

bool is_shard_index(std::string_view path) { return path.ends_with(kIndexSuffix); }

std::map<std::string, std::string> parse_shard_index(std::string_view text, std::string_view path) {
  const json index = parse_unique_json(text, path);
  if (!index.is_object() || !index.contains("weight_map") || !index["weight_map"].is_object()) {
    throw FormatError(FormatKind::kBadHeader, path, -1, "no weight_map: not a shard index");
  }
  std::map<std::string, std::string> files;
  for (const auto& [name, file] : index["weight_map"].items()) {
    if (!file.is_string()) {
      throw FormatError(FormatKind::kBadHeader, path, -1,
                        fmt::format("'{}' is not in a file", name));
    }
    const auto& file_name = file.get_ref<const std::string&>();
    const bool plain = !file_name.empty() && file_name != "." && file_name != ".." &&
                       file_name.find_first_of(std::string_view("/\\\0", 3)) == std::string::npos;
    if (!plain) {
      throw FormatError(FormatKind::kUnsafe, path, -1,
                        fmt::format("'{}' is in '{}', outside the folder", name, file_name));
    }
    files[name] = file_name;
  }
  return files;
}

TensorArchive::TensorArchive(std::string path, Backing backing)
    : path_(std::move(path)), backing_(backing) {
  if (is_shard_index(path_)) {
    add_shards();
  } else {
    add_file(path_);
    index_ = NameIndex(tensors_);
  }
}

void TensorArchive::add_file(const std::string& path) {
  files_.emplace_back(path, backing_);
  const MappedFile& file = files_.back();
  const auto bytes = file.bytes();
  if (!bytes.empty()) file_at_[bytes.data()] = files_.size() - 1;
  TensorSet set;
  if (is_zip(bytes)) {
    set = parse_archive(bytes, path);
    may_share_ = true;
  } else if (is_npy(bytes)) {
    set = parse_npy(bytes, path);
  } else if (is_legacy_pth(bytes)) {
    set = parse_pth(bytes, path);
    may_share_ = true;
  } else if (promises_other_format(path)) {
    throw FormatError(FormatKind::kBadMagic, path, 0,
                      "neither a zip archive, a .npy array, nor a file of torch.save");
  } else {
    Safetensors content = parse_safetensors(bytes, path);
    set.tensors = std::move(content.tensors);
    metadata_.insert(content.metadata.begin(), content.metadata.end());
  }
  file.release(bytes);  // checksums have touched all of it
  std::ranges::move(set.tensors, std::back_inserter(tensors_));
  sets_.push_back(std::move(set));
}

void TensorArchive::add_shards() {
  const std::vector<std::byte> text = read_file(path_, kMaxIndexBytes);
  const auto index =
      parse_shard_index({reinterpret_cast<const char*>(text.data()), text.size()}, path_);
  std::set<std::string> shards;
  for (const auto& [name, file] : index) shards.insert(file);
  for (const std::string& shard : shards) {
    const size_t before = tensors_.size();
    add_file((fs::path(path_).parent_path() / shard).string());
    // A tensor belongs to the file that the index names.
    const auto misplaced = [&](const NamedTensor& t) {
      const auto found = index.find(t.name);
      return found == index.end() || found->second != shard;
    };
    const auto kept = std::remove_if(tensors_.begin() + static_cast<ptrdiff_t>(before),
                                     tensors_.end(), misplaced);
    tensors_.erase(kept, tensors_.end());
  }
  index_ = NameIndex(tensors_);
  if (tensors_.size() == index.size()) return;
  for (const auto& [name, file] : index) {
    if (find(name) != nullptr) continue;
    throw FormatError(FormatKind::kMismatch, path_, -1,
                      fmt::format("tensor '{}' is not in {}, where the index has it", name, file));
  }
}

int64_t TensorArchive::file_bytes() const {
  int64_t sum = 0;
  for (const MappedFile& file : files_) sum += static_cast<int64_t>(file.bytes().size());
  return sum;
}

const MappedFile* TensorArchive::file_of(const RawTensor& tensor) const {
  const std::byte* begin = tensor.bytes.data();
  const auto behind = file_at_.upper_bound(begin);
  if (tensor.bytes.empty() || behind == file_at_.begin()) return nullptr;
  const MappedFile& file = files_[std::prev(behind)->second];
  return begin < file.bytes().data() + file.bytes().size() ? &file : nullptr;
}

void TensorArchive::forget(const RawTensor& tensor) const {
  const MappedFile* file = file_of(tensor);
  if (file == nullptr) return;
  // Tensors of a pickle may share their bytes, and another's values may still be wanted.
  may_share_ ? file->release(tensor.bytes) : file->forget(tensor.bytes);
}

}  // namespace vitrine
