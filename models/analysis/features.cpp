#include "models/analysis/features.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/check.hpp"
#include "core/error.hpp"
#include "core/formats/file.hpp"
#include "core/formats/npy.hpp"
#include "core/text/json_text.hpp"
#include "models/inference/batches.hpp"
#include "models/weights/checkpoint.hpp"

namespace vitrine {
namespace {

using nlohmann::json;

constexpr std::string_view kNpy = ".npy";
constexpr std::string_view kSafetensors = ".safetensors";

std::string text_of(const json& value) {
  // Names of files need not be UTF-8.
  return write_json_lossy(value);
}

/// The labels as files hold them; `values` keeps the numbers.
RawTensor raw_labels(const Features& f, std::vector<int64_t>& values) {
  values.assign(f.labels.begin(), f.labels.end());
  return {Dtype::kI64, {static_cast<int64_t>(values.size())}, std::as_bytes(std::span(values))};
}

void save_safetensors(const std::string& path, const Features& f) {
  Metadata metadata{{"train", std::to_string(f.train)}};
  if (!f.labels.empty()) metadata["classes"] = text_of(f.classes);
  if (!f.files.empty()) metadata["files"] = text_of(f.files);
  if (!f.embedding.empty()) metadata["embedding"] = f.embedding;
  std::vector<int64_t> labels;
  std::vector<NamedTensor> tensors = {{"features", raw_tensor(f.values)}};
  if (!f.labels.empty()) tensors.push_back({"labels", raw_labels(f, labels)});
  write_safetensors(path, tensors, metadata);
}

void save_npy(const std::string& path, const Features& f) {
  const std::string stem = path.substr(0, path.size() - kNpy.size());
  json described = {{"train", f.train}};
  if (!f.labels.empty()) described["classes"] = f.classes;
  if (!f.files.empty()) described["files"] = f.files;
  if (!f.embedding.empty()) described["embedding"] = parse_json(f.embedding);
  const std::string text = text_of(described) + "\n";
  std::vector<int64_t> labels;
  write_npy(path, raw_tensor(f.values));
  if (!f.labels.empty()) write_npy(stem + ".labels.npy", raw_labels(f, labels));
  write_file_atomically(stem + ".json", std::as_bytes(std::span(text)));
}

}  // namespace

FeatureRows train_rows(const Features& features) {
  return {features.values.rows(0, features.train),
          std::span(features.labels).first(static_cast<size_t>(features.train))};
}

FeatureRows test_rows(const Features& features) {
  return {features.values.rows(features.train, features.values.dim(0)),
          std::span(features.labels).subspan(static_cast<size_t>(features.train))};
}

void extract_features(const Embedder& embedder, Loader& loader, Tensor& values, int64_t first,
                      const std::function<void(int64_t)>& seen) {
  const int64_t rows = values.rank() > 0 ? values.dim(0) : 0;
  check(
      values.shape() == embedder.shape().of(rows) && first >= 0 && first + loader.samples() <= rows,
      "extract_features", "values must have a row of the embedding's shape for every picture");
  const int64_t numel = embedder.shape().numel();
  float* to = values.mutable_data() + first * numel;
  int64_t done = 0;
  for_each_batch(loader, [&](const Batch& batch) {
    const Tensor y = embedder(batch.images);
    std::ranges::copy(y.values(), to + done * numel);
    done += y.dim(0);
    if (seen) seen(done);
  });
}

std::string describe_embedding(const Embedder& embedder) {
  const EmbeddingOptions& o = embedder.options();
  const EmbeddingShape& shape = embedder.shape();
  json object = json::object();
  if (!o.layers.empty()) object["layers"] = embedder.layers();
  if (!o.are_features()) object["final_norm"] = !o.before_norm;
  if (!o.are_features() && !o.wants_tokens()) {
    object["pool"] = name_of(kTokenPools, embedder.pool());
  }
  for (const TokenRun& run : shape.runs) {
    object["tokens"].push_back(
        {{"kind", name_of(kTokenKinds, run.kind)}, {"first", run.first}, {"count", run.count}});
  }
  if (shape.grid_height > 0) object["grid"] = {shape.grid_height, shape.grid_width};
  if (o.unit_length) object["unit_length"] = true;
  return object.empty() ? "" : write_json(object);
}

void check_features_path(const std::string& path) {
  if (path.ends_with(kNpy) || path.ends_with(kSafetensors)) return;
  throw UsageError(
      fmt::format("{}: features are written to files that end with .npy or .safetensors", path));
}

void save_features(const std::string& path, const Features& features) {
  check_features_path(path);
  if (path.ends_with(kNpy)) {
    save_npy(path, features);
  } else {
    save_safetensors(path, features);
  }
}

void check_finite(const Tensor& features) {
  const auto values = features.values();
  const auto bad = std::ranges::find_if_not(values, [](float v) { return std::isfinite(v); });
  if (bad == values.end()) return;
  throw UsageError(fmt::format("the features of picture {} are not finite numbers",
                               (bad - values.begin()) / features.dim(1)));
}

}  // namespace vitrine
