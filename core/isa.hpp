#pragma once

#include <string_view>
#include <vector>

namespace vitrine {

/// The instruction sets that kernels exist for, from the plainest to the widest.
enum class Isa {
  kReference,  ///< textbook loops, the same everywhere: the oracle
  kSse42,      ///< x86-64 with SSE4.2: 128 bits, no fused multiply-add
  kAvx2,       ///< AVX2 and FMA: 256 bits
  kAvx512,     ///< AVX-512 F, CD, DQ, BW and VL: 512 bits
  kNeon64,     ///< aarch64: 128 bits
  // Refinements have other products of integers, or of bf16; kernels in f32, and their bits, are
  // those of what they refine.
  kAvx2Vnni,       ///< AVX-VNNI
  kAvx512Vnni,     ///< AVX-512 VNNI
  kAvx512Bf16,     ///< AVX-512 BF16 and VNNI
  kAvx512Amx,      ///< AMX: tiles of bytes and of bf16; and what kAvx512Bf16 has
  kNeon64Dotprod,  ///< sdot
  kNeon64I8mm,     ///< I8MM: usmmla
  kNeon64Bf16,     ///< BF16: bfdot; and I8MM
};

/// "reference", "sse42", "avx2", "avx512", "neon64", "avx2+vnni", "avx512+vnni", "avx512+bf16",
/// "avx512+amx", "neon64+dotprod", "neon64+i8mm", "neon64+bf16".
std::string_view isa_name(Isa isa);
/// Throws UsageError on an unknown name; the text lists the known ones.
Isa isa_from_name(std::string_view name);

/// What this processor and its operating system run, plainest first; always holds kReference. An
/// ISA counts only if the system saves its registers (XGETBV), not by CPUID alone.
const std::vector<Isa>& supported_isas();

/// Whether the system lets this process use AMX's tiles, which the first call asks for. Linux gives
/// them to all of the process, whose signal stacks then need some 11 KiB: it refuses them where one
/// is smaller, and later such stacks where it has granted them. So who does not need them must not
/// ask.
bool tiles_granted();

/// The ISA in use: set_isa, else VITRINE_ISA, else the widest supported one. Throws UsageError if
/// VITRINE_ISA names one that is unknown or not supported here.
Isa active_isa();
/// Throws UsageError if it is not supported here. Not to be called while other threads compute.
void set_isa(Isa isa);

/// Uses an ISA for the time of a scope; for tests.
class ScopedIsa {
 public:
  explicit ScopedIsa(Isa isa) : before_(active_isa()) { set_isa(isa); }
  ~ScopedIsa() { set_isa(before_); }
  ScopedIsa(const ScopedIsa&) = delete;
  ScopedIsa& operator=(const ScopedIsa&) = delete;

 private:
  Isa before_;
};

/// The processor's own name, for reports: "AMD EPYC 7B13"; "unknown" if it does not say.
std::string_view cpu_name();

}  // namespace vitrine
