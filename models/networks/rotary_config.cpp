#include "models/networks/rotary_config.hpp"

#include "core/text/json_options.hpp"
#include "models/networks/config_check.hpp"

namespace vitrine {
namespace {

using nlohmann::json;

constexpr EnumNames<RotaryRule, 3> kRules = {{{RotaryRule::kAxial, "axial"},
                                              {RotaryRule::kDinov3, "dinov3"},
                                              {RotaryRule::kMixed, "mixed"}}};
constexpr EnumNames<RotaryLayout, 2> kLayouts = {
    {{RotaryLayout::kHalf, "half"}, {RotaryLayout::kInterleaved, "interleaved"}}};
constexpr EnumNames<RotaryAxes, 2> kAxes = {
    {{RotaryAxes::kRowFirst, "yx"}, {RotaryAxes::kColumnFirst, "xy"}}};

/// The one list of options that writing and reading share.
template <class Options, class F>
void each_option(Options& o, F& f) {
  f("kind", o.rule, kRules);
  f("layout", o.layout, kLayouts);
  f("axes", o.axes, kAxes);
  f("temperature", o.temperature);
  f("grid_offset", o.offset);
}

}  // namespace

json RotaryConfig::to_json() const {
  OptionWriter writer;
  each_option(table, writer);
  if (table.reference) writer.size("reference_grid", table.reference->h, table.reference->w);
  return std::move(writer.object);
}

RotaryConfig RotaryConfig::from_json(json object) {
  RotaryConfig config;
  OptionReader reader(std::move(object));
  each_option(config.table, reader);
  reader.take("reference_grid", [&](const json& value) {
    if (value.is_null()) return;
    Size2d grid{0, 0};
    read_json(value.is_array() ? value.at(0) : value, grid.h);
    read_json(value.is_array() ? value.at(1) : value, grid.w);
    if (grid.h < 1 || grid.w < 1) throw UsageError("reference_grid must be positive");
    config.table.reference = grid;
  });
  reader.refuse_unknown();
  if (!(config.table.temperature > 0)) throw UsageError("temperature of rope must be positive");
  return config;
}

}  // namespace vitrine
