// vitrine classify: what is on a picture.

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <span>

#include "apps/command_line/command.hpp"
#include "apps/command_line/model_option.hpp"
#include "apps/terminal/print.hpp"
#include "core/error.hpp"
#include "core/interrupt.hpp"
#include "core/text/json_text.hpp"
#include "models/data/picture_files.hpp"
#include "models/inference/batches.hpp"
#include "models/inference/top_classes.hpp"
#include "models/inference/zero_shot.hpp"

namespace vitrine {
namespace {

constexpr const char* kStandardInput = "-";

struct ClassifyOptions {
  ModelOption model;
  std::vector<std::string> pictures;
  std::string prompts;
  int64_t top = 3;
  bool csv = false;
};

/// As RFC 4180 has it: in quotes, doubled inside, where it holds what separates. New lines and
/// other controls are escaped as everywhere.
std::string csv_field(const std::string& raw) {
  std::string text = screen_text(raw);
  if (text.find_first_of(",\"") == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"') quoted += c;
    quoted += c;
  }
  return quoted + "\"";
}

/// What is printed of each picture: a line for people, rows of CSV, or one JSON for all.
class Report {
 public:
  using Guesses = std::span<const ClassProbability>;

  Report(const Model& model, const std::vector<std::string>& files, bool csv, bool json)
      : model_(model), csv_(csv), json_(json) {
    for (const std::string& file : files) width_ = std::max(width_, screen_text(file).size());
    if (csv_) print("file,rank,label,index,probability\n");
  }

  void add(const std::string& file, Guesses guesses) {
    if (json_) {
      add_json(file, guesses);
    } else if (csv_) {
      print_csv(file, guesses);
    } else {
      std::string line = fmt::format("{:<{}}", screen_text(file), width_);
      for (const ClassProbability& g : guesses) {
        line += fmt::format("   {:>5.1f} % {}", 100 * g.probability, class_label(model_, g.index));
      }
      print("{}\n", line);
    }
  }

  void finish() const {
    if (json_) print_json(all_);
  }

 private:
  void add_json(const std::string& file, Guesses guesses) {
    nlohmann::json top = nlohmann::json::array();
    for (const ClassProbability& g : guesses) {
      top.push_back({{"label", class_label(model_, g.index)},
                     {"index", g.index},
                     {"probability", g.probability}});
    }
    all_.push_back({{"file", file}, {"top", top}});
  }

  void print_csv(const std::string& file, Guesses guesses) const {
    for (size_t i = 0; i < guesses.size(); ++i) {
      const ClassProbability& g = guesses[i];
      print("{},{},{},{},{:.6g}\n", csv_field(file), i + 1, csv_field(class_label(model_, g.index)),
            g.index, g.probability);
    }
  }

  const Model& model_;
  bool csv_, json_;
  size_t width_ = 0;
  nlohmann::json all_ = nlohmann::json::array();
};

/// Says what went wrong with one of several; the others are still worth looking at.
void print_error(const Error& e, int& status) {
  print(stderr, "vitrine: {}\n", e.what());
  status = 1;
}

/// Files, standard input, and the pictures that lie in folders, about which it says what was passed
/// over. A folder that cannot be read, or has none, makes `status` 1.
std::vector<std::string> files_of(const ClassifyOptions& o, const CommonOptions& common,
                                  int& status) {
  std::vector<std::string> files;
  for (const std::string& name : o.pictures) {
    std::error_code ignored;
    if (!std::filesystem::is_directory(name, ignored)) {
      files.push_back(name);
      continue;
    }
    try {
      PassedOver passed_over;
      const FolderContent content = read_folder(name, passed_over);
      for (size_t i = 0; i < content.folders.size(); ++i) passed_over.add("folders");
      if (!passed_over.empty()) {
        print_notes({fmt::format("{}: passed over: {}", name, passed_over.text())}, common);
      }
      if (content.pictures.empty()) {
        throw IoError(name, fmt::format("no {} files in this folder", kPictureExtensions));
      }
      const std::string folder = name.ends_with('/') ? name : name + "/";
      for (const std::string& picture : content.pictures) files.push_back(folder + picture);
    } catch (const Error& e) {
      print_error(e, status);
    }
  }
  return files;
}

/// Files, and standard input where one is called "-".
class NamedPictures : public PictureSource {
 public:
  explicit NamedPictures(const std::vector<std::string>& files)
      : files_(files), standard_input_(std::ranges::find(files, kStandardInput) - files.begin()) {}

  int64_t size() const override { return std::ssize(files_); }
  ImageView picture(int64_t i, int channels, Exif exif, Image& storage) const override {
    const std::string& file = files_[static_cast<size_t>(i)];
    if (file != kStandardInput) {
      storage = read_image(file, channels, exif);
    } else if (i == standard_input_) {
      storage = read_image_from_standard_input(channels, exif);
    } else {
      check_picture_start({}, "standard input");  // the first one has read it to its end
    }
    return storage;
  }

 private:
  const std::vector<std::string>& files_;
  int64_t standard_input_;
};

int classify_files(const ClassifyOptions& o, const CommonOptions& common) {
  if (o.csv && common.json) throw UsageError("--csv or --json: name one of them");
  int status = 0;
  const std::vector<std::string> files = files_of(o, common, status);
  Model model = open_model(o.model, common, files.size() == 1 ? Use::kOnce : Use::kOften);
  std::optional<ZeroShot> zero;
  if (!o.prompts.empty()) {
    zero = read_zero_shot(o.prompts, model);
    model.labels = zero->names;
  } else if (model.network->network_config().classes == 0) {
    throw UsageError("this model has no classes: --prompts names a file that says some");
  }
  Report report(model, files, o.csv, common.json);
  watch_interrupt();
  for_each_batch(NamedPictures(files), model.preprocess, [&](const PreparedPictures& batch) {
    TopClasses best;
    if (batch.images.defined()) {
      const Tensor answer = (*model.network)(batch.images);
      best = zero ? top_classes(zero->logits(answer), o.top, zero->probabilities())
                  : top_classes(answer, o.top);
    }
    auto next = best.begin();
    auto file = files.begin() + batch.first;
    for (const std::exception_ptr& failure : batch.failures) {
      try {
        if (failure != nullptr) std::rethrow_exception(failure);
        report.add(*file, *next++);
      } catch (const Error& e) {
        print_error(e, status);
      }
      ++file;
    }
  });
  report.finish();
  return status;
}

}  // namespace

void add_classify(CLI::App& app) {
  auto o = std::make_shared<ClassifyOptions>();
  CLI::App& command =
      add_command(app, "classify", "what is on a picture",
                  [o](const CommonOptions& common) { return classify_files(*o, common); });
  add_option(command, "pictures", o->pictures,
             "PNG or JPEG files, folders of them, or - for one on standard input")
      .required();
  add_model_option(command, o->model);
  add_picture_options(command, o->model);
  add_option(command, "--prompts", o->prompts,
             "FILE.safetensors: names and embeddings of texts, for a model of embeddings");
  add_option(command, "--top", o->top, "number of classes to name").range(1, 100000).show_default();
  add_flag(command, "--csv", o->csv, "a table: file, rank, label, index, probability");
}

}  // namespace vitrine
