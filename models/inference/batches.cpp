#include "models/inference/batches.hpp"

#include "core/parallel.hpp"

namespace vitrine {

void PreparedPictures::rethrow() const {
  for (const std::exception_ptr& failure : failures) {
    if (failure != nullptr) std::rethrow_exception(failure);
  }
}

PreparedPictures prepare_pictures(const PictureSource& pictures, const Preprocess& rule,
                                  int64_t first, int64_t count) {
  PreparedPictures batch;
  batch.first = first;
  batch.failures.resize(static_cast<size_t>(count));
  Tensor images = Tensor::empty({count, rule.height, rule.width, rule.channels});
  float* to = images.mutable_data();
  const int64_t numel = rule.numel();
  parallel_for(count, 1, [&](int64_t i, int64_t) {
    try {
      Image storage;
      const ImageView picture = pictures.picture(first + i, rule.channels, rule.exif, storage);
      preprocess(picture, rule, {to + i * numel, static_cast<size_t>(numel)});
    } catch (...) {
      batch.failures[static_cast<size_t>(i)] = std::current_exception();
    }
  });
  int64_t read = 0;
  for (int64_t i = 0; i < count; ++i) {
    if (batch.failures[static_cast<size_t>(i)] != nullptr) continue;
    if (read != i) std::copy_n(to + i * numel, numel, to + read * numel);
    ++read;
  }
  if (read > 0) batch.images = read == count ? images : images.rows(0, read);
  return batch;
}

}  // namespace vitrine
