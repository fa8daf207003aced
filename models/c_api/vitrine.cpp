// The C interface: what comes from outside is checked, what is thrown becomes a status.

#include "models/c_api/vitrine.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <new>
#include <string_view>
#include <system_error>

#include "core/error.hpp"
#include "core/isa.hpp"
#include "core/parallel.hpp"
#include "core/screen_text.hpp"
#include "core/thread_pool.hpp"
#include "core/version.hpp"
#include "models/c_api/embed_options.hpp"
#include "models/c_api/open_models.hpp"
#include "models/c_api/pictures.hpp"
#include "models/c_api/process_settings.hpp"
#include "models/inference/batches.hpp"
#include "models/inference/top_classes.hpp"

namespace vitrine {
namespace {

// Fixed room, so that a failure for want of memory can be told.
thread_local std::array<char, 1024> t_last_error{};

OpenModels& models() {
  static auto* open = new OpenModels;
  return *open;
}

vitrine_status fail(vitrine_status status, std::string_view text) {
  screen_text(text, t_last_error);  // one line, whosever words it has
  return status;
}

/// What is being thrown, as a status and a message.
vitrine_status caught() noexcept {
  try {
    throw;
  } catch (const ShapeError& e) {
    return fail(VITRINE_ERROR_SHAPE, e.what());
  } catch (const UsageError& e) {
    return fail(VITRINE_ERROR_USAGE, e.what());
  } catch (const IoError& e) {
    return fail(VITRINE_ERROR_IO, e.what());
  } catch (const FormatError& e) {
    return fail(VITRINE_ERROR_FORMAT, e.what());
  } catch (const std::system_error& e) {  // of the file system, or no more threads
    return fail(VITRINE_ERROR_IO, e.what());
  } catch (const std::bad_alloc&) {
    return fail(VITRINE_ERROR_MEMORY, "out of memory");
  } catch (const std::exception& e) {
    return fail(VITRINE_ERROR_INTERNAL, e.what());
  } catch (...) {
    return fail(VITRINE_ERROR_INTERNAL, "an exception of unknown type");
  }
}

/// Runs `work`; its result, or `failure` if it throws.
template <class R, class F>
R result_of(R failure, const F& work) noexcept {
  try {
    return work();
  } catch (...) {
    caught();
    return failure;
  }
}

template <class F>
vitrine_status status_of(const F& work) noexcept {
  try {
    work();
    return VITRINE_OK;
  } catch (...) {
    return caught();
  }
}

void require(bool condition, const char* text) {
  if (!condition) throw UsageError(text);
}

/// Throws unless (count, width) numbers of 8 bytes are addressable.
void check_extent(size_t count, size_t width, const char* what) {
  constexpr size_t kMost = std::numeric_limits<int64_t>::max() / sizeof(int64_t);
  if (width != 0 && count > kMost / width) {
    throw ShapeError(fmt::format("{} pictures with {} {} each are too many", count, width, what));
  }
}

/// Writes forward(images), (b, width), of every batch to `out`.
template <class F>
void write_rows(const OpenModel& open, const vitrine_picture* array, size_t count, int64_t width,
                float* out, size_t floats, const F& forward) {
  check_extent(count, static_cast<size_t>(width), "numbers");
  if (floats < count * static_cast<size_t>(width)) {
    throw ShapeError(
        fmt::format("{} pictures with {} numbers each need room for {}, there is for {}", count,
                    width, count * static_cast<size_t>(width), floats));
  }
  const Pictures pictures(array, count);
  require(count == 0 || out != nullptr, "the buffer for the results is a null pointer");
  for_each_batch(pictures, open.model.preprocess, [&](const PreparedPictures& batch) {
    batch.rethrow();
    const Tensor y = forward(batch.images);
    std::ranges::copy(y.values(), out + batch.first * width);
  });
}

int64_t classes_of(const OpenModel& open) {
  const int64_t classes = open.model.network->network_config().classes;
  require(classes > 0, "this model has no classes; vitrine_embed gives what it has");
  return classes;
}

}  // namespace
}  // namespace vitrine

using namespace vitrine;  // NOLINT: the functions below are C's

const char* vitrine_version(void) { return kVersion; }

const char* vitrine_status_name(int status) {
  static constexpr std::array kNames = {
      "ok",           "shape error",   "usage error",   "input or output error",
      "format error", "out of memory", "internal error"};
  const auto i = static_cast<size_t>(status);
  return i < kNames.size() ? kNames[i] : "unknown";
}

const char* vitrine_last_error(void) { return t_last_error.data(); }

vitrine_status vitrine_open(const char* path, vitrine_model** model) {
  return vitrine_open_with(path, nullptr, model);
}

vitrine_status vitrine_open_with(const char* path, const vitrine_open_options* options,
                                 vitrine_model** model) {
  return status_of([&] {
    require(model != nullptr, "the place for the model is a null pointer");
    *model = nullptr;
    const ShareSettings settings;
    active_isa();  // an impossible VITRINE_ISA is said before anything is read
    *model = models().add(open_model_file(path == nullptr ? "" : path, options));
  });
}

vitrine_status vitrine_close(vitrine_model* model) {
  if (model == nullptr) return VITRINE_OK;
  return status_of([&] { models().remove(model); });
}

