// What a model's file says of the pictures that chose its weights, and who has learned whose.

#include "models/inference/held_out.hpp"

#include <catch2/catch.hpp>
#include <vector>

#include "models/weights/checkpoint.hpp"
#include "models/weights/load_model.hpp"
#include "tests/models/networks/small_vit.hpp"
#include "tests/temp_dir.hpp"

using namespace vitrine;

TEST_CASE("held out: who has learned the pictures of another's validation part", "[models]") {
  const std::vector<int32_t> labels = {0, 1, 0, 1, 2};
  const std::vector<int32_t> other_labels = {0, 1, 0, 1, 1};
  const std::vector<int64_t> part = {1, 3};
  const std::vector<int64_t> other_part = {1, 4};
  const std::string here = held_out(labels, part);

  CHECK_FALSE(has_learned(here, held_out(labels, part)));
  CHECK(has_learned(here, held_out(labels, other_part)));
  CHECK(has_learned(held_out(labels, {}), here));
  CHECK_FALSE(has_learned(held_out(other_labels, other_part), here));
  // Nothing is known of a model that says nothing, or what no program writes.
  for (const char* text : {"", "/", "nonsense"}) CHECK_FALSE(has_learned(text, here));
}

TEST_CASE("held out: a model's file keeps it", "[models]") {
  const test::TempDir dir;
  Model model = test::initialized_model();
  model.held_out = held_out(std::vector<int32_t>{0, 1}, std::vector<int64_t>{1});
  save_model(dir.file("m.safetensors"), model);
  CHECK(load_model(dir.file("m.safetensors")).held_out == model.held_out);
}
