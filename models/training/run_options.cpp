#include "core/text/json_options.hpp"
#include "models/data/augment_table.hpp"
#include "models/training/option_table.hpp"

namespace vitrine {
namespace {

using nlohmann::json;

/// What one option asks of another.
void check_together(const RunOptions& o) {
  const int64_t shards = o.update.shards;
  if ((shards & (shards - 1)) != 0) {
    throw UsageError(fmt::format("shards must be a power of two, got {}", shards));
  }
  if (o.batch % shards != 0) {
    throw UsageError(
        fmt::format("a batch of {} cannot be cut into {} equal shards: another batch, "
                    "or other shards",
                    o.batch, shards));
  }
  if (o.update.nesterov && o.update.momentum == 0) throw UsageError("nesterov needs momentum");
  const Distillation& distillation = o.update.distillation;
  const Distillation usual;
  const bool distils = distillation.kind != DistillationKind::kNone;
  if (!distils && distillation.alpha != usual.alpha) {
    throw UsageError("distillation_alpha needs a distillation: soft or hard");
  }
  if (distillation.kind != DistillationKind::kSoft && distillation.tau != usual.tau) {
    throw UsageError("distillation_tau is for soft distillation");
  }
  if (distils && o.teacher.empty()) throw UsageError("distillation needs a teacher: name a model");
  if (!distils && !o.teacher.empty()) {
    throw UsageError("a teacher needs a distillation: soft or hard");
  }
  if (!o.resampling.empty() && o.init.empty()) {
    throw UsageError(
        "position_resampling is for weights that a run starts from: name them with init");
  }
  if (!o.resampling.empty()) value_of(kPositionResamplings, "position_resampling", o.resampling);
}

constexpr std::string_view kPrefix = "training options: ";

/// "augment.flip" and its like.
std::vector<std::string> augment_keys() {
  std::vector<std::string> keys;
  const Augment usual;
  each_augment_option(usual, [&](const OptionEntry& entry, const auto&...) {
    keys.push_back(fmt::format("augment.{}", entry.key));
  });
  return keys;
}

}  // namespace

json RunOptions::to_json() const {
  OptionWriter writer;
  each_run_option(*this, by_key(writer));
  writer("augment", augment.to_json());
  return std::move(writer.object);
}

RunOptions RunOptions::parse(std::string_view text) {
  return from_json(parse_options(kPrefix, text));
}

RunOptions RunOptions::from_json(json all) {
  auto o = read_options<RunOptions>(kPrefix, std::move(all), [](RunOptions& options, json object) {
    OptionReader reader(std::move(object));
    each_run_option(options, by_key(reader));
    reader.take("augment", [&](const json& v) {
      try {
        options.augment = Augment::from_json(v);
      } catch (const OptionError& e) {
        throw e.within("augment.");
      }
    });
    reader.refuse_unknown(augment_keys());
  });
  each_run_option(std::as_const(o), kCheckRange);
  check_together(o);
  o.update.seed = o.seed;
  return o;
}

}  // namespace vitrine
