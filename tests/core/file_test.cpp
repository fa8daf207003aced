// Files as the library reads and writes them: what a mapping shows, what a limit refuses, and that
// a written file is either complete under its name or not there at all. Full disks are played by
// /dev/full and by a limit on the size of files. Out of scope: losing power, and a file that
// somebody shortens while it is mapped.

#include "core/file.hpp"

#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <csignal>
#include <memory>
#include <thread>

#include "core/error.hpp"
#include "tests/temp_dir.hpp"

using namespace vitrine;
using vitrine::test::TempDir;

namespace {

std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text));
}

std::string text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::string content(const std::string& path) { return text_of(read_file(path, 1 << 20)); }

// While it lives, no file of this process can grow beyond `limit` bytes.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t limit) : handler_(std::signal(SIGXFSZ, SIG_IGN)) {
    getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit now = {limit, before_.rlim_max};
    setrlimit(RLIMIT_FSIZE, &now);
  }
  FileSizeLimit(const FileSizeLimit&) = delete;
  FileSizeLimit& operator=(const FileSizeLimit&) = delete;
  ~FileSizeLimit() {
    setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, handler_);
  }

 private:
  void (*handler_)(int);
  rlimit before_ = {};
};

}  // namespace

TEST_CASE("a mapped file shows its bytes and survives being copied", "[file]") {
  const TempDir dir;
  const std::string path = dir.add("a", "hello");
  MappedFile file(path);
  CHECK(file.path() == path);
  CHECK(text_of(file.bytes()) == "hello");
  const MappedFile copy(file);
  file = MappedFile(dir.add("b", "other"));
  CHECK(text_of(copy.bytes()) == "hello");
  CHECK(text_of(file.bytes()) == "other");
  CHECK(MappedFile(dir.add("empty", "")).bytes().empty());
}

