#include "apps/command_line/embedding_options.hpp"

#include <vector>

#include "apps/command_line/parse_number.hpp"
#include "core/error.hpp"

namespace vitrine {
namespace {

/// Numbers with commas between them.
std::vector<int64_t> read_layers(std::string_view list) {
  std::vector<int64_t> layers;
  for (size_t end = 0; end != std::string_view::npos;) {
    end = list.find(',');
    const std::string problem = parse_number(list.substr(0, end), layers.emplace_back());
    if (!problem.empty()) throw UsageError("--layers: " + problem);
    list.remove_prefix(end == std::string_view::npos ? list.size() : end + 1);
  }
  return layers;
}

}  // namespace

void add_embedding_options(CLI::App& command, EmbeddingWords& words) {
  add_option(command, "--layers", words.layers,
             "blocks instead of the last, as 3,7,-1: from 0 on, or from the end; a row each")
      .values("LIST");
  add_flag(command, "--before-norm", words.before_norm,
           "as the blocks leave it, without the network's final norm");
  add_option(command, "--tokens", words.tokens,
             "tokens instead of one vector: all, or some of class, distillation, registers and "
             "patches, with commas between them; the patches row by row")
      .value_if_alone("all")
      .values("LIST");
  add_option(command, "--pool", words.pool,
             "another vector than the head sees: the class token, or the mean or the largest of "
             "the patches")
      .one_of({"token", "avg", "max", "avgmax", "token_avg"});
  add_flag(command, "--l2", words.unit_length, "every vector divided by its length");
}

EmbeddingOptions read_words(const EmbeddingWords& words) {
  EmbeddingOptions o;
  o.before_norm = words.before_norm;
  o.unit_length = words.unit_length;
  if (!words.layers.empty()) o.layers = read_layers(words.layers);
  if (!words.pool.empty()) o.pool = value_of(kTokenPools, "pool", words.pool);
  if (!words.tokens.empty()) o.set_tokens(words.tokens);
  return o;
}

}  // namespace vitrine
