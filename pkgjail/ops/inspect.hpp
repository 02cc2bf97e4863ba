// list, status, logs: reading jails. Nothing here changes anything.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "pkgjail/catalog/images.hpp"
#include "pkgjail/catalog/jails.hpp"
#include "pkgjail/confine/driver.hpp"
#include "pkgjail/jail/network.hpp"
#include "pkgjail/ops/context.hpp"
#include "pkgjail/supervise/service_state.hpp"

namespace pkgjail::supervise {
struct StateFile;
}

namespace pkgjail::ops {

/// Everything about one jail.
struct JailView {
    catalog::Jail jail;
    catalog::Generation generation;
    std::shared_ptr<const catalog::Image> image; ///< jails on the same one share it; null: there is none
    supervise::ServiceStatus status;
    std::shared_ptr<const supervise::StateFile> state; ///< what the status was judged by; null: nothing
    confine::Usage usage;                              ///< filled in while it runs
    std::optional<confine::PortsReading> ports;        ///< the same, in network mode host
    std::vector<std::string> addresses;
    std::vector<jail::PublishedPort> publish; ///< from its private network
    bool nat = false;
    std::string resolv;                 ///< "host", "none", "servers=…"
    std::string resolv_file;            ///< whose the file is, in words; empty: nothing is to be written
    std::vector<std::string> requires_; ///< jails that have to be ready first
    /// Packages of the image with known vulnerabilities; unset: there is no list to tell by.
    std::optional<std::size_t> vulnerable;
    /// Other jails that have a volume of this one, by the volume's id.
    std::map<std::string, std::vector<std::string>> volumes_shared;
    base::HostPath log;
};

std::vector<std::string> jail_names(const Context& context);
/// Whether the kernel is asked what the jails use, and which ports they are held to.
enum class Measured { yes, no };
/// Empty `names`: all, as they are at one moment in the catalog. Error{not_found} for a name that is none.
std::vector<JailView> jails(const Context& context, const std::vector<std::string>& names,
                            Measured measured = Measured::yes);
JailView jail_view(const Context& context, const std::string& name);
/// Whether the kernel has something to tell of it, asked when it told nothing: not while a service waits to
/// be started again, and not once it has ended.
bool has_process(const supervise::ServiceStatus& status);

/// The package that the jail is there for: the one its recipe is named after, else the last that was asked
/// for; empty: none.
std::string service_package(const JailView& view);

struct JailLog {
    std::string jail;
    base::HostPath file;
};
/// Where the logs of these jails are, of all of them when none is named; Error{not_found} for a name that is
/// none.
std::vector<JailLog> logs(const Context& context, const std::vector<std::string>& names);

} // namespace pkgjail::ops
