#pragma once

#include <string>

#include "apps/command_line/options.hpp"
#include "models/inference/embeddings.hpp"

namespace vitrine {

/// EmbeddingOptions as words of the command line.
struct EmbeddingWords {
  std::string layers, tokens, pool;
  bool before_norm = false, unit_length = false;
};

void add_embedding_options(CLI::App& command, EmbeddingWords& words);

/// Throws UsageError that names the option and what is wrong with it.
EmbeddingOptions read_words(const EmbeddingWords& words);

}  // namespace vitrine
