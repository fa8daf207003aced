#include "apps/bench/scale_model.hpp"

#include <algorithm>
#include <cmath>

#include "models/training/slices.hpp"

namespace vitrine {
namespace {

constexpr double kBackwardShare = 2.0 / 3;  // of forward and backward: two products for each one
constexpr int kGathers = 3;  // of an update, each in two rounds: losses, norm, whether to stop
constexpr int64_t kMostImages = int64_t{1} << 20;

}  // namespace

ScaleTime scale_time(const ScaleWork& work, const ScaleLink& link, int64_t ranks, int64_t batch) {
  ScaleTime t;
  t.compute = static_cast<double>(batch) * work.image_seconds;
  const auto r = static_cast<double>(ranks);
  t.update = work.update_seconds / r;
  if (ranks == 1) return t;
  const double bytes = 4.0 * static_cast<double>(work.parameters);
  const double buckets = std::ceil(bytes / 4 / static_cast<double>(bucket_floats(ranks)));
  const auto sharing = static_cast<double>(std::min(link.ranks_a_node, ranks));
  // Between ranks of one node nothing goes over the link.
  const double away = std::max(r - sharing, 0.0) / r;
  const double wire = sharing * bytes * away * 8 / (link.gbits * 1e9);
  const double sent = wire + buckets * (r - 1) * link.message;
  const double while_computing = std::min(1.0, t.compute / sent);
  t.compute += work.copy_seconds + link.carry * bytes * away * while_computing;
  const double backward = t.compute * kBackwardShare / static_cast<double>(work.shards);
  const double first_bucket = backward / buckets;
  t.gradients = std::max(sent / buckets, sent - (backward - first_bucket)) + link.latency;
  t.travel = t.weights = sent + link.latency;
  t.gathers = kGathers * 2 * std::ceil(std::log2(r)) * (link.latency + link.message);
  return t;
}

double scale_efficiency(const ScaleWork& work, const ScaleLink& link, int64_t ranks,
                        int64_t batch) {
  return scale_time(work, link, 1, batch).total() / scale_time(work, link, ranks, batch).total();
}

int64_t scale_batch(const ScaleWork& work, const ScaleLink& link, int64_t ranks,
                    double efficiency) {
  int64_t low = 0;
  int64_t high = 1;
  while (scale_efficiency(work, link, ranks, high) < efficiency) {
    low = high;
    high *= 2;
    if (high > kMostImages) return 0;
  }
  while (high - low > 1) {
    const int64_t middle = (low + high) / 2;
    (scale_efficiency(work, link, ranks, middle) < efficiency ? low : high) = middle;
  }
  return high;
}

}  // namespace vitrine
