#pragma once

#include <cstdint>

#include "core/text/enum_names.hpp"
#include "models/networks/config_check.hpp"

namespace vitrine {

/// How a network of convolutions normalises what they give.
enum class ImageNormKind { kBatch, kGroup };

struct ImageNormOptions {
  ImageNormKind kind = ImageNormKind::kBatch;
  int64_t groups = 32;  ///< of group norm, neighbouring channels each
  double gn_eps = 1e-5;
  double bn_eps = 1e-5;
  double bn_momentum = 0.1;

  bool operator==(const ImageNormOptions&) const = default;

  bool batch() const { return kind == ImageNormKind::kBatch; }
  /// Throws UsageError that says which value is impossible.
  void validate() const {
    constexpr int64_t kMostGroups = int64_t{1} << 13;
    require_in("groups", groups, 1, kMostGroups);
    require(gn_eps >= 0 && gn_eps < 1 && bn_eps >= 0 && bn_eps < 1, "eps must be in [0, 1)");
    require(bn_momentum > 0 && bn_momentum <= 1, "bn_momentum must be in (0, 1]");
  }
  /// The same for a layer of so many channels.
  void validate(int64_t channels) const {
    require(batch() || channels % groups == 0,
            fmt::format("channels must be multiples of {} groups, got {}", groups, channels));
  }
};

inline constexpr EnumNames<ImageNormKind, 2> kImageNorms = {
    {{ImageNormKind::kBatch, "batchnorm"}, {ImageNormKind::kGroup, "groupnorm"}}};

/// The options of a norm among those of its network.
template <class Options, class F>
void each_norm_option(Options& o, F& f) {
  f("norm", o.kind, kImageNorms);
  f("groups", o.groups);
  f("gn_eps", o.gn_eps);
  f("bn_eps", o.bn_eps);
  f("bn_momentum", o.bn_momentum);
}

}  // namespace vitrine
