// vitrine convert: a model in another form.

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <filesystem>

#include "apps/command_line/command.hpp"
#include "apps/command_line/model_option.hpp"
#include "apps/terminal/print.hpp"
#include "core/error.hpp"
#include "models/weights/checkpoint.hpp"
#include "models/weights/export_model.hpp"
#include "models/weights/resize_model.hpp"

namespace vitrine {
namespace {

constexpr std::string_view kSuffix = ".safetensors";

/// Whether a path reads like a file's: it has an ending of letters ("y.onnx", not "vit-1.5"), no
/// slash behind it, and is no folder.
bool names_a_file(const std::string& path) {
  std::error_code ignored;
  const std::string ending = std::filesystem::path(path).extension().string();
  const auto plain = [](unsigned char c) { return std::isalnum(c) != 0; };
  return ending.size() > 1 && std::isalpha(static_cast<unsigned char>(ending[1])) != 0 &&
         std::all_of(ending.begin() + 1, ending.end(), plain) &&
         !std::filesystem::is_directory(path, ignored);
}

int convert(const ModelOption& in, const std::string& out, const CommonOptions& common) {
  if (!out.ends_with(kSuffix) && names_a_file(out)) {
    throw UsageError(fmt::format(
        "convert {}: a model is written as FILE.safetensors or as a Hugging Face folder; a folder "
        "of such a name has a slash behind it",
        out));
  }
  Model model = open_model(in, common, /*use=*/std::nullopt);
  std::vector<std::string> dropped;
  if (out.ends_with(kSuffix)) {
    fit_to_pictures(model);  // other programs' files may leave that to who reads them
    save_model(out, model);
  } else {
    dropped = save_hugging_face(out, model);
  }
  if (common.quiet) return 0;
  for (const std::string& note : dropped) print(stderr, "{}\n", note);
  print("{}: {} parameters\n", out, model.network->network_config().parameters());
  return 0;
}

}  // namespace

void add_convert(CLI::App& app) {
  auto in = std::make_shared<ModelOption>();
  auto out = std::make_shared<std::string>();
  CLI::App& command =
      add_command(app, "convert", "a model in another form",
                  [in, out](const CommonOptions& common) { return convert(*in, *out, common); });
  add_option(command, "in", in->model,
             "weights of this program, timm, Hugging Face, torchvision, CLIP or Google: "
             ".safetensors, .pth, .npz, or a folder with one")
      .required();
  add_option(command, "out", *out,
             "FILE.safetensors, under timm's names; else a Hugging Face folder")
      .required();
  add_weights_option(command, in->weights);
  add_image_size_option(command, *in);
  add_patch_size_option(command, *in);
  add_option(command, "--labels", in->labels, "file with the name of a class in each line");
}

}  // namespace vitrine
