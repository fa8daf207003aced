#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace vitrine {

/// The processes (ranks) that train one model together, and all that they say to each other. Two
/// implementations: a process alone (alone()), and MPI (apps/mpi), which nothing else knows.
/// Contracts:
///   1. Every rank makes the same calls in the same order, from one thread; what it gives may
///      differ.
///   2. Bytes arrive as they were given: nothing is added up on the way, so no result depends on
///      how they travel.
///   3. A call that waits ends when what it waits for has arrived. If a rank has died, does not
///      answer or has failed, the whole group ends (end_all) and the call does not return.
class Group {
 public:
  virtual ~Group() = default;

  virtual int rank() const = 0;
  virtual int size() const = 0;
  /// Whether something has launched this process as one of a group, if only of one.
  virtual bool launched() const = 0;
  /// The one that writes files and speaks.
  bool first() const { return rank() == 0; }

  struct Outgoing {
    int to;
    std::span<const std::byte> bytes;
  };
  struct Incoming {
    int from;
    std::span<std::byte> bytes;
  };
  /// Begins an exchange and returns at once with its number. The bytes stay where they are until
  /// done() or wait() has said that it is over. What `to` receives from this rank is as long as
  /// what is sent, in an exchange that was begun there with the same `tag`; no two of one tag are
  /// under way at a time. Other ranks only.
  virtual int64_t begin(int tag, std::span<const Outgoing> out, std::span<const Incoming> in) = 0;
  /// Whether it is over; does not wait.
  virtual bool done(int64_t exchange) = 0;
  virtual void wait(int64_t exchange) = 0;

  /// What each rank gives, in the order of ranks; for small things. Waits for all.
  virtual std::vector<std::vector<std::byte>> gather(std::span<const std::byte> own) = 0;

  /// Seconds that wait and gather have taken so far.
  virtual double waited() const = 0;

  /// What a person can do if the group ends because of one of its ranks: "to go on: ...".
  virtual void set_advice(std::string advice) = 0;
  /// Ends all ranks, of which one says which and why, with this exit status. Where there is nobody
  /// else it returns: the caller says it.
  virtual void end_all(const std::string& why, int status) = 0;
  /// The work is done: to be called last. Waits for all.
  virtual void leave() = 0;
};

/// The group of a process that has nobody else.
Group& alone();

/// The group that this process was launched in. To be called before anything else the first time.
Group& launched_group();

/// gather() of a plain value each.
template <class T>
std::vector<T> gather_values(Group& group, const T& own) {
  std::vector<T> all;
  for (const auto& bytes : group.gather(std::as_bytes(std::span(&own, 1)))) {
    all.push_back(*reinterpret_cast<const T*>(bytes.data()));
  }
  return all;
}

/// Of lists of plain values, one behind the other.
template <class T>
std::vector<T> gather_lists(Group& group, const std::vector<T>& own) {
  if (group.size() == 1) return own;
  std::vector<T> all;
  for (const auto& bytes : group.gather(std::as_bytes(std::span(own)))) {
    const auto* values = reinterpret_cast<const T*>(bytes.data());
    all.insert(all.end(), values, values + bytes.size() / sizeof(T));
  }
  return all;
}

}  // namespace vitrine
