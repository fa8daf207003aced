#include "models/analysis/weighted_knn.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/check.hpp"
#include "core/error.hpp"
#include "core/interrupt.hpp"
#include "core/parallel.hpp"
#include "ops/gemm/gemm.hpp"

namespace vitrine {
namespace {

// Similarities are computed in blocks of (test, train) pictures: 4 MiB, a training block packed
// once.
constexpr int64_t kTestBlock = 256;
constexpr int64_t kTrainBlock = 4096;
constexpr double kSmallestNorm = 1e-12;  // as torch.nn.functional.normalize

struct Neighbour {
  float similarity;
  int32_t label;
};

/// The k most similar so far, most similar first; of equals, the one that came first.
class Nearest {
 public:
  void add(size_t k, Neighbour n) {
    if (list_.size() == k && !(n.similarity > list_.back().similarity)) return;
    if (list_.size() == k) list_.pop_back();
    const auto place =
        std::ranges::upper_bound(list_, n.similarity, std::greater<>(), &Neighbour::similarity);
    list_.insert(place, n);
  }
  const std::vector<Neighbour>& list() const { return list_; }

 private:
  std::vector<Neighbour> list_;
};

/// Rows of length 1.
Tensor normalized_rows(const Tensor& x) {
  Tensor y = Tensor::empty(x.shape());
  const int64_t width = x.dim(1);
  float* to = y.mutable_data();
  parallel_for(x.dim(0), 64, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      const float* from = x.data() + row * width;
      double squares = 0;
      for (int64_t i = 0; i < width; ++i) squares += double{from[i]} * double{from[i]};
      const double norm = std::max(std::sqrt(squares), kSmallestNorm);
      for (int64_t i = 0; i < width; ++i) {
        to[row * width + i] = static_cast<float>(double{from[i]} / norm);
      }
    }
  });
  return y;
}

/// For every test row its k nearest training rows.
std::vector<Nearest> nearest(const Tensor& train, std::span<const int32_t> labels,
                             const Tensor& test, size_t k) {
  const int64_t width = train.dim(1);
  std::vector<Nearest> lists(static_cast<size_t>(test.dim(0)));
  const Buffer similarities = scratch_floats(kTestBlock * kTrainBlock);
  for (int64_t from = 0; from < train.dim(0); from += kTrainBlock) {
    const int64_t n = std::min(kTrainBlock, train.dim(0) - from);
    const PackedMatrix packed(width, n,
                              StridedMatrix::of(Trans::kYes, train.data() + from * width, width));
    for (int64_t first = 0; first < test.dim(0); first += kTestBlock) {
      throw_if_interrupted();
      const int64_t m = std::min(kTestBlock, test.dim(0) - first);
      gemm(Trans::kNo, m, test.data() + first * width, width, packed, similarities.floats(), n);
      parallel_for(m, 8, [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) {
          const float* row = similarities.floats() + i * n;
          Nearest& list = lists[static_cast<size_t>(first + i)];
          for (int64_t j = 0; j < n; ++j) {
            list.add(k, {row[j], labels[static_cast<size_t>(from + j)]});
          }
        }
      });
    }
  }
  return lists;
}

}  // namespace

Accuracy weighted_knn(const FeatureRows& train, const FeatureRows& test, int64_t classes,
                      const KnnOptions& options) {
  check_rank_at_least("weighted_knn", "the training features", train.values, 2);
  check_shape("weighted_knn", "the test features", test.values,
              {test.values.defined() ? test.values.dim(0) : 0, train.values.dim(1)},
              "the training features", train.values.shape());
  if (options.k < 1 || !(options.temperature > 0)) {
    throw UsageError(fmt::format("k-NN needs k from 1 and a temperature above 0, got {} and {}",
                                 options.k, options.temperature));
  }
  if (train.values.dim(0) == 0) throw UsageError("k-NN needs training pictures");
  check_finite(train.values);
  check_finite(test.values);

  const auto k = static_cast<size_t>(std::min(options.k, train.values.dim(0)));
  const auto lists =
      nearest(normalized_rows(train.values), train.labels, normalized_rows(test.values), k);
  Accuracy accuracy;
  std::vector<double> votes(static_cast<size_t>(classes));
  for (size_t i = 0; i < lists.size(); ++i) {
    std::ranges::fill(votes, 0);
    const double best = double{lists[i].list().front().similarity};
    for (const auto& [similarity, label] : lists[i].list()) {
      // Relative to the nearest, so that no temperature overflows.
      votes[static_cast<size_t>(label)] +=
          std::exp((double{similarity} - best) / options.temperature);
    }
    const int32_t label = test.labels[i];
    const bool voted = votes[static_cast<size_t>(label)] > 0;
    accuracy.add(voted ? label_rank(votes.data(), classes, label) : classes + 5);
  }
  return accuracy;
}

}  // namespace vitrine
