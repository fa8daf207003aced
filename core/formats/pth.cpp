#include "core/formats/pth.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <map>

#include "core/error.hpp"
#include "core/formats/bytes.hpp"
#include "core/formats/torch_pickle.hpp"
#include "core/formats/zip.hpp"

namespace vitrine {
namespace {

constexpr std::string_view kMagicNumber = "\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19";
constexpr size_t kMagicEnd = 24;  // behind a protocol, and a frame in protocol 4
constexpr int64_t kLegacyVersion = 1001;

/// What data.pkl may unpack to: it has some hundred bytes for a tensor, which has more in the file.
int64_t pickle_limit(size_t file_size) {
  constexpr int64_t kFree = int64_t{1} << 20;
  return kFree + static_cast<int64_t>(file_size);
}

/// Refuses a storage that has fewer bytes than it says.
void check_storage(const TorchStorage& storage, size_t bytes, std::string_view path) {
  const int64_t held = static_cast<int64_t>(bytes) / dtype_size(storage.dtype);
  if (storage.offset > held || storage.elements > held - storage.offset) {
    throw FormatError(FormatKind::kTruncated, path, -1,
                      fmt::format("storage '{}' needs {} elements from {}, it has {}; download the "
                                  "file again",
                                  storage.key, storage.elements, storage.offset, held));
  }
}

// --- the zip format: <root>/data.pkl, <root>/byteorder, <root>/data/<key>
// -------------------------

class ZipCheckpoint {
 public:
  ZipCheckpoint(std::span<const std::byte> bytes, std::string_view path)
      : size_(bytes.size()), path_(path), members_(parse_zip(bytes, path)) {
    for (const ZipMember& member : members_) by_name_[member.name] = &member;
  }

  TensorSet read();

 private:
  const ZipMember* find(const std::string& name) const {
    const auto found = by_name_.find(root_ + name);
    return found == by_name_.end() ? nullptr : found->second;
  }
  std::span<const std::byte> content(const ZipMember& member);
  std::span<const std::byte> storage(const TorchStorage& wanted);

  size_t size_;
  std::string path_;
  std::string root_;  // with its slash
  std::vector<ZipMember> members_;
  std::map<std::string, const ZipMember*> by_name_;
  std::map<const ZipMember*, std::span<const std::byte>> contents_;
  std::vector<std::vector<std::byte>> unpacked_;
  int64_t unpacked_bytes_ = 0;
};

/// The bytes of a member, its checksum compared when it is first asked for. torch.save stores; an
/// archive that was packed again is unpacked.
std::span<const std::byte> ZipCheckpoint::content(const ZipMember& member) {
  const auto [place, first] = contents_.try_emplace(&member, member.data);
  if (!first) return place->second;
  if (member.deflated) {
    unpacked_.push_back(read_member(member, path_, unpacking_limit(size_) - unpacked_bytes_));
    unpacked_bytes_ += member.size;
    place->second = unpacked_.back();
  } else if (member.checksum != 0) {  // PyTorch can be told to make none, and then writes 0
    ZipReader reader(member, path_);
    reader.view(member.size);
    reader.finish();
  }
  return place->second;
}

std::span<const std::byte> ZipCheckpoint::storage(const TorchStorage& wanted) {
  const ZipMember* member = find("data/" + wanted.key);
  if (member == nullptr) {
    throw FormatError(FormatKind::kBadHeader, path_, -1,
                      fmt::format("the archive has no member data/{}", wanted.key));
  }
  const std::span<const std::byte> bytes = content(*member);
  check_storage(wanted, bytes.size(), path_);
  return bytes;
}

TensorSet ZipCheckpoint::read() {
  constexpr std::string_view kPickle = "data.pkl";
  const ZipMember* pickle_member = nullptr;
  for (const ZipMember& member : members_) {
    const std::string_view name = member.name;
    if (name != kPickle && !name.ends_with("/data.pkl")) continue;
    pickle_member = &member;
    root_ = name.substr(0, name.size() - kPickle.size());
    break;
  }
  if (pickle_member == nullptr) {
    throw FormatError(FormatKind::kBadHeader, path_, -1,
                      "a zip archive without data.pkl: not a file of torch.save");
  }
  if (find("constants.pkl") != nullptr) {
    throw FormatError(FormatKind::kUnsupported, path_, -1,
                      "a TorchScript archive, which holds a program; use the safetensors file of "
                      "this model, or save its state_dict()");
  }
  if (const ZipMember* order = find("byteorder")) {
    const std::span<const std::byte> word = content(*order);
    if (std::string_view(reinterpret_cast<const char*>(word.data()), word.size()) != "little") {
      throw FormatError(FormatKind::kUnsupported, path_, -1, "written on a big-endian machine");
    }
  }
  const std::string where = fmt::format("{}: {}", path_, pickle_member->name);
  if (pickle_member->size > pickle_limit(size_)) {
    throw FormatError(
        FormatKind::kTooLarge, where, -1,
        fmt::format("unpacks to {} bytes, in a file of {}", pickle_member->size, size_));
  }
  const Pickle pickle = parse_pickle(content(*pickle_member), where, 0, torch_global);
  TensorSet set = torch_tensors(
      pickle, [this](const TorchStorage& s) { return storage(s); }, unpacking_limit(size_), path_);
  std::ranges::move(unpacked_, std::back_inserter(set.unpacked));
  return set;
}

// --- the legacy format: five pickles, then the storages ------------------------------------------

class LegacyCheckpoint {
 public:
  LegacyCheckpoint(std::span<const std::byte> bytes, std::string_view path)
      : bytes_(bytes), path_(path) {}

