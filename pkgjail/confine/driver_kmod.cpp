#include "pkgjail/confine/driver_kmod.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>

#include "pkgjail/base/error.hpp"
#include "pkgjail/base/file.hpp"
#include "pkgjail/base/step.hpp"
#include "pkgjail/confine/disk_limit.hpp"
#include "pkgjail/confine/kmod_network.hpp"
#include "pkgjail/confine/kmod_place.hpp"
#include "pkgjail/confine/kmod_request.hpp"
#include "pkgjail/confine/kmod_terminal.hpp"
#include "pkgjail/confine/mount_points.hpp"
#include "pkgjail/confine/mount_source.hpp"
#include "pkgjail/confine/oci_spec.hpp"
#include "pkgjail/confine/secrets.hpp"

namespace pkgjail::confine {
namespace {

using base::Error;
using base::ErrorKind;
using base::HostPath;
using std::chrono::milliseconds;
namespace fs = std::filesystem;

constexpr milliseconds end_patience(30'000);

Error not_running(const std::string& handle) {
    return Error(ErrorKind::conflict, handle, "is not running");
}

void check_handle(const std::string& handle) {
    // The handle becomes a path of the host's; everything that makes one is checked in one place.
    JailSpec spec;
    spec.handle = handle;
    spec.root = "/";
    spec.command = {"/"};
    check_spec(spec);
}

void check_mountable(const JailSpec& spec) {
    for (const Mount& mount : spec.mounts) {
        struct stat status {};
        if (mount.kind == Mount::Kind::bind && ::lstat(mount.source.c_str(), &status) == 0 &&
            !S_ISDIR(status.st_mode))
            throw Error(ErrorKind::configuration, mount.source.string(),
                        "is no directory, and on this kernel only directories can be mounted into a jail",
                        "give the directory that holds it");
    }
}

std::vector<std::string> lines_of(const std::map<std::string, std::string>& environment) {
    std::vector<std::string> lines;
    for (const auto& [name, value] : environment)
        lines.push_back(name + "=" + value);
    return lines;
}

std::string search_path(const std::map<std::string, std::string>& environment) {
    const auto found = environment.find("PATH");
    return found == environment.end() ? std::string() : found->second;
}

constexpr const char* altq_conf = "/etc/altq.conf";

/// The files for the operator's packet filter and shaper, in the jail's run directory.
HostPath npf_file(const HostPath& run_directory) {
    return run_directory / "npf.rules";
}
HostPath altq_file(const HostPath& run_directory) {
    return run_directory / "altq.conf";
}

void write_or_remove(const HostPath& file, const std::string& text) {
    if (!text.empty())
        base::write_file_atomically(file, text);
    else if (::unlink(file.c_str()) != 0 && errno != ENOENT)
        throw base::system_error(errno, file.string(), "unlink");
}

HostPath made_places(const HostPath& state_directory) {
    base::make_directories(state_directory / "run" / "kmod", 0700);
    // Mount points are told by the kernel without links.
    return fs::canonical(state_directory / "run" / "kmod");
}

} // namespace

KmodDriver::KmodDriver(std::unique_ptr<KmodHost> host, const HostPath& state_directory)
    : host_(std::move(host)), places_(made_places(state_directory)), control_(*host_) {
    info_.name = "kmod";
    info_.detail =
        fmt::format("kernel module pkgjail, interface {}, sampling every {} ms, {} jails",
                    control_.version().abi, control_.version().period_ms, control_.version().jails);
    info_.notes = control_.notes();
    info_.notes.emplace_back("limits io-read, io-write: this kernel has no hook for them");
}

HostPath KmodDriver::place_of(const std::string& handle) const {
    check_handle(handle);
    return places_ / handle;
}

pkgjail_stat KmodDriver::running(const std::string& handle) const {
    check_handle(handle);
    const auto found = control_.find(handle);
    if (!found || found->state != PKGJAIL_STATE_LIVE)
        throw not_running(handle);
    return *found;
}

EntryPlan KmodDriver::plan_of(const JailSpec& spec, const pkgjail_ref& ref) const {
    EntryPlan plan;
    plan.jail = spec.jail.empty() ? spec.handle : spec.jail;
    plan.ref = ref;
    plan.root = (place_of(spec.handle) / place_root).string();
    plan.identity = spec.identity;
    plan.working_directory = spec.working_directory;
    plan.command = spec.command;
    plan.environment = lines_of(spec.environment);
    plan.programs = program_candidates(spec.command.front(), search_path(spec.environment));
    return plan;
}

void KmodDriver::write_network_lines(const JailSpec& spec, const HostPath& run_directory) const {
    const auto shaper = host_->operator_file(altq_conf);
    const auto altq = shaper ? find_altq_place(*shaper) : std::nullopt;
    write_or_remove(npf_file(run_directory), npf_rules(spec));
    write_or_remove(altq_file(run_directory), altq ? altq_lines(spec, *altq) : std::string());
}

base::ProcessId KmodDriver::create(const JailSpec& spec, const HostPath& run_directory,
                                   const Streams& streams) {
    check_spec(spec);
    const HostPath place = place_of(spec.handle);
    const RootFacts facts = host_->facts(spec);
    pkgjail_create request = kmod_create(spec, facts.devices); // says what cannot be, before anything is done
    remove(spec.handle, run_directory);
    check_mountable(spec);
    check_mount_points(spec);
    // This kernel mounts what a path leads to and takes no descriptor, so that looking and mounting are two
    // steps; the jail itself does not run in between.
    for (const Mount& mount : spec.mounts)
        if (mount.by_descriptor)
            open_source(spec, mount);
    try {
        write_network_lines(spec, run_directory);
        assemble_root(*host_, place, root_steps(spec, place, facts), spec.jail);
        base::step("confine.root_mounted");
        put_secrets(spec, run_directory);
        request.root = host_->open_directory(place / place_root);
        if (request.root < 0)
            throw base::system_error(-request.root, (place / place_root).string(), "open");
        pkgjail_ref ref{};
        try {
            ref = control_.create(request, spec.jail);
        } catch (...) {
            host_->close_directory(request.root);
            throw;
        }
        host_->close_directory(request.root);
        base::step("confine.created");
        EntryPlan plan = plan_of(spec, ref);
        plan.holds = spec.holds;
        plan.streams[0] = streams.input;
        plan.streams[1] = streams.output;
        plan.streams[2] = streams.error;
        auto entrant = host_->start(plan);
        const EntryOutcome outcome = entrant->await_ready();
        if (!outcome.ready())
            throw entry_error(plan, outcome);
        const base::ProcessId first = entrant->process();
        waiting_[spec.handle] = std::move(entrant);
        return first;
    } catch (...) {
        // What create failed for is what the caller must hear; if clearing away fails as well, the next
        // create or remove says so.
        try {
            remove(spec.handle, run_directory);
        } catch (const Error&) {
        }
        throw;
    }
}

void KmodDriver::put_secrets(const JailSpec& spec, const HostPath&) {
    write_secrets(spec, base::Tree::open(place_of(spec.handle) / place_root));
}

void KmodDriver::start(const JailSpec& spec, const HostPath&) {
    running(spec.handle);
    const auto found = waiting_.find(spec.handle);
    if (found == waiting_.end())
        throw Error(ErrorKind::conflict, spec.handle,
                    "is started already, or was made by another process, which alone can start it");
    const auto entrant = std::move(found->second);
    waiting_.erase(found);
    if (const auto failed = entrant->let_go())
        throw entry_error(plan_of(spec, {}), *failed);
}

void KmodDriver::remove(const std::string& handle, const HostPath& run_directory) {
    const HostPath place = place_of(handle);
    // The kernel's jail holds the root busy: first that, then the mounts.
    if (const auto found = control_.find(handle))
        control_.end(found->ref, handle, end_patience);
    waiting_.erase(handle); // closes the gate of one that was never let go
    for (const HostPath& file : {npf_file(run_directory), altq_file(run_directory)})
        write_or_remove(file, "");
    std::error_code error;
    if (!fs::exists(place, error) && !error)
        return;
    take_apart(*host_, place, handle);
}

std::vector<std::string> KmodDriver::handles() const {
    std::vector<std::string> found;
    std::error_code none_yet;
    for (const auto& entry : fs::directory_iterator(places_, none_yet))
        found.push_back(entry.path().filename().string());
    std::sort(found.begin(), found.end());
    return found;
}

bool KmodDriver::exists(const std::string& handle, const HostPath&) const {
    std::error_code error;
    return fs::exists(place_of(handle), error) || control_.find(handle).has_value();
}

void KmodDriver::signal_all(const std::string& handle, const HostPath&, int signal_number) {
    control_.signal(running(handle).ref, signal_number, handle);
}

void KmodDriver::pause(const std::string& handle, const HostPath&) {
    control_.pause(running(handle).ref, true, handle);
}

void KmodDriver::resume(const std::string& handle, const HostPath&) {
    control_.pause(running(handle).ref, false, handle);
}

bool KmodDriver::is_paused(const std::string& handle, const HostPath&) const {
    const auto found = control_.find(handle);
    return found && (found->flags & PKGJAIL_IS_PAUSED) != 0;
}

std::vector<pid_t> KmodDriver::processes(const std::string& handle, const HostPath&) const {
    check_handle(handle);
    const auto found = control_.find(handle);
    return found ? control_.members(found->ref, handle) : std::vector<pid_t>{};
}

/// For a process besides the first. Throws when the jail takes none, or the request makes no sense.
EntryPlan KmodDriver::further_plan(const JailSpec& spec, const ExecRequest& request) const {
    if (request.command.empty() || request.command.front().empty())
        throw Error(ErrorKind::configuration, spec.jail, "no command was given");
    check_working_directory(request.working_directory, spec.jail);
    const pkgjail_stat found = running(spec.handle);
    if (found.processes == 0 || waiting_.contains(spec.handle))
        throw not_running(spec.jail);
    if ((found.flags & PKGJAIL_IS_PAUSED) != 0)
        throw Error(ErrorKind::conflict, spec.jail, "is paused");

    JailSpec further = spec;
    further.command = request.command;
    further.environment = request.environment;
    further.working_directory = request.working_directory;
    further.identity = request.identity;
    return plan_of(further, found.ref);
}

base::ProcessId KmodDriver::spawn(const JailSpec& spec, const HostPath&, const ExecRequest& request,
                                  const Streams& streams) {
    EntryPlan plan = further_plan(spec, request);
    plan.streams[0] = streams.input;
    plan.streams[1] = streams.output;
    plan.streams[2] = streams.error;
    const auto entrant = host_->start(plan);
    const EntryOutcome outcome = entrant->await_ready();
    if (!outcome.ready())
        throw entry_error(plan, outcome);
    if (const auto failed = entrant->let_go())
        throw entry_error(plan, *failed);
    return entrant->process();
}

base::Exit KmodDriver::exec(const JailSpec& spec, const HostPath&, const ExecRequest& request) {
    EntryPlan plan = further_plan(spec, request);
    if (request.terminal && ::isatty(STDIN_FILENO) != 1)
        throw Error(ErrorKind::usage, spec.jail, "a terminal was asked for, but standard input is none");
    for (int i = 0; i < 3; ++i)
        plan.streams[i] = i;
    std::optional<PseudoTerminal> terminal;
    if (request.terminal) {
        terminal.emplace(STDIN_FILENO);
        plan.terminal = true;
        std::fill(plan.streams, plan.streams + 3, terminal->inner());
    }
    const auto entrant = host_->start(plan);
    const EntryOutcome outcome = entrant->await_ready();
    if (!outcome.ready())
        throw entry_error(plan, outcome);
    if (const auto failed = entrant->let_go())
        throw entry_error(plan, *failed);
    if (terminal)
        terminal->connect(STDIN_FILENO, STDOUT_FILENO);
    return entrant->wait();
}

base::Tree KmodDriver::open_root(const std::string& handle, const HostPath&) const {
    running(handle);
    return base::Tree::open(place_of(handle) / place_root);
}

std::vector<jail::LimitReading> KmodDriver::read_limits(const JailSpec& spec,
                                                        const HostPath& run_directory) const {
    const pkgjail_stat stat = running(spec.handle);
    std::vector<jail::LimitReading> readings;
    for (const auto& [kind, limit] : spec.limits.wanted)
        readings.push_back(kind == jail::LimitKind::disk && !spec.storage.empty()
                               ? read_disk_limit(spec.storage, limit.value)
                           : kind == jail::LimitKind::net_out
                               ? net_out_reading(spec, limit.value, host_->operator_file(altq_conf),
                                                 altq_file(run_directory).string())
                               : kmod_reading(kind, limit.value, stat));
    return readings;
}

Usage KmodDriver::usage(const std::string& handle, const HostPath&) const {
    return kmod_usage(control_.measure(running(handle).ref, handle), control_.version().period_ms);
}

PortsReading KmodDriver::read_ports(const std::string& handle, const HostPath&) const {
    running(handle);
    const std::string mechanism = "kernel module (in profile low below port 1024 only)";
    return {jail::Enforcement::enforced, mechanism, jail::Enforcement::enforced, mechanism};
}

} // namespace pkgjail::confine
