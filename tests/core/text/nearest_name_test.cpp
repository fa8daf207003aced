// nearest_name: which name somebody meant.

#include "core/text/nearest_name.hpp"

#include <catch2/catch.hpp>
#include <vector>

namespace vitrine {
namespace {

const std::vector<std::string>& option_names() {
  static const std::vector<std::string> names = {
      "--image-size", "--batch",     "--epochs",       "--warmup-epochs",  "--lr",
      "--min-lr",     "--out",       "--weight-decay", "--crop-scale-min", "--top",
      "--help",       "--decay-rate"};
  return names;
}

TEST_CASE("nearest name: letters, words and initials", "[core]") {
  for (const auto& [typed, meant] :
       std::vector<std::pair<std::string, std::string>>{{"--epoch", "--epochs"},
                                                        {"--batch-size", "--batch"},
                                                        {"--batch_size", "--batch"},
                                                        {"--num-epochs", "--epochs"},
                                                        {"--learning-rate", "--lr"},
                                                        {"--wd", "--weight-decay"},
                                                        {"--crop-scale", "--crop-scale-min"},
                                                        {"--min_lr", "--min-lr"},
                                                        {"--topk", "--top"},
                                                        {"--output", "--out"},
                                                        {"--bacth", "--batch"},
                                                        {"help", "--help"}}) {
    INFO(typed);
    CHECK(nearest_name(typed, option_names()) == meant);
  }
}

TEST_CASE("nearest name: two letters that changed places are one mistake", "[core]") {
  const std::vector<std::string> names = {"rain", "train"};
  CHECK(nearest_name("trian", names) == "train");
  const std::vector<std::string> first = {"trait", "train"};
  CHECK(nearest_name("trian", first) == "train");
}

TEST_CASE("nearest name: a key within an object is found by its last word", "[core]") {
  const std::vector<std::string> names = {"clip_norm", "augment.fill", "augment.flip"};
  CHECK(nearest_name("flip", names) == "augment.flip");
}

TEST_CASE("nearest name: what is far from everything is near to nothing", "[core]") {
  CHECK(nearest_name("frobnicate", option_names()).empty());
  CHECK(nearest_name("", option_names()).empty());
  CHECK(nearest_name("--", option_names()).empty());
  CHECK(nearest_name(std::string(10'000, 'x'), option_names()).empty());
  CHECK(did_you_mean("frobnicate", option_names()).empty());
  CHECK(did_you_mean("--epoch", option_names()) == "; did you mean --epochs?");
}

}  // namespace
}  // namespace vitrine
