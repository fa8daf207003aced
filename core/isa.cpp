#include "core/isa.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>

#include "core/error.hpp"

#if defined(__x86_64__)
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>
#elif defined(__aarch64__)
#include <asm/hwcap.h>
#include <sys/auxv.h>
#endif

namespace vitrine {
namespace {

constexpr std::array<std::string_view, 12> kNames = {
    "reference",   "sse42",       "avx2",       "avx512",         "neon64",      "avx2+vnni",
    "avx512+vnni", "avx512+bf16", "avx512+amx", "neon64+dotprod", "neon64+i8mm", "neon64+bf16",
};

#if defined(__x86_64__)

struct Registers {
  uint32_t eax = 0, ebx = 0, ecx = 0, edx = 0;
};

Registers cpuid(uint32_t leaf, uint32_t part = 0) {
  Registers r;
  __get_cpuid_count(leaf, part, &r.eax, &r.ebx, &r.ecx, &r.edx);
  return r;
}

bool bit(uint32_t word, int position) { return ((word >> position) & 1U) != 0; }

/// The register state that the operating system saves (XCR0); 0 if it does not use XSAVE.
/// OSXSAVE must be asked first: processors without it (Nehalem) fault on XGETBV.
uint64_t saved_state(const Registers& leaf1) {
  if (!bit(leaf1.ecx, 27)) return 0;
  uint32_t low = 0;
  uint32_t high = 0;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return (uint64_t{high} << 32) | low;
}

// Linux, asm/prctl.h.
constexpr long kGetSupported = 0x1021;       // ARCH_GET_XCOMP_SUPP
constexpr long kRequestPermission = 0x1023;  // ARCH_REQ_XCOMP_PERM
constexpr int kTileContent = 18;

/// Whether the system knows tiles; it gives them to who asks.
bool system_has_tiles() {
  uint64_t features = 0;
  return syscall(SYS_arch_prctl, kGetSupported, &features) == 0 &&
         (features >> kTileContent & 1) != 0;
}

bool request_tiles() { return syscall(SYS_arch_prctl, kRequestPermission, kTileContent) == 0; }

std::vector<Isa> detect() {
  std::vector<Isa> found = {Isa::kReference};
  const Registers one = cpuid(1);
  const Registers seven = cpuid(7);
  const uint64_t saved = saved_state(one);
  constexpr uint64_t kYmm = 0x6;        // XMM and the upper halves of YMM
  constexpr uint64_t kZmm = 0xE6;       // and opmask, upper ZMM0-15, ZMM16-31
  if (!bit(one.ecx, 20)) return found;  // SSE4.2
  found.push_back(Isa::kSse42);
  const bool fma = bit(one.ecx, 12) && bit(one.ecx, 28) && bit(one.ecx, 29);  // FMA, AVX, F16C
  if (!fma || !bit(seven.ebx, 5) || (saved & kYmm) != kYmm) return found;     // AVX2
  found.push_back(Isa::kAvx2);
  if (bit(cpuid(7, 1).eax, 4)) found.push_back(Isa::kAvx2Vnni);
  const bool avx512 = bit(seven.ebx, 16) && bit(seven.ebx, 17) && bit(seven.ebx, 28) &&
                      bit(seven.ebx, 30) && bit(seven.ebx, 31);  // F, DQ, CD, BW, VL
  if (!avx512 || (saved & kZmm) != kZmm) return found;
  found.push_back(Isa::kAvx512);
  if (!bit(seven.ecx, 11)) return found;
  found.push_back(Isa::kAvx512Vnni);
  if (!bit(cpuid(7, 1).eax, 5)) return found;
  found.push_back(Isa::kAvx512Bf16);
  constexpr uint64_t kTiles = 0x60000;  // their shape and their content
  const bool amx =
      bit(seven.edx, 22) && bit(seven.edx, 24) && bit(seven.edx, 25);  // bf16, tile, int8
  if (amx && (saved & kTiles) == kTiles && system_has_tiles()) found.push_back(Isa::kAvx512Amx);
  return found;
}

std::string brand() {
  std::array<char, 49> text{};
  for (uint32_t i = 0; i < 3; ++i) {
    const Registers r = cpuid(0x80000002 + i);
    std::memcpy(text.data() + 16 * i, &r, 16);
  }
  std::string name(text.data());
  name.erase(0, name.find_first_not_of(' '));
  name.erase(name.find_last_not_of(' ') + 1);
  return name.empty() ? "unknown" : name;
}

#elif defined(__aarch64__)

bool request_tiles() { return false; }

std::vector<Isa> detect() {
  std::vector<Isa> found = {Isa::kReference, Isa::kNeon64};
  if ((getauxval(AT_HWCAP) & HWCAP_ASIMDDP) == 0) return found;
  found.push_back(Isa::kNeon64Dotprod);
  if ((getauxval(AT_HWCAP2) & HWCAP2_I8MM) == 0) return found;
  found.push_back(Isa::kNeon64I8mm);
  if ((getauxval(AT_HWCAP2) & HWCAP2_BF16) != 0) found.push_back(Isa::kNeon64Bf16);
  return found;
}
std::string brand() { return "aarch64"; }

#endif

void require_supported(Isa isa, std::string_view who) {
  const auto& isas = supported_isas();
  if (std::ranges::find(isas, isa) != isas.end()) return;
  std::vector<std::string_view> names;
  names.reserve(isas.size());
  for (const Isa i : isas) names.push_back(isa_name(i));
  throw UsageError(fmt::format("{}: this processor does not run {}; it runs {}", who, isa_name(isa),
                               fmt::join(names, ", ")));
}

Isa initial_isa() {
  const char* forced = std::getenv("VITRINE_ISA");
  if (forced == nullptr || *forced == '\0') {
    if (supported_isas().size() == 1) {
      throw UsageError(
          "this processor has no SSE4.2, which the fast kernels need; VITRINE_ISA=reference runs "
          "without them, slowly");
    }
    return supported_isas().back();
  }
  const Isa isa = isa_from_name(forced);
  require_supported(isa, "VITRINE_ISA");
  return isa;
}

std::atomic<int> g_active{-1};

}  // namespace

std::string_view isa_name(Isa isa) { return kNames[static_cast<size_t>(isa)]; }

Isa isa_from_name(std::string_view name) {
  const auto* found = std::ranges::find(kNames, name);
  if (found == kNames.end()) {
    throw UsageError(fmt::format("unknown ISA '{}'; known are {}", name, fmt::join(kNames, ", ")));
  }
  return static_cast<Isa>(found - kNames.begin());
}

const std::vector<Isa>& supported_isas() {
  static const std::vector<Isa> isas = detect();
  return isas;
}

bool tiles_granted() {
  static const bool granted = request_tiles();
  return granted;
}

Isa active_isa() {
  const int isa = g_active.load(std::memory_order_relaxed);
  if (isa >= 0) return static_cast<Isa>(isa);
  const Isa first = initial_isa();
  g_active = static_cast<int>(first);
  return first;
}

void set_isa(Isa isa) {
  require_supported(isa, "--isa");
  g_active = static_cast<int>(isa);
}

std::string_view cpu_name() {
  static const std::string name = brand();
  return name;
}

}  // namespace vitrine
