// Files as the library reads and writes them: what a mapping shows, what a limit refuses, and that
// a written file is either complete under its name or not there at all. Full disks are played by
// /dev/full and by a limit on the size of files. Out of scope: losing power, and a file that
// somebody shortens while it is mapped.

#include "core/formats/file.hpp"

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

TEST_CASE("read_file reads regular files up to its limit", "[file][errors]") {
  const TempDir dir;
  const std::string path = dir.add("a", "12345");
  CHECK(text_of(read_file(path, 5)) == "12345");
  CHECK_THROWS_WITH(read_file(path, 4), Catch::Contains("too_large"));
  CHECK(read_file(dir.add("empty", ""), 0).empty());
  CHECK_THROWS_AS(read_file(dir.file("none"), 5), IoError);
  CHECK_THROWS_WITH(read_file(dir.path(), 5), Catch::Contains("Is a directory"));
  // What may never end, or never begin.
  const std::string pipe = dir.file("pipe");
  REQUIRE(mkfifo(pipe.c_str(), 0600) == 0);
  for (const std::string& endless : {std::string("/dev/zero"), pipe}) {
    CHECK_THROWS_WITH(read_file(endless, 100'000), Catch::Contains("not a regular file"));
    CHECK_THROWS_AS(append_to_file(endless, {}), IoError);
  }
  // Larger than any memory, and refused before any is taken.
  std::filesystem::resize_file(path, uintmax_t{1} << 42);
  CHECK_THROWS_WITH(read_file(path, int64_t{1} << 41), Catch::Contains("too_large"));
}

TEST_CASE("read_file shows the start of a file before it reads the rest", "[file][errors]") {
  const TempDir dir;
  std::string text(20'000, 'x');
  text[0] = 'a';
  const std::string path = dir.add("a", text);
  std::string seen;
  const auto look = [&](std::span<const std::byte> start) { seen = text_of(start); };
  CHECK(text_of(read_file(path, 1 << 20, look)) == text);
  CHECK(seen == text.substr(0, kStartBytes));
  CHECK(text_of(read_file(dir.add("b", "short"), 5, look)) == "short");
  CHECK(seen == "short");
  read_file(dir.add("empty", ""), 5, look);
  CHECK(seen.empty());
  std::filesystem::resize_file(path, uintmax_t{1} << 42);
  const auto refuse = [](std::span<const std::byte>) { throw UsageError("not worth it"); };
  CHECK_THROWS_WITH(read_file(path, int64_t{1} << 43, refuse), "not worth it");
}

TEST_CASE("a file in memory of its own stays what it was", "[file]") {
  const TempDir dir;
  std::string text;
  text.resize(20'000'000);  // more than is read at a time
  for (size_t i = 0; i < text.size(); ++i) text[i] = static_cast<char>('a' + i % 23);
  const std::string path = dir.add("a", text);
  const MappedFile file(path, Backing::kMemory);
  dir.add("a", "cut short");  // a mapping would end the process now
  CHECK(text_of(file.bytes()) == text);
  file.release(file.bytes());
  CHECK(text_of(file.bytes()) == text);
  const std::shared_ptr<const void> mapping = file.mapping();
  CHECK(mapping != nullptr);
  // Whole pages are gone, others' bytes are not.
  file.forget(file.bytes().subspan(100, 1'000'000));
  CHECK(text_of(file.bytes().first(100)) == text.substr(0, 100));
  CHECK(text_of(file.bytes().subspan(1'000'100)) == text.substr(1'000'100));
  CHECK(file.bytes()[500'000] == std::byte{0});
  CHECK(MappedFile(dir.add("empty", ""), Backing::kMemory).bytes().empty());
  CHECK_THROWS_AS(MappedFile(dir.file("none"), Backing::kMemory), IoError);
}

TEST_CASE("bytes are put behind those of a file", "[file][errors]") {
  const TempDir dir;
  const std::string path = dir.file("a");
  append_to_file(path, bytes_of("one\n"));
  append_to_file(path, bytes_of("two\n"));
  sync_file(path);
  CHECK(content(path) == "one\ntwo\n");
  CHECK_THROWS_AS(sync_file(dir.file("none")), IoError);
  CHECK_THROWS_AS(append_to_file(dir.path(), {}), IoError);
  const FileSizeLimit limit(10);
  CHECK_THROWS_WITH(append_to_file(path, bytes_of("three\n")),
                    Catch::Contains("cannot write: File too large"));
}

TEST_CASE("nothing is written through a link in the temporary file's place", "[file][errors]") {
  const TempDir dir;
  const std::string path = dir.file("a");
  const std::string temporary = path + ".vitrine-tmp";
  const std::string precious = dir.add("precious", "precious");
  const auto check_replaced = [&] {
    write_file_atomically(path, bytes_of("new"));
    CHECK(content(path) == "new");
    CHECK(content(precious) == "precious");
    CHECK(dir.names() == std::set<std::string>{"a", "precious"});
  };
  std::filesystem::create_hard_link(precious, temporary);
  check_replaced();
  std::filesystem::create_symlink(precious, temporary);
  check_replaced();
  std::filesystem::create_symlink(dir.file("nothing"), temporary);
  check_replaced();
  REQUIRE(mkfifo(temporary.c_str(), 0600) == 0);
  check_replaced();
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
  std::thread reader([&] { std::getline(std::ifstream(pipe), got); });
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
