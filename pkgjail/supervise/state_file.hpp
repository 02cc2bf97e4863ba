// RUN/state.json: the supervisor's view of its service, written at every change; and who may be believed.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "pkgjail/base/path.hpp"
#include "pkgjail/supervise/counters.hpp"
#include "pkgjail/supervise/service_state.hpp"

namespace pkgjail::supervise {

/// What the file holds: a status and the run of the host in which it was true.
struct RecordedStatus {
    ServiceStatus status;
    std::string boot;
};

std::string to_json(const RecordedStatus& recorded);
/// Throws Error{corrupt}.
RecordedStatus status_from_json(std::string_view text);

/// Replaces a file of the run directory in one step, without waiting for the disk. One writer at a time.
void replace_file(const base::HostPath& file, std::string_view text);
/// The same, and after a power cut it is the old or the new one, and whole.
void replace_file_synced(const base::HostPath& file, std::string_view text);
/// Replaces RUN/state.json in one step. Not synced: after a power cut nothing that it says is true anyway.
/// Only the holder of the supervisor's lock may call it.
void write_state(const base::HostPath& run_directory, const RecordedStatus& recorded);

base::HostPath state_file(const base::HostPath& run_directory); ///< RUN/state.json
base::HostPath lock_file(const base::HostPath& run_directory);  ///< RUN/supervisor.lock
/// Whether a supervisor holds its lock. Looks by sharing the lock for a moment, so a supervisor waits a
/// little for it.
bool supervisor_lock_is_held(const base::HostPath& run_directory);

/// What the kernel says to the file.
struct KernelView {
    bool file_readable = false;
    std::string damage; ///< why the file could not be read, when it is there
    bool lock_held = false;
    bool same_boot = false;
    bool is_copied = false; ///< the run directory, with what was above it
    bool supervisor_alive = false;
    bool service_alive = false;
};
/// What the file holds; nullopt when it is missing or damaged.
std::optional<RecordedStatus> read_recorded(const base::HostPath& run_directory);
/// Its text, for who wants to see whether it is still the same; nullopt when it is missing or too long.
std::optional<std::string> read_state_text(const base::HostPath& run_directory);
/// nullopt for none and for a damaged one.
std::optional<RecordedStatus> recorded_in(const std::optional<std::string>& state_text);
/// A state file as it was found.
struct StateFile {
    std::string text;
    RecordedStatus recorded;
};
/// As read_status(), and gives what the file said; null where it is missing or damaged.
ServiceStatus read_status(const base::HostPath& run_directory, std::shared_ptr<const StateFile>& found);
/// As read_counters() for who has looked already: the file is read in again only if it has changed since.
Counters read_counters(const base::HostPath& run_directory, std::shared_ptr<const StateFile> found,
                       const std::function<confine::Usage()>& usage);
/// read_status() for a caller who holds the supervisor's lock, so that there is no supervisor.
ServiceStatus read_unsupervised(const base::HostPath& run_directory);

/// The truth of both. Pure, for read_status() and its tests.
ServiceStatus judge(ServiceStatus recorded, const KernelView& kernel);

} // namespace pkgjail::supervise
