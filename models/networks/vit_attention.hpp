#pragma once

#include <string>

#include "models/networks/layers.hpp"
#include "ops/kernels/rotary_embedding.hpp"
#include "ops/window.hpp"

namespace vitrine {

/// Multi-head self-attention (Vaswani et al. 2017, section 3.2; the ViT paper's eq. 2), and what
/// its siblings add to it: rotary positions, positions as a bias of the scores, norms within.
struct Attention {
  Linear qkv;                     // one matrix whose rows are those of q, then k, then v, each head
                                  // after head; or
  Linear q_proj, k_proj, v_proj;  // one for each
  Parameter q_bias, v_bias;       // of a qkv whose keys have none
  Norm q_norm, k_norm;            // over the head's width
  Norm norm;                      // of what the heads found, before proj
  Linear proj;
  int64_t heads = 1;

  Parameter rel_pos;    // (2 N - 1, D / heads), a key per offset in the sequence
  Parameter rel_table;  // BEiT's bias per head and offset of patches: relative_position_bias
  Size2d window{0, 0};  // the patches that its offsets are of

  int64_t prefix = 0;  // tokens before the patches: they do not turn
  RotaryLayout layout = RotaryLayout::kHalf;
  Tensor turns;  // of fixed rotary positions, shared by all blocks
  // What a network gives to the copy of a block that runs: turns that are learned, and the bias
  // that its blocks share, (H, N, N).
  Parameter given_turns, given_bias;

  /// x (B, N, D) -> what the heads found, side by side, before proj: (B, N, D)
  Tensor heads_of(const Tensor& x, const Pass& pass, const std::string& name) const;
  /// The same of queries, keys and values side by side: (B, N, 3 D).
  Tensor heads_of_joint(Tensor joint, const Pass& pass, const std::string& name) const;
  /// Biases of q, k and v in one vector where the keys have none: one product instead of a sum.
  void freeze();

  template <class F>
  void visit(const std::string& name, F&& f) {
    qkv.visit(name + ".qkv", f);
    q_proj.visit(name + ".q_proj", f);
    k_proj.visit(name + ".k_proj", f);
    v_proj.visit(name + ".v_proj", f);
    if (q_bias.defined()) f(name + ".q_bias", q_bias, Role::kVector);
    if (v_bias.defined()) f(name + ".v_bias", v_bias, Role::kVector);
    q_norm.visit(name + ".q_norm", f);
    k_norm.visit(name + ".k_norm", f);
    if (rel_pos.defined()) f(name + ".rel_pos", rel_pos, Role::kToken);
    if (rel_table.defined()) f(name + ".relative_position_bias_table", rel_table, Role::kToken);
    if (given_turns.defined()) f(name + ".turns", given_turns, Role::kToken);
    if (given_bias.defined()) f(name + ".bias", given_bias, Role::kToken);
    norm.visit(name + ".norm", f);
    proj.visit(name + ".proj", f);
  }

 private:
  Tensor joint_of(const Tensor& x, const Pass& pass, const std::string& name) const;
  Tensor bias_of_scores() const;
};

}  // namespace vitrine
