#include "apps/figures/draw_mistakes.hpp"

#include <fmt/format.h>

#include <cmath>
#include <filesystem>

#include "apps/drawing/contact_sheet.hpp"

namespace vitrine {

Image dataset_image(const Dataset& data, int64_t index, const Preprocess& rule) {
  Image storage;
  const ImageView view = data.picture(index, rule.channels, rule.exif, storage);
  return {view.width,
          view.height,
          view.channels,
          {view.pixels, view.pixels + view.pitch * view.height}};
}

std::string source_of(const Dataset& data, int64_t index) {
  if (data.in_memory()) return fmt::format("picture {}", index);
  const std::filesystem::path file = data.file(index);
  const std::filesystem::path folder = file.parent_path().filename();
  const std::string& label =
      data.class_names()[static_cast<size_t>(data.labels()[static_cast<size_t>(index)])];
  return folder.empty() || folder == label ? file.filename() : folder / file.filename();
}

Image draw_mistakes(const Evaluation& result, const Dataset& data,
                    std::span<const std::string> names, const Preprocess& rule) {
  if (names.empty()) names = data.class_names();
  std::vector<ClassifiedPicture> sheet;
  sheet.reserve(result.mistakes.size());
  for (const Mistake& m : result.mistakes) {
    sheet.push_back({dataset_image(data, m.index, rule), names[static_cast<size_t>(m.predicted)],
                     m.probability, names[static_cast<size_t>(m.label)], std::exp(-m.loss),
                     source_of(data, m.index)});
  }
  const int64_t wrong = result.images - result.top1;
  const bool all = wrong == static_cast<int64_t>(sheet.size());
  const std::string title =
      sheet.empty() ? fmt::format("none of {} pictures is mistaken", result.images)
      : all         ? fmt::format("{} of {} mistaken", wrong, result.images)
                    : fmt::format("the worst of {} mistakes in {} pictures", wrong, result.images);
  return contact_sheet(sheet, title);
}

}  // namespace vitrine
