// What a profile counts: outermost scopes, gradients under the operation's name, multiply-adds of
// matrix products and attention; and nothing while it is off.

#include "core/profile.hpp"

#include <catch2/catch.hpp>

#include <algorithm>

#include "core/tape.hpp"
#include "ops/attention.hpp"
#include "ops/linear.hpp"
#include "ops/reduce.hpp"
#include "tests/numbers.hpp"
#include "tests/profiling.hpp"

namespace vitrine {
namespace {

ProfileRow row(const std::string& name) {
  for (const ProfileRow& r : profile_rows()) {
    if (r.name == name) return r;
  }
  return {};
}

TEST_CASE("profile: operations and their gradients", "[core]") {
  const test::Profiling on(true);
  const Tensor x = test::random_tensor({5, 8}, 1);
  Tensor w = test::random_tensor({6, 8}, 2);
  Tensor b = test::random_tensor({6}, 3);
  for (int i = 0; i < 2; ++i) {
    Tape tape;
    tape.watch(w);
    tape.watch(b);
    const Tensor loss = sum(linear(x, w, b));
    tape.backward(loss);
  }
  CHECK(row("linear").calls == 2);
  CHECK(row("linear").macs == 2 * 5 * 6 * 8);
  // dW, and the sum for db inside of it; x needs no gradient.
  CHECK(row("linear backward").calls == 2);
  CHECK(row("linear backward").macs == 2 * 5 * 6 * 8);
  CHECK(row("sum").calls == 2);
  CHECK(row("sum backward").calls == 2);
  for (const ProfileRow& r : profile_rows()) CHECK(r.seconds > 0);
  CHECK(std::ranges::is_sorted(profile_rows(), std::ranges::greater{}, &ProfileRow::seconds));
}

TEST_CASE("profile: attention counts two products forward, four backward", "[core]") {
  const test::Profiling on(true);
  Tensor qkv = test::random_tensor({2, 5, 3 * 2 * 4}, 1);
  Tape tape;
  tape.watch(qkv);
  tape.backward(sum(attention(qkv, 2)));
  CHECK(row("attention").macs == 2 * (2 * 2) * 5 * 5 * 4);
  CHECK(row("attention backward").macs == 4 * (2 * 2) * 5 * 5 * 4);
}

TEST_CASE("profile: off, nothing is collected", "[core]") {
  const test::Profiling off(false);
  sum(test::random_tensor({3}, 1));
  CHECK(profile_rows().empty());
}

}  // namespace
}  // namespace vitrine