TEST_CASE("released pages of a mapped file read the same again", "[file]") {
  const TempDir dir;
  std::string text(300'000, ' ');  // many pages
  for (size_t i = 0; i < text.size(); ++i) text[i] = static_cast<char>('a' + i % 23);
  const MappedFile file(dir.add("a", text));
  CHECK(text_of(file.bytes()) == text);
  file.release(file.bytes());
  file.release(file.bytes().subspan(5000, 100'000));
  file.release(file.bytes().subspan(7, 3));
  file.release({});
  CHECK(text_of(file.bytes()) == text);
}

TEST_CASE("a mapping is there as long as somebody keeps it", "[file]") {
  const TempDir dir;
  const std::string text(10'000, 'x');
  std::shared_ptr<const void> mapping;
  std::span<const std::byte> bytes;
  {
    const MappedFile file(dir.add("a", text));
    bytes = file.bytes();
    file.populate(bytes);
    file.populate(bytes.subspan(5000, 3));
    file.populate({});
    mapping = file.mapping();
  }
  CHECK(text_of(bytes) == text);
  const std::weak_ptr<const void> alive = mapping;
  mapping = nullptr;
  CHECK(alive.expired());
  CHECK(MappedFile(dir.add("empty", "")).mapping() == nullptr);
}

TEST_CASE("what is not a readable regular file cannot be mapped", "[file][errors]") {
  const TempDir dir;
  CHECK_THROWS_WITH(MappedFile(dir.file("none")),
                    dir.file("none") + ": cannot open: No such file or directory");
  CHECK_THROWS_WITH(MappedFile(dir.path()), dir.path() + ": cannot read: Is a directory");
  const std::string pipe = dir.file("pipe");
  REQUIRE(mkfifo(pipe.c_str(), 0600) == 0);
  CHECK_THROWS_WITH(MappedFile(pipe), pipe + ": cannot read: not a regular file");
  CHECK_THROWS_AS(MappedFile(pipe), IoError);
}

TEST_CASE("read_file reads files and pipes up to its limit", "[file][errors]") {
  const TempDir dir;
  const std::string path = dir.add("a", "12345");
  CHECK(text_of(read_file(path, 5)) == "12345");
  CHECK_THROWS_WITH(read_file(path, 4), Catch::Contains("too_large"));
  CHECK(read_file(dir.add("empty", ""), 0).empty());
  CHECK_THROWS_AS(read_file(dir.file("none"), 5), IoError);
  CHECK_THROWS_WITH(read_file(dir.path(), 5), Catch::Contains("Is a directory"));
  CHECK_THROWS_WITH(read_file("/dev/zero", 100'000), Catch::Contains("too_large"));

  const std::string pipe = dir.file("pipe");
  REQUIRE(mkfifo(pipe.c_str(), 0600) == 0);
  const std::string sent(50'000, 'x');
  std::thread writer([&] { std::ofstream(pipe) << sent; });
  const std::string got = text_of(read_file(pipe, 1 << 20));
  writer.join();
  CHECK(got == sent);
}

TEST_CASE("a folder is locked by one at a time", "[file][errors]") {
  const test::TempDir dir;
  for (int again = 0; again < 2; ++again) {
    const FolderLock lock(dir.path());
    CHECK_THROWS_WITH(FolderLock(dir.path()), Catch::Contains("another process works here"));
  }
  CHECK_NOTHROW(FolderLock(dir.path()));
  CHECK_THROWS_AS(FolderLock(dir.file("gone")), IoError);
  dir.add("text", "no folder");
  CHECK_THROWS_AS(FolderLock(dir.file("text")), IoError);
}

TEST_CASE("a file appears when it is committed, and replaces the old one whole", "[file]") {
  const TempDir dir;
  const std::string path = dir.add("a", "old");
  {
    AtomicFile file(path);
    file.write(bytes_of("new "));
    CHECK(content(path) == "old");
    file.write(bytes_of("content"));
    file.commit();
    CHECK(content(path) == "new content");
  }
  CHECK(content(path) == "new content");
  CHECK(dir.names() == std::set<std::string>{"a"});
  write_file_atomically(path, {});
  CHECK(content(path).empty());
}

TEST_CASE("without a commit nothing changes and nothing is left", "[file]") {
  const TempDir dir;
  const std::string path = dir.add("a", "old");
  {
    AtomicFile(path).write(bytes_of("half of it"));
  }
  {
    AtomicFile(dir.file("b")).write(bytes_of("half of it"));
  }
  CHECK(content(path) == "old");
  CHECK(dir.names() == std::set<std::string>{"a"});
}

TEST_CASE("a written file has the mode that the umask gives", "[file]") {
  const TempDir dir;
  const mode_t before = umask(027);
  write_file_atomically(dir.file("a"), bytes_of("x"));
  umask(before);
  struct stat status = {};
  REQUIRE(stat(dir.file("a").c_str(), &status) == 0);
  CHECK((status.st_mode & 0777) == 0640);
}

TEST_CASE("a symbolic link is written through", "[file]") {
  const TempDir dir;
  std::filesystem::create_directory(dir.file("real"));
  write_file_atomically(dir.file("real/a"), bytes_of("old"));
  std::filesystem::create_symlink("real/a", dir.file("link"));
  write_file_atomically(dir.file("link"), bytes_of("new"));
  CHECK(std::filesystem::is_symlink(dir.file("link")));
  CHECK(content(dir.file("real/a")) == "new");
  CHECK(dir.names() == std::set<std::string>{"link", "real"});
}

TEST_CASE("a device or pipe is written directly and stays what it is", "[file][errors]") {
  CHECK_THROWS_WITH(write_file_atomically("/dev/full", bytes_of("x")),
                    "/dev/full: cannot write: No space left on device");
  write_file_atomically("/dev/null", bytes_of("x"));
  const TempDir dir;
  const std::string pipe = dir.file("pipe");
  REQUIRE(mkfifo(pipe.c_str(), 0600) == 0);
  std::string got;
  std::thread reader([&] { got = content(pipe); });
  write_file_atomically(pipe, bytes_of("through the pipe"));
  reader.join();
  CHECK(got == "through the pipe");
  CHECK(std::filesystem::is_character_file("/dev/full"));
  CHECK(std::filesystem::is_character_file("/dev/null"));
}

TEST_CASE("a write that fails keeps the old file and leaves no other", "[file][errors]") {
  const TempDir dir;
  const std::string path = dir.add("a", "old");
  const std::string big(100'000, 'x');
  {
    const FileSizeLimit limit(10'000);
    CHECK_THROWS_WITH(write_file_atomically(path, bytes_of(big)),
                      path + ": cannot write: File too large");
    CHECK_THROWS_AS(write_file_atomically(dir.file("b"), bytes_of(big)), IoError);
  }
  CHECK(content(path) == "old");
  CHECK(dir.names() == std::set<std::string>{"a"});
  write_file_atomically(path, bytes_of(big));
  CHECK(content(path) == big);
}

TEST_CASE("folders that cannot be written are said", "[file][errors]") {
  const TempDir dir;
  CHECK_THROWS_WITH(write_file_atomically(dir.file("none/a"), bytes_of("x")),
                    dir.file("none/a") + ": cannot write: No such file or directory");
  CHECK_THROWS_WITH(write_file_atomically(dir.path(), bytes_of("x")),
                    dir.path() + ": cannot write: Is a directory");
  const std::string path = dir.add("a", "old");
  CHECK_THROWS_WITH(write_file_atomically(path + "/b", bytes_of("x")),
                    Catch::Contains("Not a directory"));

  // The superuser may write anywhere, so becomes somebody else for a moment.
  REQUIRE(chmod(dir.path().c_str(), 0555) == 0);
  const uid_t user = geteuid();
  if (user == 0) REQUIRE(seteuid(65534) == 0);
  std::string message;
  try {
    write_file_atomically(path, bytes_of("x"));
  } catch (const IoError& error) {
    message = error.what();
  }
  if (user == 0) REQUIRE(seteuid(user) == 0);
  chmod(dir.path().c_str(), 0755);
  CHECK(message == path + ": cannot write: Permission denied");
  CHECK(content(path) == "old");
}

TEST_CASE("one writer at a time, and a killed writer's remains are overwritten", "[file][errors]") {
  const TempDir dir;
  const std::string path = dir.file("a");
  {
    AtomicFile first(path);
    first.write(bytes_of("first"));
    CHECK_THROWS_WITH(AtomicFile(path), Catch::Contains("another process is writing it"));
    first.commit();
  }
  CHECK(content(path) == "first");
  dir.add("a.vitrine-tmp", "the longer remains of a writer that was killed");
  write_file_atomically(path, bytes_of("second"));
  CHECK(content(path) == "second");
  CHECK(dir.names() == std::set<std::string>{"a"});
}
