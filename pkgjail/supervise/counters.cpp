#include "pkgjail/supervise/counters.hpp"

#include <array>

#include "pkgjail/base/boot.hpp"
#include "pkgjail/base/error.hpp"
#include "pkgjail/supervise/state_file.hpp"

namespace pkgjail::supervise {

namespace {

using Number = std::optional<std::uint64_t>;

/// Each sum with the kernel's figure that goes into it.
constexpr std::array<std::pair<Number Counters::*, Number confine::Usage::*>, 9> summed = {
    {{&Counters::cpu_usec, &confine::Usage::cpu_usec},
     {&Counters::throttled_usec, &confine::Usage::throttled_usec},
     {&Counters::io_read_bytes, &confine::Usage::io_read_bytes},
     {&Counters::io_write_bytes, &confine::Usage::io_write_bytes},
     {&Counters::net_in_bytes, &confine::Usage::net_in_bytes},
     {&Counters::net_out_bytes, &confine::Usage::net_out_bytes},
     {&Counters::memory_limit_hits, &confine::Usage::memory_limit_hits},
     {&Counters::memory_kills, &confine::Usage::memory_kills},
     {&Counters::process_limit_hits, &confine::Usage::process_limit_hits}}};

bool is_open(const ServiceStatus& status) {
    return status.service && status.sums.counted != status.service;
}

/// Null: missing or damaged.
std::shared_ptr<const StateFile> read_state_file(const base::HostPath& run_directory) {
    std::optional<std::string> text = read_state_text(run_directory);
    std::optional<RecordedStatus> recorded = recorded_in(text);
    if (!recorded)
        return nullptr;
    return std::make_shared<const StateFile>(StateFile{std::move(*text), std::move(*recorded)});
}

Counters all_of(const ServiceStatus& status) {
    Counters counters = status.sums.ended;
    counters.restarts += status.restarts;
    counters.log_records_dropped += status.log_records_dropped;
    counters.syslog_records_dropped += status.syslog_records_dropped;
    return counters;
}

} // namespace

void Counters::add(const confine::Usage& usage) {
    for (const auto& [sum, figure] : summed)
        if (usage.*figure)
            this->*sum = (this->*sum).value_or(0) + *(usage.*figure);
        else
            (this->*sum).reset(); // its share is not known, so the whole is not
}

void Counters::forget_usage() {
    for (const auto& [sum, figure] : summed)
        (this->*sum).reset();
}

void close_run(RecordedStatus& recorded, const std::function<void()>& write,
               const std::function<confine::Usage()>& usage) noexcept {
    ServiceStatus& status = recorded.status;
    if (!is_open(status))
        return;
    try {
        status.sums.closing = true;
        write();
        status.sums.ended.add(usage());
    } catch (const std::exception&) {
        status.sums.ended.forget_usage();
    }
    status.sums.closing = false;
    status.sums.counted = status.service;
    try {
        write();
    } catch (const std::exception&) {
        // Whoever removes the jail writes the file again.
    }
}

Counters carried_over(const base::HostPath& run_directory) {
    const std::optional<RecordedStatus> recorded = read_recorded(run_directory);
    if (!recorded)
        return {};
    Counters counters = all_of(recorded->status);
    if (is_open(recorded->status))
        counters.forget_usage();
    return counters;
}

Counters read_counters(const base::HostPath& run_directory, const std::function<confine::Usage()>& usage) {
    return read_counters(run_directory, nullptr, usage);
}

Counters read_counters(const base::HostPath& run_directory, std::shared_ptr<const StateFile> found,
                       const std::function<confine::Usage()>& usage) {
    constexpr int looks = 5;
    for (int count = 1;; ++count) {
        if (!found)
            found = read_state_file(run_directory);
        if (!found)
            return {};
        const RecordedStatus& recorded = found->recorded;
        Counters counters = all_of(recorded.status);
        if (!is_open(recorded.status))
            return counters;
        bool known = !recorded.status.sums.closing && recorded.boot == base::boot_id();
        if (known) {
            try {
                counters.add(usage());
            } catch (const base::Error&) {
                known = false;
            }
            // What was read belongs to this run only if the run was neither closed nor followed meanwhile.
            const std::optional<std::string> text_again = read_state_text(run_directory);
            bool same = text_again == found->text;
            if (const auto again = same ? std::nullopt : recorded_in(text_again))
                same = again->status.service == recorded.status.service && is_open(again->status) &&
                       !again->status.sums.closing;
            if (known && same)
                return counters;
        }
        if (count == looks || recorded.boot != base::boot_id()) {
            counters.forget_usage();
            return counters;
        }
        found.reset();
    }
}

} // namespace pkgjail::supervise
