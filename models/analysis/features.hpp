#pragma once

#include <functional>
#include <string>
#include <vector>

#include "models/data/loader.hpp"
#include "models/inference/embeddings.hpp"

namespace vitrine {

/// What a network says of pictures before its head, a row each.
struct Features {
  Tensor values;                     ///< (N, D); see EmbeddingShape for what else there may be
  std::string embedding;             ///< describe_embedding(), or empty
  std::vector<int32_t> labels;       ///< (N), or empty
  std::vector<std::string> classes;  ///< names of the labels
  std::vector<std::string> files;    ///< (N), or empty for pictures that are no files
  int64_t train = 0;                 ///< so many rows are the training part; it comes first
};

/// Rows of a part of the data, labels with them.
struct FeatureRows {
  Tensor values;                    ///< (n, D)
  std::span<const int32_t> labels;  ///< (n)
};
FeatureRows train_rows(const Features& features);
FeatureRows test_rows(const Features& features);

/// Writes rows [first, first + n) of `values` (N, ...) with the embeddings of the n pictures of an
/// epoch of `loader`. `seen` is called after each batch with the number of pictures so far.
/// Throws ShapeError if there is no room, and what the loader throws.
void extract_features(const Embedder& embedder, Loader& loader, Tensor& values, int64_t first,
                      const std::function<void(int64_t)>& seen = {});

/// What the rows are, as a JSON object's text: "layers" the blocks, "final_norm" and "pool" how
/// they are read, "tokens" runs of "kind", "first" and "count", "grid" [height, width] of the
/// patches, "unit_length". Empty for plain features.
std::string describe_embedding(const Embedder& embedder);

/// Throws UsageError unless `path` has an ending that save_features knows.
void check_features_path(const std::string& path);

/// Writes features atomically, by the ending:
///   X.safetensors   "features" (N, D) F32, "labels" (N) I64; metadata "classes" and "files" as
///                   JSON lists, "embedding" as a JSON object, "train" the number of rows that are
///                   the training part
///   X.npy           the features; X.labels.npy, int64; X.json with "classes", "files",
///                   "embedding", "train"
/// What there is none of is left out. Throws UsageError and IoError.
void save_features(const std::string& path, const Features& features);

/// Throws UsageError that names the first row with a number that is not finite.
void check_finite(const Tensor& features);

}  // namespace vitrine
