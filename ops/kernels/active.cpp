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
}
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

/// The table of `base` with other products of integers, and products of bf16.
Kernels refined(Isa isa, const Kernels& base, const GemmInt8& gemm_int8,
                const Gemm* gemm_bf16 = nullptr, const Peak* peak_bf16 = nullptr) {
  Kernels table = base;
  table.isa = isa;
  table.gemm_int8 = &gemm_int8;
  table.gemm_bf16 = gemm_bf16;
  table.peak_bf16 = peak_bf16;
  return table;
}

}  // namespace

const Kernels& of(Isa isa) {
  switch (isa) {
#if defined(__x86_64__)
    case Isa::kSse42:
      return sse42::table;
    case Isa::kAvx2:
      return avx2::table;
    case Isa::kAvx512:
      return avx512::table;
    case Isa::kAvx2Vnni: {
      static const Kernels table = refined(isa, avx2::table, avx2_vnni::gemm_int8);
      return table;
    }
    case Isa::kAvx512Vnni: {
      static const Kernels table = refined(isa, avx512::table, avx512_vnni::gemm_int8);
      return table;
    }
    case Isa::kAvx512Bf16: {
      static const Kernels table = refined(isa, avx512::table, avx512_vnni::gemm_int8,
                                           &avx512_bf16::gemm, &avx512_bf16::peak);
      return table;
    }
    case Isa::kAvx512Amx: {
      static const Kernels table =
          refined(isa, avx512::table, avx512_amx::gemm_int8, &avx512_amx::gemm, &avx512_amx::peak);
      return table;
    }
#elif defined(__aarch64__)
    case Isa::kNeon64:
      return neon64::table;
    case Isa::kNeon64Dotprod: {
      static const Kernels table = refined(isa, neon64::table, neon64_dotprod::gemm_int8);
      return table;
    }
    case Isa::kNeon64I8mm: {
      static const Kernels table = refined(isa, neon64::table, neon64_i8mm::gemm_int8);
      return table;
    }
    case Isa::kNeon64Bf16: {
      static const Kernels table = refined(isa, neon64::table, neon64_i8mm::gemm_int8,
                                           &neon64_bf16::gemm, &neon64_bf16::peak);
      return table;
    }
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

const Kernels& narrow_of(Isa isa) {
  return of(isa == Isa::kAvx512Amx && !tiles_granted() ? Isa::kAvx512Bf16 : isa);
}

}  // namespace vitrine::kernels
