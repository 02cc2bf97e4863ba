// The writing side of the log: a queue that the supervisor's loop fills, and a thread that empties it into
// files.
#include "pkgjail/supervise/service_log.hpp"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pkgjail/base/error.hpp"
#include "pkgjail/base/file.hpp"

namespace pkgjail::supervise {

namespace {

std::uint64_t count_records(std::string_view batch) {
    return static_cast<std::uint64_t>(std::count(batch.begin(), batch.end(), '\n'));
}

/// A thread without signals: they belong to the supervisor's loop.
std::thread start_quiet_thread(const std::function<void()>& work) {
    sigset_t all, before;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before);
    std::thread thread;
    try {
        thread = std::thread(work);
    } catch (...) {
        ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
        throw;
    }
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    return thread;
}

} // namespace

ServiceLog::ServiceLog(base::HostPath file, std::uint64_t max_bytes, unsigned files,
                       std::optional<SyslogWriter> syslog)
    : file_(std::move(file)), max_bytes_(max_bytes), files_(std::max(files, 1u)), syslog_(std::move(syslog)),
      thread_(start_quiet_thread([this] { write_queued(); })) {}

ServiceLog::~ServiceLog() {
    {
        std::lock_guard hold(mutex_);
        ending_ = true;
    }
    work_.notify_one();
    thread_.join();
}

void ServiceLog::append(const LogRecord& record) noexcept {
    try {
        // Room is asked for before the text is cleaned: in a flood, dropping has to be the cheap case.
        {
            std::lock_guard hold(mutex_);
            if (queue_.size() + record.text.size() > max_queued) {
                ++unreported_;
                ++dropped_;
                why_dropped_ = "the disk was too slow for them";
                return;
            }
        }
        std::string line = format_log_line(record);
        line += '\n';
        std::lock_guard hold(mutex_);
        queue_ += line;
        if (!writing_)
            work_.notify_one();
    } catch (...) {
        // No memory: the count must be right all the same.
        ++dropped_;
        ++unreported_;
    }
}

void ServiceLog::flush() noexcept {
    std::unique_lock hold(mutex_);
    idle_.wait(hold, [this] { return queue_.empty() && !writing_; });
}

void ServiceLog::drop(std::uint64_t records, std::string_view why) noexcept {
    std::lock_guard hold(mutex_);
    dropped_ += records;
    unreported_ += records;
    try {
        why_dropped_ = why;
    } catch (...) {
        why_dropped_.clear();
    }
}

void ServiceLog::write_queued() noexcept {
    std::unique_lock hold(mutex_);
    for (;;) {
        work_.wait(hold, [this] { return !queue_.empty() || ending_; });
        if (queue_.empty())
            return;
        // The queue's memory goes with the batch, so that a flood leaves nothing behind.
        std::string batch = std::exchange(queue_, std::string());
        writing_ = true;
        hold.unlock();
        if (syslog_)
            send_to_syslog(batch);
        write_batch(batch);
        batch = std::string();
        hold.lock();
        writing_ = false;
        if (queue_.empty())
            idle_.notify_all();
    }
}

void ServiceLog::send_to_syslog(std::string_view batch) noexcept {
    while (!batch.empty()) {
        const std::string_view line = batch.substr(0, batch.find('\n'));
        batch.remove_prefix(line.size() + 1);
        try {
            const std::optional<LogRecord> record = parse_log_line(line);
            if (record && syslog_->send(*record))
                continue;
        } catch (const std::exception&) {
            // No memory: counted like the others.
        }
        ++syslog_dropped_;
    }
}

