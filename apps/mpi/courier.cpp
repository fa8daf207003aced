#include "apps/mpi/courier.hpp"

#include <fmt/format.h>

#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "core/screen_text.hpp"

namespace vitrine {
namespace {

using std::chrono::microseconds;

// How long the thread sleeps between two looks: while somebody waits for a message; while messages
// travel beside the computation; else. Short enough to be little beside a message of a MiB.
constexpr microseconds kWhileWaiting{20}, kWhileTravelling{500}, kIdle{20'000};
constexpr double kLookSeconds = 0.01;  // between two looks at whether all others live
constexpr double kSignSeconds = 1;
// Of a rank that a busy machine does not let run: seconds of silence are common, so many are not.
constexpr double kDefaultLimit = 7;
constexpr double kHearOthers =
    0.3;  // for a failure of the first rank itself: it has the better words
constexpr double kForFirstRank = 3;                  // until a rank that fails speaks itself
constexpr int kAbortSeconds = 2;                     // until a rank that MPI cannot end ends itself
constexpr int kSign = 1, kFailure = 2, kEnding = 3;  // tags
constexpr size_t kMaxFailure = 2000;                 // bytes of a message about a failure
constexpr int64_t kMaxMessage = int64_t{1} << 30;    // MPI counts in int

double now() {
  const auto time = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration<double>(time).count();
}

bool completed(MPI_Request& request) {
  int flag = 1;
  if (request != MPI_REQUEST_NULL) MPI_Test(&request, &flag, MPI_STATUS_IGNORE);
  return flag != 0;
}

/// Calls f(bytes) for pieces that MPI can count.
template <class Bytes, class F>
void in_pieces(Bytes bytes, const F& f) {
  while (!bytes.empty()) {
    const size_t size = std::min(bytes.size(), static_cast<size_t>(kMaxMessage));
    f(bytes.subspan(0, size));
    bytes = bytes.subspan(size);
  }
}

}  // namespace

std::optional<double> silence_limit() {
  static const auto limit = []() -> std::optional<double> {
    const char* given = std::getenv("VITRINE_MPI_TIMEOUT");
    if (given == nullptr) return kDefaultLimit;
    char* end = nullptr;
    const double seconds = std::strtod(given, &end);
    return *end == '\0' && seconds > 0 ? std::optional(seconds) : std::nullopt;
  }();
  return limit;
}

Courier::Courier() {
  thread_ = std::thread([this] { run(); });
  std::unique_lock lock(mutex_);
  done_.wait(lock, [this] { return joined_; });
}

void Courier::join_group() {
  prctl(PR_SET_TIMERSLACK, 1000UL);  // nanoseconds: sleeps of microseconds are meant so
  int provided = 0;
  MPI_Init_thread(nullptr, nullptr, MPI_THREAD_FUNNELED, &provided);
  MPI_Comm_dup(MPI_COMM_WORLD, &data_);
  MPI_Comm_dup(MPI_COMM_WORLD, &signs_);
  int size = 1;
  MPI_Comm_size(data_, &size);
  MPI_Comm_rank(data_, &peers_.rank);
  Peer self = present_self();
  peers_.all.resize(static_cast<size_t>(size));
  MPI_Allgather(&self, sizeof self, MPI_BYTE, peers_.all.data(), sizeof self, MPI_BYTE, data_);
  MPI_Comm node = MPI_COMM_NULL;
  MPI_Comm_split_type(data_, MPI_COMM_TYPE_SHARED, peers_.rank, MPI_INFO_NULL, &node);
  int on_node = 1;
  MPI_Comm_size(node, &on_node);
  peers_.here.resize(static_cast<size_t>(on_node));
  MPI_Allgather(&peers_.rank, 1, MPI_INT, peers_.here.data(), 1, MPI_INT, node);
  MPI_Comm_free(&node);
  watch_ = std::make_unique<Watch>(peers_);
  last_sent_ = last_heard_ = now();
}

void Courier::run() {
  join_group();
  std::unique_lock lock(mutex_);
  joined_ = true;
  done_.notify_all();
  double looked = 0;
  while (true) {
    if (advice_here_ != advice_) advice_here_ = advice_;
    if (get_on()) done_.notify_all();
    if (status_ != 0) fail_here();
    const bool all_over = exchanges_.empty() && gathering_ == nullptr;
    if (leaving_ && all_over) break;
    const bool travelling = !all_over;
    if (const double time = now(); time - looked >= kLookSeconds) {
      looked = time;
      lock.unlock();
      look_around();
      lock.lock();
    }
    const microseconds pause = waiting_ > 0 ? kWhileWaiting : travelling ? kWhileTravelling : kIdle;
    work_.wait_for(lock, pause);
  }
  lock.unlock();
  if (sending_ != MPI_REQUEST_NULL) MPI_Request_free(&sending_);
  for (MPI_Request* request : {&hearing_, &ending_}) {
    if (*request != MPI_REQUEST_NULL) MPI_Cancel(request);
    if (*request != MPI_REQUEST_NULL) MPI_Request_free(request);
  }
  MPI_Finalize();
  lock.lock();
  left_ = true;
  done_.notify_all();
}

void Courier::begin_exchange(Exchange& e) {
  e.begun = true;
  const auto add = [&]() -> MPI_Request* { return &e.requests.emplace_back(MPI_REQUEST_NULL); };
  for (const Group::Incoming& in : e.in) {
    in_pieces(in.bytes, [&](std::span<std::byte> b) {
      MPI_Irecv(b.data(), static_cast<int>(b.size()), MPI_BYTE, in.from, e.tag, data_, add());
    });
  }
  for (const Group::Outgoing& out : e.out) {
    in_pieces(out.bytes, [&](std::span<const std::byte> b) {
      MPI_Isend(b.data(), static_cast<int>(b.size()), MPI_BYTE, out.to, e.tag, data_, add());
    });
  }
}

/// Whether something is over.
bool Courier::get_on() {
  bool news = false;
  for (auto& [number, e] : exchanges_) {
    if (e.over) continue;
    if (!e.begun) begin_exchange(e);
    int all = 0;
    MPI_Testall(static_cast<int>(e.requests.size()), e.requests.data(), &all, MPI_STATUSES_IGNORE);
    e.over = all != 0;
    news = news || e.over;
  }
  if (gathering_ != nullptr && !gathering_->over) {
    get_on(*gathering_);
    news = news || gathering_->over;
  }
  return news;
}

void Courier::get_on(Gathering& g) {
  if (g.stage == 0) {
    g.own_bytes = static_cast<int>(g.own.size());
    g.counts.resize(peers_.all.size());
    MPI_Iallgather(&g.own_bytes, 1, MPI_INT, g.counts.data(), 1, MPI_INT, data_, &g.request);
    g.stage = 1;
  }
  if (!completed(g.request)) return;
  if (g.stage == 1) {
    int total = 0;
    for (const int count : g.counts) {
      g.places.push_back(total);
      total += count;
    }
    g.all.resize(static_cast<size_t>(total));
    MPI_Iallgatherv(g.own.data(), g.own_bytes, MPI_BYTE, g.all.data(), g.counts.data(),
                    g.places.data(), MPI_BYTE, data_, &g.request);
    g.stage = 2;
    return;
  }
  g.over = true;
}

void Courier::send_signs_of_life() {
  if (peers_.size() == 1) return;
  const double time = now();
  const int next = (peers_.rank + 1) % peers_.size();
  const int before = (peers_.rank + peers_.size() - 1) % peers_.size();
  if (time - last_sent_ >= kSignSeconds && completed(sending_)) {
    MPI_Isend(&sign_out_, 1, MPI_CHAR, next, kSign, signs_, &sending_);
    last_sent_ = time;
  }
  if (hearing_ == MPI_REQUEST_NULL) {
    MPI_Irecv(&sign_in_, 1, MPI_CHAR, before, kSign, signs_, &hearing_);
  }
  if (completed(hearing_)) last_heard_ = time;
  if (time - last_heard_ > silence_limit().value_or(kDefaultLimit)) {
    const std::string line = fmt::format("{} has not answered for {:.0f} s (VITRINE_MPI_TIMEOUT)",
                                         peers_.name(before), time - last_heard_);
    // A first rank that is silent says nothing.
    before == 0 ? speak_and_abort(line, 1) : report(line, 1);
  }
}

/// At the first rank: what others say has gone wrong with them.
void Courier::receive_failures() {
  int there = 0;
  MPI_Status status;
  if (peers_.rank != 0) {
    MPI_Iprobe(0, kEnding, signs_, &there, &status);
    if (there == 0) return;
    sleep(kAbortSeconds);  // the first rank ends this one
    _exit(1);
  }
  MPI_Iprobe(MPI_ANY_SOURCE, kFailure, signs_, &there, &status);
  if (there != 0) {
    int size = 0;
    MPI_Get_count(&status, MPI_BYTE, &size);
    std::vector<char> text(static_cast<size_t>(size));
    MPI_Recv(text.data(), size, MPI_BYTE, status.MPI_SOURCE, kFailure, signs_, MPI_STATUS_IGNORE);
    if (reported_.empty() && size > 1) {
      reported_status_ = text[0];
      reported_.assign(text.begin() + 1, text.end());
      reported_at_ = now();
    }
  }
  if (!reported_.empty() && now() - reported_at_ > kHearOthers) {
    speak_and_abort(reported_, reported_status_);
  }
}

/// Ends the group if something has happened to one of its ranks.
void Courier::look_around() {
  const auto speak_of = [&](int dead) {
    // A moment for its own words to arrive.
    const double until = now() + kHearOthers;
    while (now() < until && reported_.empty()) {
      receive_failures();
      usleep(10'000);
    }
    if (!reported_.empty()) speak_and_abort(reported_, reported_status_);
    if (!watch_->first_alive()) {
      sleep(kAbortSeconds);
      _exit(1);
    }
    speak_and_abort(fmt::format("{} has died", peers_.name(dead)), 1);
  };
  send_signs_of_life();
  receive_failures();
  if (const int dead = watch_->dead_rank(); dead >= 0) speak_of(dead);
  if (watch_->launcher_gone()) {
    if (peers_.rank == 0) speak_and_abort("the launcher (mpirun) has died", 1);
    _exit(1);
  }
  if (!Watch::told_to_end()) return;
  if (told_at_ == 0) told_at_ = now();
  if (now() - told_at_ < Watch::grace()) return;  // the step may end in time
  if (peers_.rank == 0) {
    speak_and_abort("told to end by the launcher: a rank elsewhere has died, or somebody ended it",
                    1);
  }
  _exit(1);
}

/// What went wrong here, in mutex_.
void Courier::fail_here() {
  const bool first_names_itself = peers_.rank != 0 || status_ == 1;
  report(first_names_itself ? fmt::format("{}: {}", peers_.name(peers_.rank), failure_) : failure_,
         status_);
}

/// Ends the group with a line that the first rank says; this one, if that does not.
void Courier::report(const std::string& line, int status) {
  if (peers_.rank != 0) {
    std::string text(1, static_cast<char>(status));
    text += line.substr(0, kMaxFailure);
    MPI_Request request = MPI_REQUEST_NULL;
    MPI_Isend(text.data(), static_cast<int>(text.size()), MPI_BYTE, 0, kFailure, signs_, &request);
    for (const double until = now() + kForFirstRank; now() < until; usleep(10'000)) {
      completed(request);
    }
  }
  speak_and_abort(line, status);
}

void Courier::speak_and_abort(const std::string& line, int status) {
  std::string text = "vitrine: " + screen_text(line);
  if (status == 1 && !advice_here_.empty()) text += "; " + advice_here_;
  text += '\n';
  // In one piece, past whatever standard error still holds.
  [[maybe_unused]] const auto written = write(STDERR_FILENO, text.data(), text.size());
  if (peers_.rank == 0) {  // the others need not wonder
    std::vector<MPI_Request> requests(peers_.all.size(), MPI_REQUEST_NULL);
    for (int rank = 1; rank < peers_.size(); ++rank) {
      MPI_Isend(&sign_out_, 1, MPI_CHAR, rank, kEnding, signs_,
                &requests[static_cast<size_t>(rank)]);
    }
    int all = 0;
    for (const double until = now() + kHearOthers; now() < until && all == 0; usleep(1000)) {
      MPI_Testall(peers_.size(), requests.data(), &all, MPI_STATUSES_IGNORE);
    }
  }
  std::signal(SIGALRM, SIG_DFL);
  alarm(kAbortSeconds);
  MPI_Abort(MPI_COMM_WORLD, status);
  _exit(status);
}

int64_t Courier::begin(int tag, std::span<const Group::Outgoing> out,
                       std::span<const Group::Incoming> in) {
  const std::lock_guard lock(mutex_);
  Exchange& e = exchanges_[next_];
  e.tag = tag;
  e.out.assign(out.begin(), out.end());
  e.in.assign(in.begin(), in.end());
  work_.notify_one();
  return next_++;
}

bool Courier::done(int64_t exchange) {
  const std::lock_guard lock(mutex_);
  const auto found = exchanges_.find(exchange);
  if (found == exchanges_.end()) return true;
  if (!found->second.over) return false;
  exchanges_.erase(found);
  return true;
}

void Courier::wait(int64_t exchange) {
  std::unique_lock lock(mutex_);
  const auto found = exchanges_.find(exchange);
  if (found == exchanges_.end()) return;
  ++waiting_;
  work_.notify_one();
  done_.wait(lock, [&] { return found->second.over; });
  --waiting_;
  exchanges_.erase(found);
}

std::vector<std::vector<std::byte>> Courier::gather(std::span<const std::byte> own) {
  std::unique_lock lock(mutex_);
  gathering_ = std::make_unique<Gathering>();
  gathering_->own = own;
  ++waiting_;
  work_.notify_one();
  done_.wait(lock, [&] { return gathering_->over; });
  --waiting_;
  const std::unique_ptr<Gathering> g = std::move(gathering_);
  std::vector<std::vector<std::byte>> parts;
  for (size_t rank = 0; rank < g->counts.size(); ++rank) {
    const auto first = g->all.begin() + g->places[rank];
    parts.emplace_back(first, first + g->counts[rank]);
  }
  return parts;
}

void Courier::set_advice(std::string advice) {
  const std::lock_guard lock(mutex_);
  advice_ = std::move(advice);
}

void Courier::end_all(const std::string& why, int status) {
  {
    const std::lock_guard lock(mutex_);
    failure_ = why;
    status_ = status;
  }
  work_.notify_one();
  while (true) pause();
}

void Courier::leave() {
  gather({});
  std::unique_lock lock(mutex_);
  leaving_ = true;
  work_.notify_one();
  done_.wait(lock, [this] { return left_; });
  lock.unlock();
  thread_.join();
}

}  // namespace vitrine
