// Any bytes as a .npy array and as a .npz archive: parsed, and every tensor converted, or refused
// with an Error.

#include "core/error.hpp"
#include "core/formats/npy.hpp"
#include "tests/fuzz/mutate.hpp"

namespace {

template <class Parse>
void read(Parse parse, std::span<const std::byte> bytes) {
  try {
    const vitrine::TensorSet set = parse(bytes, "fuzz");
    for (const auto& [name, tensor] : set.tensors) vitrine::to_float32(tensor, name);
  } catch (const vitrine::Error&) {  // as it should be
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto bytes = std::as_bytes(std::span(data, size));
  read(vitrine::parse_npy, bytes);
  read(vitrine::parse_npz, bytes);
  return 0;
}

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size,
                                          unsigned seed) {
  return vitrine::fuzz::mutate_zip(data, size, max_size, seed);
}
