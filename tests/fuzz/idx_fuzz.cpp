// Any bytes as IDX images and as IDX labels, plain or gzip: read, or refused with an Error.

#include "core/error.hpp"
#include "core/formats/idx.hpp"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto bytes = std::as_bytes(std::span(data, size));
  try {
    vitrine::parse_idx_images(bytes, "fuzz");
  } catch (const vitrine::Error&) {  // as it should be
  }
  try {
    vitrine::parse_idx_labels(bytes, "fuzz");
  } catch (const vitrine::Error&) {
  }
  return 0;
}
