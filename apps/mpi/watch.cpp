#include "apps/mpi/watch.hpp"

#include <fmt/format.h>

#include <elf.h>
#include <link.h>
#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <sstream>

#include "core/processors.hpp"

namespace vitrine {
namespace {

volatile std::sig_atomic_t g_told_to_end = 0;

/// Ends the work as Ctrl-C does, if somebody waits for that.
void on_terminate(int) {
  g_told_to_end = 1;
  struct sigaction interrupt{};
  sigaction(SIGINT, nullptr, &interrupt);
  if (interrupt.sa_handler != SIG_DFL) std::raise(SIGINT);
}

// How long a launcher waits between SIGTERM and SIGKILL, less what it takes to say so: Open MPI
// (odls_base_sigkill_timeout), and Slurm (KillWait).
constexpr double kOpenMpiWaits = 1, kSlurmWaits = 30, kToSay = 0.3;

/// Field 22 of /proc/PID/stat; 0 if there is no such process.
unsigned long long start_time(long pid) {
  std::ifstream file(fmt::format("/proc/{}/stat", pid));
  std::stringstream text;
  text << file.rdbuf();
  const std::string all = text.str();
  const size_t name_end = all.rfind(')');
  if (name_end == std::string::npos) return 0;
  std::istringstream rest(all.substr(name_end + 1));
  std::string field;
  constexpr int kAfterName = 20;  // field 3 comes first
  for (int i = 0; i < kAfterName; ++i) rest >> field;
  return field.empty() ? 0 : std::strtoull(field.c_str(), nullptr, 10);
}

bool is_dead(int pidfd) {
  pollfd entry{pidfd, POLLIN, 0};
  return poll(&entry, 1, 0) == 1;
}

/// Copies the note of the program's linker that tells one build from another.
int copy_build(dl_phdr_info* program, size_t, void* to) {
  for (int i = 0; i < program->dlpi_phnum; ++i) {
    const auto& part = program->dlpi_phdr[i];
    if (part.p_type != PT_NOTE) continue;
    const auto* at = reinterpret_cast<const char*>(program->dlpi_addr + part.p_vaddr);
    const char* end = at + part.p_memsz;
    while (at + sizeof(ElfW(Nhdr)) < end) {
      ElfW(Nhdr) note;
      std::memcpy(&note, at, sizeof note);
      const char* name = at + sizeof note;
      const char* content = name + (note.n_namesz + 3) / 4 * 4;
      if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == sizeof ELF_NOTE_GNU &&
          std::memcmp(name, ELF_NOTE_GNU, sizeof ELF_NOTE_GNU) == 0) {
        std::memcpy(to, content, std::min<size_t>(note.n_descsz, sizeof Peer::build));
      }
      at = content + (note.n_descsz + 3) / 4 * 4;
    }
  }
  return 1;  // what follows are libraries
}

}  // namespace

Peer present_self() {
  Peer self;
  self.pid = getpid();
  self.started = start_time(self.pid);
  self.processors = static_cast<int>(processors().size());
  gethostname(self.host, sizeof self.host - 1);
  dl_iterate_phdr(copy_build, self.build);
  return self;
}

std::string Peers::name(int which) const {
  return fmt::format("rank {} on {}", which, all[static_cast<size_t>(which)].host);
}

Watch::Watch(const Peers& peers) : peers_(peers), parent_(getppid()) {
  struct sigaction action{};
  action.sa_handler = on_terminate;
  sigaction(SIGTERM, &action, nullptr);
  std::signal(SIGPIPE, SIG_IGN);  // whoever reads what is said may die first
  for (const int rank : peers.here) {
    const Peer& peer = peers.all[static_cast<size_t>(rank)];
    // In another container the number may be another process's.
    if (rank == peers.rank || start_time(peer.pid) != peer.started) continue;
    const auto fd = static_cast<int>(syscall(SYS_pidfd_open, peer.pid, 0));
    if (fd >= 0) others_.push_back({rank, fd});
  }
}

Watch::~Watch() {
  for (const Entry& other : others_) close(other.pidfd);
}

int Watch::dead_rank() const {
  for (const Entry& other : others_) {
    if (is_dead(other.pidfd)) return other.rank;
  }
  return -1;
}

bool Watch::first_alive() const {
  return std::ranges::none_of(others_, [&](const Entry& other) {
    return other.rank < peers_.rank && !is_dead(other.pidfd);
  });
}

bool Watch::launcher_gone() const { return parent_ > 1 && getppid() != parent_; }

bool Watch::told_to_end() { return g_told_to_end != 0; }

double Watch::grace() {
  if (std::getenv("OMPI_COMM_WORLD_SIZE") == nullptr) return kSlurmWaits - kToSay;
  const char* given = std::getenv("OMPI_MCA_odls_base_sigkill_timeout");
  const double seconds = given == nullptr ? 0 : std::atof(given);
  return (seconds > 0 ? seconds : kOpenMpiWaits) - kToSay;
}

}  // namespace vitrine
