#include "models/data/auto_augment.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "core/error.hpp"

namespace vitrine {
namespace {

constexpr double kScale = 10;         // of levels
constexpr double kUniformFrom = 100;  // standard deviations above it mean a uniform level
constexpr int64_t kMaxLevel = 1000;
constexpr int64_t kMaxCount = 100;

struct Weighted {
  std::string_view name;
  double weight = 1;
};

// The tables are timm's: _RAND_TRANSFORMS, _RAND_INCREASING_TRANSFORMS, _RAND_3A,
// _RAND_WEIGHTED_3A, _RAND_WEIGHTED_0.
constexpr Weighted kPlain[] = {{"AutoContrast"}, {"Equalize"},      {"Invert"},       {"Rotate"},
                               {"Posterize"},    {"Solarize"},      {"SolarizeAdd"},  {"Color"},
                               {"Contrast"},     {"Brightness"},    {"Sharpness"},    {"ShearX"},
                               {"ShearY"},       {"TranslateXRel"}, {"TranslateYRel"}};
constexpr Weighted kIncreasing[] = {{"AutoContrast"},
                                    {"Equalize"},
                                    {"Invert"},
                                    {"Rotate"},
                                    {"PosterizeIncreasing"},
                                    {"SolarizeIncreasing"},
                                    {"SolarizeAdd"},
                                    {"ColorIncreasing"},
                                    {"ContrastIncreasing"},
                                    {"BrightnessIncreasing"},
                                    {"SharpnessIncreasing"},
                                    {"ShearX"},
                                    {"ShearY"},
                                    {"TranslateXRel"},
                                    {"TranslateYRel"}};
constexpr Weighted kThree[] = {{"SolarizeIncreasing"}, {"Desaturate"}, {"GaussianBlur"}};
constexpr Weighted kThreeWeighted[] = {{"SolarizeIncreasing", 6},
                                       {"Desaturate", 6},
                                       {"GaussianBlur", 6},
                                       {"Rotate", 3},
                                       {"ShearX", 2},
                                       {"ShearY", 2},
                                       {"PosterizeIncreasing"},
                                       {"AutoContrast"},
                                       {"ColorIncreasing"},
                                       {"SharpnessIncreasing"},
                                       {"ContrastIncreasing"},
                                       {"BrightnessIncreasing"},
                                       {"Equalize"},
                                       {"Invert"}};
constexpr Weighted kWeights[] = {{"Rotate", 3},
                                 {"ShearX", 2},
                                 {"ShearY", 2},
                                 {"TranslateXRel", 1},
                                 {"TranslateYRel", 1},
                                 {"ColorIncreasing", 0.25},
                                 {"SharpnessIncreasing", 0.25},
                                 {"AutoContrast", 0.25},
                                 {"SolarizeIncreasing", 0.05},
                                 {"SolarizeAdd", 0.05},
                                 {"ContrastIncreasing", 0.05},
                                 {"BrightnessIncreasing", 0.05},
                                 {"Equalize", 0.05},
                                 {"PosterizeIncreasing", 0.05},
                                 {"Invert", 0.05}};

struct OperationSet {
  std::string_view name;
  std::span<const Weighted> operations;
  bool replace;
};
constexpr OperationSet kSets[] = {
    {"weights", kWeights, false}, {"3a", kThree, true}, {"3aw", kThreeWeighted, false}};

const OperationSet& operation_set(std::string_view name, bool increasing) {
  static constexpr OperationSet kDefaults[] = {{"", kPlain, true}, {"", kIncreasing, true}};
  if (name.empty()) return kDefaults[increasing ? 1 : 0];
  const auto* found = std::ranges::find(kSets, name, &OperationSet::name);
  if (found != std::end(kSets)) return *found;
  throw UsageError(
      fmt::format("auto_augment: unknown operations 't{}'; known are tweights, t3a, t3aw", name));
}

[[noreturn]] void refuse(std::string_view text, std::string_view what) {
  throw UsageError(fmt::format("auto_augment '{}': {}", text, what));
}

/// The number behind the key of a section, within [low, high].
template <class T>
T number_of(std::string_view text, std::string_view section, size_t key_size, T low, T high) {
  const std::string_view digits = section.substr(key_size);
  T value{};
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (error != std::errc() || end != digits.data() + digits.size() || digits.front() == '-' ||
      !(value >= low && value <= high)) {
    refuse(text, fmt::format("'{}' wants a number from {} to {}", section, low, high));
  }
  return value;
}

double uniform(Random& random) { return static_cast<double>(random.uniform()); }

}  // namespace

AutoAugment::AutoAugment(std::string_view text) {
  if (text == "3a") {
    count_ = 1;
    probability_ = 1;
    own_levels_ = true;
    // Half of the levels, no colour at all, a radius of 0.1 to 2 pixels.
    choices_ = {{&picture_operation("Solarize"), 1, 5, 5},
                {&picture_operation("Desaturate"), 1, kScale, kScale},
                {&picture_operation("GaussianBlur"), 1, 0, kScale}};
    return;
  }
  read(text);
}

void AutoAugment::read(std::string_view text) {
  bool increasing = false;
  std::string_view set;
  const size_t first = std::min(text.find('-'), text.size());
  if (text.substr(0, first) != "rand") {
    refuse(text, "must be 3a, or rand and what follows it, such as rand-m9-mstd0.5-inc1");
  }
  for (size_t at = first; at < text.size();) {
    const size_t end = std::min(text.find('-', at + 1), text.size());
    const std::string_view section = text.substr(at + 1, end - at - 1);
    at = end;
    const std::string_view key = section.substr(0, section.find_first_of("0123456789"));
    if (section.starts_with('t')) {
      set = section.substr(1);
    } else if (key.size() == section.size()) {
      refuse(text, fmt::format("'{}' is not a key and a number", section));
    } else if (key == "mstd") {
      level_stddev_ = number_of(text, section, 4, 0.0, 1e9);
    } else if (key == "mmax") {
      const auto max = number_of<int64_t>(text, section, 4, 0, kMaxLevel);
      level_max_ = max == 0 ? kScale : static_cast<double>(max);
    } else if (key == "inc") {
      increasing = number_of<int64_t>(text, section, 3, 0, 1) == 1;
    } else if (key == "m") {
      level_ = static_cast<double>(number_of<int64_t>(text, section, 1, 0, kMaxLevel));
    } else if (key == "n") {
      count_ = number_of<int64_t>(text, section, 1, 0, kMaxCount);
    } else if (key == "p") {
      probability_ = number_of(text, section, 1, 0.0, 1.0);
    } else {
      refuse(text, fmt::format("unknown key '{}'; known are m, mstd, mmax, n, p, inc, t", key));
    }
  }
  const OperationSet& chosen = operation_set(set, increasing);
  replace_ = chosen.replace;
  choices_.reserve(chosen.operations.size());
  for (const auto& [name, weight] : chosen.operations) {
    choices_.push_back({&picture_operation(name), weight});
  }
  if (!replace_ && count_ > std::ssize(choices_)) {
    refuse(text, fmt::format("there are only {} operations", choices_.size()));
  }
}

double AutoAugment::draw_level(const Choice& choice, Random& random) const {
  if (own_levels_) return choice.low + (choice.high - choice.low) * uniform(random);
  double level = level_;
  if (level_stddev_ > kUniformFrom) {
    level *= uniform(random);
  } else if (level_stddev_ > 0) {
    level += level_stddev_ * random.normal();
  }
  return std::clamp(level, 0.0, level_max_);
}

void AutoAugment::operator()(Image& image, std::span<const ResizeFilter> filters,
                             std::span<const uint8_t> fill, Random& random) const {
  std::vector<double> weights;
  weights.reserve(choices_.size());
  for (const Choice& choice : choices_) weights.push_back(choice.weight);
  for (int64_t i = 0; i < count_; ++i) {
    double total = 0;
    for (const double w : weights) total += w;
    double at = total * uniform(random);
    size_t drawn = 0;
    while (drawn + 1 < weights.size() && at >= weights[drawn]) at -= weights[drawn++];
    while (weights[drawn] == 0) --drawn;  // the sum was rounded up: the last one that is left
    if (!replace_) weights[drawn] = 0;
    if (uniform(random) >= probability_) continue;
    OperationSetting setting;
    setting.level = draw_level(choices_[drawn], random);
    setting.negated = uniform(random) >= 0.5;
    setting.filter = filters[random.below(static_cast<uint32_t>(filters.size()))];
    setting.fill = fill;
    choices_[drawn].operation->apply(image, setting);
  }
}

}  // namespace vitrine
