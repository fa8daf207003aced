#include "models/c_api/process_settings.hpp"

#include <mutex>
#include <shared_mutex>

#include "core/error.hpp"
#include "core/parallel.hpp"

namespace vitrine {
namespace {

struct Locks {
  // Held by a change until it has its turn: glibc's shared mutex lets readers pass a writer, which
  // then waits as long as there are any.
  std::mutex gate;
  std::shared_mutex settings;
};

Locks& locks() {
  static auto* both = new Locks;  // outlives the threads of a program that ends
  return *both;
}

thread_local bool t_shares = false;

bool inside_a_call() { return t_shares || in_parallel_work(); }

}  // namespace

ShareSettings::ShareSettings() : locked_(!inside_a_call()) {
  if (!locked_) return;
  const std::lock_guard turn(locks().gate);
  locks().settings.lock_shared();
  t_shares = true;
}

ShareSettings::~ShareSettings() {
  if (!locked_) return;
  t_shares = false;
  locks().settings.unlock_shared();
}

ChangeSettings::ChangeSettings() {
  if (inside_a_call()) {
    throw UsageError(
        "settings of the process cannot change from inside a call that computes: do it outside of "
        "executors and their tasks");
  }
  const std::lock_guard turn(locks().gate);
  locks().settings.lock();
}

ChangeSettings::~ChangeSettings() { locks().settings.unlock(); }

}  // namespace vitrine
