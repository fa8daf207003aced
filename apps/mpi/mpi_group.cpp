#include <fmt/format.h>

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>

#include "apps/mpi/courier.hpp"
#include "apps/terminal/print.hpp"
#include "core/processors.hpp"
#include "models/training/group.hpp"

// The group that mpirun or srun has launched.

namespace vitrine {
namespace {

class MpiGroup final : public Group {
 public:
  MpiGroup() {
    refuse_strangers();
    be_silent();
    share_processors();
  }

  int rank() const override { return courier_.peers().rank; }
  int size() const override { return courier_.peers().size(); }
  bool launched() const override { return true; }
  int64_t begin(int tag, std::span<const Outgoing> out, std::span<const Incoming> in) override {
    return courier_.begin(tag, out, in);
  }
  bool done(int64_t exchange) override { return courier_.done(exchange); }
  void wait(int64_t exchange) override {
    const Waiting waiting(waited_);
    courier_.wait(exchange);
  }
  std::vector<std::vector<std::byte>> gather(std::span<const std::byte> own) override {
    const Waiting waiting(waited_);
    return courier_.gather(own);
  }
  double waited() const override { return waited_; }
  void set_advice(std::string advice) override { courier_.set_advice(std::move(advice)); }
  void end_all(const std::string& why, int status) override {
    if (size() > 1) courier_.end_all(why, status);
  }
  void leave() override { courier_.leave(); }

 private:
  struct Waiting {
    explicit Waiting(double& total) : sum(total) {}
    ~Waiting() {
      sum += std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    }
    Waiting(const Waiting&) = delete;
    Waiting& operator=(const Waiting&) = delete;
    double& sum;
    std::chrono::steady_clock::time_point start = std::chrono::steady_clock::now();
  };

  void refuse_strangers();
  void be_silent() const;
  void share_processors() const;

  Courier courier_;
  double waited_ = 0;
};

int number_in(const char* variable) {
  const char* text = std::getenv(variable);
  return text == nullptr ? 0 : std::atoi(text);
}

/// Launchers start processes that do not find each other if they speak another MPI, and nodes may
/// have different programs, whose messages do not fit.
void MpiGroup::refuse_strangers() {
  if (!silence_limit()) {
    courier_.end_all(fmt::format("VITRINE_MPI_TIMEOUT is {}: seconds above 0",
                                 std::getenv("VITRINE_MPI_TIMEOUT")),
                     2);
  }
  const std::vector<Peer>& all = courier_.peers().all;
  for (size_t rank = 1; rank < all.size(); ++rank) {
    if (std::ranges::equal(all[rank].build, all[0].build)) continue;
    courier_.end_all(
        fmt::format("{} runs another build of this program than {}: the same file on "
                    "all of them",
                    courier_.peers().name(static_cast<int>(rank)), courier_.peers().name(0)),
        1);
  }
  if (size() > 1 || number_in("OMPI_COMM_WORLD_SIZE") > 0) return;
  if (const int tasks = number_in("SLURM_STEP_NUM_TASKS"); tasks > 1) {
    courier_.end_all(
        fmt::format("srun has started {} tasks that do not know of each other: srun --mpi=pmix",
                    tasks),
        2);
  }
  if (const int started = number_in("PMI_SIZE"); started > 1) {
    courier_.end_all(fmt::format("{} processes do not know of each other: take the mpirun of the "
                                 "MPI that this program was built with",
                                 started),
                     2);
  }
}

/// What people read comes from the first rank.
void MpiGroup::be_silent() const {
  if (rank() == 0) return;
  unsetenv("VITRINE_PROFILE");
  const int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
  if (nowhere < 0) return;
  dup2(nowhere, STDOUT_FILENO);
  close(nowhere);
}

/// Each rank takes its share of the node, unless somebody has said how many threads.
void MpiGroup::share_processors() const {
  const Peers& peers = courier_.peers();
  const auto on_node = static_cast<int>(peers.here.size());
  const auto all = static_cast<int>(sysconf(_SC_NPROCESSORS_ONLN));
  const auto own = static_cast<int>(processors().size());
  const int share = std::max(1, (own < all ? all : count_processors()) / on_node);
  setenv("VITRINE_THREADS", std::to_string(std::clamp(own, 1, share)).c_str(), /*overwrite=*/0);
  if (size() == 1 || own >= share || peers.here.front() != rank()) return;
  print(stderr,
        "vitrine: {} may run on {} of the node's {} processors, its share are {}: mpirun --bind-to "
        "none, or --map-by slot:PE={}\n",
        peers.name(rank()), own, all, share, share);
}

/// Whether a launcher has started this process.
bool is_launched() {
  return std::ranges::any_of(
      std::initializer_list<const char*>{"OMPI_COMM_WORLD_SIZE", "PMI_RANK", "PMI_SIZE",
                                         "PMIX_RANK", "SLURM_STEP_NUM_TASKS"},
      [](const char* name) { return std::getenv(name) != nullptr; });
}

}  // namespace

Group& launched_group() {
  if (!is_launched()) return alone();
  static MpiGroup& group = *new MpiGroup;  // NOLINT: its thread outlives main() where that fails
  return group;
}

}  // namespace vitrine
