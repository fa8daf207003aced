#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace vitrine {

/// Where the bytes of a MappedFile are.
enum class Backing {
  /// In the file: pages are read when they are touched. If the file is shortened, or its disk
  /// fails,
  /// the operating system answers a touch with SIGBUS, which ends a process that does not expect
  /// it:
  /// for programs that do (apps/terminal/bus_error.hpp).
  kFile,
  /// In memory of their own: all are read at once, and what happens to the file later changes
  /// nothing. For libraries, whose host decides about signals.
  kMemory,
};

/// The bytes of a regular file, read-only. Copies share them. Throws IoError if it cannot be opened
/// or read, is not a regular file, or changes while it is read; std::bad_alloc. An empty file is an
/// empty span. Files written by AtomicFile are replaced, never changed.
class MappedFile {
 public:
  explicit MappedFile(std::string path, Backing backing = Backing::kFile);
  // No moves of their own: what they leave behind would show bytes that may be gone.
  MappedFile(const MappedFile&) = default;
  MappedFile& operator=(const MappedFile&) = default;
  ~MappedFile() = default;

  const std::string& path() const { return path_; }
  std::span<const std::byte> bytes() const { return bytes_; }
  /// Keeps bytes() readable when the MappedFile is gone; null if the file is empty.
  std::shared_ptr<const void> mapping() const { return mapping_; }

  /// Gives the memory of pages that lie wholly inside `part` (of bytes()) back to the system; they
  /// are read again if touched again. Bytes in memory of their own stay.
  void release(std::span<const std::byte> part) const;
  /// release() of what nobody will look at again: bytes in memory of their own become zeros.
  void forget(std::span<const std::byte> part) const;
  /// Brings the pages of `part` (of bytes()) in now: cheaper all at once than one by one as they
  /// are touched, and a processor prefetches only from pages that are there.
  void populate(std::span<const std::byte> part) const;

 private:
  size_t offset_of(std::span<const std::byte> part) const;

  std::string path_;
  Backing backing_;
  std::shared_ptr<const void> mapping_;
  std::span<const std::byte> bytes_;
};

/// Is shown the first bytes of a file, at most kStartBytes of them, and throws if the rest is not
/// worth reading.
using LookAtStart = std::function<void(std::span<const std::byte> start)>;
inline constexpr size_t kStartBytes = 4096;

/// The whole content of a regular file. Throws IoError if it cannot be read or is a pipe or device,
/// which may never end, and FormatError(kTooLarge), before it is read, if it has more than `limit`
/// bytes. Memory: what the file has.
std::vector<std::byte> read_file(const std::string& path, int64_t limit,
                                 const LookAtStart& look = {});

/// All that comes from standard input, likewise. Memory: three times that.
std::vector<std::byte> read_standard_input(int64_t limit, const LookAtStart& look = {});

/// A file that appears under its name only when it is complete: the bytes go to a temporary file in
/// the same folder, which commit() writes through to the disk and renames. Without commit() nothing
/// is left and an older file of that name stays as it was.
///   - A symbolic link is followed; a device or pipe is written directly.
///   - The temporary file is always a new one: nothing is written through a link that somebody put
///     in its place.
///   - One writer at a time: a second one for the same path gets an IoError. What a killed process
///     left behind is removed by the next writer.
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
  bool create(const std::string& name);

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

/// Puts bytes behind those of a regular file, which is made if there is none. A file that another
/// writer shortens or replaces is not protected. Throws IoError.
void append_to_file(const std::string& path, std::span<const std::byte> bytes);

/// Returns when what was written to the file is on the disk. Throws IoError.
void sync_file(const std::string& path);

/// AtomicFile for content that is already in memory.
void write_file_atomically(const std::string& path, std::span<const std::byte> bytes);

}  // namespace vitrine
