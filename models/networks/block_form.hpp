#pragma once

namespace vitrine {

/// How the parts of an encoder block are put together.
enum class BlockForm {
  kPre,       ///< norms before the branches (the paper's)
  kResPost,   ///< norms behind the branches, before they are added (Liu et al. 2021, arXiv
              ///< 2111.09883)
  kParallel,  ///< both branches of one norm and one matrix (Dehghani et al. 2023, arXiv 2302.05442)
  kParallelThings,  ///< two attentions side by side, then two MLPs (Touvron et al. 2022, arXiv
                    ///< 2203.09795)
};

/// Attentions, and MLPs, of a kParallelThings block.
inline constexpr int kParallelThings = 2;

}  // namespace vitrine
