#pragma once

#include <set>
#include <string>
#include <string_view>

#include "core/text/enum_names.hpp"
#include "models/networks/network.hpp"
#include "ops/kernels/precision.hpp"

namespace vitrine {

inline constexpr EnumNames<Precision, 3> kPrecisions = {
    {{Precision::kFloat32, "f32"}, {Precision::kBfloat16, "bf16"}, {Precision::kInt8, "int8"}}};
inline constexpr std::string_view kPrecisionNames = "f32, bf16, int8";

/// Whether a parameter of a frozen network can be kept in other precisions: weights of linear
/// layers and of convolutions with one group.
bool has_precision(const Tensor& value, Role role);

/// Keeps the weights of a frozen network in `precision`, those that can be and are not in `except`.
void set_precision(Network& network, Precision precision, const std::set<std::string>& except = {});

}  // namespace vitrine
