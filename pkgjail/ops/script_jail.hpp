// The build jail: package scripts run in it, confined like any jail, without network. One for all scripts of
// an image.
#pragma once

#include <chrono>
#include <memory>

#include "pkgjail/base/clock.hpp"
#include "pkgjail/confine/driver.hpp"
#include "pkgjail/store/builder.hpp"

namespace pkgjail::ops {

struct ScriptJailOptions {
    store::HostBase base;
    std::string prefix;
    jail::Limits limits;
    std::chrono::milliseconds timeout{120'000}; ///< of one script
    std::string handle;                         ///< temporary_handle()
    base::HostPath run_directory;               ///< the handle's, made and removed here
    base::HostPath log;                         ///< build log, appended to
};

/// The runner starts its jail at once. The driver must outlive it.
std::unique_ptr<store::ScriptRunner> make_script_jail(confine::Driver& driver,
                                                      const ScriptJailOptions& options,
                                                      const store::RootParts& parts,
                                                      const base::HostPath& skeleton);

} // namespace pkgjail::ops
