#include "tests/golden/case.hpp"

#include <fmt/format.h>

#include <array>
#include <cstring>
#include <fstream>
#include <limits>
#include <utility>

#include "core/error.hpp"
#include "core/text/json_text.hpp"

namespace vitrine::golden {
namespace {

template <class T>
void append(const RawTensor& raw, std::vector<int64_t>& out) {
  for (size_t i = 0; i < raw.bytes.size(); i += sizeof(T)) {
    T value;
    std::memcpy(&value, raw.bytes.data() + i, sizeof(T));
    out.push_back(static_cast<int64_t>(value));
  }
}

Json parse_json(const std::filesystem::path& path) {
  std::ifstream stream(path);
  if (!stream) throw IoError(path.string(), "cannot read");
  try {
    return Json::parse(stream);
  } catch (const Json::exception& error) {
    throw Error(fmt::format("{}: {}", path.string(), error.what()));
  }
}

using Family = std::pair<const char*, std::vector<Case> (*)(const ManifestPtr&)>;

constexpr std::array<Family, 9> kFamilies = {{{"ops", ops_cases},
                                              {"opinfo", opinfo_cases},
                                              {"models", model_cases},
                                              {"fullsize", fullsize_cases},
                                              {"train", train_cases},
                                              {"preprocess", preprocess_cases},
                                              {"augment", augment_cases},
                                              {"formats", format_cases},
                                              {"bad", bad_cases}}};

}  // namespace

double number(const Json& value) {
  if (value.is_string()) {
    const std::string text = value.get<std::string>();
    if (text == "inf") return std::numeric_limits<double>::infinity();
    if (text == "-inf") return -std::numeric_limits<double>::infinity();
    if (text == "nan") return std::numeric_limits<double>::quiet_NaN();
  }
  return value.get<double>();
}

TensorFile::TensorFile(const std::filesystem::path& path) : file_(path.string()) {}

const RawTensor& TensorFile::raw(const std::string& name) const {
  const RawTensor* found = file_.find(name);
  if (found == nullptr) throw Error(fmt::format("{}: has no tensor '{}'", file_.path(), name));
  return *found;
}

Tensor TensorFile::tensor(const std::string& name) const {
  const RawTensor& stored = raw(name);
  if (static_cast<int64_t>(stored.shape.size()) > Shape::kMaxRank) {
    throw NotOffered{fmt::format("rank above {}", Shape::kMaxRank)};
  }
  Tensor tensor = Tensor::empty(Shape(stored.shape));
  to_float32(stored, name, {tensor.mutable_data(), static_cast<size_t>(tensor.numel())});
  return tensor;
}

std::vector<int64_t> TensorFile::integers(const std::string& name) const {
  const RawTensor& stored = raw(name);
  std::vector<int64_t> values;
  switch (stored.dtype) {
    case Dtype::kI64:
      append<int64_t>(stored, values);
      return values;
    case Dtype::kI32:
      append<int32_t>(stored, values);
      return values;
    case Dtype::kU8:
    case Dtype::kBool:
      append<uint8_t>(stored, values);
      return values;
    default:
      throw Error(fmt::format("{}: '{}' has type {}, expected integers", file_.path(), name,
                              dtype_name(stored.dtype)));
  }
}

std::vector<uint8_t> TensorFile::bytes(const std::string& name) const {
  const RawTensor& stored = raw(name);
  if (stored.dtype != Dtype::kU8) {
    throw Error(fmt::format("{}: '{}' has type {}, expected U8", file_.path(), name,
                            dtype_name(stored.dtype)));
  }
  std::vector<uint8_t> values(stored.bytes.size());
  if (!values.empty()) std::memcpy(values.data(), stored.bytes.data(), values.size());
  return values;
}

Manifest::Manifest(std::filesystem::path folder)
    : folder_(std::move(folder)), json_(parse_json(folder_ / "manifest.json")) {
  if (!json_.is_object() || !json_.contains("family") || !json_["family"].is_string() ||
      !json_.contains("cases") || !json_["cases"].is_array()) {
    throw Error(fmt::format("{}: a manifest has \"family\" and a list \"cases\"",
                            (folder_ / "manifest.json").string()));
  }
  constexpr int kFormat = 1;
  if (json_.value("format", 0) != kFormat) {
    throw Error(
        fmt::format("{}: \"format\" must be {}", (folder_ / "manifest.json").string(), kFormat));
  }
  family_ = json_["family"];
}

const TensorFile& Manifest::file(const std::string& relative) const {
  auto& file = files_[relative];
  if (file == nullptr) file = std::make_shared<TensorFile>(folder_ / relative);
  return *file;
}

Json Manifest::read_json(const std::string& relative) const {
  return parse_json(folder_ / relative);
}

std::vector<Case> cases_from(const Json& list,
                             const std::function<void(const Json&, Result&)>& run) {
  std::vector<Case> cases;
  for (const Json& entry : list) {
    const bool named = entry.is_object() && entry.contains("id") && entry["id"].is_string();
    if (!named) {
      cases.push_back({"?", Json::object(), [](Result& r) { r.fail("the entry has no \"id\""); }});
      continue;
    }
    cases.push_back({entry["id"], entry, [entry, run](Result& result) { run(entry, result); }});
  }
  return cases;
}

std::vector<Case> cases_of(const ManifestPtr& manifest) {
  for (const auto& [name, function] : kFamilies) {
    if (manifest->family() == name) return function(manifest);
  }
  return cases_from(manifest->json().at("cases"), [manifest](const Json&, Result&) {
    throw NotOffered{"family " + manifest->family()};
  });
}

}  // namespace vitrine::golden
