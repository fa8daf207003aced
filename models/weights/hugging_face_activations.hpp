#pragma once

#include "core/text/enum_names.hpp"
#include "ops/kernels/activation.hpp"

namespace vitrine {

/// transformers' names of activations; of several, the first is the one to write.
inline constexpr EnumNames<Activation, 11> kHuggingFaceActivations = {
    {{Activation::kGelu, "gelu"},
     {Activation::kGelu, "gelu_python"},
     {Activation::kGeluTanh, "gelu_pytorch_tanh"},
     {Activation::kGeluTanh, "gelu_python_tanh"},
     {Activation::kGeluTanh, "gelu_new"},
     {Activation::kGeluTanh, "gelu_fast"},
     {Activation::kGeluTanh, "gelu_accurate"},
     {Activation::kQuickGelu, "quick_gelu"},
     {Activation::kSilu, "silu"},
     {Activation::kSilu, "swish"},
     {Activation::kRelu, "relu"}}};

}  // namespace vitrine
