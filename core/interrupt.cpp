#include "core/interrupt.hpp"

#include <atomic>

namespace vitrine {
namespace {

std::atomic<bool (*)()> g_asked{nullptr};

}  // namespace

void set_interrupt_question(bool (*asked)()) { g_asked = asked; }

void throw_if_interrupted() {
  const auto asked = g_asked.load(std::memory_order_relaxed);
  if (asked != nullptr && asked()) throw Interrupted();
}

}  // namespace vitrine
