#include "core/error.hpp"
#include "ops/kernels/all.hpp"

namespace vitrine::kernels {

namespace reference {
extern const Kernels table;
}
#if defined(__x86_64__)
namespace sse42 {
extern const Kernels table;
}
namespace avx2 {
extern const Kernels table;
}
namespace avx512 {
extern const Kernels table;
}
#elif defined(__aarch64__)
namespace neon64 {
extern const Kernels table;
}
#endif

const Kernels& of(Isa isa) {
  switch (isa) {
#if defined(__x86_64__)
    case Isa::kSse42:
      return sse42::table;
    case Isa::kAvx2:
      return avx2::table;
    case Isa::kAvx512:
      return avx512::table;
#elif defined(__aarch64__)
    case Isa::kNeon64:
      return neon64::table;
#endif
    case Isa::kReference:
      return reference::table;
    default:
      break;
  }
  constexpr bool kOfThisProcessorFamily = false;
  VT_CHECK(kOfThisProcessorFamily);
  return reference::table;
}

const Kernels& active() { return of(active_isa()); }

}  // namespace vitrine::kernels
