#include <array>

#include "core/error.hpp"
#include "models/networks/position_embedding.hpp"
#include "ops/binary.hpp"
#include "ops/concat.hpp"
#include "ops/expand.hpp"
#include "ops/flip.hpp"
#include "ops/index_select.hpp"
#include "ops/interpolate.hpp"
#include "ops/pad.hpp"
#include "ops/permute.hpp"
#include "ops/slice.hpp"
#include "tests/golden/layout.hpp"
#include "tests/golden/ops.hpp"

namespace vitrine::golden {
namespace {

std::vector<int64_t> list_of(const OpCall& call, const char* key) {
  return call.params.at(key).get<std::vector<int64_t>>();
}

/// x0, x1, ...
std::vector<Tensor> parts_of(OpCall& call) {
  std::vector<Tensor> parts;
  for (int i = 0; call.has("x" + std::to_string(i)); ++i) {
    parts.push_back(call.input("x" + std::to_string(i)));
  }
  return parts;
}

Outputs run_transpose(OpCall& call) {
  return {{"y", transpose(call.input("x"), call.params.at("dim0"), call.params.at("dim1"))}};
}

Outputs run_permute(OpCall& call) {
  return {{"y", permute(call.input("x"), list_of(call, "dims"))}};
}

Outputs run_reshape(OpCall& call) {
  return {{"y", call.input("x").reshape(list_of(call, "shape"))}};
}

Outputs run_concat(OpCall& call) { return {{"y", concat(parts_of(call), call.params.at("dim"))}}; }

Outputs run_stack(OpCall& call) { return {{"y", stack(parts_of(call), call.params.at("dim"))}}; }

Outputs run_split(OpCall& call) {
  const std::vector<Tensor> parts =
      split(call.input("x"), list_of(call, "sizes"), call.params.at("dim"));
  Outputs outputs;
  for (size_t i = 0; i < parts.size(); ++i) outputs["y" + std::to_string(i)] = parts[i];
  return outputs;
}

Outputs run_slice(OpCall& call) {
  return {{"y", slice(call.input("x"), list_of(call, "starts"), list_of(call, "stops"),
                      list_of(call, "steps"))}};
}

Outputs run_expand(OpCall& call) {
  return {{"y", expand(call.input("x"), Shape(list_of(call, "shape")))}};
}

Outputs run_pad(OpCall& call) {
  std::vector<std::pair<int64_t, int64_t>> pads;
  for (const Json& pair : call.params.at("pads")) pads.emplace_back(pair.at(0), pair.at(1));
  return {{"y", pad(call.input("x"), pads, call.params.at("value"))}};
}

Outputs run_flip(OpCall& call) { return {{"y", flip(call.input("x"), list_of(call, "dims"))}}; }

Outputs run_index_select(OpCall& call) {
  return {{"y", index_select(call.input("x"), call.params.at("dim"), call.integers("index"))}};
}

InterpolateOptions interpolation_of(const OpCall& call) {
  const std::string mode = call.params.at("mode");
  InterpolateOptions options;
  options.mode = mode == "bicubic"    ? Interpolation::kBicubic
                 : mode == "bilinear" ? Interpolation::kBilinear
                                      : Interpolation::kNearest;
  options.align_corners = call.params.at("align_corners");
  options.antialias = call.params.at("antialias");
  return options;
}

Outputs run_interpolate(OpCall& call) {
  const std::vector<int64_t> size = list_of(call, "size");
  return {{"y", to_nchw(interpolate(to_nhwc(call.input("x")), {size.at(0), size.at(1)},
                                    interpolation_of(call)))}};
}

/// A position embedding (1, prefix + grid, D) whose grid is interpolated.
Tensor with_grid(const Tensor& pos, int64_t prefix, Size2d from, Size2d to,
                 const InterpolateOptions& options) {
  const std::vector<Tensor> parts = split(pos, {prefix, from.h * from.w}, 1);
  const Tensor grid = interpolate(parts[1].reshape({1, from.h, from.w, pos.dim(2)}), to, options);
  return concat({parts[0], grid.reshape({1, to.h * to.w, pos.dim(2)})}, 1);
}

/// What happens to a position embedding when weights are used at another image size. The models'
/// own function, which has no gradient, must say the same where it applies.
Outputs pos_embed_resize(OpCall& call) {
  const std::vector<int64_t> from = list_of(call, "old");
  const std::vector<int64_t> to = list_of(call, "new");
  const InterpolateOptions options = interpolation_of(call);
  const int64_t prefix = call.params.at("num_prefix_tokens");
  const Tensor& pos = call.input("pos");
  const Tensor y = with_grid(pos, prefix, {from.at(0), from.at(1)}, {to.at(0), to.at(1)}, options);
  const bool cubic = options.mode == Interpolation::kBicubic;
  const bool corners = options.align_corners;
  if (options.antialias && (!cubic || corners)) return {{"y", y}};
  const PositionResampling method = options.antialias  ? PositionResampling::kBicubicAntialias
                                    : cubic && corners ? PositionResampling::kBicubicCorners
                                    : cubic            ? PositionResampling::kBicubic
                                    : corners          ? PositionResampling::kBilinearCorners
                                                       : PositionResampling::kBilinear;
  const Tensor resampled =
      resample_position_embedding(pos, prefix, from.at(0), from.at(1), to.at(0), to.at(1), method);
  Result same;
  same.compare("resample_position_embedding", resampled, y, {.atol = 1e-6, .rtol = 1e-6});
  if (!same.failures().empty()) throw Error(same.failures().front());
  return {{"y", y}};
}

/// Google's rule: linear, corner to corner.
Outputs pos_embed_zoom(OpCall& call) {
  const int64_t from = call.params.at("old");
  const int64_t to = call.params.at("new");
  InterpolateOptions options;
  options.align_corners = true;
  return {{"y", with_grid(call.input("pos"), call.params.at("num_prefix_tokens"), {from, from},
                          {to, to}, options)}};
}

}  // namespace

std::span<const OpAdapter> movement_ops() {
  static constexpr auto kTable = std::to_array<OpAdapter>({
      {"transpose", run_transpose},
      {"permute", run_permute},
      {"reshape", run_reshape},
      {"concat", run_concat},
      {"stack", run_stack},
      {"split", run_split},
      {"slice", run_slice},
      {"expand", run_expand},
      {"pad", run_pad},
      {"flip", run_flip},
      {"index_select", run_index_select},
      {"interpolate", run_interpolate},
      {"pos_embed_resize", pos_embed_resize},
      {"pos_embed_zoom", pos_embed_zoom},
  });
  return kTable;
}

}  // namespace vitrine::golden
