// Any bytes as a file of CIFAR-10 and of CIFAR-100: read, or refused with an Error.

#include "core/error.hpp"
#include "core/formats/cifar.hpp"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto bytes = std::as_bytes(std::span(data, size));
  for (const int label_bytes : {1, 2}) {
    try {
      vitrine::parse_cifar(bytes, label_bytes, label_bytes == 1 ? 10 : 100, "fuzz");
    } catch (const vitrine::Error&) {  // as it should be
    }
  }
  return 0;
}
