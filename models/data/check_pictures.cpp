#include "models/data/check_pictures.hpp"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

#include "core/error.hpp"
#include "core/interrupt.hpp"
#include "core/parallel.hpp"

namespace vitrine {
namespace {

/// "" for a regular file, else what is wrong.
std::string trouble_with(const std::string& file) {
  struct stat status = {};
  if (::stat(file.c_str(), &status) != 0) return std::generic_category().message(errno);
  return S_ISREG(status.st_mode) ? "" : "not a regular file";
}

void check_all_there(const Dataset& dataset) {
  std::vector<std::string> trouble(static_cast<size_t>(dataset.size()));
  parallel_for(dataset.size(), 64, [&](int64_t begin, int64_t end) {
    throw_if_interrupted();
    for (int64_t i = begin; i < end; ++i) {
      trouble[static_cast<size_t>(i)] = trouble_with(dataset.file(i));
    }
  });
  const auto bad = [](const std::string& text) { return !text.empty(); };
  const auto first = std::ranges::find_if(trouble, bad);
  if (first == trouble.end()) return;
  const auto more = std::ranges::count_if(trouble, bad) - 1;
  const std::string others =
      more == 0 ? "" : fmt::format("; {} more of {} pictures are not there", more, dataset.size());
  throw IoError(dataset.file(first - trouble.begin()),
                fmt::format("{}{}; --bad-pictures skip leaves them out", *first, others));
}

}  // namespace

void check_pictures(const Dataset& dataset, int channels, BadPictures bad) {
  if (dataset.in_memory()) return;
  Image storage;
  if (bad == BadPictures::kFail) {
    check_all_there(dataset);
    static_cast<void>(dataset.picture(0, channels, Exif::kAsStored, storage));
    return;
  }
  for (int64_t i = 0;; ++i) {
    throw_if_interrupted();
    try {
      static_cast<void>(dataset.picture(i, channels, Exif::kAsStored, storage));
      return;
    } catch (const Error&) {
      if (i + 1 == dataset.size()) throw;
    }
  }
}

}  // namespace vitrine
