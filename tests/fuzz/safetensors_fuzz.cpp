// Any bytes as a safetensors file: parsed, and every tensor converted, or refused with an Error.

#include "core/error.hpp"
#include "core/safetensors.hpp"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  try {
    const auto bytes = std::as_bytes(std::span(data, size));
    const vitrine::Safetensors file = vitrine::parse_safetensors(bytes, "fuzz");
    for (const auto& [name, tensor] : file.tensors) vitrine::to_float32(tensor, name);
  } catch (const vitrine::Error&) {  // as it should be
  }
  return 0;
}
