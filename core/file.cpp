#include "core/file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
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
  Descriptor(const std::string& path, int flags) : fd_(::open(path.c_str(), flags | O_CLOEXEC)) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  int get() const { return fd_; }

 private:
  int fd_;
};

std::string resolve_links(const std::string& path) {
  char* resolved = ::realpath(path.c_str(), nullptr);
  if (resolved == nullptr) return path;  // does not exist yet; opening it will say what is wrong
  std::string result(resolved);
  std::free(resolved);
  return result;
}

size_t page_bytes() { return static_cast<size_t>(::sysconf(_SC_PAGESIZE)); }

std::string folder_of(const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

// Some file systems and devices cannot be synchronised; that is not a failure to write.
bool sync_is_unsupported(int error) {
  return error == EINVAL || error == ENOTSUP || error == EROFS || error == ENOSYS;
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

MappedFile::MappedFile(std::string path) : path_(std::move(path)) {
  // Without O_NONBLOCK, opening a pipe that nobody writes would hang.
  const Descriptor file(path_, O_RDONLY | O_NONBLOCK);
  if (file.get() < 0) throw_errno(path_, "cannot open", errno);
  struct stat status = {};
  if (::fstat(file.get(), &status) != 0) throw_errno(path_, "cannot open", errno);
  if (S_ISDIR(status.st_mode)) throw_errno(path_, "cannot read", EISDIR);
  if (!S_ISREG(status.st_mode)) throw IoError(path_, "cannot read: not a regular file");
  if (status.st_size == 0) return;
  const auto size = static_cast<size_t>(status.st_size);
  void* mapped = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file.get(), 0);
  if (mapped == MAP_FAILED) throw_errno(path_, "cannot map into memory", errno);
  auto* bytes = static_cast<std::byte*>(mapped);
  mapping_ =
      std::shared_ptr<const void>(mapped, [bytes, size](const void*) { unmap(bytes, size); });
  bytes_ = {bytes, size};
}

void MappedFile::release(std::span<const std::byte> part) const {
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

std::vector<std::byte> read_file(const std::string& path, int64_t limit) {
  const Descriptor file(path, O_RDONLY);
  if (file.get() < 0) throw_errno(path, "cannot open", errno);
  struct stat status = {};
  if (::fstat(file.get(), &status) != 0) throw_errno(path, "cannot open", errno);

  // The size of a regular file is a hint; a pipe has none. One byte more notices the end.
  const int64_t known = S_ISREG(status.st_mode) ? int64_t{status.st_size} : 0;
  const auto bound = static_cast<size_t>(limit) + 1;
  std::vector<std::byte> bytes(std::min(static_cast<size_t>(known) + 1, bound));
  size_t used = 0;
  for (;;) {
    const ssize_t got = ::read(file.get(), bytes.data() + used, bytes.size() - used);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw_errno(path, "cannot read", errno);
    if (got == 0) break;
    used += static_cast<size_t>(got);
    if (used == bound) {
      throw FormatError(FormatKind::kTooLarge, path, -1,
                        fmt::format("the file has more than {} bytes", limit));
    }
    if (used == bytes.size()) bytes.resize(std::min(bound, std::max<size_t>(4096, used * 2)));
  }
  bytes.resize(used);
  return bytes;
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

void AtomicFile::open_temporary() {
  const std::string name = target_ + ".vitrine-tmp";
  for (;;) {
    fd_ = ::open(name.c_str(), O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, kNewFileMode);
    if (fd_ < 0) throw_errno(path_, "cannot write", errno);
    const bool locked = ::flock(fd_, LOCK_EX | LOCK_NB) == 0;
    if (!locked && errno == EWOULDBLOCK) {
      ::close(fd_);
      throw IoError(path_, "cannot write: another process is writing it");
    }
    // Between open and lock another writer may have renamed or removed what was opened.
    struct stat opened = {};
    struct stat named = {};
    const bool same = ::fstat(fd_, &opened) == 0 && ::stat(name.c_str(), &named) == 0 &&
                      opened.st_dev == named.st_dev && opened.st_ino == named.st_ino;
    if (same) break;
    ::close(fd_);
  }
  temporary_ = name;
  if (::ftruncate(fd_, 0) != 0) {
    const int error = errno;
    ::unlink(temporary_.c_str());
    ::close(fd_);
    throw_errno(path_, "cannot write", error);
  }
}

AtomicFile::~AtomicFile() {
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
  if (fd_ >= 0) ::close(fd_);
}

void AtomicFile::write(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t done = ::write(fd_, bytes.data(), std::min(bytes.size(), kMaxWrite));
    if (done < 0 && errno == EINTR) continue;
    if (done < 0) throw_errno(path_, "cannot write", errno);
    bytes = bytes.subspan(static_cast<size_t>(done));
  }
}

void AtomicFile::commit() {
  if (::fsync(fd_) != 0 && !sync_is_unsupported(errno)) throw_errno(path_, "cannot write", errno);
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

void write_file_atomically(const std::string& path, std::span<const std::byte> bytes) {
  AtomicFile file(path);
  file.write(bytes);
  file.commit();
}

}  // namespace vitrine
