#include "models/training/default_network.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <exception>

#include "core/error.hpp"

namespace vitrine {
namespace {

// Enough for a median; files are decoded for it.
constexpr int64_t kSamples = 32;

struct Candidate {
  int64_t side;  // pixels
  const char* name;
};
// About 50 tokens up to 128 pixels, 196 beyond; wider where a patch holds more.
constexpr std::array<Candidate, 5> kCandidates = {{{28, "vit_d128_l6_h4_patch4_28"},
                                                   {32, "vit_d128_l6_h4_patch4_32"},
                                                   {64, "vit_d128_l6_h4_patch8_64"},
                                                   {128, "vit_d192_l6_h3_patch16_128"},
                                                   {224, "vit_d192_l6_h3_patch16_224"}}};

struct Looks {
  int64_t side;  // the shorter one
  bool grey;
};

bool is_grey(const ImageView& picture) {
  if (picture.channels == 1) return true;
  for (int64_t i = 0; i < picture.height * picture.width; ++i) {
    const uint8_t* p = picture.pixels + 3 * i;
    if (p[0] != p[1] || p[1] != p[2]) return false;
  }
  return true;
}

/// Of some of the pictures; never empty.
std::vector<Looks> look_at_some(const Dataset& dataset) {
  std::vector<Looks> looks;
  std::exception_ptr unreadable;
  const int64_t count = std::min(kSamples, dataset.size());
  for (int64_t i = 0; i < count; ++i) {
    try {
      Image storage;
      const ImageView picture =
          dataset.picture(i * dataset.size() / count, 3, Exif::kUpright, storage);
      looks.push_back({std::min(picture.height, picture.width), is_grey(picture)});
    } catch (const Error&) {  // whether that stops the run is decided elsewhere
      unreadable = std::current_exception();
    }
  }
  if (looks.empty()) std::rethrow_exception(unreadable);
  return looks;
}

}  // namespace

DefaultNetwork default_network(const Dataset& dataset) {
  std::vector<Looks> looks = look_at_some(dataset);
  const auto middle = looks.begin() + static_cast<std::ptrdiff_t>(looks.size() / 2);
  std::ranges::nth_element(looks, middle, {}, &Looks::side);
  const int64_t side = middle->side;
  const bool grey = std::ranges::all_of(looks, &Looks::grey);
  const Candidate* best = kCandidates.data();
  for (const Candidate& c : kCandidates) {
    if (c.side <= side) best = &c;
  }
  return {fmt::format("{}{}", best->name, grey ? "_gray" : ""),
          fmt::format("{} pictures of about {} pixels", grey ? "grey" : "colour", side)};
}

}  // namespace vitrine
