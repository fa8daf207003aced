#pragma once

#include <algorithm>
#include <condition_variable>
#include <exception>
#include <functional>
#include <map>
#include <mutex>
#include <thread>
#include <tuple>
#include <vector>

#include "core/error.hpp"
#include "core/parallel.hpp"
#include "models/training/group.hpp"

namespace vitrine::test {

/// Ranks that are threads of this process: messages wait in a table for their receivers.
class ThreadGroups {
 public:
  explicit ThreadGroups(int size) {
    for (int rank = 0; rank < size; ++rank) members_.push_back(Member(*this, rank));
  }

  /// work(group) on every rank; the first exception is thrown again.
  void run(const std::function<void(Group&)>& work) {
    std::vector<std::exception_ptr> errors(members_.size());
    std::vector<std::thread> threads;
    for (size_t i = 0; i < members_.size(); ++i) {
      threads.emplace_back([&, i] {
        const SerialScope serial;
        try {
          work(members_[i]);
        } catch (...) {
          errors[i] = std::current_exception();
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    for (const std::exception_ptr& error : errors) {
      if (error != nullptr) std::rethrow_exception(error);
    }
  }

 private:
  using Bytes = std::vector<std::byte>;

  class Member final : public Group {
   public:
    Member(ThreadGroups& all, int rank) : all_(&all), rank_(rank) {}

    int rank() const override { return rank_; }
    int size() const override { return static_cast<int>(all_->members_.size()); }
    bool launched() const override { return true; }
    int64_t begin(int tag, std::span<const Outgoing> out, std::span<const Incoming> in) override {
      const std::lock_guard lock(all_->mutex_);
      for (const Outgoing& o : out) {
        all_->messages_[{rank_, o.to, tag}].push_back({o.bytes.begin(), o.bytes.end()});
      }
      all_->arrived_.notify_all();
      begun_[next_] = {tag, {in.begin(), in.end()}};
      return next_++;
    }
    bool done(int64_t exchange) override {
      wait(exchange);
      return true;
    }
    void wait(int64_t exchange) override {
      const auto [tag, in] = begun_.at(exchange);
      begun_.erase(exchange);
      for (const Incoming& i : in) {
        const Bytes bytes = all_->receive({i.from, rank_, tag});
        if (bytes.size() != i.bytes.size()) throw Error("a message of another length");
        std::ranges::copy(bytes, i.bytes.begin());
      }
    }
    std::vector<Bytes> gather(std::span<const std::byte> own) override {
      constexpr int kTag = -1;
      std::vector<Outgoing> out;
      for (int to = 0; to < size(); ++to) out.push_back({to, own});
      begin(kTag, out, {});
      std::vector<Bytes> all;
      for (int from = 0; from < size(); ++from) all.push_back(all_->receive({from, rank_, kTag}));
      return all;
    }
    double waited() const override { return 0; }
    void set_advice(std::string) override {}
    void end_all(const std::string&, int) override {}
    void leave() override {}

   private:
    ThreadGroups* all_;
    int rank_;
    int64_t next_ = 0;
    std::map<int64_t, std::pair<int, std::vector<Incoming>>> begun_;
  };

  using Way = std::tuple<int, int, int>;  // from, to, tag
  Bytes receive(const Way& way) {
    std::unique_lock lock(mutex_);
    arrived_.wait(lock, [&] { return !messages_[way].empty(); });
    Bytes bytes = std::move(messages_[way].front());
    messages_[way].erase(messages_[way].begin());
    return bytes;
  }

  std::mutex mutex_;
  std::condition_variable arrived_;
  std::map<Way, std::vector<Bytes>> messages_;
  std::vector<Member> members_;
};

}  // namespace vitrine::test
