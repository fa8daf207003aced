#include "core/text/json_options.hpp"
#include "models/data/augment_table.hpp"
#include "models/training/option_table.hpp"

namespace vitrine {
namespace {

/// What one option asks of another.
void check_together(const RunOptions& o) {
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

std::string RunOptions::to_json() const {
  OptionWriter writer;
  each_run_option(*this, by_key(writer));
  writer("augment", parse_json(augment.to_json()));
  return write_json(writer.object);
}

RunOptions RunOptions::from_json(std::string_view text) {
  auto o = read_options<RunOptions>("training options: ", text,
                                    [](RunOptions& options, nlohmann::json object) {
                                      OptionReader reader(std::move(object));
                                      each_run_option(options, by_key(reader));
                                      reader.take("augment", [&](const nlohmann::json& v) {
                                        try {
                                          options.augment = Augment::from_json(write_json(v));
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
