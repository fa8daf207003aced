#pragma once

#include <functional>
#include <vector>

#include "models/data/loader.hpp"
#include "models/inference/evaluate.hpp"
#include "models/networks/network.hpp"

namespace vitrine {

/// A picture and how close what two networks' heads see of it is.
struct PictureCosine {
  int64_t index;  ///< in the data set
  double cosine;
};

/// So many pictures of a comparison are kept.
inline constexpr size_t kFarthestPictures = 16;

/// How close a network's answers are to another's, over some pictures.
struct ModelComparison {
  int64_t images = 0;
  int64_t same = 0;       ///< pictures for which both have the same class; of networks with classes
  double cosine_sum = 0;  ///< of what their heads see
  std::vector<PictureCosine> farthest;  ///< those with the least cosines, least first
  Evaluation before, after;             ///< counts of each, where labels are theirs

  double least_cosine() const { return farthest.empty() ? 1 : farthest.front().cosine; }
  double mean_cosine() const { return images == 0 ? 1 : cosine_sum / static_cast<double>(images); }
  double agreement() const {
    return images == 0 ? 1 : static_cast<double>(same) / static_cast<double>(images);
  }
};

/// Cosines of the rows of two matrices (n, d). A row without a length, or with what is no number,
/// counts as 0, unless both are 0.
std::vector<double> cosines(const Tensor& a, const Tensor& b);

/// The whole of `loader`'s epoch 0 through both networks.
///   labelled   whether the loader's labels are the networks' classes
///   seen       is called after each batch with what there is so far
ModelComparison compare_models(const Network& before, const Network& after, Loader& loader,
                               bool labelled,
                               const std::function<void(const ModelComparison&)>& seen = {});

}  // namespace vitrine
