// vitrine bench conv: convolutions beside the peak.

#include "apps/bench/bench_conv.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <memory>

#include "apps/bench/measure_conv.hpp"
#include "apps/bench/report_turns.hpp"
#include "apps/command_line/command.hpp"
#include "core/error.hpp"

namespace vitrine {
namespace {

// Beyond every network.
constexpr int64_t kMaxPixels = int64_t{1} << 12;
constexpr int64_t kMaxChannels = int64_t{1} << 16;
constexpr int64_t kMaxKernel = int64_t{1} << 8;
constexpr int64_t kMaxBatch = int64_t{1} << 16;
constexpr int64_t kMaxNumbers = int64_t{1} << 31;  // of a tensor: 8 GiB, and multiply-adds fit

constexpr std::array<int64_t, 2> kDefaultBatches = {1, 8};

/// 0 for a number, -1 for a padding that was not said.
struct Options {
  int64_t height = 0, width = 0;
  int64_t in = 0, out = 0;
  int64_t kernel = 3, stride = 1, padding = -1;
  int64_t groups = 1, batch = 0;
  bool backward = false;
  double seconds = 1;
};

/// Throws UsageError unless there is such a convolution and it is of a size that can be measured.
void check(const ConvShape& s) {
  if (s.in % s.groups != 0 || s.out % s.groups != 0) {
    throw UsageError(
        fmt::format("--groups {} must divide --in {} and --out {}", s.groups, s.in, s.out));
  }
  const int64_t height = s.height + 2 * s.padding;
  const int64_t width = s.width + 2 * s.padding;
  if (std::min(height, width) < s.kernel) {
    throw UsageError(
        fmt::format("a --kernel of {} does not fit into {} x {} pixels with a --padding of {}",
                    s.kernel, s.height, s.width, s.padding));
  }
  const int64_t images = s.batch * height * width * std::max(s.in, s.out);
  const int64_t kernels = s.out * (s.in / s.groups) * s.kernel * s.kernel;
  if (std::max(images, kernels) > kMaxNumbers) {
    throw UsageError(
        fmt::format("images of {} and kernels of {} numbers: at most {} can be measured, lower "
                    "--batch, the pixels or the channels",
                    images, kernels, kMaxNumbers));
  }
}

std::vector<ConvShape> shapes_of(const Options& o) {
  if (o.height > 0) {
    const ConvShape shape{.what = "",
                          .height = o.height,
                          .width = o.width > 0 ? o.width : o.height,
                          .in = o.in,
                          .out = o.out,
                          .kernel = o.kernel,
                          .stride = o.stride,
                          .padding = o.padding >= 0 ? o.padding : (o.kernel - 1) / 2,
                          .groups = o.groups,
                          .batch = std::max<int64_t>(o.batch, 1)};
    check(shape);
    return {shape};
  }
  std::vector<ConvShape> shapes;
  for (ConvShape& shape : default_conv_shapes()) {
    for (const int64_t batch : kDefaultBatches) {
      shape.batch = o.batch > 0 ? o.batch : batch;
      shapes.push_back(shape);
      if (o.batch > 0) break;
    }
  }
  return shapes;
}

std::string size_text(const ConvShape& s) {
  return fmt::format("{}{}x{}x{} -> {}, {}x{}{}{}",
                     s.batch > 1 ? fmt::format("{} * ", s.batch) : "", s.height, s.width, s.in,
                     s.out, s.kernel, s.kernel, s.stride > 1 ? fmt::format(" / {}", s.stride) : "",
                     s.groups > 1 ? fmt::format(", {} groups", s.groups) : "");
}

int run(const Options& o, const CommonOptions& common) {
  std::vector<MeasuredWork> works;
  for (const ConvShape& shape : shapes_of(o)) {
    works.push_back({size_text(shape),
                     shape.what,
                     {{"height", shape.height},
                      {"width", shape.width},
                      {"in", shape.in},
                      {"out", shape.out},
                      {"kernel", shape.kernel},
                      {"stride", shape.stride},
                      {"padding", shape.padding},
                      {"groups", shape.groups},
                      {"batch", shape.batch},
                      {"macs", shape.macs()}},
                     [shape, &o] { return measure_conv(shape, o.backward, o.seconds); }});
  }
  report_turns("convolutions", works, common);
  return 0;
}

}  // namespace

void add_bench_conv(CLI::App& parent) {
  auto options = std::make_shared<Options>();
  CLI::App& command =
      add_command(parent, "conv", "convolutions: those of ResNet-50, or one",
                  [options](const CommonOptions& common) { return run(*options, common); });
  Options& o = *options;
  Option height = add_option(command, "--height", o.height, "pixels of the images");
  Option in = add_option(command, "--in", o.in, "channels of the images");
  Option out = add_option(command, "--out", o.out, "channels of the result");
  height.range(1, kMaxPixels).needs(in).needs(out);
  in.range(1, kMaxChannels).needs(height).needs(out);
  out.range(1, kMaxChannels).needs(height).needs(in);
  const auto of_one = [&](const char* name, int64_t& value, double lowest, double highest,
                          const char* help) {
    return add_option(command, name, value, help).range(lowest, highest).needs(height);
  };
  of_one("--width", o.width, 1, kMaxPixels, "pixels, the height if not said");
  of_one("--kernel", o.kernel, 1, kMaxKernel, "pixels along a side").show_default();
  of_one("--stride", o.stride, 1, kMaxPixels, "pixels from one place to the next").show_default();
  of_one("--padding", o.padding, 0, kMaxKernel, "zeros on all sides, (kernel - 1) / 2 if not said");
  of_one("--groups", o.groups, 1, kMaxChannels, "convolutions side by side").show_default();
  add_option(command, "--batch", o.batch, "images at once; 1 and 8 for the shapes of networks")
      .range(1, kMaxBatch);
  add_flag(command, "--backward", o.backward, "gradients of the input and the weight too");
  add_option(command, "--seconds", o.seconds, "how long to measure each shape")
      .positive()
      .show_default();
}

}  // namespace vitrine