  TensorSet read();

 private:
  [[noreturn]] void refuse(FormatKind kind, const std::string& what) const {
    throw FormatError(kind, path_, static_cast<int64_t>(at_), what);
  }
  Pickle next_pickle();
  void check_system(const Pickle& info) const;
  void read_storages(const Pickle& content, const Pickle& keys);

  std::span<const std::byte> bytes_;
  std::string path_;
  size_t at_ = 0;
  std::map<std::string, std::span<const std::byte>, std::less<>> storages_;
};

Pickle LegacyCheckpoint::next_pickle() {
  Pickle pickle = parse_pickle(bytes_.subspan(at_), path_, static_cast<int64_t>(at_), torch_global);
  at_ += pickle.size;
  return pickle;
}

void LegacyCheckpoint::check_system(const Pickle& info) const {
  const PickleValue& root = info.at(info.root);
  for (size_t i = 0; root.kind == PickleValue::Kind::kDict && i + 1 < root.items.size(); i += 2) {
    const PickleValue& value = info.at(root.items[i + 1]);
    if (info.at(root.items[i]).text == "little_endian" && value.integer == 0) {
      refuse(FormatKind::kUnsupported, "written on a big-endian machine");
    }
  }
}

/// For every key, in this order: the number of elements, then the elements.
void LegacyCheckpoint::read_storages(const Pickle& content, const Pickle& keys) {
  std::map<std::string, int64_t, std::less<>> element_size;
  for (const PickleValue& value : content.values) {
    if (value.kind != PickleValue::Kind::kPersistent) continue;
    const TorchStorage storage = torch_storage(content, value, path_);
    element_size[storage.key] = dtype_size(storage.dtype);
  }
  const PickleValue& list = keys.at(keys.root);
  if (list.kind != PickleValue::Kind::kList) {
    refuse(FormatKind::kBadHeader, "the list of storages is missing");
  }
  for (const uint32_t item : list.items) {
    const auto size = element_size.find(keys.at(item).text);
    if (size == element_size.end()) {
      refuse(FormatKind::kBadHeader, "a storage that no tensor uses");
    }
    const size_t left = bytes_.size() - at_;
    const uint64_t count = left < sizeof(uint64_t) ? 0 : load_le64(bytes_.data() + at_);
    if (left < sizeof(uint64_t) ||
        count > (left - sizeof(uint64_t)) / static_cast<uint64_t>(size->second)) {
      refuse(FormatKind::kTruncated,
             fmt::format("storage '{}' ends behind the file; download it again", size->first));
    }
    const size_t data_size = count * static_cast<uint64_t>(size->second);
    storages_[size->first] = bytes_.subspan(at_ + sizeof(uint64_t), data_size);
    at_ += sizeof(uint64_t) + data_size;
  }
}

TensorSet LegacyCheckpoint::read() {
  const Pickle magic = next_pickle();
  if (magic.at(magic.root).text != kMagicNumber) {
    refuse(FormatKind::kBadMagic, "a pickle, but not of torch.save");
  }
  const Pickle version = next_pickle();
  if (version.at(version.root).integer != kLegacyVersion) {
    refuse(FormatKind::kUnsupported, "another version of torch.save's legacy format");
  }
  check_system(next_pickle());
  const Pickle content = next_pickle();
  read_storages(content, next_pickle());
  const auto bytes_of = [this](const TorchStorage& wanted) {
    const auto found = storages_.find(wanted.key);
    if (found == storages_.end()) {
      refuse(FormatKind::kBadHeader, fmt::format("storage '{}' is missing", wanted.key));
    }
    check_storage(wanted, found->second.size(), path_);
    return found->second;
  };
  return torch_tensors(content, bytes_of, unpacking_limit(bytes_.size()), path_);
}

}  // namespace

bool is_legacy_pth(std::span<const std::byte> bytes) {
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  return text.starts_with('\x80') &&
         text.substr(0, kMagicEnd).find(kMagicNumber) != std::string_view::npos;
}

TensorSet parse_pth(std::span<const std::byte> bytes, std::string_view path) {
  if (is_zip(bytes)) return ZipCheckpoint(bytes, path).read();
  if (is_legacy_pth(bytes)) return LegacyCheckpoint(bytes, path).read();
  throw FormatError(FormatKind::kBadMagic, path, 0,
                    "neither a zip archive nor a legacy file of torch.save");
}

}  // namespace vitrine
