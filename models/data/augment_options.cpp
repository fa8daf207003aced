#include <algorithm>

#include "core/text/json_options.hpp"
#include "models/data/augment_table.hpp"
#include "models/data/auto_augment.hpp"

namespace vitrine {

using nlohmann::json;

void Augment::validate() const {
  each_augment_option(*this, kCheckRange);
  require_option(interpolation.empty() ||
                     std::ranges::find(kInterpolations, interpolation) != kInterpolations.end(),
                 "interpolation", "random, bilinear or bicubic", interpolation);
  if (!auto_augment.empty()) static_cast<void>(AutoAugment(auto_augment));
}

json Augment::to_json() const {
  OptionWriter writer;
  each_augment_option(*this, by_key(writer));
  return std::move(writer.object);
}

Augment Augment::from_json(json all) {
  const auto a =
      read_options<Augment>("augmentation: ", std::move(all), [](Augment& o, json object) {
        OptionReader reader(std::move(object));
        each_augment_option(o, by_key(reader));
        reader.refuse_unknown();
      });
  a.validate();
  return a;
}

}  // namespace vitrine
