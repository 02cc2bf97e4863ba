#ifdef __linux__

#include "pkgjail/confine/port_guard.hpp"

#include <cerrno>
#include <set>

#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "pkgjail/base/error.hpp"
#include "pkgjail/base/file.hpp"
#include "pkgjail/base/withheld.hpp"
#include "pkgjail/confine/bundle_file.hpp"
#include "pkgjail/confine/enter_failure.h"
#include "pkgjail/confine/helper.hpp"

namespace pkgjail::confine {
namespace {

using base::Error;
using base::ErrorKind;
using base::HostPath;

constexpr long first_abi_with_ports = 4;  // Linux 6.7
constexpr long first_abi_with_scopes = 6; // Linux 6.12
constexpr int report_patience_ms = 10'000;
/// Nobody has it: TCP port 1 is tcpmux. Only the refusal is of interest, which comes before any other check.
constexpr const char* unclaimed_port = "1";

/// 0: the kernel has none.
long landlock_abi() {
    if (base::is_withheld(base::KernelPart::landlock))
        return 0;
    constexpr long create_ruleset = 444;
    constexpr unsigned version = 1;
    const long abi = ::syscall(create_ruleset, nullptr, 0, version);
    return abi < 0 ? 0 : abi;
}

/// Options of pkgjail-enter.
std::vector<std::string> hold_words(const HeldPorts& held) {
    std::vector<std::string> words{"-b", held.ports};
    if (held.no_abstract_sockets)
        words.insert(words.begin(), "-a");
    return words;
}

/// What runs inside a jail is a copy that nobody can write to, so that no jail can change the program.
base::Fd sealed_copy(const HostPath& program) {
    const std::string bytes = base::read_file(program);
    constexpr unsigned executable = 0x10; // MFD_EXEC, from Linux 6.3 on
    base::Fd copy(::memfd_create(enter_program, MFD_CLOEXEC | MFD_ALLOW_SEALING | executable));
    if (!copy && errno == EINVAL)
        copy = base::Fd(::memfd_create(enter_program, MFD_CLOEXEC | MFD_ALLOW_SEALING));
    if (!copy)
        throw base::system_error(errno, enter_program, "memfd_create");
    base::write_all(copy.get(), bytes, enter_program);
    if (::fcntl(copy.get(), F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) != 0)
        throw base::system_error(errno, enter_program, "seal");
    return copy;
}

} // namespace

PortGuard find_port_guard() {
    PortGuard guard;
    const long abi = landlock_abi();
    if (abi == 0)
        guard.missing = "this kernel has no Landlock";
    else if (abi < first_abi_with_ports)
        guard.missing = "Landlock of this kernel knows no ports (Linux 6.7 does)";
    else if (const auto program = find_helper(enter_program))
        guard.program = *program;
    else
        guard.missing = fmt::format("{} is not installed", enter_program);
    guard.abstract_sockets = guard.works() && abi >= first_abi_with_scopes;
    return guard;
}

HeldPorts ports_to_hold(const JailSpec& spec, const PortGuard& guard) {
    HeldPorts held;
    if (spec.network != jail::NetworkMode::host) {
        held.why = "the jail shares no network with the host";
        return held;
    }
    if (!guard.works()) {
        held.why = guard.missing;
        return held;
    }
    std::set<std::uint16_t> ports;
    for (const auto& claim : spec.claims)
        if (claim.protocol == "tcp")
            ports.insert(claim.port);
    // 0 is the kernel's choice. Who may listen gets such a port without any bind as well, and clients that
    // name a source address bind to it: refusing it would stop those and nobody else.
    ports.insert(0);
    held.held = true;
    // They stand in the network, which the jail shares with the host, and know no owner and no mode. What is
    // added to the jail later stands in a scope of its own, so this takes something from services as well.
    held.no_abstract_sockets = guard.abstract_sockets && spec.profile != jail::Profile::low;
    held.ports = fmt::format("{}", fmt::join(ports, ","));
    return held;
}

void write_held_ports(const HostPath& bundle, const HeldPorts& held) {
    const nlohmann::json json{{"held", held.held},
                              {"ports", held.ports},
                              {"why", held.why},
                              {"no_abstract_sockets", held.no_abstract_sockets}};
    write_bundle_file(bundle / "ports.json", json.dump());
}

std::optional<HeldPorts> read_held_ports(const HostPath& bundle) {
    const auto text = base::read_file_if_exists(bundle / "ports.json");
    if (!text)
        return std::nullopt;
    try {
        const auto json = nlohmann::json::parse(*text);
        return HeldPorts{json.at("held").get<bool>(), json.at("ports").get<std::string>(),
                         json.value("no_abstract_sockets", false), json.at("why").get<std::string>()};
    } catch (const nlohmann::json::exception& error) {
        throw Error(ErrorKind::corrupt, (bundle / "ports.json").string(), error.what());
    }
}

Entrance Entrance::around_runtime(const PortGuard& guard, const HeldPorts& held) {
    Entrance entrance;
    if (!held.held)
        return entrance;
    entrance.report_ = base::make_pipe();
    const std::string report = std::to_string(entrance.report_.write_end.get());
    entrance.keep_ = {entrance.report_.write_end.get()};
    entrance.before_ = {guard.program.string(), "-r", report, "-c", report};
    for (auto& word : hold_words(held))
        entrance.before_.push_back(word);
    entrance.before_.emplace_back("--");
    return entrance;
}

Entrance Entrance::inside(const PortGuard& guard, const HeldPorts& held) {
    Entrance entrance;
    if (!held.held)
        return entrance;
    if (!guard.works())
        throw Error(ErrorKind::denied, enter_program,
                    "the jail is held to its ports, which a process added to it cannot be now: " +
                        guard.missing);
    entrance.program_ = sealed_copy(guard.program);
    entrance.report_ = base::make_pipe();
    entrance.keep_ = {entrance.program_.get(), entrance.report_.write_end.get()};
    entrance.before_ = {guard.program.string(), "-k",
                        fmt::format("{},{}", entrance.keep_[0], entrance.keep_[1]), "--"};
    entrance.inside_ = {"/proc/self/fd/3", "-c", "3", "-c", "4", "-r", "4"};
    for (auto& word : hold_words(held))
        entrance.inside_.push_back(word);
    return entrance;
}

Entrance Entrance::holding(const HostPath& program, const HeldPorts& held) {
    Entrance entrance;
    entrance.program_ = sealed_copy(program);
    entrance.report_ = base::make_pipe();
    entrance.keep_ = {entrance.program_.get(), entrance.report_.write_end.get()};
    entrance.before_ = {program.string(), "-k", fmt::format("{},{}", entrance.keep_[0], entrance.keep_[1]),
                        "-r", "4"};
    if (held.held)
        for (const std::string& word : hold_words(held))
            entrance.before_.push_back(word);
    entrance.before_.emplace_back("--");
    entrance.inside_ = {"/proc/self/fd/3", "-c", "3", "-c", "4", "-r", "4", "-w"};
    return entrance;
}

std::vector<std::string> Entrance::runtime_options() const {
    if (inside_.empty())
        return {};
    return {"--preserve-fds", "2"};
}

std::vector<std::string> Entrance::command(const std::vector<std::string>& wanted) const {
    if (inside_.empty())
        return wanted;
    auto words = inside_;
    words.push_back("--");
    words.insert(words.end(), wanted.begin(), wanted.end());
    return words;
}

std::vector<std::string> Entrance::trial() const {
    auto words = inside_;
    words.insert(words.end(), {"-t", unclaimed_port});
    return words;
}

void Entrance::check(const std::string& jail, const std::string& program, bool of_runtime) {
    if (!report_.read_end)
        return;
    report_.write_end.reset();
    // The other copies go with the exec of the program, or with pkgjail-enter itself.
    struct pollfd waiting {
        report_.read_end.get(), POLLIN, 0
    };
    if (::poll(&waiting, 1, report_patience_ms) != 1)
        throw Error(ErrorKind::system, enter_program, "did not get to " + program + " in time");
    enter_failure failure{};
    if (::read(report_.read_end.get(), &failure, sizeof failure) != sizeof failure)
        return;
    switch (failure.stage) {
    case ENTER_EXEC:
        if (inside_.empty() || of_runtime)
            throw base::system_error(failure.error, "OCI runtime", "exec");
        if (failure.error == ENOENT || failure.error == ENOTDIR)
            throw Error(ErrorKind::not_found, program, "no such program in jail " + jail);
        throw Error(ErrorKind::denied, program, "cannot be executed in jail " + jail);
    case ENTER_HOLD:
        throw base::system_error(failure.error, jail, "hold it to its ports by Landlock");
    case ENTER_USAGE:
    case ENTER_DESCRIPTORS:
        throw base::system_error(failure.error, enter_program, "arrange its descriptors");
    }
}

} // namespace pkgjail::confine

#endif
