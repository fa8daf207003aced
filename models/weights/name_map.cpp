#include "models/weights/name_map.hpp"

#include <algorithm>
#include <charconv>
#include <numeric>

#include "core/error.hpp"

namespace vitrine {
namespace {

constexpr std::string_view kFromZero = "{}";
constexpr std::string_view kFromOne = "{1}";

bool is_number_start(std::string_view pattern) {
  return pattern.starts_with(kFromZero) || pattern.starts_with(kFromOne);
}

/// What the placeholders of a pattern stand for.
struct Captures {
  std::vector<int64_t> numbers;  // from 0
  std::string_view rest;
};

std::optional<Captures> match(std::string_view name, std::string_view pattern) {
  Captures captures;
  while (!pattern.empty()) {
    if (pattern == "*") {
      captures.rest = name;
      return captures;
    }
    if (is_number_start(pattern)) {
      int64_t number = 0;
      const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
      if (error != std::errc() || number < 0) return std::nullopt;
      name.remove_prefix(static_cast<size_t>(end - name.data()));
      const bool from_one = pattern.starts_with(kFromOne);
      if (from_one && number == 0) return std::nullopt;
      captures.numbers.push_back(from_one ? number - 1 : number);
      pattern.remove_prefix(from_one ? kFromOne.size() : kFromZero.size());
      continue;
    }
    if (name.empty() || name[0] != pattern[0]) return std::nullopt;
    name.remove_prefix(1);
    pattern.remove_prefix(1);
  }
  if (!name.empty()) return std::nullopt;
  return captures;
}

std::string fill_in(std::string_view pattern, const Captures& captures) {
  std::string name;
  size_t next = 0;
  while (!pattern.empty()) {
    if (pattern == "*") return name + std::string(captures.rest);
    if (is_number_start(pattern)) {
      const bool from_one = pattern.starts_with(kFromOne);
      name += std::to_string(captures.numbers.at(next++) + (from_one ? 1 : 0));
      pattern.remove_prefix(from_one ? kFromOne.size() : kFromZero.size());
      continue;
    }
    name += pattern[0];
    pattern.remove_prefix(1);
  }
  return name;
}

int64_t product(std::span<const int64_t> dims) {
  return std::accumulate(dims.begin(), dims.end(), int64_t{1}, std::multiplies<>());
}

/// to (columns, rows) from (rows, columns)
void transpose(std::span<const float> from, int64_t rows, int64_t columns, float* to) {
  constexpr int64_t kTile = 32;  // both sides stay in the nearest cache
  for (int64_t r0 = 0; r0 < rows; r0 += kTile) {
    for (int64_t c0 = 0; c0 < columns; c0 += kTile) {
      for (int64_t c = c0; c < std::min(c0 + kTile, columns); ++c) {
        for (int64_t r = r0; r < std::min(r0 + kTile, rows); ++r) {
          to[c * rows + r] = from[static_cast<size_t>(r * columns + c)];
        }
      }
    }
  }
}

void write_part(const MappedPart& part, std::span<float> out) {
  const std::vector<int64_t>& shape = part.tensor.shape;
  if (part.layout == Layout::kSame || part.layout == Layout::kFlat) {
    to_float32(part.tensor, part.name, out);
    return;
  }
  const std::vector<float> values = to_float32(part.tensor, part.name);
  if (part.layout == Layout::kHwio) {
    // (h, w, in, out) -> (out, in, h, w), as (h w, in out) -> (in out, h w) -> (out, in, h w)
    const int64_t area = shape[0] * shape[1];
    const int64_t in = shape[2];
    const int64_t width = shape[3];
    for (int64_t a = 0; a < area; ++a) {
      for (int64_t i = 0; i < in; ++i) {
        const float* from = values.data() + (a * in + i) * width;
        for (int64_t o = 0; o < width; ++o)
          out[static_cast<size_t>((o * in + i) * area + a)] = from[o];
      }
    }
    return;
  }
  const int64_t rows = part.layout == Layout::kInOut
                           ? shape.front()
                           : product(std::span(shape).first(shape.size() - 1));
  transpose(values, rows, rows == 0 ? 0 : part.tensor.size() / rows, out.data());
}

}  // namespace

std::optional<std::string> rename(std::string_view name, std::string_view from,
                                  std::string_view to) {
  const std::optional<Captures> captures = match(name, from);
  if (!captures) return std::nullopt;
  return fill_in(to, *captures);
}

std::vector<int64_t> mapped_shape(const RawTensor& tensor, Layout layout) {
  const std::vector<int64_t>& shape = tensor.shape;
  const bool matrix = shape.size() >= 2;
  switch (layout) {
    case Layout::kSame:
      break;
    case Layout::kFlat:
      return {tensor.size()};
    case Layout::kInOut:
      if (matrix) return {product(std::span(shape).subspan(1)), shape.front()};
      break;
    case Layout::kInOutHeads:
      if (matrix) return {shape.back(), product(std::span(shape).first(shape.size() - 1))};
      break;
    case Layout::kHwio:
      if (shape.size() == 4) return {shape[3], shape[2], shape[0], shape[1]};
      break;
  }
  return shape;
}

void write_values(const MappedTensor& tensor, std::span<float> out) {
  if (tensor.parts.empty()) std::ranges::fill(out, 0.0F);
  size_t done = 0;
  for (const MappedPart& part : tensor.parts) {
    const auto size = static_cast<size_t>(part.tensor.size());
    if (part.added) {
      const std::vector<float> values = to_float32(part.tensor, part.name);
      VT_CHECK(size == out.size());
      for (size_t i = 0; i < size; ++i) out[i] += values[i];
      continue;
    }
    VT_CHECK(size <= out.size() - done);
    write_part(part, out.subspan(done, size));
    done += size;
  }
  VT_CHECK(tensor.parts.empty() || done == out.size());
}

}  // namespace vitrine
