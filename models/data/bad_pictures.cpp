#include "models/data/bad_pictures.hpp"

#include <fmt/format.h>

#include "core/error.hpp"
#include "core/interrupt.hpp"
#include "core/parallel.hpp"
#include "models/data/dataset_view.hpp"

namespace vitrine {

ReadablePictures readable_pictures(const std::shared_ptr<const Dataset>& dataset, int channels) {
  if (dataset->in_memory()) return {dataset, {}, {}};
  std::vector<std::string> failure(static_cast<size_t>(dataset->size()));
  parallel_for(dataset->size(), 1, [&](int64_t begin, int64_t end) {
    Image storage;
    for (int64_t i = begin; i < end; ++i) {
      throw_if_interrupted();
      try {
        // An orientation is a hint and never fails.
        static_cast<void>(dataset->picture(i, channels, Exif::kAsStored, storage));
      } catch (const Error& e) {
        failure[static_cast<size_t>(i)] = e.what();
      }
    }
  });
  ReadablePictures result;
  std::vector<int64_t> good;
  for (size_t i = 0; i < failure.size(); ++i) {
    if (!failure[i].empty()) {
      result.bad.push_back(failure[i]);
      result.bad_numbers.push_back(static_cast<int64_t>(i));
    } else {
      good.push_back(static_cast<int64_t>(i));
    }
  }
  if (result.bad.empty()) return {dataset, {}, {}};
  if (good.empty()) {
    throw IoError(dataset->file(0),
                  fmt::format("none of {} pictures can be read: {}", failure.size(), failure[0]));
  }
  result.dataset = some_of(dataset, std::move(good));
  return result;
}

}  // namespace vitrine
