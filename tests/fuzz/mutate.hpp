#pragma once

#include <zlib.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "core/formats/bytes.hpp"

// What fuzzers of structured files share: a part of a valid file is changed, and what counts or
// checks it is mended, so that the change gets behind lengths and checksums.

extern "C" size_t LLVMFuzzerMutate(uint8_t* data, size_t size, size_t max_size);

namespace vitrine::fuzz {

using Bytes = std::vector<uint8_t>;

inline Bytes to_bytes(std::string_view text) { return {text.begin(), text.end()}; }

template <class T>
void append_le(Bytes& to, T value) {
  for (size_t i = 0; i < sizeof(T); ++i) to.push_back(static_cast<uint8_t>(value >> (8 * i)));
}

inline void append_be32(Bytes& to, uint32_t value) {
  for (const int shift : {24, 16, 8, 0}) to.push_back(static_cast<uint8_t>(value >> shift));
}

inline void append(Bytes& to, const Bytes& more) { to.insert(to.end(), more.begin(), more.end()); }

/// A part as libFuzzer changes it, with room to grow.
inline void change(Bytes& part, size_t room = 4096) {
  const size_t size = part.size();
  part.resize(size + room);
  part.resize(LLVMFuzzerMutate(part.data(), size, part.size()));
}

/// Copies a result back; what does not fit is left out.
inline size_t give(const Bytes& result, uint8_t* data, size_t max_size) {
  const size_t size = std::min(result.size(), max_size);
  std::memcpy(data, result.data(), size);
  return size;
}

inline Bytes deflated(const Bytes& plain, int window) {
  z_stream stream = {};
  if (deflateInit2(&stream, 1, Z_DEFLATED, window, 8, Z_DEFAULT_STRATEGY) != Z_OK) return {};
  Bytes packed(deflateBound(&stream, plain.size()));
  stream.next_in = const_cast<Bytef*>(plain.data());
  stream.avail_in = static_cast<uInt>(plain.size());
  stream.next_out = packed.data();
  stream.avail_out = static_cast<uInt>(packed.size());
  deflate(&stream, Z_FINISH);
  packed.resize(stream.total_out);
  deflateEnd(&stream);
  return packed;
}

/// What a stream unpacks to, up to 64 KiB.
inline Bytes inflated(const Bytes& packed, int window) {
  z_stream stream = {};
  if (inflateInit2(&stream, window) != Z_OK) return {};
  Bytes plain(size_t{1} << 16);
  stream.next_in = const_cast<Bytef*>(packed.data());
  stream.avail_in = static_cast<uInt>(packed.size());
  stream.next_out = plain.data();
  stream.avail_out = static_cast<uInt>(plain.size());
  inflate(&stream, Z_SYNC_FLUSH);
  plain.resize(stream.total_out);
  inflateEnd(&stream);
  return plain;
}

// --- zip: .npz, .pth ---

struct Member {
  Bytes name, content;
  bool deflate = false;
};

/// The members that can be found in what may be no archive, by their local headers.
inline std::vector<Member> members_of(const uint8_t* data, size_t size) {
  const auto* bytes = reinterpret_cast<const std::byte*>(data);
  std::vector<Member> members;
  size_t at = 0;
  while (size - at >= 30 && load_le32(bytes + at) == 0x04034b50) {
    const bool deflate = load_le16(bytes + at + 8) == 8;
    const size_t packed = load_le32(bytes + at + 18);
    const size_t name = load_le16(bytes + at + 26);
    const size_t start = at + 30 + name + load_le16(bytes + at + 28);
    if (start > size || packed > size - start) break;
    Member m{
        {data + at + 30, data + at + 30 + name}, {data + start, data + start + packed}, deflate};
    if (deflate) m.content = inflated(m.content, -15);
    members.push_back(std::move(m));
    at = start + packed;
  }
  return members;
}

inline Bytes zip_of(const std::vector<Member>& members) {
  Bytes zip, directory;
  for (const Member& m : members) {
    const Bytes packed = m.deflate ? deflated(m.content, -15) : m.content;
    const auto fields = [&](Bytes& to) {
      append_le<uint16_t>(to, 20);
      append_le<uint16_t>(to, 0);
      append_le<uint16_t>(to, m.deflate ? 8 : 0);
      append_le<uint32_t>(to, 0);
      append_le(to, static_cast<uint32_t>(crc32_z(0, m.content.data(), m.content.size())));
      append_le(to, static_cast<uint32_t>(packed.size()));
      append_le(to, static_cast<uint32_t>(m.content.size()));
      append_le(to, static_cast<uint16_t>(m.name.size()));
      append_le<uint16_t>(to, 0);
    };
    const auto offset = static_cast<uint32_t>(zip.size());
    append_le<uint32_t>(zip, 0x04034b50);
    fields(zip);
    append(zip, m.name);
    append(zip, packed);
    append_le<uint32_t>(directory, 0x02014b50);
    append_le<uint16_t>(directory, 20);
    fields(directory);
    directory.resize(directory.size() + 10);  // comment, disk, attributes
    append_le(directory, offset);
    append(directory, m.name);
  }
  const auto start = static_cast<uint32_t>(zip.size());
  append(zip, directory);
  append_le<uint32_t>(zip, 0x06054b50);
  append_le<uint32_t>(zip, 0);
  for (int i = 0; i < 2; ++i) append_le(zip, static_cast<uint16_t>(members.size()));
  append_le(zip, static_cast<uint32_t>(directory.size()));
  append_le(zip, start);
  append_le<uint16_t>(zip, 0);
  return zip;
}

/// Changes a member's content or name, packs it the other way, doubles it or leaves it out; now and
/// then the bytes of the archive themselves.
inline size_t mutate_zip(uint8_t* data, size_t size, size_t max_size, unsigned seed) {
  std::minstd_rand random(seed);
  std::vector<Member> members = members_of(data, size);
  if (members.empty() || random() % 8 == 0) return LLVMFuzzerMutate(data, size, max_size);
  const size_t i = random() % members.size();
  switch (random() % 16) {
    case 0:
      members[i].deflate = !members[i].deflate;
      break;
    case 1:
      change(members[i].name, 16);
      members[i].name.resize(std::min<size_t>(members[i].name.size(), 0xffff));
      break;
    case 2:
      members.push_back(members[i]);
      break;
    case 3:
      members.erase(members.begin() + static_cast<ptrdiff_t>(i));
      break;
    default:
      change(members[i].content);
  }
  return give(zip_of(members), data, max_size);
}

// --- safetensors ---

/// Changes the header, whose length is then right, or the data, or how much of it there is.
inline size_t mutate_safetensors(uint8_t* data, size_t size, size_t max_size, unsigned seed) {
  std::minstd_rand random(seed);
  if (size < 8 || random() % 8 == 0) return LLVMFuzzerMutate(data, size, max_size);
  const uint64_t length = load_le64(reinterpret_cast<const std::byte*>(data));
  if (length > size - 8) return LLVMFuzzerMutate(data, size, max_size);
  Bytes header(data + 8, data + 8 + length);
  Bytes content(data + 8 + length, data + size);
  change(random() % 4 == 0 ? content : header, 256);
  Bytes file;
  append_le(file, uint64_t{header.size()});
  append(file, header);
  append(file, content);
  return give(file, data, max_size);
}

// --- pictures: PNG, JPEG, and the EXIF in them ---

/// Changes a chunk of a PNG: the pixels of an IDAT behind their compression. Lengths and checksums
/// are mended.
inline Bytes changed_png(const Bytes& png, std::minstd_rand& random) {
  const auto* bytes = reinterpret_cast<const std::byte*>(png.data());
  std::vector<size_t> chunks;
  for (size_t at = 8; png.size() - at >= 12;) {
    const size_t length = load_be32(bytes + at);
    if (length > png.size() - at - 12) break;
    chunks.push_back(at);
    at += 12 + length;
  }
  if (chunks.empty()) return png;
  const size_t at = chunks[random() % chunks.size()];
  const size_t length = load_be32(bytes + at);
  Bytes kind(png.data() + at + 4, png.data() + at + 8);
  Bytes payload(png.data() + at + 8, png.data() + at + 8 + length);
  const bool pixels = kind == to_bytes("IDAT") && random() % 4 != 0;
  if (pixels) payload = inflated(payload, 15);
  change(payload, 64);
  if (pixels) payload = deflated(payload, 15);
  Bytes result(png.data(), png.data() + at);
  append_be32(result, static_cast<uint32_t>(payload.size()));
  append(kind, payload);
  append(result, kind);
  append_be32(result, static_cast<uint32_t>(crc32_z(0, kind.data(), kind.size())));
  result.insert(result.end(), png.data() + at + 12 + length, png.data() + png.size());
  return result;
}

/// Changes a segment of a JPEG, whose length is then right: EXIF, tables, frames; or the samples.
inline Bytes changed_jpeg(const Bytes& jpeg, std::minstd_rand& random) {
  const auto* bytes = reinterpret_cast<const std::byte*>(jpeg.data());
  std::vector<size_t> segments;
  size_t at = 2;
  while (jpeg.size() - at >= 4 && jpeg[at] == 0xff && jpeg[at + 1] != 0xd9) {
    const size_t length = load_be16(bytes + at + 2);
    if (length < 2 || length > jpeg.size() - at - 2) break;
    segments.push_back(at);
    at += 2 + length;
    if (jpeg[segments.back() + 1] == 0xda) break;
  }
  const size_t choice = random() % (segments.size() + 1);
  if (choice == segments.size()) {
    Bytes samples(jpeg.data() + at, jpeg.data() + jpeg.size());
    change(samples, 64);
    Bytes result(jpeg.data(), jpeg.data() + at);
    append(result, samples);
    return result;
  }
  const size_t start = segments[choice];
  const size_t length = load_be16(bytes + start + 2);
  Bytes payload(jpeg.data() + start + 4, jpeg.data() + start + 2 + length);
  change(payload, 64);
  payload.resize(std::min<size_t>(payload.size(), 0xfffd));
  Bytes result(jpeg.data(), jpeg.data() + start + 2);
  result.push_back(static_cast<uint8_t>((payload.size() + 2) >> 8));
  result.push_back(static_cast<uint8_t>(payload.size() + 2));
  append(result, payload);
  result.insert(result.end(), jpeg.data() + start + 2 + length, jpeg.data() + jpeg.size());
  return result;
}

inline size_t mutate_picture(uint8_t* data, size_t size, size_t max_size, unsigned seed) {
  std::minstd_rand random(seed);
  const Bytes file(data, data + size);
  const bool png = size > 8 && data[0] == 0x89;
  const bool jpeg = size > 4 && data[0] == 0xff && data[1] == 0xd8;
  if ((!png && !jpeg) || random() % 8 == 0) return LLVMFuzzerMutate(data, size, max_size);
  return give(png ? changed_png(file, random) : changed_jpeg(file, random), data, max_size);
}

}  // namespace vitrine::fuzz
