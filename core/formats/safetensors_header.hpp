#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace vitrine {

/// The JSON directory of a safetensors file, as written: nothing is checked against the data yet.
struct SafetensorsHeader {
  struct Entry {
    std::string name;
    std::string dtype;
    std::vector<int64_t> shape;  ///< every dimension >= 0
    int64_t begin = 0;           ///< offsets from the end of the header, >= 0
    int64_t end = 0;
  };

  std::map<std::string, std::string> metadata;  ///< "__metadata__"
  std::vector<Entry> entries;                   ///< in the order of the directory
};

/// Parses the directory {name: {"dtype", "shape", "data_offsets"}, "__metadata__": {text: text}}.
/// Unknown fields of a tensor are skipped. Throws FormatError: kBadHeader for what is not that,
/// kDuplicate for a key that comes twice, kBadShape and kBadOffsets for integers that are negative
/// or do not fit in 63 bits, kTooLarge for more than 64 dimensions.
///   json   the header's bytes, which lie at byte 8 of the file `path`
SafetensorsHeader parse_safetensors_header(std::string_view json, std::string_view path);

}  // namespace vitrine
