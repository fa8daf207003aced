#include "models/weights/translate_names.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>

#include "core/error.hpp"
#include "models/weights/ecosystem_names.hpp"
#include "models/weights/name_pattern.hpp"

namespace vitrine {
namespace {

// timm's load_state_dict has the first four in this order; then what DINO's files are called.
constexpr std::array<std::string_view, 6> kPreferred = {
    "state_dict_ema/", "model_ema/", "state_dict/", "model/", "teacher/", "student/"};
// Blocks stacked along a leading axis, as big_vision's scan writes them.
constexpr std::string_view kStacked = "Transformer/encoderblock/";

/// Where in a file a network lies: names begin with `prefix`, most of them then with `body`.
struct Site {
  const EcosystemNames* names = nullptr;
  std::string prefix;
  std::string_view body;
};

/// Whether a level of the prefix begins like this: "model/teacher.backbone." with "teacher".
bool has_level(std::string_view prefix, std::string_view begin) {
  while (!prefix.starts_with(begin)) {
    const size_t end = prefix.find_first_of("./");
    if (end == std::string_view::npos) return false;
    prefix.remove_prefix(end + 1);
  }
  return true;
}

/// The site with the lowest rank is taken. The teacher of self-supervised training is the average
/// of its students, and what its results are of.
std::pair<size_t, int> rank(const Site& site) {
  const auto found = std::ranges::find_if(
      kPreferred, [&](std::string_view p) { return site.prefix.starts_with(p); });
  const int role = has_level(site.prefix, "teacher")   ? 0
                   : has_level(site.prefix, "student") ? 2
                                                       : 1;
  return {static_cast<size_t>(found - kPreferred.begin()), role};
}

/// The site whose anchor this tensor is.
std::optional<Site> site_of(std::string_view name, const EcosystemNames& names) {
  if (!name.ends_with(names.anchor)) return std::nullopt;
  Site site{&names, std::string(name.substr(0, name.size() - names.anchor.size())), {}};
  if (!site.prefix.empty() && site.prefix.back() != '.' && site.prefix.back() != '/') {
    return std::nullopt;
  }
  for (const std::string_view body : names.bodies) {
    if (!site.prefix.ends_with(body)) continue;
    site.prefix.resize(site.prefix.size() - body.size());
    site.body = body;
    break;
  }
  return site;
}

/// The place that is taken, and the first of the others.
struct Found {
  Site site;
  std::optional<Site> other;
};

Found find_site(const TensorArchive& archive) {
  for (const NamedTensor& tensor : archive.tensors()) {
    if (!has_level(tensor.name, "attnpool.")) continue;
    throw FormatError(
        FormatKind::kUnsupported, archive.path(), -1,
        fmt::format("{}: a ResNet of CLIP's with attention pooling (RN50, RN101, RN50x4...), which "
                    "Vitrine does not have; CLIP's ViTs are read",
                    tensor.name));
  }
  for (const EcosystemNames& names : ecosystem_names()) {
    std::vector<Site> sites;
    for (const NamedTensor& tensor : archive.tensors()) {
      if (const std::optional<Site> site = site_of(tensor.name, names)) sites.push_back(*site);
    }
    if (sites.empty()) continue;
    const auto best = std::ranges::min_element(sites, {}, rank);
    Found found{*best, {}};
    sites.erase(best);
    if (!sites.empty()) found.other = sites.front();
    return found;
  }
  std::string anchors;
  for (const EcosystemNames& names : ecosystem_names()) {
    anchors += fmt::format("{}{} ({})", anchors.empty() ? "" : ", ", names.anchor, names.origin);
  }
  throw FormatError(FormatKind::kMismatch, archive.path(), -1,
                    fmt::format("no network that is known: none of the tensors {}", anchors));
}

/// What a tensor of theirs is for us.
struct Meaning {
  const NameRule* rule = nullptr;
  std::string ours;
};

/// The first rule that fits; where it is of some rows of theirs, those of the other rows too.
std::vector<Meaning> meanings_of(const EcosystemNames& names, std::string_view name) {
  std::vector<Meaning> found;
  for (const std::span<const NameRule> table : names.tables) {
    for (const NameRule& rule : table) {
      const auto renamed = rename(name, rule.theirs, rule.ours);
      if (!renamed || (!found.empty() && rule.rows.all())) continue;
      found.push_back({&rule, *renamed});
      if (rule.rows.all()) return found;
    }
  }
  if (found.empty()) found.push_back({nullptr, std::string(name)});
  return found;
}

/// Some rows of a tensor; all of one that has no such parts, whose shape will not fit.
RawTensor rows_of(const RawTensor& whole, const RowRange& rows) {
  RawTensor tensor = whole;
  if (rows.skipped > 0 && !tensor.shape.empty() && tensor.shape[0] > rows.skipped) {
    const size_t row = tensor.bytes.size() / static_cast<size_t>(tensor.shape[0]);
    tensor.bytes = tensor.bytes.subspan(static_cast<size_t>(rows.skipped) * row);
    tensor.shape[0] -= rows.skipped;
  }
  if (rows.all() || tensor.shape.empty() || tensor.shape[0] % rows.parts != 0) return tensor;
  const size_t part = tensor.bytes.size() / static_cast<size_t>(rows.parts);
  RawTensor some = tensor;
  some.bytes = tensor.bytes.subspan(static_cast<size_t>(rows.first) * part,
                                    static_cast<size_t>(rows.count) * part);
  some.shape[0] = tensor.shape[0] / rows.parts * rows.count;
  return some;
}

/// Slice `i` of the leading axis.
RawTensor slice_of(const RawTensor& tensor, int64_t i) {
  const size_t size = tensor.bytes.size() / static_cast<size_t>(tensor.shape[0]);
  return {tensor.dtype,
          {tensor.shape.begin() + 1, tensor.shape.end()},
          tensor.bytes.subspan(static_cast<size_t>(i) * size, size)};
}

/// timm has no level of its own for the stem of a backbone that is nothing else.
void name_lone_stem(MappedWeights& weights) {
  constexpr std::string_view kStem = "patch_embed.backbone.stem.";
  if (weights.find("patch_embed.backbone.stages.0.blocks.0.conv1.weight") != nullptr) return;
  std::vector<std::string> names;
  for (const MappedTensor& tensor : weights.tensors()) {
    if (tensor.name.starts_with(kStem)) names.push_back(tensor.name);
  }
  for (const std::string& name : names) {
    weights.rename(name, "patch_embed.backbone." + name.substr(kStem.size()));
  }
}

class Translator {
 public:
  Translator(const TensorArchive& archive, const Found& found)
      : archive_(archive), site_(found.site), other_(found.other) {}

