// Any bytes as a safetensors file: parsed, every tensor found by its name and converted, or refused
// with an Error.

#include <cstdlib>

#include "core/error.hpp"
#include "core/formats/safetensors.hpp"
#include "tests/fuzz/mutate.hpp"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  try {
    const auto bytes = std::as_bytes(std::span(data, size));
    const vitrine::Safetensors file = vitrine::parse_safetensors(bytes, "fuzz");
    for (const auto& [name, tensor] : file.tensors) {
      if (file.find(name) != &tensor) std::abort();
      vitrine::to_float32(tensor, name);
    }
  } catch (const vitrine::Error&) {  // as it should be
  }
  return 0;
}

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size,
                                          unsigned seed) {
  return vitrine::fuzz::mutate_safetensors(data, size, max_size, seed);
}
