#pragma once

#include <condition_variable>
#include <cstddef>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include <mpi.h>

#include "apps/mpi/watch.hpp"
#include "models/training/group.hpp"

namespace vitrine {

/// Seconds of silence after which a rank counts as lost, from VITRINE_MPI_TIMEOUT; nothing if that
/// is no number above 0.
std::optional<double> silence_limit();

/// The one thread of a rank that calls MPI. It begins what the others ask for, sees to it that
/// messages get on while they compute, tells its neighbour every second that this rank lives, and
/// ends the whole group when a rank has died, is silent or has failed.
/// Invariants:
///   1. Everything of MPI belongs to this thread; what is below the mutex, to whoever holds it.
///   2. Messages wait for nothing but their receiver: every receive is posted when it is asked for.
class Courier {
 public:
  /// Joins the group; returns when all ranks have.
  Courier();
  Courier(const Courier&) = delete;
  Courier& operator=(const Courier&) = delete;
  ~Courier() = default;

  const Peers& peers() const { return peers_; }

  int64_t begin(int tag, std::span<const Group::Outgoing> out, std::span<const Group::Incoming> in);
  bool done(int64_t exchange);
  void wait(int64_t exchange);
  std::vector<std::vector<std::byte>> gather(std::span<const std::byte> own);

  void set_advice(std::string advice);
  /// Does not return.
  [[noreturn]] void end_all(const std::string& why, int status);
  /// Waits for all ranks, and ends MPI and the thread.
  void leave();

 private:
  struct Exchange {
    int tag = 0;
    std::vector<Group::Outgoing> out;
    std::vector<Group::Incoming> in;
    std::vector<MPI_Request> requests;
    bool begun = false, over = false;
  };
  struct Gathering {
    std::span<const std::byte> own;
    int own_bytes = 0;
    std::vector<int> counts, places;
    std::vector<std::byte> all;
    MPI_Request request = MPI_REQUEST_NULL;
    int stage = 0;  // 1: counts are under way, 2: the bytes are
    bool over = false;
  };

  void run();
  void join_group();
  void begin_exchange(Exchange& exchange);
  bool get_on();
  void get_on(Gathering& gathering);
  void look_around();
  void send_signs_of_life();
  void receive_failures();
  void speak_and_abort(const std::string& line, int status);
  void report(const std::string& line, int status);
  void fail_here();

  Peers peers_;
  std::unique_ptr<Watch> watch_;
  MPI_Comm data_ = MPI_COMM_NULL, signs_ = MPI_COMM_NULL;

  std::mutex mutex_;
  std::condition_variable work_, done_;
  bool joined_ = false, leaving_ = false, left_ = false;
  int waiting_ = 0;  // threads in wait() or gather()
  int64_t next_ = 0;
  std::map<int64_t, Exchange> exchanges_;
  std::unique_ptr<Gathering> gathering_;
  std::string advice_, failure_;
  int status_ = 0;  // of the failure here; 0 if there is none

  // Signs of life: this rank tells the next one, and hears from the one before.
  double last_sent_ = 0, last_heard_ = 0;
  char sign_out_ = 0, sign_in_ = 0;
  MPI_Request sending_ = MPI_REQUEST_NULL, hearing_ = MPI_REQUEST_NULL;
  // The first rank hears of failures; it waits a moment for one of its own.
  std::string reported_;
  double reported_at_ = 0;
  int reported_status_ = 0;
  std::string advice_here_;  // this thread's copy
  double told_at_ = 0;       // when SIGTERM was seen; 0 for never
  MPI_Request ending_ = MPI_REQUEST_NULL;
  bool aborted_ = false;

  std::thread thread_;
};

}  // namespace vitrine