  MappedWeights translate();

 private:
  void add(const std::string& file_name, std::string_view name, const RawTensor& tensor);
  void part_keyless_biases();
  void join_parts(MappedTensor& tensor, std::vector<const NameRule*>& rules) const;
  bool is_projection(std::string_view name) const;
  std::string_view origin() const;
  void add_notes(size_t outside);

  const TensorArchive& archive_;
  const Site& site_;
  const std::optional<Site>& other_;
  MappedWeights weights_;
  std::vector<std::vector<const NameRule*>> rules_;  // of each tensor's parts
  std::vector<std::string> not_needed_;
};

void Translator::add(const std::string& file_name, std::string_view name, const RawTensor& tensor) {
  if (is_batch_count(name)) return;
  for (const auto& [rule, ours] : meanings_of(*site_.names, name)) {
    if (rule != nullptr && rule->ours.empty()) {
      not_needed_.push_back(file_name);
      return;
    }
    const size_t place = weights_.place_of(ours);
    rules_.resize(weights_.tensors().size());
    const RawTensor part = rule == nullptr ? tensor : rows_of(tensor, rule->rows);
    weights_.at(place).parts.push_back(
        {file_name, part, rule == nullptr ? Layout::kSame : rule->layout});
    rules_[place].push_back(rule);
  }
}

/// Biases of q and v without one of k are two tensors in timm.
void Translator::part_keyless_biases() {
  constexpr std::string_view kJoint = "qkv.bias";
  const size_t count = rules_.size();
  for (size_t i = 0; i < count; ++i) {
    const std::string name = weights_.at(i).name;
    if (!name.ends_with(kJoint) || rules_[i].size() != 2) continue;
    const auto is_key = [](const NameRule* rule) { return rule == nullptr || rule->part == 1; };
    if (rules_[i][0]->parts != 3 || std::ranges::any_of(rules_[i], is_key)) continue;
    const size_t q = rules_[i][0]->part == 0 ? 0 : 1;
    MappedPart value = weights_.at(i).parts[1 - q];
    MappedPart query = weights_.at(i).parts[q];
    const std::string attn = name.substr(0, name.size() - kJoint.size());
    weights_.at(i).parts = {std::move(query)};
    weights_.rename(name, attn + "q_bias");
    const size_t place = weights_.place_of(attn + "v_bias");
    rules_.resize(weights_.tensors().size());
    weights_.at(place).parts = {std::move(value)};
    rules_[i] = {nullptr};
    rules_[place] = {nullptr};
  }
}

/// Puts the parts in order and finds the shape of the whole.
void Translator::join_parts(MappedTensor& tensor, std::vector<const NameRule*>& rules) const {
  const auto refuse = [&](const std::string& what) {
    throw FormatError(FormatKind::kMismatch, archive_.path(), -1,
                      fmt::format("{} {}", tensor.name, what));
  };
  const NameRule* rule = rules.front();
  const auto wanted = static_cast<size_t>(rule == nullptr ? 1 : rule->parts);
  if (tensor.parts.size() != wanted) {
    refuse(fmt::format("is made of {} tensors ({}, ...), it should be {}", tensor.parts.size(),
                       tensor.parts.front().name, wanted));
  }
  std::vector<MappedPart> ordered(wanted);
  for (size_t i = 0; i < wanted; ++i) {
    MappedPart& place = ordered[wanted == 1 ? 0 : static_cast<size_t>(rules[i]->part)];
    if (!place.name.empty()) refuse(fmt::format("has a part twice: {}", tensor.parts[i].name));
    place = std::move(tensor.parts[i]);
  }
  tensor.shape = timm_shape(ordered.front().tensor, ordered.front().layout);
  for (const MappedPart& part : ordered) {
    if (timm_shape(part.tensor, part.layout) != tensor.shape) {
      refuse(fmt::format("has parts of different shapes: {}", part.name));
    }
  }
  for (const int64_t size : tensor.shape) {
    if (size > kMaxDimension) refuse(fmt::format("has a dimension of {}", size));
  }
  if (wanted > 1 && tensor.shape.empty()) refuse("has parts without a shape");
  if (wanted > 1) tensor.shape[0] *= static_cast<int64_t>(wanted);
  tensor.parts = std::move(ordered);
}

/// What the tensors tell beyond the map.
std::string_view Translator::origin() const {
  if (site_.names->origin != "timm") return site_.names->origin;
  const auto is_mask = [](const std::string& name) { return name.ends_with("mask_token"); };
  const MappedTensor* patches = weights_.find("patch_embed.proj.weight");
  constexpr int64_t kPatch = 14;
  if (weights_.find("dist_token") != nullptr) return "DeiT";
  const MappedTensor* registers = weights_.find("reg_token");
  if (registers != nullptr && registers->parts.front().name.ends_with("storage_tokens")) {
    return "DINOv3";
  }
  if (weights_.find("blocks.0.ls1.gamma") != nullptr && patches != nullptr &&
      patches->shape.size() == 4 && patches->shape[2] == kPatch &&
      std::ranges::any_of(not_needed_, is_mask)) {
    return "DINOv2";
  }
  return site_.names->origin;
}

void Translator::add_notes(size_t outside) {
  if (!site_.prefix.empty()) {
    weights_.notes.push_back(fmt::format("weights taken from '{}'; {} tensors elsewhere left out",
                                         site_.prefix, outside));
  }
  if (other_) {
    weights_.notes.push_back(
        fmt::format("another network in the file is left out: '{}'", other_->prefix));
  }
  if (!not_needed_.empty()) {
    weights_.notes.push_back(fmt::format(
        "{} tensors are not part of this network and left out: {}{}", not_needed_.size(),
        not_needed_.front(), not_needed_.size() > 1 ? ", ..." : ""));
  }
}

/// open_clip's projection behind a trunk of timm's: visual.head.proj beside visual.trunk.
bool Translator::is_projection(std::string_view name) const {
  constexpr std::string_view kTrunk = "visual.trunk.";
  if (!site_.prefix.ends_with(kTrunk)) return false;
  const size_t before = site_.prefix.size() - kTrunk.size();
  return name.starts_with(site_.prefix.substr(0, before)) &&
         name.substr(before).starts_with("visual.head.proj.");
}

MappedWeights Translator::translate() {
  size_t outside = 0;
  size_t stacked = 0;
  for (const auto& [file_name, tensor] : archive_.tensors()) {
    std::string_view name = file_name;
    if (is_projection(name)) {
      add(file_name, fmt::format("head.{}", name.substr(name.rfind('.') + 1)), tensor);
      continue;
    }
    if (!name.starts_with(site_.prefix)) {
      ++outside;
      continue;
    }
    name.remove_prefix(site_.prefix.size());
    for (const std::string_view within : {site_.body, site_.names->inner}) {
      if (!within.empty() && name.starts_with(within)) name.remove_prefix(within.size());
    }
    if (!name.starts_with(kStacked) || tensor.shape.empty() || tensor.shape[0] == 0) {
      add(file_name, name, tensor);
      continue;
    }
    constexpr int64_t kMaxBlocks = 1024;  // as vit_config
    constexpr size_t kMaxStacked = 64;    // tensors of a block
    if (++stacked > kMaxStacked || tensor.shape[0] > kMaxBlocks) {
      throw FormatError(
          FormatKind::kTooLarge, archive_.path(), -1,
          fmt::format("{}: more than {} blocks of {} tensors", file_name, kMaxBlocks, kMaxStacked));
    }
    const std::string_view rest = name.substr(kStacked.size());
    for (int64_t i = 0; i < tensor.shape[0]; ++i) {
      add(file_name, fmt::format("Transformer/encoderblock_{}/{}", i, rest), slice_of(tensor, i));
    }
  }
  part_keyless_biases();
  for (size_t i = 0; i < rules_.size(); ++i) join_parts(weights_.at(i), rules_[i]);
  name_lone_stem(weights_);
  weights_.origin = origin();
  add_notes(outside);
  return std::move(weights_);
}

}  // namespace

MappedWeights translate_names(const TensorArchive& archive) {
  const Found found = find_site(archive);
  return Translator(archive, found).translate();
}

}  // namespace vitrine
