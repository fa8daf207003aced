#pragma once

#include <string_view>

#include "models/weights/hugging_face_classes.hpp"
#include "models/weights/known_keys.hpp"
#include "models/weights/source_facts.hpp"

namespace vitrine {

/// Reads the keys of a config.json, which lies at `path`, that describe a network of this type:
/// what its weights do not show goes into `facts`, what they show as well into facts.claims.
/// Throws FormatError for values of which Vitrine has no network.
void read_hugging_face_network(KnownKeys& keys, const HfType& type, Head head,
                               std::string_view path, SourceFacts& facts);

}  // namespace vitrine
