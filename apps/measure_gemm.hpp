#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "apps/gemm_peer.hpp"
#include "apps/measure_time.hpp"

namespace vitrine {

/// C (m, n) = op(A) op(B), `batch` times side by side.
struct GemmShape {
  std::string what;  ///< where a ViT has it
  int64_t m, n, k;
  Trans a = Trans::kNo;
  Trans b = Trans::kYes;  ///< a weight as it lies in memory
  int64_t batch = 1;

  double flops() const {
    return 2.0 * static_cast<double>(m) * static_cast<double>(n) * static_cast<double>(k) *
           static_cast<double>(batch);
  }
};

/// The products of ViT-B/16 and ViT-Ti/16 at 224 pixels, forward and backward, and two squares.
std::vector<GemmShape> default_gemm_shapes();

struct GemmTiming {
  std::string who;  ///< "vitrine, packed before", "vitrine", or a peer's name
  Times ms;
  double gflops = 0;  ///< at ms.best
};

struct GemmMeasurement {
  GemmShape shape;
  double peak_gflops = 0;  ///< best of those measured in between
  std::vector<GemmTiming> timings;
};

/// Times one shape for about `seconds`, everybody in turn, the peak among them: on a shared machine
/// only what was measured side by side can be compared. Throws IoError if a peer's product is
/// wrong.
GemmMeasurement measure_gemm(const GemmShape& shape, double seconds,
                             std::span<const GemmPeer> peers);

}  // namespace vitrine
