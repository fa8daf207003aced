#pragma once

#include <cstdint>
#include <string>

#include "core/tensor.hpp"

namespace vitrine {

/// Initial values. Each is a function of (seed, name): another parameter more changes no other.

/// Fills with a normal distribution of the given deviation, cut at +-2 (an absolute bound, as
/// timm's trunc_normal_ has it).
void fill_truncated_normal(Tensor& tensor, double deviation, uint64_t seed,
                           const std::string& name);
/// Fills with a normal distribution cut at +-2 deviations, widened so that `deviation` is what
/// remains after the cut (flax's truncated variance scaling).
void fill_cut_normal(Tensor& tensor, double deviation, uint64_t seed, const std::string& name);
/// Fills uniformly in [-bound, bound).
void fill_uniform(Tensor& tensor, double bound, uint64_t seed, const std::string& name);

/// Fills kernels (O, C, h, w) with a normal distribution of deviation sqrt(2 / (O h w)): He et al.
/// 2015, arXiv 1502.01852, counted by outputs as timm does.
void fill_he_normal(Tensor& tensor, uint64_t seed, const std::string& name);

}  // namespace vitrine
