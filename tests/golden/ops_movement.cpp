#include <array>

#include "models/position_embedding.hpp"
#include "ops/binary.hpp"
#include "ops/concat.hpp"
#include "ops/expand.hpp"
#include "ops/permute.hpp"
#include "ops/slice.hpp"
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

/// What happens to a position embedding when weights are used at another image size.
Outputs pos_embed_resize(OpCall& call) {
  const bool cubic = call.params.at("mode") == "bicubic";
  const bool antialias = call.params.at("antialias");
  const bool corners = call.params.at("align_corners");
  if ((cubic && corners) || (!cubic && antialias)) {
    throw NotOffered{"pos_embed_resize bicubic by the corners, or bilinear with antialias"};
  }
  call.forward_only();
  const std::vector<int64_t> from = list_of(call, "old");
  const std::vector<int64_t> to = list_of(call, "new");
  const PositionResampling method = antialias ? PositionResampling::kBicubicAntialias
                                    : cubic   ? PositionResampling::kBicubic
                                    : corners ? PositionResampling::kBilinearCorners
                                              : PositionResampling::kBilinear;
  return {{"y", resample_position_embedding(call.input("pos"), call.params.at("num_prefix_tokens"),
                                            from.at(0), from.at(1), to.at(0), to.at(1), method)}};
}

/// The same by Google's rule, on square grids.
Outputs pos_embed_zoom(OpCall& call) {
  call.forward_only();
  const int64_t from = call.params.at("old");
  const int64_t to = call.params.at("new");
  return {
      {"y", resample_position_embedding(call.input("pos"), call.params.at("num_prefix_tokens"),
                                        from, from, to, to, PositionResampling::kBilinearCorners)}};
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
      {"pos_embed_resize", pos_embed_resize},
      {"pos_embed_zoom", pos_embed_zoom},
  });
  return kTable;
}

}  // namespace vitrine::golden