void ServiceLog::write_batch(std::string_view batch) {
    while (!batch.empty()) {
        std::string_view piece;
        try {
            open();
            report_dropped();
            // As many whole records as fit; at least one, into a file of its own if it must be.
            std::uint64_t room = max_bytes_ > size_ ? max_bytes_ - size_ : 0;
            std::size_t end = batch.size();
            if (batch.size() > room) {
                std::size_t newline =
                    room == 0 ? batch.npos : batch.rfind('\n', static_cast<std::size_t>(room) - 1);
                if (newline == batch.npos && size_ > 0) {
                    rotate();
                    continue;
                }
                end = (newline == batch.npos ? batch.find('\n') : newline) + 1;
            }
            piece = batch.substr(0, end);
            write_piece(piece);
            batch.remove_prefix(end);
        } catch (const base::Error& error) {
            std::string_view lost = piece.empty() ? batch : piece;
            drop(count_records(lost), error.cause());
            batch.remove_prefix(lost.size());
        } catch (const std::exception& error) {
            drop(count_records(batch), error.what());
            return;
        }
    }
}

void ServiceLog::report_dropped() {
    std::uint64_t count = 0;
    std::string line;
    {
        std::lock_guard hold(mutex_);
        if (unreported_ == 0)
            return;
        count = unreported_;
        line = format_log_line({base::wall_now(), "sup",
                                std::to_string(count) + (count == 1 ? " record was" : " records were") +
                                    " dropped before this: " + why_dropped_}) +
               '\n';
    }
    write_piece(line);
    std::lock_guard hold(mutex_);
    unreported_ -= count;
}

void ServiceLog::write_piece(std::string_view records) {
    std::string_view left = records;
    while (!left.empty()) {
        ssize_t count = ::write(fd_.get(), left.data(), left.size());
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0) {
            base::Error error = base::system_error(errno, file_.string(), "write");
            // Half a record would make the next one unreadable as well. Where even this fails, open() ends
            // the torn line before anything else is written.
            if (::ftruncate(fd_.get(), static_cast<off_t>(size_)) != 0)
                fd_.reset();
            throw error;
        }
        left.remove_prefix(static_cast<std::size_t>(count));
    }
    size_ += records.size();
}

void ServiceLog::open() {
    struct stat status {};
    // Somebody may have removed or moved the file: what is written after that would be lost.
    if (fd_ && ::fstat(fd_.get(), &status) == 0 && status.st_nlink > 0) {
        struct stat named {};
        if (::lstat(file_.c_str(), &named) == 0 && named.st_ino == status.st_ino &&
            named.st_dev == status.st_dev)
            return;
    }
    fd_.reset();
    base::make_directories(file_.parent_path(), 0700);
    base::Fd fd = base::open_file(file_, O_RDWR | O_CREAT | O_APPEND | O_NOFOLLOW | O_NONBLOCK, 0640);
    if (::fstat(fd.get(), &status) != 0)
        throw base::system_error(errno, file_.string(), "fstat");
    if (!S_ISREG(status.st_mode))
        throw base::Error(base::ErrorKind::corrupt, file_.string(), "is not a regular file");
    // The umask must not decide who may read it.
    if (::fchmod(fd.get(), 0640) != 0)
        throw base::system_error(errno, file_.string(), "fchmod");
    fd_ = std::move(fd);
    size_ = static_cast<std::uint64_t>(status.st_size);
    char last = '\n';
    // A supervisor that was killed while it wrote leaves half a line.
    if (size_ > 0 && ::pread(fd_.get(), &last, 1, status.st_size - 1) == 1 && last != '\n')
        write_piece("\n");
}

base::HostPath ServiceLog::numbered(unsigned number) const {
    return number == 0 ? file_ : base::HostPath(file_.string() + "." + std::to_string(number));
}

void ServiceLog::rotate() {
    fd_.reset();
    if (files_ == 1 && ::unlink(file_.c_str()) != 0 && errno != ENOENT)
        throw base::system_error(errno, file_.string(), "unlink");
    // From the oldest: a rotation that is cut anywhere leaves a gap in the numbers, and no file is
    // overwritten early.
    for (unsigned number = files_ - 1; number > 0; --number) {
        base::HostPath from = numbered(number - 1);
        if (::rename(from.c_str(), numbered(number).c_str()) != 0 && errno != ENOENT)
            throw base::system_error(errno, from.string(), "rename");
    }
}

} // namespace pkgjail::supervise
