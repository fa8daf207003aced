#include "models/inference/layer_losses.hpp"

#include <numeric>
#include <set>

#include "models/inference/compare_models.hpp"
#include "ops/quantize.hpp"

namespace vitrine {

std::vector<LayerLoss> layer_losses(Network& network, const std::vector<std::string>& measured,
                                    Precision precision, const Tensor& images,
                                    const std::function<void(int64_t)>& seen) {
  const std::set<std::string> wanted(measured.begin(), measured.end());
  const Tensor before = network.features(images);
  std::vector<LayerLoss> losses;
  network.visit([&](const std::string& name, Parameter& p, Role) {
    if (!wanted.contains(name)) return;
    const Tensor plain = p.value;
    p.value = plain.clone();
    p.value.freeze();
    quantize_weight(p.value, precision);
    const auto cosine = cosines(before, network.features(images));
    const double sum = std::accumulate(cosine.begin(), cosine.end(), 0.0);
    losses.push_back({name, 1 - sum / static_cast<double>(cosine.size())});
    p.value = plain;
    quantize_weight(plain, Precision::kFloat32);  // clone asked for its values
    if (seen) seen(std::ssize(losses));
  });
  return losses;
}

}  // namespace vitrine
