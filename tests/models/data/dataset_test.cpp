// Data sets: IDX files and folders made in a temporary folder, Debian's Fashion-MNIST, and the
// random parts of a data set.

#include "models/data/dataset.hpp"

#include <fmt/format.h>
#include <catch2/catch.hpp>

#include <algorithm>
#include <filesystem>
#include <numeric>
#include <set>

#include "core/error.hpp"
#include "models/data/bad_pictures.hpp"
#include "models/data/dataset_view.hpp"
#include "models/data/file_dataset.hpp"
#include "models/data/memory_dataset.hpp"
#include "tests/files_of.hpp"
#include "tests/temp_dir.hpp"

namespace vitrine {
namespace {

using test::TempDir;

std::string idx(std::initializer_list<int> shape, const std::string& elements) {
  std::string bytes{0, 0, 8, static_cast<char>(shape.size())};
  for (const int size : shape) {
    bytes += std::string{0, 0, static_cast<char>(size / 256), static_cast<char>(size % 256)};
  }
  return bytes + elements;
}

/// Four 2 x 3 pictures of classes 0 .. 2 for training, two for test.
void add_idx(const TempDir& dir) {
  dir.add("train-images-idx3-ubyte", idx({4, 2, 3}, std::string("abcdefghijklmnopqrstuvwx")));
  dir.add("train-labels-idx1-ubyte", idx({4}, std::string("\0\2\1\0", 4)));
  dir.add("t10k-images-idx3-ubyte", idx({2, 2, 3}, std::string("ABCDEFGHIJKL")));
  dir.add("t10k-labels-idx1-ubyte", idx({2}, std::string("\1\0", 2)));
}

/// A picture whose pixels all have the value `shade`.
void add_picture(const std::string& path, uint8_t shade, int channels = 3) {
  std::filesystem::create_directories(std::filesystem::path(path).parent_path());
  Image image{5, 4, channels, {}};
  image.pixels.assign(20 * static_cast<size_t>(channels), shade);
  write_png(path, image);
}

TEST_CASE("dataset: IDX files", "[models]") {
  const TempDir dir;
  add_idx(dir);
  const auto train = open_dataset("idx:" + dir.path(), Split::kTrain);
  CHECK(train->size() == 4);
  CHECK(train->labels() == std::vector<int32_t>{0, 2, 1, 0});
  CHECK(train->class_names() == std::vector<std::string>{"0", "1", "2"});
  Image storage;
  const ImageView second = train->picture(1, 1, Exif::kUpright, storage);
  CHECK((second.height == 2 && second.width == 3 && second.channels == 1));
  CHECK(std::string(second.pixels, second.pixels + 6) == "ghijkl");
  CHECK_THROWS_AS(train->picture(4, 1, Exif::kUpright, storage), UsageError);

  // The test part has the classes of the training part, whatever occurs in it.
  const auto test = open_dataset("idx:" + dir.path(), Split::kTest);
  CHECK(test->size() == 2);
  CHECK(test->classes() == 3);

  dir.add("labels.txt", "cat\r\ndog\nant\nfrog\n\n");
  CHECK(open_dataset("idx:" + dir.path(), Split::kTest)->class_names() ==
        std::vector<std::string>{"cat", "dog", "ant", "frog"});
  dir.add("labels.txt", "cat\ndog\n");
  CHECK_THROWS_WITH(open_dataset("idx:" + dir.path(), Split::kTrain),
                    Catch::Contains("must be below 2"));
  dir.add("labels.txt", "\xff\xfe\n");
  CHECK_THROWS_WITH(open_dataset("idx:" + dir.path(), Split::kTrain), Catch::Contains("UTF-8"));
}

TEST_CASE("dataset: IDX files that are missing or malformed", "[models][errors]") {
  const TempDir dir;
  const std::string name = "idx:" + dir.path();
  CHECK_THROWS_WITH(open_dataset(name, Split::kTrain), Catch::Contains("no such file"));
  add_idx(dir);
  dir.add("train-images-idx3-ubyte", idx({4, 2, 3}, "short"));
  CHECK_THROWS_AS(open_dataset(name, Split::kTrain), FormatError);
  dir.add("train-images-idx3-ubyte", idx({0, 2, 3}, ""));
  dir.add("train-labels-idx1-ubyte", idx({0}, ""));
  CHECK_THROWS_AS(open_dataset(name, Split::kTrain), FormatError);
  CHECK_THROWS_AS(open_dataset("idx:", Split::kTrain), UsageError);
  CHECK_THROWS_WITH(open_dataset("imagenet", Split::kTrain), Catch::Contains("fashion-mnist"));
}

TEST_CASE("dataset: a folder with a training and a test part", "[models]") {
  const TempDir dir;
  add_picture(dir.file("train/dog/b.png"), 2);
  add_picture(dir.file("train/dog/a.PNG"), 1);
  add_picture(dir.file("train/cat/z.png"), 3, 1);
  add_picture(dir.file("val/dog/c.png"), 4);
  dir.add("train/cat/notes.txt", "not a picture");
  dir.add("train/cat/.hidden.png", "not a picture");
  const auto train = open_dataset("folder:" + dir.path(), Split::kTrain);
  CHECK(train->class_names() == std::vector<std::string>{"cat", "dog"});
  CHECK(train->labels() == std::vector<int32_t>{0, 1, 1});
  CHECK_FALSE(train->in_memory());
  Image storage;
  std::vector<int> shades;
  for (int64_t i = 0; i < train->size(); ++i) {
    const ImageView picture = train->picture(i, 3, Exif::kUpright, storage);
    CHECK(picture.width == 5);
    CHECK(picture.channels == 3);
    shades.push_back(picture.pixels[0]);
  }
  CHECK(shades == std::vector<int>{3, 1, 2});
  CHECK(train->picture(1, 1, Exif::kUpright, storage).channels == 1);

  const auto test = open_dataset("folder:" + dir.path(), Split::kTest);
  CHECK(test->labels() == std::vector<int32_t>{1});
  CHECK(test->classes() == 2);
  add_picture(dir.file("val/emu/d.png"), 5);
  CHECK_THROWS_WITH(open_dataset("folder:" + dir.path(), Split::kTest),
                    Catch::Contains("class 'emu'"));
}

TEST_CASE("dataset: a test part split off a folder, the same for every run", "[models]") {
  const TempDir dir;
  for (const char* name : {"cat", "dog"}) {
    std::filesystem::create_directories(dir.file(name));
    for (int i = 0; i < 20; ++i) dir.add(fmt::format("{}/{}.png", name, i), "not read here");
  }
  const auto open = [&](Split split) {
    return test::files_of(*open_dataset("folder:" + dir.path(), split));
  };
  const auto train = open(Split::kTrain);
  const auto test = open(Split::kTest);
  CHECK(train.size() == 36);
  CHECK(test.size() == 4);  // a tenth of each class
  CHECK(std::ranges::count_if(test, [](const auto& f) { return f.find("/cat/") != f.npos; }) == 2);
  std::set<std::string> all(train.begin(), train.end());
  all.insert(test.begin(), test.end());
  CHECK(all.size() == 40);
  CHECK(open(Split::kTest) == test);
}

TEST_CASE("dataset: folders that cannot be used", "[models][errors]") {
  const TempDir dir;
  const std::string name = "folder:" + dir.path();
  CHECK_THROWS_WITH(open_dataset(name + "/none", Split::kTrain),
                    dir.path() + "/none: no such folder");
  CHECK_THROWS_WITH(open_dataset(name, Split::kTrain), Catch::Contains("no folders in it"));
  std::filesystem::create_directories(dir.file("cat"));
  CHECK_THROWS_WITH(open_dataset(name, Split::kTrain), Catch::Contains("no .jpg"));
  dir.add("cat/a.png", "this is text");
  const auto broken = open_dataset(name, Split::kTrain);
  Image storage;
  CHECK_THROWS_WITH(broken->picture(0, 3, Exif::kUpright, storage), Catch::Contains("cat/a.png"));
  CHECK_THROWS_WITH(open_dataset(name, Split::kTest), Catch::Contains("too few pictures"));
  std::filesystem::remove(dir.file("cat/a.png"));
  CHECK_THROWS_AS(broken->picture(0, 3, Exif::kUpright, storage), IoError);
}

TEST_CASE("dataset: pictures and labels must fit", "[models][errors]") {
  CHECK_THROWS_AS(MemoryDataset(std::vector<uint8_t>(5), 2, 3, 1, {0}, {"a"}), ShapeError);
  CHECK_THROWS_AS(MemoryDataset(std::vector<uint8_t>(6), 2, 3, 1, {1}, {"a"}), UsageError);
  CHECK_THROWS_AS(MemoryDataset(std::vector<uint8_t>(6), 2, 3, 1, {-1}, {"a"}), UsageError);
  CHECK_THROWS_AS(MemoryDataset({}, 2, 3, 1, {}, {"a"}), UsageError);
  CHECK_THROWS_AS(FileDataset({"a.png"}, {0, 0}, {"a"}), ShapeError);
}

TEST_CASE("dataset: some pictures of another one, and other labels for them", "[models][errors]") {
  const auto all = std::make_shared<const MemoryDataset>(
      std::vector<uint8_t>{10, 11, 12}, 1, 1, 1, std::vector<int32_t>{0, 1, 1},
      std::vector<std::string>{"a", "b"}, DatasetFacts{.numbered = true, .notes = {"a note"}});
  const auto some = some_of(all, {2, 0});
  CHECK(some->labels() == std::vector<int32_t>{1, 0});
  CHECK(some->class_names() == all->class_names());
  CHECK((some->in_memory() && some->facts().numbered && some->notes() == all->notes()));
  const auto other = with_labels(some, {2, 0}, {"x", "y", "z"});
  CHECK(other->labels() == std::vector<int32_t>{2, 0});
  CHECK(other->class_sizes() == std::vector<int64_t>{1, 0, 1});
  Image storage;
  CHECK(*other->picture(0, 1, Exif::kUpright, storage).pixels == 12);
  CHECK(*other->picture(1, 1, Exif::kUpright, storage).pixels == 10);
  CHECK_THROWS_AS(other->picture(2, 1, Exif::kUpright, storage), UsageError);
  CHECK_THROWS_AS(some_of(all, {3}), UsageError);
  CHECK_THROWS_AS(some_of(all, {}), UsageError);
  CHECK_THROWS_AS(with_labels(all, {0, 0}, {"x"}), ShapeError);
  CHECK_THROWS_AS(with_labels(all, {0, 0, 1}, {"x"}), UsageError);
}

TEST_CASE("dataset: the validation part is even over the classes and follows the seed",
          "[models]") {
  // 100 pictures of class 0, 50 of class 1, 10 of class 2, mixed.
  std::vector<int32_t> labels;
  labels.reserve(160);
  for (int i = 0; i < 160; ++i) labels.push_back(i % 16 < 10 ? 0 : i % 16 < 15 ? 1 : 2);
  const MemoryDataset data(std::vector<uint8_t>(160), 1, 1, 1, labels, {"a", "b", "c"});
  const ValidationSplit split = split_validation(data, 0.1, 5);
  CHECK(split.validation.size() == 16);
  std::vector<int> count(3);
  for (const int64_t i : split.validation) {
    ++count[static_cast<size_t>(labels[static_cast<size_t>(i)])];
  }
  CHECK(count == std::vector<int>{10, 5, 1});

  std::vector<int64_t> all = split.train;
  all.insert(all.end(), split.validation.begin(), split.validation.end());
  CHECK(std::ranges::is_sorted(split.train));
  CHECK(std::ranges::is_sorted(split.validation));
  std::ranges::sort(all);
  std::vector<int64_t> want(160);
  std::iota(want.begin(), want.end(), int64_t{0});
  CHECK(all == want);

  CHECK(split_validation(data, 0.1, 5).validation == split.validation);
  CHECK(split_validation(data, 0.1, 6).validation != split.validation);
  CHECK(split_validation(data, 0, 5).train.size() == 160);
  CHECK_THROWS_AS(split_validation(data, 1.0, 5), UsageError);
  CHECK_THROWS_AS(split_validation(data, -0.1, 5), UsageError);
}

TEST_CASE("dataset: pixel statistics", "[models]") {
  const MemoryDataset data({0, 10, 255, 30}, 1, 2, 1, {0, 0}, {"a"});
  const PixelStatistics s = pixel_statistics(data);
  CHECK(s.mean[0] == Approx(73.75 / 255));
  CHECK(s.stddev[0] == Approx(105.2007 / 255).epsilon(1e-5));
  const MemoryDataset flat({7, 9, 11, 7, 9, 11}, 1, 2, 3, {0}, {"a"});
  CHECK(pixel_statistics(flat).mean[2] == Approx(11.0 / 255));
  CHECK(pixel_statistics(flat).stddev[2] == 1);
  CHECK_THROWS_AS(pixel_statistics(FileDataset({"x.png"}, {0}, {"a"})), UsageError);
}

/// A record of CIFAR: labels, then planes that count up from `red`, `red` + 1, `red` + 2.
std::string cifar_record(const std::string& labels, int red) {
  std::string record = labels;
  for (int c = 0; c < 3; ++c) {
    for (int i = 0; i < 1024; ++i) record += static_cast<char>((red + c + i) % 256);
  }
  return record;
}

TEST_CASE("dataset: CIFAR", "[models]") {
  const TempDir dir;
  for (int i = 1; i <= 5; ++i) {
    dir.add(fmt::format("data_batch_{}.bin", i),
            cifar_record(std::string(1, static_cast<char>(i)), i) + cifar_record("\t", 50 + i));
  }
  dir.add("test_batch.bin", cifar_record(std::string(1, '\0'), 9));
  const auto train = open_dataset("cifar10:" + dir.path(), Split::kTrain);
  CHECK(train->labels() == std::vector<int32_t>{1, 9, 2, 9, 3, 9, 4, 9, 5, 9});
  CHECK(train->class_names()[9] == "9");
  Image storage;
  const ImageView second = train->picture(1, 3, Exif::kUpright, storage);
  CHECK((second.height == 32 && second.width == 32 && second.channels == 3));
  CHECK(std::vector<int>(second.pixels, second.pixels + 6) ==
        std::vector<int>{51, 52, 53, 52, 53, 54});
  CHECK(open_dataset("cifar10:" + dir.path(), Split::kTest)->labels() == std::vector<int32_t>{0});

  dir.add("train.bin", cifar_record("\3\77", 1) + cifar_record("\1\143", 2));
  const auto hundred = open_dataset("cifar100:" + dir.path(), Split::kTrain);
  CHECK(hundred->labels() == std::vector<int32_t>{63, 99});
  CHECK(hundred->classes() == 100);
  dir.add("batches.meta.txt", "a\nb\nc\nd\ne\nf\ng\nh\ni\nj\n\n");
  CHECK(open_dataset("cifar10:" + dir.path(), Split::kTest)->class_names()[9] == "j");
  dir.add("batches.meta.txt", "a\nb\n");
  CHECK_THROWS_AS(open_dataset("cifar10:" + dir.path(), Split::kTest), FormatError);
}

TEST_CASE("dataset: CIFAR files that are none", "[models][errors]") {
  const TempDir dir;
  const std::string name = "cifar10:" + dir.path();
  CHECK_THROWS_AS(open_dataset(name, Split::kTest), IoError);
  const std::string good = cifar_record("\1", 1);
  for (const std::string& bytes :
       {std::string(), good + "x", good.substr(1), cifar_record("\n", 1)}) {
    dir.add("test_batch.bin", bytes);
    CHECK_THROWS_AS(open_dataset(name, Split::kTest), FormatError);
  }
}

TEST_CASE("dataset: a list of files with labels", "[models]") {
  const TempDir dir;
  dir.add("train.csv", "a.png,10\r\n\n\"b,\"\"1\"\".png\",9\n/c/d.png,\"9\"\nsub/e.png,10");
  dir.add("val.csv", "f.png,9\n");
  const auto train = open_dataset("csv:" + dir.path(), Split::kTrain);
  CHECK(train->class_names() == std::vector<std::string>{"9", "10"});
  CHECK(train->labels() == std::vector<int32_t>{1, 0, 0, 1});
  CHECK(test::files_of(*train) == std::vector<std::string>{dir.file("a.png"),
                                                           dir.file("b,\"1\".png"), "/c/d.png",
                                                           dir.file("sub/e.png")});
  CHECK(test::files_of(*open_dataset("csv:" + dir.path(), Split::kTest)) ==
        std::vector<std::string>{dir.file("f.png")});

  // A test part is split off one list, the same as ever.
  std::string lines;
  for (int i = 0; i < 40; ++i) lines += fmt::format("{}.png,{}\n", i, i % 2 == 0 ? "cat" : "10");
  const std::string list = "csv:" + dir.add("all.csv", lines);
  CHECK(open_dataset(list, Split::kTrain)->class_names() == std::vector<std::string>{"10", "cat"});
  CHECK(open_dataset(list, Split::kTrain)->size() == 36);
  CHECK(open_dataset(list, Split::kTest)->size() == 4);
}

TEST_CASE("dataset: lists that are malformed name the line", "[models][errors]") {
  const TempDir dir;
  const auto refused = [&](const std::string& text, const char* says) {
    const std::string name = "csv:" + dir.add("list.csv", text);
    CHECK_THROWS_WITH(open_dataset(name, Split::kTrain), Catch::Contains(says));
  };
  refused("a.png,1\nb.png\n", "line 2: wants FILE,LABEL");
  refused("a.png,1,2\n", "line 1: wants FILE,LABEL");
  refused("a.png,\n", "line 1: wants FILE,LABEL");
  refused("\n\n\"a.png,1\n", "line 3: a quote is not closed");
  refused("a\"b.png,1\n", "line 1: a quote inside");
  refused("a.png,\xff\n", "UTF-8");
  refused(std::string("a\0.png,1\n", 9), "zero byte");
  refused("\n\n", "no pictures in it");
  CHECK_THROWS_AS(open_dataset("csv:" + dir.file("none.csv"), Split::kTrain), IoError);
  dir.add("train.csv", "a.png,1\n");
  dir.add("test.csv", "a.png,1\nb.png,2\n");
  CHECK_THROWS_WITH(open_dataset("csv:" + dir.path(), Split::kTest),
                    Catch::Contains("line 2: label '2' is not among"));
}

TEST_CASE("dataset: pictures that cannot be read are left out, in the order of the files",
          "[models]") {
  const TempDir dir;
  add_picture(dir.file("a.png"), 1);
  dir.add("b.png", "this is text");
  add_picture(dir.file("c.png"), 3);
  const std::shared_ptr<const Dataset> all = std::make_shared<const FileDataset>(
      std::vector{dir.file("a.png"), dir.file("b.png"), dir.file("c.png"), dir.file("d.png")},
      std::vector<int32_t>{0, 1, 1, 0}, std::vector<std::string>{"x", "y"});
  const ReadablePictures readable = readable_pictures(all, 3);
  CHECK(test::files_of(*readable.dataset) == std::vector{dir.file("a.png"), dir.file("c.png")});
  CHECK(readable.dataset->labels() == std::vector<int32_t>{0, 1});
  CHECK(readable.dataset->classes() == 2);
  REQUIRE(readable.bad.size() == 2);
  CHECK(readable.bad[0].find("b.png") != std::string::npos);
  CHECK(readable.bad[1].find("d.png") != std::string::npos);
  CHECK(readable_pictures(readable.dataset, 1).dataset == readable.dataset);
  const auto none = std::make_shared<const FileDataset>(
      std::vector{dir.file("b.png")}, std::vector<int32_t>{0}, std::vector<std::string>{"x"});
  CHECK_THROWS_WITH(readable_pictures(none, 3), Catch::Contains("none of 1 pictures"));
}

TEST_CASE("dataset: Fashion-MNIST", "[models]") {
  const auto test = open_dataset("fashion-mnist", Split::kTest);
  CHECK(test->size() == 10'000);
  Image storage;
  CHECK(test->picture(0, 1, Exif::kUpright, storage).height == 28);
  CHECK(test->class_names()[9] == "Ankle boot");
  for (int32_t label = 0; label < 10; ++label) {
    CHECK(std::ranges::count(test->labels(), label) == 1000);
  }
  const PixelStatistics s = pixel_statistics(*test);
  CHECK(s.mean[0] == Approx(0.2868).epsilon(1e-3));
  CHECK(s.stddev[0] == Approx(0.3524).epsilon(1e-3));
}

}  // namespace
}  // namespace vitrine
