#include "core/formats/file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <new>
#include <system_error>
#include <utility>

#include "core/error.hpp"
#include "core/parallel.hpp"

namespace vitrine {
namespace {

constexpr mode_t kNewFileMode = 0666;  // the umask takes its part away

// Linux writes at most 0x7ffff000 bytes per call.
constexpr size_t kMaxWrite = size_t{1} << 30;

[[noreturn]] void throw_errno(std::string_view path, std::string_view action, int error) {
  throw IoError(path, fmt::format("{}: {}", action, std::generic_category().message(error)));
}

class Descriptor {
 public:
  Descriptor(const std::string& path, int flags)
      : fd_(::open(path.c_str(), flags | O_CLOEXEC, kNewFileMode)) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  int get() const { return fd_; }

 private:
  int fd_;
};

// Without O_NONBLOCK, opening a pipe that nobody writes would hang.
constexpr int kOpenToRead = O_RDONLY | O_NONBLOCK | O_NOCTTY;

/// Of a regular file; throws for everything else.
struct stat status_of(const Descriptor& file, std::string_view path) {
  struct stat status = {};
  if (file.get() < 0 || ::fstat(file.get(), &status) != 0) throw_errno(path, "cannot open", errno);
  if (S_ISDIR(status.st_mode)) throw_errno(path, "cannot read", EISDIR);
  if (!S_ISREG(status.st_mode)) throw IoError(path, "cannot read: not a regular file");
  return status;
}

std::string resolve_links(const std::string& path) {
  char* resolved = ::realpath(path.c_str(), nullptr);
  if (resolved == nullptr) return path;  // does not exist yet; opening it will say what is wrong
  std::string result(resolved);
  std::free(resolved);
  return result;
}

size_t page_bytes() { return static_cast<size_t>(::sysconf(_SC_PAGESIZE)); }

/// Whether the file that is open is the one of that name.
bool is_named(int file, const std::string& name) {
  struct stat opened = {};
  struct stat named = {};
  return ::fstat(file, &opened) == 0 && ::lstat(name.c_str(), &named) == 0 &&
         opened.st_dev == named.st_dev && opened.st_ino == named.st_ino;
}

std::string folder_of(const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

// Some file systems and devices cannot be synchronised; that is not a failure to write.
bool sync_is_unsupported(int error) {
  return error == EINVAL || error == ENOTSUP || error == EROFS || error == ENOSYS;
}

void sync(int file, std::string_view path) {
  if (::fsync(file) != 0 && !sync_is_unsupported(errno)) throw_errno(path, "cannot write", errno);
}

void write_all(int file, std::span<const std::byte> bytes, std::string_view path) {
  while (!bytes.empty()) {
    const ssize_t done = ::write(file, bytes.data(), std::min(bytes.size(), kMaxWrite));
    if (done < 0 && errno == EINTR) continue;
    if (done <= 0) throw_errno(path, "cannot write", done < 0 ? errno : EIO);
    bytes = bytes.subspan(static_cast<size_t>(done));
  }
}

/// Reads a file that has as many bytes as `to`, in parts.
void read_parts(const Descriptor& file, std::span<std::byte> to, const struct stat& before,
                std::string_view path) {
  constexpr size_t kPart = size_t{8} << 20;
  const auto parts = static_cast<int64_t>((to.size() + kPart - 1) / kPart);
  parallel_for(parts, 1, [&](int64_t begin, int64_t end) {
    size_t at = static_cast<size_t>(begin) * kPart;
    const size_t stop = std::min(static_cast<size_t>(end) * kPart, to.size());
    while (at < stop) {
      const ssize_t got = ::pread(file.get(), to.data() + at, stop - at, static_cast<off_t>(at));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) throw_errno(path, "cannot read", errno);
      if (got == 0) throw IoError(path, "became shorter while it was read: try again");
      at += static_cast<size_t>(got);
    }
  });
  const struct stat after = status_of(file, path);
  if (after.st_size != before.st_size || after.st_mtim.tv_sec != before.st_mtim.tv_sec ||
      after.st_mtim.tv_nsec != before.st_mtim.tv_nsec) {
    throw IoError(path, "was written while it was read: try again");
  }
}

/// Gives a mapping back. munmap of 300 MiB takes one thread as long as mapping them; several may
/// empty parts of it before.
void unmap(std::byte* mapped, size_t size) {
  constexpr size_t kPart = size_t{8} << 20;
  const size_t parts = (size + kPart - 1) / kPart;
  if (parts > 1) {
    parallel_for(static_cast<int64_t>(parts), 1, [&](int64_t begin, int64_t end) {
      const size_t from = static_cast<size_t>(begin) * kPart;
      const size_t to = std::min(static_cast<size_t>(end) * kPart, size);
      ::madvise(mapped + from, to - from, MADV_DONTNEED);
    });
  }
  ::munmap(mapped, size);
}

}  // namespace

MappedFile::MappedFile(std::string path, Backing backing)
    : path_(std::move(path)), backing_(backing) {
  const Descriptor file(path_, kOpenToRead);
  const struct stat status = status_of(file, path_);
  if (status.st_size == 0) return;
  const auto size = static_cast<size_t>(status.st_size);
  const bool in_file = backing == Backing::kFile;
  void* mapped = in_file ? ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file.get(), 0)
                         : ::mmap(nullptr, size, PROT_READ | PROT_WRITE,
                                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (mapped == MAP_FAILED && !in_file) throw std::bad_alloc();
  if (mapped == MAP_FAILED) throw_errno(path_, "cannot map into memory", errno);
  // Filling small pages takes three times as long as reading 300 MiB into them. Advice only.
  if (!in_file) ::madvise(mapped, size, MADV_HUGEPAGE);
  auto* bytes = static_cast<std::byte*>(mapped);
  mapping_ =
      std::shared_ptr<const void>(mapped, [bytes, size](const void*) { unmap(bytes, size); });
  bytes_ = {bytes, size};
  if (!in_file) read_parts(file, {bytes, size}, status, path_);
}

void MappedFile::release(std::span<const std::byte> part) const {
  if (backing_ == Backing::kFile) forget(part);
}

void MappedFile::forget(std::span<const std::byte> part) const {
  if (part.empty()) return;
  const size_t offset = offset_of(part);  // the mapping is aligned
  const size_t begin = (offset + page_bytes() - 1) / page_bytes() * page_bytes();
  const size_t end = (offset + part.size()) / page_bytes() * page_bytes();
  if (begin >= end) return;
  // Advice only: if it is not taken, the pages stay as they were and nothing is wrong.
  ::madvise(const_cast<std::byte*>(bytes_.data()) + begin, end - begin, MADV_DONTNEED);
}

void MappedFile::populate(std::span<const std::byte> part) const {
  if (part.empty()) return;
  const size_t offset = offset_of(part);
  // Linux maps the pages around one that is touched, 64 KiB by default. That is half the work of
  // MADV_POPULATE_READ, which looks at each page; several threads would wait for each other.
  constexpr size_t kAround = size_t{64} << 10;
  const size_t end = offset + part.size();
  for (size_t i = offset; i < end; i = (i / kAround + 1) * kAround) {
    static_cast<void>(*static_cast<const volatile std::byte*>(bytes_.data() + i));
  }
}

size_t MappedFile::offset_of(std::span<const std::byte> part) const {
  VT_CHECK(part.data() >= bytes_.data() &&
           part.data() + part.size() <= bytes_.data() + bytes_.size());
  return static_cast<size_t>(part.data() - bytes_.data());
}

namespace {

[[noreturn]] void throw_too_large(const std::string& path, int64_t limit) {
  throw FormatError(FormatKind::kTooLarge, path, -1,
                    fmt::format("the file has more than {} bytes", limit));
}

/// Reads to the end. `known` is how many bytes there should be, 0 if nobody knows; one more notices
/// the end.
std::vector<std::byte> read_to_end(int file, const std::string& path, size_t known, int64_t limit,
                                   const LookAtStart& look) {
  const auto bound = static_cast<size_t>(limit) + 1;
  std::vector<std::byte> bytes(
      std::min({known == 0 ? kStartBytes : known + 1, bound, kStartBytes}));
  bool looked = look == nullptr;
  size_t used = 0;
  for (;;) {
    const ssize_t got = ::read(file, bytes.data() + used, bytes.size() - used);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw_errno(path, "cannot read", errno);
    used += static_cast<size_t>(got);
    if (!looked && (got == 0 || used == bytes.size())) {
      look(std::span<const std::byte>(bytes).first(used));
      looked = true;
    }
    if (got == 0) break;
    if (used == bound) throw_too_large(path, limit);
    if (used == bytes.size()) bytes.resize(std::min(bound, std::max(known + 1, used * 2)));
  }
  bytes.resize(used);
  return bytes;
}

}  // namespace

std::vector<std::byte> read_file(const std::string& path, int64_t limit, const LookAtStart& look) {
  const Descriptor file(path, kOpenToRead);
  const struct stat status = status_of(file, path);
  if (int64_t{status.st_size} > limit) throw_too_large(path, limit);
  return read_to_end(file.get(), path, static_cast<size_t>(status.st_size), limit, look);
}

std::vector<std::byte> read_standard_input(int64_t limit, const LookAtStart& look) {
  return read_to_end(STDIN_FILENO, "standard input", 0, limit, look);
}

FolderLock::FolderLock(const std::string& path)
    : fd_(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {
  if (fd_ < 0) throw_errno(path, "cannot open", errno);
  if (::flock(fd_, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
    ::close(fd_);
    throw IoError(path, "another process works here: wait for it, or name another folder");
  }
}

FolderLock::~FolderLock() { ::close(fd_); }

namespace {

/// Removes what a killed process left behind. Throws IoError if its writer is alive.
void remove_abandoned(const std::string& name, const std::string& path) {
  const Descriptor old(name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
  if (old.get() < 0 && errno == ENOENT) return;  // just renamed, or removed by another writer
  const bool opened = old.get() >= 0;
  if (opened && ::flock(old.get(), LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
    throw IoError(path, "cannot write: another process is writing it");
  }
  if (opened && !is_named(old.get(), name)) return;
  if (::unlink(name.c_str()) != 0 && errno != ENOENT) throw_errno(path, "cannot write", errno);
}

}  // namespace

AtomicFile::AtomicFile(std::string path) : path_(std::move(path)) {
  struct stat status = {};
  const bool exists = ::stat(path_.c_str(), &status) == 0;
  if (!exists || S_ISREG(status.st_mode)) {
    target_ = resolve_links(path_);
    open_temporary();
    return;
  }
  // Renaming a file over a device such as /dev/null would destroy it for everybody.
  fd_ = ::open(path_.c_str(), O_WRONLY | O_CLOEXEC);
  if (fd_ < 0) throw_errno(path_, "cannot write", errno);
}

/// Makes and locks a new file; false if there is one of that name. A link that somebody put there
/// is such a one: it is not followed.
bool AtomicFile::create(const std::string& name) {
  fd_ = ::open(name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, kNewFileMode);
  if (fd_ < 0 && errno == EEXIST) return false;
  if (fd_ < 0) throw_errno(path_, "cannot write", errno);
  // Where the file system knows no locks, nobody is kept out.
  if (::flock(fd_, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK) return true;
  ::close(fd_);
  return false;
}

void AtomicFile::open_temporary() {
  const std::string name = target_ + ".vitrine-tmp";
  for (;;) {
    if (!create(name)) {
      remove_abandoned(name, path_);
    } else if (is_named(fd_, name)) {  // between the two calls another writer may have removed it
      break;
    } else {
      ::close(fd_);
    }
  }
  temporary_ = name;
}

AtomicFile::~AtomicFile() {
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
  if (fd_ >= 0) ::close(fd_);
}

void AtomicFile::write(std::span<const std::byte> bytes) { write_all(fd_, bytes, path_); }

void AtomicFile::commit() {
  sync(fd_, path_);
  if (temporary_.empty()) return;
  if (::rename(temporary_.c_str(), target_.c_str()) != 0) {
    throw_errno(path_, "cannot write", errno);
  }
  temporary_.clear();
  // The new name itself is on the disk only when the folder is. A folder that may be written but
  // not read cannot be opened for this.
  const Descriptor folder(folder_of(target_), O_RDONLY | O_DIRECTORY);
  if (folder.get() < 0) return;
  if (::fsync(folder.get()) != 0 && !sync_is_unsupported(errno)) {
    throw_errno(path_, "cannot write its folder", errno);
  }
}

void append_to_file(const std::string& path, std::span<const std::byte> bytes) {
  const Descriptor file(path, O_WRONLY | O_APPEND | O_CREAT | O_NONBLOCK | O_NOCTTY);
  static_cast<void>(status_of(file, path));
  write_all(file.get(), bytes, path);
}

void sync_file(const std::string& path) {
  const Descriptor file(path, O_WRONLY | O_NONBLOCK | O_NOCTTY);
  static_cast<void>(status_of(file, path));
  sync(file.get(), path);
}

void write_file_atomically(const std::string& path, std::span<const std::byte> bytes) {
  AtomicFile file(path);
  file.write(bytes);
  file.commit();
}

}  // namespace vitrine
