// Any bytes as a file of torch.save, and as a pickle alone (which the checksums of an archive would
// hide from a fuzzer): parsed, and every tensor converted, or refused with an Error.

#include "core/error.hpp"
#include "core/formats/pth.hpp"
#include "core/formats/torch_pickle.hpp"
#include "tests/fuzz/mutate.hpp"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto bytes = std::as_bytes(std::span(data, size));
  try {
    const vitrine::TensorSet set = vitrine::parse_pth(bytes, "fuzz");
    for (const auto& [name, tensor] : set.tensors) vitrine::to_float32(tensor, name);
  } catch (const vitrine::Error&) {  // as it should be
  }
  try {
    const vitrine::Pickle pickle = vitrine::parse_pickle(bytes, "fuzz", 0, vitrine::torch_global);
    // Every storage is the whole input, if that is enough.
    const auto bytes_of = [&](const vitrine::TorchStorage& s) {
      const int64_t held = static_cast<int64_t>(size) / vitrine::dtype_size(s.dtype);
      if (s.offset > held || s.elements > held - s.offset) throw vitrine::UsageError("too small");
      return bytes;
    };
    vitrine::torch_tensors(pickle, bytes_of, vitrine::unpacking_limit(size), "fuzz");
  } catch (const vitrine::Error&) {
  }
  return 0;
}

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size,
                                          unsigned seed) {
  return vitrine::fuzz::mutate_zip(data, size, max_size, seed);
}
