#include "pkgjail/supervise/syslog_writer.hpp"

#include <cerrno>
#include <cstring>
#include <ctime>

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <syslog.h>
#include <unistd.h>

#include <fmt/format.h>

namespace pkgjail::supervise {

namespace {

int level_of(std::string_view stream) {
    return stream.starts_with("err") ? LOG_WARNING : stream == "sup" ? LOG_NOTICE : LOG_INFO;
}

} // namespace

std::string syslog_message(int facility, std::string_view tag, std::string_view process,
                           const LogRecord& record) {
    const auto seconds = static_cast<std::time_t>(base::to_unix(record.time));
    struct tm local {};
    ::localtime_r(&seconds, &local);
    // The months of the protocol are English, whatever the locale.
    constexpr const char* months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                      "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    const std::string time = fmt::format("{} {:2} {:02}:{:02}:{:02}", months[local.tm_mon], local.tm_mday,
                                         local.tm_hour, local.tm_min, local.tm_sec);
    std::string message = "<" + std::to_string(facility | level_of(record.stream)) + ">" + time + " ";
    message.append(tag).append("[").append(process).append("]: ");
    if (record.text.size() <= SyslogWriter::longest_text)
        return message + record.text;
    std::size_t end = SyslogWriter::longest_text;
    while (end > 0 && (static_cast<unsigned char>(record.text[end]) & 0xc0u) == 0x80u)
        --end;
    return message + record.text.substr(0, end) + "…";
}

SyslogWriter::SyslogWriter(int facility, std::string tag, base::HostPath socket)
    : facility_(facility), tag_(std::move(tag)), process_(std::to_string(::getpid())),
      socket_(socket.empty() ? base::HostPath(_PATH_LOG) : std::move(socket)) {}

bool SyslogWriter::connect() {
    // A logger that is not there is looked for once a second, not for each record.
    const base::SteadyTime now = base::steady_now();
    if (next_attempt_ && now < *next_attempt_)
        return false;
    next_attempt_ = now + std::chrono::seconds(1);
    struct sockaddr_un name {};
    name.sun_family = AF_UNIX;
    const std::string path = socket_.string();
    if (path.size() >= sizeof name.sun_path)
        return false;
    std::memcpy(name.sun_path, path.c_str(), path.size() + 1);
    base::Fd fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!fd || ::connect(fd.get(), reinterpret_cast<struct sockaddr*>(&name), sizeof name) != 0)
        return false;
    fd_ = std::move(fd);
    return true;
}

bool SyslogWriter::send(const LogRecord& record) noexcept {
    try {
        const std::string message = syslog_message(facility_, tag_, process_, record);
        // A second attempt: the logger may have been restarted, and then the old connection leads nowhere.
        for (int attempt = 0; attempt < 2; ++attempt) {
            if (!fd_ && !connect())
                return false;
            if (::send(fd_.get(), message.data(), message.size(), MSG_NOSIGNAL | MSG_DONTWAIT) >= 0)
                return true;
            if (errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS || errno == EMSGSIZE)
                return false;
            fd_.reset();
            if (attempt == 0)
                next_attempt_.reset();
        }
        return false;
    } catch (const std::exception&) {
        return false;
    }
}

} // namespace pkgjail::supervise
