#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "core/formats/file.hpp"
#include "core/formats/safetensors.hpp"
#include "core/formats/tensor_set.hpp"

namespace vitrine {

/// Whether the name ends like a shard index: "model.safetensors.index.json",
/// "pytorch_model.bin.index.json".
bool is_shard_index(std::string_view path);

/// Reads the index of a model that is cut into several files: tensor name -> file name, both as
/// written. Throws FormatError: kBadHeader, kDuplicate, kUnsafe for a file name that would leave
/// the index's folder.
/// Source: huggingface_hub, "weight_map" of *.index.json.
std::map<std::string, std::string> parse_shard_index(std::string_view json, std::string_view path);

/// The tensors of a file in any format that Vitrine reads: safetensors, .npz, .npy, what torch.save
/// writes, or the index of a model in several files. The content decides which it is; a name that
/// says otherwise ("model.pth" with a web page in it) is kBadMagic.
class TensorArchive {
 public:
  /// Throws IoError and FormatError. Needs memory for names and shapes, and for tensors that are
  /// not dense in the file; the others are where the MappedFile has them.
  explicit TensorArchive(std::string path, Backing backing = Backing::kFile);

  const std::string& path() const { return path_; }
  /// Of safetensors; empty for other formats. Of an index: that of its first file.
  const Metadata& metadata() const { return metadata_; }
  const std::vector<NamedTensor>& tensors() const { return tensors_; }
  const RawTensor* find(std::string_view name) const { return index_.find(tensors_, name); }
  const MappedFile& first_file() const { return files_.front(); }
  /// Bytes of all its files.
  int64_t file_bytes() const;

  /// Gives back the memory of a tensor once its values have been taken for the last time.
  void forget(const RawTensor& tensor) const;
  /// The file that a tensor's bytes lie in; null if they had to be unpacked.
  const MappedFile* file_of(const RawTensor& tensor) const;

 private:
  void add_file(const std::string& path);
  void add_shards();

  std::string path_;
  Backing backing_;
  Metadata metadata_;
  std::vector<NamedTensor> tensors_;
  NameIndex index_;  // of tensors_
  std::vector<MappedFile> files_;
  bool may_share_ = false;                      // two tensors the same bytes
  std::map<const std::byte*, size_t> file_at_;  // where a file's bytes begin -> its place
  std::vector<TensorSet> sets_;                 // keep what was unpacked
};

}  // namespace vitrine