vitrine_status vitrine_input_size(const vitrine_model* model, int64_t* height, int64_t* width,
                                  int64_t* channels) {
  return status_of([&] {
    const auto open = models().get(model);
    const Preprocess& rule = open->model.preprocess;
    if (height != nullptr) *height = rule.height;
    if (width != nullptr) *width = rule.width;
    if (channels != nullptr) *channels = rule.channels;
  });
}

int64_t vitrine_class_count(const vitrine_model* model) {
  return result_of<int64_t>(
      -1, [&] { return models().get(model)->model.network->network_config().classes; });
}

int64_t vitrine_embedding_size(const vitrine_model* model) {
  return result_of<int64_t>(
      -1, [&] { return models().get(model)->model.network->network_config().features(); });
}

const char* vitrine_label(const vitrine_model* model, int64_t index) {
  return result_of<const char*>(nullptr, [&] {
    const auto open = models().get(model);
    const auto classes = static_cast<int64_t>(open->labels.size());
    if (index < 0 || index >= classes) {
      throw UsageError(fmt::format("there is no class {}, the model has {}", index, classes));
    }
    return open->labels[static_cast<size_t>(index)].c_str();
  });
}

const char* vitrine_notes(const vitrine_model* model) {
  return result_of<const char*>(nullptr, [&] { return models().get(model)->notes.c_str(); });
}

vitrine_status vitrine_classify(const vitrine_model* model, const vitrine_picture* pictures,
                                size_t count, size_t top, int64_t* classes, float* probabilities) {
  return status_of([&] {
    const ShareSettings settings;
    const auto open = models().get(model);
    const int64_t known = classes_of(*open);
    if (top < 1) throw ShapeError("top must be at least 1");
    check_extent(count, top, "classes");
    const Pictures all(pictures, count);
    require(count == 0 || (classes != nullptr && probabilities != nullptr),
            "the buffer for classes or probabilities is a null pointer");
    std::fill_n(classes, count * top, int64_t{-1});
    std::fill_n(probabilities, count * top, 0.0F);
    for_each_batch(all, open->model.preprocess, [&](const PreparedPictures& batch) {
      batch.rethrow();
      const auto wanted = static_cast<int64_t>(std::min(top, static_cast<size_t>(known)));
      auto at = static_cast<size_t>(batch.first) * top;
      for (const auto& best : top_classes((*open->model.network)(batch.images), wanted)) {
        for (size_t j = 0; j < best.size(); ++j) {
          classes[at + j] = best[j].index;
          probabilities[at + j] = static_cast<float>(best[j].probability);
        }
        at += top;
      }
    });
  });
}

vitrine_status vitrine_logits(const vitrine_model* model, const vitrine_picture* pictures,
                              size_t count, float* logits, size_t floats) {
  return status_of([&] {
    const ShareSettings settings;
    const auto open = models().get(model);
    const int64_t classes = classes_of(*open);
    write_rows(*open, pictures, count, classes, logits, floats,
               [&](const Tensor& images) { return (*open->model.network)(images); });
  });
}

vitrine_status vitrine_embed(const vitrine_model* model, const vitrine_picture* pictures,
                             size_t count, float* embeddings, size_t floats) {
  return vitrine_embed_with(model, nullptr, pictures, count, embeddings, floats);
}

vitrine_status vitrine_embedding_shape_of(const vitrine_model* model,
                                          const vitrine_embed_options* options,
                                          vitrine_embedding_shape* shape) {
  return status_of([&] {
    const auto open = models().get(model);
    write_shape(Embedder(*open->model.network, embedding_options(options)).shape(), shape);
  });
}

vitrine_status vitrine_embed_with(const vitrine_model* model, const vitrine_embed_options* options,
                                  const vitrine_picture* pictures, size_t count, float* embeddings,
                                  size_t floats) {
  return status_of([&] {
    const ShareSettings settings;
    const auto open = models().get(model);
    const Embedder embedder(*open->model.network, embedding_options(options));
    write_rows(*open, pictures, count, embedder.shape().numel(), embeddings, floats, embedder);
  });
}

vitrine_status vitrine_set_threads(int threads) {
  return status_of([&] {
    if (threads < 0 || threads > kMaxThreads) {
      throw UsageError(fmt::format("threads must be 0 to {}, got {}", kMaxThreads, threads));
    }
    const ChangeSettings alone;
    set_threads(threads);
  });
}

int vitrine_threads(void) {
  return result_of(-1, [] { return threads(); });
}

vitrine_status vitrine_set_isa(const char* isa) {
  return status_of([&] {
    require(isa != nullptr, "the name of the instruction set is a null pointer");
    const ChangeSettings alone;
    require(models().empty(), "the instruction set cannot change while a model is open");
    set_isa(isa_from_name(isa));
  });
}

const char* vitrine_isa(void) {
  return result_of<const char*>(nullptr, [] { return isa_name(active_isa()).data(); });
}

vitrine_status vitrine_set_executor(vitrine_executor executor) {
  return status_of([&] {
    const ChangeSettings alone;
    set_executor(executor);
  });
}

vitrine_status vitrine_stop_threads(void) {
  return status_of([] {
    const ChangeSettings alone;
    stop_pool();
  });
}

vitrine_status vitrine_set_openmp(int openmp) {
  return status_of([&] {
    require(openmp == 0 || openmp == 1, "openmp must be 0 or 1");
    const ChangeSettings alone;
    set_openmp(openmp == 1);
  });
}
