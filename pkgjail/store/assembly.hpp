// Unpacked packages put together in tree/ and seed/, one after the other, with their scripts run in between.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "pkgjail/base/directory.hpp"
#include "pkgjail/jail/manifest.hpp"
#include "pkgjail/store/builder.hpp"
#include "pkgjail/store/pkgdb.hpp"
#include "pkgjail/store/pkginstall.hpp"
#include "pkgjail/store/staging.hpp"
#include "pkgjail/store/unpack.hpp"

namespace pkgjail::store {

/// Thrown instead of running a script that could reach files of other images.
struct ScriptHeldBack {};

/// One image's assembly. All three must outlive it. The build jail exists from the first script to finish().
class Assembly {
  public:
    Assembly(const Staging& staging, const BuildRequest& request, const BuildHooks& hooks);

    /// +INSTALL PRE-INSTALL, the package's files with @exec at their places, +INSTALL POST-INSTALL.
    /// `unpacked` is the directory of its files, which is empty afterwards.
    void install(const BuildPackage& package, const Unpacked& metadata, const base::RootPath& unpacked);
    /// There are files of other images: from now on a script that has to run, or an owner or mode to be set
    /// of such a file, is ScriptHeldBack.
    void hold_scripts_back() {
        holds_scripts_back_ = true;
        pkginstall_.spare_links();
    }
    bool has_run_scripts() const { return has_run_scripts_; }
    /// Manifest paths of packages' files that data lines gave another owner or mode.
    const std::set<std::string>& changed() const { return pkginstall_.changed(); }
    /// Path in the staging directory → SHA-256 of a file that we wrote and that no script could touch since.
    const std::map<std::string, std::string>& known_digests() const { return known_digests_; }
    /// Ends the build jail and writes what depends on all packages.
    void finish();

    /// Path in the staging directory → pkgname, of everything that came with a package.
    const std::map<std::string, std::string>& package_of() const { return package_of_; }
    /// Error{corrupt} when the package database in `manifest` is not what the packages brought.
    void check_database(const jail::Manifest& manifest) const;
    std::vector<std::string> take_warnings() { return std::move(warnings_); }

  private:
    [[noreturn]] void refuse_scripts(const BuildPackage& package) const;
    void place_files(const BuildPackage& package, const Unpacked& unpacked, const base::RootPath& directory);
    void place_file(const BuildPackage& package, const base::Tree& from, const base::RootPath& path,
                    bool with_its_directory);
    bool place_directory(const BuildPackage& package, const base::Tree& from, const base::RootPath& path);
    void refuse_file_at(const BuildPackage& package, const base::RootPath& directory) const;
    void make_parents(const BuildPackage& package, const base::RootPath& path);
    [[noreturn]] void refuse_directory(const BuildPackage& package, const base::RootPath& path) const;
    base::RootPath place_of(const base::RootPath& path) const;
    std::string inside(const base::RootPath& place) const;
    base::Exit run_script(const BuildPackage& package, std::vector<std::string> argv, std::string directory);
    void open_build_jail();
    void pre_install(const BuildPackage& package, const Unpacked& unpacked);
    void post_install(const BuildPackage& package, const Unpacked& unpacked);
    void run_install_script(const BuildPackage& package, const char* stage);
    void run_command(const BuildPackage& package, const std::string& command);
    std::map<std::string, std::string> script_environment(const std::string& pkgname) const;

    const Staging& staging_;
    const BuildRequest& request_;
    const BuildHooks& hooks_;
    base::RootPath prefix_;
    base::Tree tree_; ///< staging's tree/
    PkgInstall pkginstall_;
    std::unique_ptr<ScriptRunner> scripts_;
    bool has_run_scripts_ = false;
    bool holds_scripts_back_ = false;
    std::map<std::string, std::string> known_digests_;
    std::map<std::string, std::string> package_of_;
    std::map<std::string, std::string> database_digests_; ///< path below tree/ → SHA-256
    std::vector<PkgdbPackage> installed_;
    /// Where the last file went, and came from; as long as no script can have changed anything.
    std::optional<base::Directory> to_, from_;
    std::set<std::string>
        moved_; ///< directories of the present package, below the prefix, that were moved whole
    std::set<std::string> parents_; ///< directories in the staging directory known to exist
    std::vector<std::string> warnings_;
};

} // namespace pkgjail::store
