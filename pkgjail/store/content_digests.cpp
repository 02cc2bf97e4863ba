#include "pkgjail/store/content_digests.hpp"

#include <system_error>
#include <utility>

#include "pkgjail/format/archive.hpp"

namespace pkgjail::store {

ContentDigests::ContentDigests(std::string archive, bool with_thread) : archive_(std::move(archive)) {
    if (!with_thread)
        return;
    try {
        thread_ = std::thread([this] { run(); });
    } catch (const std::system_error&) {
        // A limit on threads: this one does it.
    }
}

ContentDigests::~ContentDigests() {
    stop();
}

void ContentDigests::stop() {
    {
        const std::lock_guard hold(lock_);
        over_ = true;
    }
    changed_.notify_all();
    if (thread_.joinable())
        thread_.join();
}

void ContentDigests::begin(base::RootPath path, std::optional<std::string> md5) {
    give({Work::Kind::begin, std::move(path), std::move(md5), {}});
}

char* ContentDigests::room() {
    if (!room_.bytes) {
        std::unique_lock hold(lock_);
        if (free_.empty() && pieces_ < most_pieces) {
            ++pieces_;
            free_.push_back({std::unique_ptr<char[]>(new char[piece_size]), 0});
        }
        changed_.wait(hold, [this] { return !free_.empty(); });
        room_ = std::move(free_.back());
        free_.pop_back();
    }
    return room_.bytes.get();
}

void ContentDigests::add(std::size_t size) {
    room_.size = size;
    give({Work::Kind::piece, {}, {}, std::move(room_)});
}

void ContentDigests::end() {
    give({Work::Kind::end, {}, {}, {}});
    const std::lock_guard hold(lock_);
    if (failure_)
        std::rethrow_exception(failure_);
}

std::map<std::string, std::string> ContentDigests::finish() {
    stop();
    if (failure_)
        std::rethrow_exception(failure_);
    return std::move(found_);
}

void ContentDigests::give(Work work) {
    if (!thread_.joinable()) {
        compute(work);
        if (work.piece.bytes)
            free_.push_back(std::move(work.piece));
        return;
    }
    {
        const std::lock_guard hold(lock_);
        work_.push_back(std::move(work));
    }
    changed_.notify_all();
}

void ContentDigests::compute(Work& work) {
    switch (work.kind) {
    case Work::Kind::begin:
        path_ = std::move(work.path);
        promised_ = std::move(work.md5);
        sha256_.emplace(base::DigestAlgorithm::sha256);
        if (promised_)
            md5_.emplace(base::DigestAlgorithm::md5);
        return;
    case Work::Kind::piece:
        sha256_->update(work.piece.bytes.get(), work.piece.size);
        if (promised_)
            md5_->update(work.piece.bytes.get(), work.piece.size);
        return;
    case Work::Kind::end:
        break;
    }
    if (promised_)
        if (const std::string md5 = md5_->finish(); md5 != *promised_)
            throw format::wrong_content(archive_, std::string(path_.relative()), md5, *promised_);
    found_[path_.str()] = sha256_->finish();
}

/// The thread. After a failure it only makes room, because the caller may wait for it.
void ContentDigests::run() noexcept {
    std::unique_lock hold(lock_);
    for (;;) {
        changed_.wait(hold, [this] { return over_ || !work_.empty(); });
        if (work_.empty())
            return;
        Work work = std::move(work_.front());
        work_.pop_front();
        if (!failure_) {
            hold.unlock();
            std::exception_ptr failure;
            try {
                compute(work);
            } catch (...) {
                failure = std::current_exception();
            }
            hold.lock();
            failure_ = failure;
        }
        if (work.piece.bytes) {
            free_.push_back(std::move(work.piece));
            changed_.notify_all();
        }
    }
}

} // namespace pkgjail::store
