#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "models/data/preprocess.hpp"

namespace vitrine {

/// What an image processor of transformers makes of a picture.
struct HuggingFacePreprocess {
  Preprocess rule;
  std::string processor;  ///< its class, for people: "BitImageProcessor, usual for dinov2"
};

/// Where the object of an image processor lies, and for which network it is.
struct HuggingFaceProcessor {
  std::string_view path;        ///< of its file
  std::string_view place;       ///< in the file: "" or "image_processor."
  std::string_view model_type;  ///< of config.json
  int channels;                 ///< that the network takes
};

/// Reads the object of an image processor (ViT, DeiT, BiT, CLIP, SigLIP, ConvNeXt, BEiT, ViTHybrid;
/// the names of the feature extractors before them, of the fast ones and those with Pillow are the
/// same). What it leaves out is as the class has it, and the class as the model_type has it.
/// Pixels are those of transformers' backend with Pillow. The one with torchvision differs by a
/// level or two in resized pixels, and by a pixel in where an odd number of zeros lies around a
/// picture that is smaller than the crop.
/// Throws FormatError that names file, key and value of what Preprocess cannot express, what
/// transformers itself refuses, and what is not known.
/// Source: transformers 5.24, image_processing_backends.py (PilBackend) and the classes'
/// image_processing_pil_*.py.
HuggingFacePreprocess read_hugging_face_preprocess(const nlohmann::json& object,
                                                   const HuggingFaceProcessor& of);

/// The inverse: the object of a preprocessor_config.json that makes the same pixels of a picture,
/// but for CropRounding::kEven, which no processor has. Throws UsageError for what none expresses.
nlohmann::json hugging_face_preprocess(const Preprocess& rule);

}  // namespace vitrine
