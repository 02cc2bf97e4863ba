// A thread that does one thing after the other while its owner goes on.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>

namespace pkgjail::base {

/// Used by one thread. What a job touches is the owner's again once wait() has said that it is done.
class Worker {
  public:
    /// Without a thread, and where none can be had, give() does the work itself.
    explicit Worker(bool with_thread);
    Worker(const Worker&) = delete;
    Worker& operator=(const Worker&) = delete;
    /// Jobs that were not begun are dropped.
    ~Worker();

    bool has_thread() const { return thread_.joinable(); }
    /// To be done after all that were given before. When one throws, those after it are dropped.
    void give(std::function<void()> job);
    /// Until at most `left` of the jobs are still to be done. Throws what one of them threw, each time.
    void wait(std::size_t left = 0);

  private:
    void run() noexcept;

    std::mutex lock_; ///< for what follows
    std::condition_variable given_, done_;
    std::deque<std::function<void()>> jobs_; ///< not begun
    std::size_t pending_ = 0;                ///< and those, with the one under way
    std::size_t awaited_ = 0;                ///< so few pending ones the owner waits for
    bool over_ = false;
    std::exception_ptr failure_;
    std::thread thread_;
};

} // namespace pkgjail::base
