#include "core/error.hpp"
#include "ops/kernels/all.hpp"

namespace vitrine::kernels {

namespace reference {
extern const Kernels table;
extern const GemmInt8 gemm_int8;
}  // namespace reference
#if defined(__x86_64__)
namespace sse42 {
extern const Kernels table;
extern const GemmInt8 gemm_int8;
}  // namespace sse42
namespace avx2 {
extern const Kernels table;
extern const GemmInt8 gemm_int8;
}  // namespace avx2
namespace avx512 {
extern const Kernels table;
extern const GemmInt8 gemm_int8;
}  // namespace avx512
namespace avx2_vnni {
extern const GemmInt8 gemm_int8;
}
namespace avx512_vnni {
extern const GemmInt8 gemm_int8;
}
namespace avx512_bf16 {
extern const Gemm gemm;
extern const Peak peak;
}  // namespace avx512_bf16
namespace avx512_amx {
extern const GemmInt8 gemm_int8;
extern const Gemm gemm;
extern const Peak peak;
}  // namespace avx512_amx
#elif defined(__aarch64__)
namespace neon64 {
extern const Kernels table;
extern const GemmInt8 gemm_int8;
}  // namespace neon64
namespace neon64_dotprod {
extern const GemmInt8 gemm_int8;
}
namespace neon64_i8mm {
extern const GemmInt8 gemm_int8;
}
namespace neon64_bf16 {
extern const Gemm gemm;
extern const Peak peak;
}  // namespace neon64_bf16
#endif

namespace {

/// Nobody asks for an ISA of another processor family.
[[noreturn]] void refuse() {
  detail::check_failed("the ISA is one of this processor family", __FILE__, __LINE__);
}

}  // namespace

const Kernels& of(Isa isa) {
  switch (isa) {
    case Isa::kReference:
      return reference::table;
#if defined(__x86_64__)
    case Isa::kSse42:
      return sse42::table;
    case Isa::kAvx2:
    case Isa::kAvx2Vnni:
      return avx2::table;
    case Isa::kAvx512:
    case Isa::kAvx512Vnni:
    case Isa::kAvx512Bf16:
    case Isa::kAvx512Amx:
      return avx512::table;
#elif defined(__aarch64__)
    case Isa::kNeon64:
    case Isa::kNeon64Dotprod:
    case Isa::kNeon64I8mm:
    case Isa::kNeon64Bf16:
      return neon64::table;
#endif
    default:
      refuse();
  }
}

const Kernels& active() { return of(active_isa()); }

NarrowKernels narrow_of(Isa isa) {
  switch (isa) {
    case Isa::kReference:
      return {&reference::gemm_int8};
#if defined(__x86_64__)
    case Isa::kSse42:
      return {&sse42::gemm_int8};
    case Isa::kAvx2:
      return {&avx2::gemm_int8};
    case Isa::kAvx512:
      return {&avx512::gemm_int8};
    case Isa::kAvx2Vnni:
      return {&avx2_vnni::gemm_int8};
    case Isa::kAvx512Vnni:
      return {&avx512_vnni::gemm_int8};
    case Isa::kAvx512Amx:
      if (tiles_granted()) {
        return {&avx512_amx::gemm_int8, &avx512_amx::gemm, &avx512_amx::peak};
      }
      [[fallthrough]];
    case Isa::kAvx512Bf16:
      return {&avx512_vnni::gemm_int8, &avx512_bf16::gemm, &avx512_bf16::peak};
#elif defined(__aarch64__)
    case Isa::kNeon64:
      return {&neon64::gemm_int8};
    case Isa::kNeon64Dotprod:
      return {&neon64_dotprod::gemm_int8};
    case Isa::kNeon64I8mm:
      return {&neon64_i8mm::gemm_int8};
    case Isa::kNeon64Bf16:
      return {&neon64_i8mm::gemm_int8, &neon64_bf16::gemm, &neon64_bf16::peak};
#endif
    default:
      refuse();
  }
}

}  // namespace vitrine::kernels
