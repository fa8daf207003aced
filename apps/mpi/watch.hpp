#pragma once

#include <string>
#include <vector>

namespace vitrine {

/// A rank, as it presents itself to the others, which may run another program: what this is may not
/// change.
struct Peer {
  long pid = 0;
  unsigned long long started = 0;  ///< by the kernel's clock: tells it from a later process
  int processors = 0;              ///< that it may run on
  char host[128] = {};
  unsigned char build[20] = {};  ///< of the program, by the linker; zeros if it says nothing
};

/// This process.
Peer present_self();

struct Peers {
  int rank = 0;
  std::vector<Peer> all;  ///< by rank
  std::vector<int> here;  ///< ranks on this node, this one too

  int size() const { return static_cast<int>(all.size()); }
  /// "rank 3 on node4".
  std::string name(int rank) const;
};

/// Sees when a process of the group dies, as far as this node shows it.
class Watch {
 public:
  /// From now on SIGTERM, by which launchers end a group, or what is left of it, is noted; it also
  /// ends the work as Ctrl-C does, after a step.
  explicit Watch(const Peers& peers);
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;
  ~Watch();

  /// A rank of this node that has died; -1 for none.
  int dead_rank() const;
  /// Whether this rank is the first of those that are left on this node: the one to speak.
  bool first_alive() const;
  /// Whether the launcher has gone.
  bool launcher_gone() const;
  /// Whether SIGTERM has come.
  static bool told_to_end();
  /// Seconds from then on in which this process will not be killed.
  static double grace();

 private:
  struct Entry {
    int rank;
    int pidfd;
  };
  const Peers& peers_;
  std::vector<Entry> others_;
  int parent_;
};

}  // namespace vitrine
