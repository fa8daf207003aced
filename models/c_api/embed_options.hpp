#pragma once

#include "models/c_api/vitrine.h"
#include "models/inference/embeddings.hpp"

namespace vitrine {

/// What a caller asks for; null for nothing. Throws UsageError if the options are of an impossible
/// size or hold something that this version does not know.
EmbeddingOptions embedding_options(const vitrine_embed_options* options);

/// Writes as much of the shape as the caller's struct has room for. Throws UsageError for null
/// pointers and impossible sizes.
void write_shape(const EmbeddingShape& shape, vitrine_embedding_shape* to);

}  // namespace vitrine
