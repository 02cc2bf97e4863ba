#include "pkgjail/format/read_ahead.hpp"

#include <algorithm>
#include <system_error>

namespace pkgjail::format {

ReadAhead::ReadAhead(ByteSource& input, std::size_t pieces)
    : input_(input), most_(std::max<std::size_t>(pieces, 1)) {
    try {
        thread_ = std::thread([this] { run(); });
    } catch (const std::system_error&) {
        // A limit on threads: next() does it all.
    }
}

ReadAhead::~ReadAhead() {
    if (!thread_.joinable())
        return;
    {
        const std::lock_guard guard(lock_);
        unwanted_ = true;
    }
    changed_.notify_all();
    thread_.join();
}

void ReadAhead::run() noexcept {
    for (;;) {
        std::string piece;
        {
            std::unique_lock guard(lock_);
            changed_.wait(guard, [&] { return unwanted_ || ready_.size() < most_; });
            if (unwanted_)
                return;
            if (!spare_.empty()) {
                piece = std::move(spare_.front());
                spare_.pop_front();
            }
        }
        std::exception_ptr failure;
        try {
            piece.assign(input_.next());
        } catch (...) {
            failure = std::current_exception();
        }
        const bool is_last = failure != nullptr || piece.empty();
        {
            const std::lock_guard guard(lock_);
            failure_ = failure;
            ended_ = is_last;
            if (!is_last)
                ready_.push_back(std::move(piece));
        }
        changed_.notify_all();
        if (is_last)
            return;
    }
}

std::string_view ReadAhead::next() {
    if (!thread_.joinable())
        return input_.next();
    {
        std::unique_lock guard(lock_);
        if (present_.capacity() != 0)
            spare_.push_back(std::move(present_));
        present_.clear();
        changed_.wait(guard, [&] { return ended_ || !ready_.empty(); });
        if (!ready_.empty()) {
            present_ = std::move(ready_.front());
            ready_.pop_front();
        } else if (failure_) {
            std::rethrow_exception(failure_);
        }
    }
    changed_.notify_all();
    return present_;
}

} // namespace pkgjail::format
