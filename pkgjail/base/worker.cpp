#include "pkgjail/base/worker.hpp"

#include <system_error>
#include <utility>

namespace pkgjail::base {

Worker::Worker(bool with_thread) {
    if (!with_thread)
        return;
    try {
        thread_ = std::thread([this] { run(); });
    } catch (const std::system_error&) {
        // A limit on threads: the owner's does it.
    }
}

Worker::~Worker() {
    if (!thread_.joinable())
        return;
    {
        const std::lock_guard hold(lock_);
        over_ = true;
        jobs_.clear();
    }
    given_.notify_one();
    thread_.join();
}

void Worker::give(std::function<void()> job) {
    if (thread_.joinable()) {
        {
            const std::lock_guard hold(lock_);
            jobs_.push_back(std::move(job));
            ++pending_;
        }
        given_.notify_one();
        return;
    }
    if (failure_)
        return;
    try {
        job();
    } catch (...) {
        failure_ = std::current_exception();
    }
}

void Worker::wait(std::size_t left) {
    std::unique_lock hold(lock_);
    awaited_ = left;
    done_.wait(hold, [&] { return pending_ <= left; });
    if (failure_)
        std::rethrow_exception(failure_);
}

void Worker::run() noexcept {
    std::unique_lock hold(lock_);
    for (;;) {
        given_.wait(hold, [this] { return over_ || !jobs_.empty(); });
        if (over_)
            return;
        const std::function<void()> job = std::move(jobs_.front());
        jobs_.pop_front();
        if (!failure_) {
            hold.unlock();
            std::exception_ptr failure;
            try {
                job();
            } catch (...) {
                failure = std::current_exception();
            }
            hold.lock();
            failure_ = failure;
        }
        if (--pending_ <= awaited_)
            done_.notify_one();
    }
}

} // namespace pkgjail::base
