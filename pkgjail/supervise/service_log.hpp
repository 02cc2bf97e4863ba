// The central log: log/<jail>.log, one record a line.
//
//     2026-11-21T23:40:00.123456Z out text…        stream: out, err, or sup (the supervisor's own words);
//                                                  in a jail with several services NAME/out, NAME/err
//
// Control characters are escaped as \xNN; a line over 64 KiB is cut into several records, all but the last
// marked with stream "out+"/"err+". Order is kept within a stream; between the two it is only as good as two
// pipes allow.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "pkgjail/base/clock.hpp"
#include "pkgjail/base/fd.hpp"
#include "pkgjail/base/path.hpp"
#include "pkgjail/supervise/log_record.hpp"
#include "pkgjail/supervise/syslog_writer.hpp"

namespace pkgjail::supervise {

/// Writes one jail's log, rotating by size: <jail>.log, <jail>.log.1 …, `files` in all. Mode 0640, in a
/// directory that is made 0700 when it is missing. append() never blocks and never throws: a thread of its
/// own writes, from a queue of at most `max_queued` bytes. What does not fit or cannot be written (slow or
/// full disk) is counted as dropped, and a record says so when writing works again.
class ServiceLog {
  public:
    static constexpr std::size_t max_queued = 1u << 20;

    /// With `syslog` each record goes there too, whether or not the file takes it.
    ServiceLog(base::HostPath file, std::uint64_t max_bytes, unsigned files,
               std::optional<SyslogWriter> syslog = std::nullopt);
    ~ServiceLog(); ///< writes what is queued
    ServiceLog(const ServiceLog&) = delete;
    ServiceLog& operator=(const ServiceLog&) = delete;
    void append(const LogRecord& record) noexcept;
    /// Records that could not be kept, so far.
    std::uint64_t dropped() const { return dropped_.load(); }
    /// Records that the host's log did not take, so far; those that were dropped before count in dropped().
    std::uint64_t syslog_dropped() const { return syslog_dropped_.load(); }
    /// Waits until everything queued is written or dropped.
    void flush() noexcept;

  private:
    void write_queued() noexcept; // the thread
    void send_to_syslog(std::string_view batch) noexcept;
    void write_batch(std::string_view batch);
    void write_piece(std::string_view records);
    void report_dropped();
    void open();
    void rotate();
    void drop(std::uint64_t records, std::string_view why) noexcept;
    base::HostPath numbered(unsigned number) const;

    const base::HostPath file_;
    const std::uint64_t max_bytes_;
    const unsigned files_;
    std::atomic<std::uint64_t> dropped_{0};
    std::atomic<std::uint64_t> syslog_dropped_{0};

    std::mutex mutex_; // guards what follows
    std::condition_variable work_;
    std::condition_variable idle_;
    std::string queue_;
    bool writing_ = false;
    bool ending_ = false;
    std::uint64_t unreported_ = 0;
    std::string why_dropped_;

    base::Fd fd_; // this and what follows belong to the thread
    std::optional<SyslogWriter> syslog_;
    std::uint64_t size_ = 0;
    std::thread thread_;
};

/// Cuts a byte stream into records: complete lines, over-long ones split between two characters. Holds at
/// most max_line bytes.
class LineCutter {
  public:
    static constexpr std::size_t max_line = 64u << 10;
    using Take = std::function<void(std::string_view text, bool split)>;
    /// Calls `take(text, split)` for each complete (or split) line in `bytes` and what was kept from before.
    void feed(std::string_view bytes, const Take& take);
    /// What is left without a newline, at the end of the stream.
    void finish(const Take& take);

  private:
    std::string rest_;
};

/// Which records of a log.
struct LogQuery {
    std::optional<base::WallTime> since;
    std::optional<base::WallTime> until;               ///< not later than that
    std::function<bool(const LogRecord&)> wanted = {}; ///< empty: every one
    std::size_t last_count = 0;                        ///< of those, the last so many; 0: all
    bool takes(const LogRecord& record) const;         ///< whatever last_count says
};

/// Reads records of one jail over rotated files, oldest first. A damaged line becomes a record with stream
/// "?" and the time of the record before it.
std::vector<LogRecord> read_log(const base::HostPath& file, const LogQuery& query);
inline std::vector<LogRecord> read_log(const base::HostPath& file, std::optional<base::WallTime> since,
                                       std::size_t last_count) {
    return read_log(file, LogQuery{since, std::nullopt, {}, last_count});
}

/// A log as it grows, through rotation. Never waits.
class LogFollower {
  public:
    enum class Begin { at_the_oldest, at_the_end };
    LogFollower(base::HostPath file, Begin begin);
    LogFollower(LogFollower&&) noexcept;
    LogFollower& operator=(LogFollower&&) noexcept;
    ~LogFollower();
    /// Every record that has come since the last call.
    void poll(const std::function<void(LogRecord&& record)>& take);

  private:
    struct Place;
    std::unique_ptr<Place> place_;
};

/// Follows a log as it grows, through rotation; returns when `keep_going` says no (asked about ten times a
/// second). Begins at the log's end, or with `after` at the first record later than that.
void follow_log(const base::HostPath& file, const std::function<void(const LogRecord&)>& take,
                const std::function<bool()>& keep_going, std::optional<base::WallTime> after = std::nullopt);

} // namespace pkgjail::supervise
