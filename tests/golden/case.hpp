#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "core/formats/tensor_archive.hpp"
#include "core/tensor.hpp"
#include "tests/golden/compare.hpp"

// What a folder of golden data holds: manifests, tensor files, cases.

namespace vitrine::golden {

using Json = nlohmann::json;

/// Thrown by an adapter whose case needs something that Vitrine does not offer. `feature` names the
/// operation or feature, never the case: skipped cases are counted by it.
struct NotOffered {
  std::string feature;
};

/// A number of a manifest; infinities are written as text.
double number(const Json& value);

/// Reads a tensor file of the golden format. What is missing is an Error that names it.
class TensorFile {
 public:
  explicit TensorFile(const std::filesystem::path& path);

  const TensorArchive& content() const { return file_; }
  bool has(const std::string& name) const { return file_.find(name) != nullptr; }
  const RawTensor& raw(const std::string& name) const;
  /// As float32. Throws NotOffered for more axes than a Shape has.
  Tensor tensor(const std::string& name) const;
  /// Of the types I64, I32, U8 and BOOL.
  std::vector<int64_t> integers(const std::string& name) const;
  /// Bytes of a U8 tensor.
  std::vector<uint8_t> bytes(const std::string& name) const;

 private:
  TensorArchive file_;
};

/// A family's manifest.json and the files beside it, opened when they are first asked for.
class Manifest {
 public:
  /// Throws Error if it cannot be read or is not a manifest.
  explicit Manifest(std::filesystem::path folder);

  const std::filesystem::path& folder() const { return folder_; }
  const std::string& family() const { return family_; }
  const Json& json() const { return json_; }
  const TensorFile& file(const std::string& relative) const;
  /// A file of JSON beside the manifest.
  Json read_json(const std::string& relative) const;

 private:
  std::filesystem::path folder_;
  Json json_;
  std::string family_;
  mutable std::map<std::string, std::shared_ptr<TensorFile>> files_;
};

using ManifestPtr = std::shared_ptr<const Manifest>;

/// One thing to check. A manifest's entry gives one case or several (a network and each of its
/// exports); all of them carry the entry, which --filter looks at.
struct Case {
  std::string id;
  Json entry;
  std::function<void(Result&)> run;
};

/// All cases of a family. Throws Error if the manifest is malformed as a whole.
std::vector<Case> cases_of(const ManifestPtr& manifest);

/// The families (one file each). An entry that is malformed becomes a case that fails.
std::vector<Case> ops_cases(const ManifestPtr& manifest);
std::vector<Case> opinfo_cases(const ManifestPtr& manifest);
std::vector<Case> model_cases(const ManifestPtr& manifest);
std::vector<Case> fullsize_cases(const ManifestPtr& manifest);
std::vector<Case> train_cases(const ManifestPtr& manifest);
std::vector<Case> preprocess_cases(const ManifestPtr& manifest);
std::vector<Case> augment_cases(const ManifestPtr& manifest);
std::vector<Case> format_cases(const ManifestPtr& manifest);
std::vector<Case> bad_cases(const ManifestPtr& manifest);

/// The entry of `list` under each case's id, each run by `run`.
std::vector<Case> cases_from(const Json& list,
                             const std::function<void(const Json& entry, Result&)>& run);

}  // namespace vitrine::golden
