#include "pkgjail/supervise/usage_looks.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include <fmt/format.h>

#include "pkgjail/base/error.hpp"
#include "pkgjail/supervise/control.hpp"

namespace pkgjail::supervise {

namespace {

using std::chrono::microseconds;

/// Whoever asks can find out by itself in about that time.
constexpr std::chrono::milliseconds answer_patience(100);
constexpr int version_that_tells = 3;

constexpr std::string_view time_word = "at_usec";

constexpr std::array<std::pair<std::string_view, std::optional<std::uint64_t> confine::Usage::*>, 5> figures =
    {{{"cpu_usec", &confine::Usage::cpu_usec},
      {"io_read_bytes", &confine::Usage::io_read_bytes},
      {"io_write_bytes", &confine::Usage::io_write_bytes},
      {"net_in_bytes", &confine::Usage::net_in_bytes},
      {"net_out_bytes", &confine::Usage::net_out_bytes}}};

} // namespace

void UsageLooks::add(const confine::Usage& usage, base::SteadyTime at) {
    one_before_ = std::exchange(last_, TimedUsage{usage, at});
}

void UsageLooks::forget() {
    last_.reset();
    one_before_.reset();
}

std::optional<TimedUsage> UsageLooks::before(base::SteadyTime now) const {
    for (const auto* look : {&last_, &one_before_})
        if (*look && now - (*look)->at >= youngest)
            return now - (*look)->at <= oldest ? *look : std::nullopt;
    return std::nullopt;
}

std::string usage_words(const TimedUsage& look) {
    std::string words = fmt::format(
        "{}={}", time_word, std::chrono::duration_cast<microseconds>(look.at.time_since_epoch()).count());
    for (const auto& [word, figure] : figures)
        if (look.usage.*figure)
            words += fmt::format(" {}={}", word, *(look.usage.*figure));
    return words;
}

std::optional<TimedUsage> parse_usage_words(std::string_view words) {
    TimedUsage look;
    bool has_time = false;
    while (!words.empty()) {
        const std::string_view word = words.substr(0, words.find(' '));
        words.remove_prefix(std::min(word.size() + 1, words.size()));
        const std::size_t equals = word.find('=');
        if (equals == word.npos)
            return std::nullopt;
        std::uint64_t value = 0;
        const char* const last = word.data() + word.size();
        const auto [end, error] = std::from_chars(word.data() + equals + 1, last, value);
        if (error != std::errc{} || end != last)
            return std::nullopt;
        const std::string_view name = word.substr(0, equals);
        if (name == time_word) {
            const auto latest = std::chrono::duration_cast<microseconds>(base::SteadyTime::duration::max());
            if (!std::in_range<microseconds::rep>(value) || microseconds(value) > latest)
                return std::nullopt;
            look.at = base::SteadyTime(microseconds(value));
            has_time = true;
        }
        for (const auto& [known, figure] : figures)
            if (name == known)
                look.usage.*figure = value;
    }
    return has_time ? std::optional(look) : std::nullopt;
}

std::optional<TimedUsage> earlier_usage(const base::HostPath& run_directory) {
    try {
        auto control = ControlClient::connect(run_directory, answer_patience);
        if (!control || control->version() < version_that_tells || !control->send("usage"))
            return std::nullopt;
        constexpr std::string_view ok = "ok ";
        const auto answer = control->read_line(base::steady_now() + answer_patience);
        return answer && answer->starts_with(ok) ? parse_usage_words(answer->substr(ok.size()))
                                                 : std::nullopt;
    } catch (const base::Error&) {
        return std::nullopt; // nothing is lost but a shortcut
    }
}

} // namespace pkgjail::supervise
