#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace vitrine {

/// A regular file mapped read-only; its pages are read when touched. Copies share the mapping.
/// Throws IoError if it cannot be opened or is not a regular file. An empty file is an empty span.
/// The file must not be shortened while it is mapped: the operating system answers that with a
/// signal. Files written by AtomicFile are replaced, never shortened.
class MappedFile {
 public:
  explicit MappedFile(std::string path);
  // No moves of their own: what they leave behind would show bytes that may be gone.
  MappedFile(const MappedFile&) = default;
  MappedFile& operator=(const MappedFile&) = default;
  ~MappedFile() = default;

  const std::string& path() const { return path_; }
  std::span<const std::byte> bytes() const { return bytes_; }
  /// Keeps bytes() readable when the MappedFile is gone; null if the file is empty.
  std::shared_ptr<const void> mapping() const { return mapping_; }

  /// Gives the memory of pages that lie wholly inside `part` (of bytes()) back to the system; they
  /// are read again if touched again.
  void release(std::span<const std::byte> part) const;
  /// Brings the pages of `part` (of bytes()) in now: cheaper all at once than one by one as they
  /// are touched, and a processor prefetches only from pages that are there.
  void populate(std::span<const std::byte> part) const;

 private:
  size_t offset_of(std::span<const std::byte> part) const;

  std::string path_;
  std::shared_ptr<const void> mapping_;
  std::span<const std::byte> bytes_;
};

/// The whole content of a file or pipe. Throws IoError if it cannot be read and
/// FormatError(kTooLarge) if it has more than `limit` bytes.
std::vector<std::byte> read_file(const std::string& path, int64_t limit);

/// A file that appears under its name only when it is complete: the bytes go to a temporary file in
/// the same folder, which commit() writes through to the disk and renames. Without commit() nothing
/// is left and an older file of that name stays as it was.
///   - A symbolic link is followed; a device or pipe is written directly.
///   - One writer at a time: a second one for the same path gets an IoError. What a killed process
///     left behind is overwritten by the next writer.
/// Every failure (no space, no permission, ...) is an IoError with the path and the system's words.
class AtomicFile {
 public:
  explicit AtomicFile(std::string path);
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;
  ~AtomicFile();

  void write(std::span<const std::byte> bytes);
  void commit();

 private:
  void open_temporary();

  std::string path_;       // as the caller wrote it, for messages
  std::string target_;     // path_ with links resolved, empty for a device
  std::string temporary_;  // empty if there is none: a device, or committed
  int fd_ = -1;
};

/// Keeps everybody else who locks it out of a folder while this lives: another process, or another
/// lock of this one. It ends with the process, however that ends. Where the file system knows no
/// locks, nobody is kept out.
class FolderLock {
 public:
  /// Throws IoError if somebody else has it, or if there is no such folder.
  explicit FolderLock(const std::string& path);
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;
  ~FolderLock();

 private:
  int fd_;
};

/// AtomicFile for content that is already in memory.
void write_file_atomically(const std::string& path, std::span<const std::byte> bytes);

}  // namespace vitrine
