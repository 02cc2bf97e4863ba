// Building an image from packages: unpack each into a place of its own, run the packages' scripts confined,
// put the files together, seal.
//
// Where no script has to run, a package that another image has as its archive has it is not unpacked again:
// its files get second names. What is in an image is never written to.
//
// A crash before the caller's catalog commit leaves only images/new-<random>/ or an image that the catalog
// does not know; sweep() removes both.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "pkgjail/base/fd.hpp"
#include "pkgjail/base/process.hpp"
#include "pkgjail/format/archive.hpp"
#include "pkgjail/jail/config.hpp"
#include "pkgjail/jail/manifest.hpp"
#include "pkgjail/store/accounts.hpp"
#include "pkgjail/store/layout.hpp"
#include "pkgjail/store/root.hpp"

namespace pkgjail::store {

/// One package to go into the image.
struct BuildPackage {
    std::string pkgname;
    bool automatic = false; ///< gets automatic=yes in its +INSTALLED_INFO
    int archive = -1;   ///< descriptor of the checked archive; read from the beginning, stays the caller's
    std::string sha256; ///< of that archive; computed again while unpacking, a difference is Error{trust}
    std::string archive_name;     ///< for messages
    format::ArchiveLimits limits; ///< lowered to what the index promises, where there is one
    /// What is in that archive, when the caller has read it: without it a package is taken from no other
    /// image.
    const format::PackageMetadata* metadata = nullptr;
};

/// An image in which a package's files are as the archive of the same digest has them.
struct UnpackedBefore {
    std::string image;                        ///< id
    std::int64_t made_at = 0;                 ///< when that image was made, Unix time
    std::vector<jail::ManifestEntry> entries; ///< of its manifest: all that came with the package
};

struct BuildRequest {
    HostBase base;
    std::string prefix = "/usr/pkg";
    std::vector<BuildPackage> packages; ///< in dependency order
    AccountNumbers accounts;            ///< of every name that the packages declare
    jail::SetidPolicy setid = jail::SetidPolicy::strip;
    bool run_scripts = true;
    bool run_known_scripts = false;   ///< also those that pkgjail could do the work of; the image is the same
    std::uint64_t unpacked_bytes = 0; ///< what the index promises in all, for progress only
    std::string record; ///< image.json's text: what the catalog would need to know this image again
};

/// Same key, same image: SHA-256 over format version, base id, prefix, policy, ordered pkgname + archive
/// digest + automatic mark, and the account numbers of declared names.
std::string build_key(const BuildRequest& request);

/// Id of the image that has this build key and manifest.
std::string image_id_of(const std::string& key, const std::string& manifest_text);

/// Runs package scripts inside the half-built root; made by ops on top of a confine::Driver, or by tests. One
/// build jail an image: made at the first script, ended (with everything that scripts left running) when it
/// is destroyed; nothing of a script runs on when run() has returned.
class ScriptRunner {
  public:
    virtual ~ScriptRunner() = default;
    struct Script {
        std::string pkgname;
        std::vector<std::string> argv;                  ///< as seen inside
        std::map<std::string, std::string> environment; ///< the whole of it
        std::string working_directory;                  ///< as seen inside
    };
    /// Exit of the script; output goes to the build log. Throws Error{system} when the jail itself fails,
    /// Error{unhealthy} at a time-out.
    virtual base::Exit run(const Script& script) = 0;
};
/// Gets the half-built root's parts and its skeleton.
using ScriptRunnerFactory =
    std::function<std::unique_ptr<ScriptRunner>(const RootParts& parts, const base::HostPath& skeleton)>;

struct BuildProgress {
    std::string pkgname;
    std::uint64_t bytes_done = 0;
    std::uint64_t bytes_total = 0;
};

/// A sealed image; what the catalog will be told.
struct BuiltImage {
    std::string id; ///< SHA-256 over build key and manifest
    jail::Manifest manifest;
    std::vector<std::string> setid;    ///< "/usr/pkg/bin/x 4755 foo-1.0: stripped", each file once, by path
    std::vector<std::string> warnings; ///< script and plist warnings, dropped attributes
    std::vector<std::pair<std::string, std::string>>
        messages; ///< pkgname → +DISPLAY text, as the package wrote it
    /// Packages whose files are as their archives have them, whatever else is in the image: no script ran, no
    /// data line changed them, the policy on set-id files dropped nothing, and they are root's.
    std::set<std::string> as_unpacked;
    std::set<std::string> linked; ///< packages taken from other images
};

/// Where an equal file of another image is, below Layout::images(); nullopt: nowhere. Called for every
/// regular file below tree/ that is not empty.
using EqualFileFinder = std::function<std::optional<base::HostPath>(const jail::ManifestEntry&)>;

struct BuildHooks {
    ScriptRunnerFactory scripts; ///< required when a package's script has to run and request.run_scripts
    EqualFileFinder equal_file;  ///< may be empty
    /// May be empty: where a package was unpacked before (BuiltImage::as_unpacked); nullopt: nowhere.
    std::function<std::optional<UnpackedBefore>(const BuildPackage&)> unpacked_before;
    std::function<void(const BuildProgress&)>
        progress; ///< may be empty; called from several threads, one at a time
};

/// Builds, seals (synced and renamed to images/<id>) and returns. Throws Error{corrupt}, Error{trust},
/// Error{conflict} (two packages have the same file), Error{unhealthy} (a script failed or took too long),
/// Error{denied} (scripts or set-id refused by policy), Error{system}; then nothing is left in the store.
BuiltImage build_image(const Layout& layout, const BuildRequest& request, const BuildHooks& hooks);

} // namespace pkgjail::store
