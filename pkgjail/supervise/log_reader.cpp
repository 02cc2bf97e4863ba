// The reading side of the log: a jail's records over its rotated files, while the supervisor may be writing
// and rotating.
#include <algorithm>
#include <cerrno>
#include <chrono>
#include <memory>
#include <thread>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pkgjail/base/error.hpp"
#include "pkgjail/base/file.hpp"
#include "pkgjail/supervise/service_log.hpp"

namespace pkgjail::supervise {

namespace {

constexpr std::size_t longest_line = 1u << 20; // a record of max_line bytes, each escaped
constexpr unsigned most_files = 1000;

/// One file of the log, open.
struct Part {
    base::Fd fd;
    dev_t device = 0;
    ino_t inode = 0;
    bool is(const Part& other) const { return device == other.device && inode == other.inode; }
};

std::optional<Part> open_part(const base::HostPath& path) {
    std::optional<base::Fd> fd = base::open_file_if_exists(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    if (!fd)
        return std::nullopt;
    struct stat status {};
    if (::fstat(fd->get(), &status) != 0)
        throw base::system_error(errno, path.string(), "fstat");
    if (!S_ISREG(status.st_mode))
        throw base::Error(base::ErrorKind::corrupt, path.string(), "is not a regular file");
    return Part{std::move(*fd), status.st_dev, status.st_ino};
}

/// The files, newest first, until `stop` is met. Read in this direction because a rotation in between moves
/// files towards higher numbers: the worst that it can do is to show one twice, and that is noticed.
std::vector<Part> open_parts(const base::HostPath& file, const Part* stop = nullptr) {
    std::vector<Part> parts;
    for (unsigned number = 0; number < most_files; ++number) {
        base::HostPath path =
            number == 0 ? file : base::HostPath(file.string() + "." + std::to_string(number));
        std::optional<Part> part = open_part(path);
        if (!part) {
            // The newest is missing for a moment in a rotation.
            if (number == 0)
                continue;
            break;
        }
        if (stop != nullptr && part->is(*stop))
            break;
        if (parts.empty() || !parts.back().is(*part))
            parts.push_back(std::move(*part));
    }
    return parts;
}

/// Turns a file's bytes into records; keeps the beginning of a line that is not complete yet.
class RecordReader {
  public:
    using Take = std::function<void(LogRecord&& record)>;

    /// Reads on to the end of what there is now.
    void read(const base::Fd& fd, const Take& take) {
        constexpr std::size_t piece = 64u << 10;
        const auto buffer = std::make_unique_for_overwrite<char[]>(piece); // most logs are much smaller
        for (;;) {
            ssize_t count = ::read(fd.get(), buffer.get(), piece);
            if (count < 0 && errno == EINTR)
                continue;
            if (count < 0)
                throw base::system_error(errno, "log", "read");
            if (count == 0)
                return;
            feed(std::string_view(buffer.get(), static_cast<std::size_t>(count)), take);
        }
    }
    /// The file will not grow any more.
    void end_of_file(const Take& take) {
        if (!line_.empty())
            give(line_, take);
        line_.clear();
    }

  private:
    void feed(std::string_view bytes, const Take& take) {
        for (std::size_t newline; (newline = bytes.find('\n')) != bytes.npos;
             bytes.remove_prefix(newline + 1)) {
            line_.append(bytes.substr(0, newline));
            give(line_, take);
            line_.clear();
        }
        line_.append(bytes);
        if (line_.size() > longest_line)
            end_of_file(take); // no record of ours is so long
    }
    void give(std::string_view line, const Take& take) {
        std::optional<LogRecord> record = parse_log_line(line);
        if (record)
            last_time_ = record->time;
        else if (line.empty())
            return; // ends a torn line
        else
            record = LogRecord{last_time_, "?", std::string(line)};
        take(std::move(*record));
    }

    std::string line_;
    base::WallTime last_time_{};
};

} // namespace

bool LogQuery::takes(const LogRecord& record) const {
    return !(since && record.time < *since) && !(until && record.time > *until) &&
           (!wanted || wanted(record));
}

std::vector<LogRecord> read_log(const base::HostPath& file, const LogQuery& query) {
    // Newest file first, so that the last ten lines of a large log need one file.
    std::vector<std::vector<LogRecord>> found;
    std::size_t total = 0;
    const std::size_t last_count = query.last_count;
    for (const Part& part : open_parts(file)) {
        std::vector<LogRecord>& records = found.emplace_back();
        bool older = false;
        RecordReader reader;
        RecordReader::Take take = [&](LogRecord&& record) {
            older = older || (query.since && record.time < *query.since);
            if (!query.takes(record))
                return;
            records.push_back(std::move(record));
            // Twice as many at most are held; erased in large pieces to stay linear.
            if (last_count > 0 && records.size() >= 2 * last_count)
                records.erase(records.begin(), records.end() - static_cast<std::ptrdiff_t>(last_count));
        };
        reader.read(part.fd, take);
        reader.end_of_file(take);
        total += records.size();
        if (older || (last_count > 0 && total >= last_count))
            break;
    }
    std::vector<LogRecord> records;
    for (auto part = found.rbegin(); part != found.rend(); ++part)
        std::move(part->begin(), part->end(), std::back_inserter(records));
    if (last_count > 0 && records.size() > last_count)
        records.erase(records.begin(), records.end() - static_cast<std::ptrdiff_t>(last_count));
    return records;
}

struct LogFollower::Place {
    base::HostPath file;
    RecordReader reader;
    std::optional<Part> current;
};

LogFollower::LogFollower(base::HostPath file, Begin begin)
    : place_(std::make_unique<Place>(Place{std::move(file), {}, {}})) {
    if (begin == Begin::at_the_oldest)
        return;
    std::vector<Part> parts = open_parts(place_->file);
    if (!parts.empty())
        place_->current = std::move(parts.front());
    if (place_->current && ::lseek(place_->current->fd.get(), 0, SEEK_END) < 0)
        throw base::system_error(errno, place_->file.string(), "lseek");
}
LogFollower::LogFollower(LogFollower&&) noexcept = default;
LogFollower& LogFollower::operator=(LogFollower&&) noexcept = default;
LogFollower::~LogFollower() = default;

void LogFollower::poll(const std::function<void(LogRecord&& record)>& take) {
    auto& [file, reader, current] = *place_;
    for (;;) {
        if (current)
            reader.read(current->fd, take);
        const std::optional<Part> named = open_part(file);
        if (!named || (current && named->is(*current)))
            return;
        // Several rotations may have passed since the last look: every file newer than ours, oldest first.
        std::vector<Part> newer = open_parts(file, current ? &*current : nullptr);
        // Nobody writes to ours any more, but something may have come since it was read above.
        if (current)
            reader.read(current->fd, take);
        for (auto part = newer.rbegin(); part != newer.rend(); ++part) {
            reader.end_of_file(take);
            current = std::move(*part);
            reader.read(current->fd, take);
        }
    }
}

void follow_log(const base::HostPath& file, const std::function<void(const LogRecord&)>& take,
                const std::function<bool()>& keep_going, std::optional<base::WallTime> after) {
    constexpr std::chrono::milliseconds look_again(100);
    LogFollower follower(file, after ? LogFollower::Begin::at_the_oldest : LogFollower::Begin::at_the_end);
    for (;;) {
        follower.poll([&](LogRecord&& record) {
            if (!after || record.time > *after)
                take(record);
        });
        if (!keep_going())
            return;
        std::this_thread::sleep_for(look_again);
    }
}

} // namespace pkgjail::supervise
