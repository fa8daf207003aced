// Any bytes as the index of a model in several files: parsed, or refused with an Error.

#include <string_view>

#include "core/error.hpp"
#include "core/formats/tensor_archive.hpp"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  try {
    vitrine::parse_shard_index({reinterpret_cast<const char*>(data), size}, "fuzz");
  } catch (const vitrine::Error&) {  // as it should be
  }
  return 0;
}
