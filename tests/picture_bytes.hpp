#pragma once

#include <zlib.h>

#include <catch2/catch.hpp>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.hpp"
#include "core/formats/file.hpp"
#include "core/images/image.hpp"

// Pictures made by hand, byte by byte, and what becomes of them.

namespace vitrine::test {

using Bytes = std::vector<std::byte>;

inline Bytes to_bytes(std::initializer_list<int> values) {
  Bytes bytes;
  for (const int value : values) bytes.push_back(static_cast<std::byte>(value));
  return bytes;
}

inline Bytes to_bytes(std::string_view text) {
  const auto bytes = std::as_bytes(std::span(text));
  return {bytes.begin(), bytes.end()};
}

inline void append(Bytes& bytes, const Bytes& more) {
  bytes.insert(bytes.end(), more.begin(), more.end());
}

inline void append_be32(Bytes& bytes, uint32_t value) {
  for (const int shift : {24, 16, 8, 0}) {
    bytes.push_back(static_cast<std::byte>((value >> shift) & 0xff));
  }
}

inline void append_chunk(Bytes& png, const std::string& type, const Bytes& payload) {
  append_be32(png, static_cast<uint32_t>(payload.size()));
  const size_t start = png.size();
  append(png, to_bytes(type));
  append(png, payload);
  append_be32(png, static_cast<uint32_t>(crc32_z(0, reinterpret_cast<const Bytef*>(&png[start]),
                                                 4 + payload.size())));
}

inline Bytes deflated(const Bytes& plain) {
  uLongf size = compressBound(plain.size());
  Bytes packed(size);
  REQUIRE(compress2(reinterpret_cast<Bytef*>(packed.data()), &size,
                    reinterpret_cast<const Bytef*>(plain.data()), plain.size(), 9) == Z_OK);
  packed.resize(size);
  return packed;
}

/// A chunk of a PNG.
struct Chunk {
  std::string type;
  Bytes payload;
};

/// A PNG of one filterless image from raw rows (each with its filter byte), with chunks between its
/// header and what follows, and in front of its end.
inline Bytes png_file(uint32_t width, uint32_t height, int depth, int colour, const Bytes& rows,
                      const Bytes& palette = {}, const std::vector<Chunk>& front = {},
                      const std::vector<Chunk>& back = {}) {
  Bytes png = to_bytes("\x89PNG\r\n\x1a\n");
  Bytes header;
  append_be32(header, width);
  append_be32(header, height);
  for (const int field : {depth, colour, 0, 0, 0}) header.push_back(static_cast<std::byte>(field));
  append_chunk(png, "IHDR", header);
  for (const Chunk& chunk : front) append_chunk(png, chunk.type, chunk.payload);
  if (!palette.empty()) append_chunk(png, "PLTE", palette);
  append_chunk(png, "IDAT", deflated(rows));
  for (const Chunk& chunk : back) append_chunk(png, chunk.type, chunk.payload);
  append_chunk(png, "IEND", {});
  return png;
}

/// Why a picture is refused; nothing if it is not.
inline std::optional<FormatKind> kind_of(std::span<const std::byte> bytes) {
  try {
    decode_image(bytes, 3, "x", Exif::kAsStored);
  } catch (const FormatError& error) {
    return error.kind();
  }
  return std::nullopt;
}

/// A file of tests/core/data, whose script says how it was made.
inline Bytes test_picture(const std::string& name) {
  return read_file("tests/core/data/" + name, int64_t{1} << 24);
}

}  // namespace vitrine::test
