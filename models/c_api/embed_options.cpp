#include "models/c_api/embed_options.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <cstring>

#include "core/error.hpp"
#include "models/c_api/sized_struct.hpp"

namespace vitrine {
namespace {

/// As many as there are in a list are a mistake, not layers.
constexpr int64_t kMostLayers = 4096;

bool is_set(const char* text) { return text != nullptr && *text != '\0'; }

/// Tokens of a kind.
int64_t count_of(const EmbeddingShape& shape, TokenKind kind) {
  const auto run = std::ranges::find(shape.runs, kind, &TokenRun::kind);
  return run == shape.runs.end() ? 0 : run->count;
}

}  // namespace

EmbeddingOptions embedding_options(const vitrine_embed_options* options) {
  if (options == nullptr) return {};
  constexpr size_t kFirstSize = offsetof(vitrine_embed_options, unit_length) + sizeof(int64_t);
  const size_t size = options->size;
  if (!is_struct_size(size, kFirstSize)) {
    throw UsageError(
        fmt::format("options.size is {}; set it to sizeof(vitrine_embed_options)", size));
  }
  const auto* bytes = reinterpret_cast<const std::byte*>(options);
  if (says_more<vitrine_embed_options>(bytes, size)) {
    throw UsageError("options ask for what this version of Vitrine does not have");
  }
  const auto known = known_part<vitrine_embed_options>(bytes, size);
  EmbeddingOptions asked;
  if (known.layer_count < 0 || known.layer_count > kMostLayers ||
      (known.layer_count > 0 && known.layers == nullptr)) {
    throw UsageError(fmt::format("layer_count is {}, and layers {} a null pointer",
                                 known.layer_count, known.layers == nullptr ? "is" : "is not"));
  }
  asked.layers.assign(known.layers, known.layers + known.layer_count);
  asked.before_norm = known.before_norm != 0;
  asked.unit_length = known.unit_length != 0;
  if (is_set(known.tokens)) asked.set_tokens(known.tokens);
  if (is_set(known.pool)) asked.pool = value_of(kTokenPools, "pool", known.pool);
  return asked;
}

void write_shape(const EmbeddingShape& shape, vitrine_embedding_shape* to) {
  if (to == nullptr) throw UsageError("the place for the shape is a null pointer");
  constexpr size_t kFirstSize = offsetof(vitrine_embedding_shape, grid_width) + sizeof(int64_t);
  const size_t size = to->size;
  if (!is_struct_size(size, kFirstSize)) {
    throw UsageError(
        fmt::format("shape.size is {}; set it to sizeof(vitrine_embedding_shape)", size));
  }
  const vitrine_embedding_shape known{
      .size = size,
      .layers = std::max<int64_t>(shape.layers, 1),
      .tokens = std::max<int64_t>(shape.tokens, 1),
      .width = shape.width,
      .class_tokens = count_of(shape, TokenKind::kClass),
      .distillation_tokens = count_of(shape, TokenKind::kDistillation),
      .registers = count_of(shape, TokenKind::kRegisters),
      .grid_height = shape.grid_height,
      .grid_width = shape.grid_width};
  std::memcpy(to, &known, std::min(size, sizeof known));
}

}  // namespace vitrine
