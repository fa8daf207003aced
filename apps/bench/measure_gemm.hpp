#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "apps/bench/gemm_peer.hpp"
#include "apps/bench/take_turns.hpp"

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

/// Times one shape for about `seconds`: "vitrine, packed before" where there is one matrix to pack,
/// "vitrine", and the peers. Throws IoError if a peer's product is wrong.
Turns measure_gemm(const GemmShape& shape, double seconds, std::span<const GemmPeer> peers);

}  // namespace vitrine
