// A store of its own, packages put into it, and a canary outside that nothing may touch.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/tree_fixture.hpp"
#include "pkgjail/store/builder.hpp"
#include "pkgjail/store/sweep.hpp"
#include "support/package_writer.hpp"
#include "support/temp_dir.hpp"

namespace pkgjail::test {

/// What stands in for a build jail: each script is a call of `act` with what the runner was asked for and the
/// half-built image's parts on the host.
using ScriptAct =
    std::function<base::Exit(const store::ScriptRunner::Script& script, const store::RootParts& parts)>;

/// One line of `calls` for each script: "foo-1.0: /usr/pkg/pkgdb/foo-1.0/+INSTALL foo-1.0 PRE-INSTALL".
class FakeScripts {
  public:
    /// What scripts do; unset: succeed.
    ScriptAct act;
    std::vector<std::string> calls;
    std::vector<std::map<std::string, std::string>> environments;
    int open_jails = 0;
    int made_jails = 0;

    store::ScriptRunnerFactory factory();
};

/// Does at POST-INSTALL of `pkgname` what a hostile script would do to the tree, from the host.
ScriptAct at_post_install(const std::string& pkgname,
                          std::function<void(const store::RootParts& parts)> deed);

class StoreFixture {
  public:
    StoreFixture();

    /// Builds an image of the packages, in this order; scripts are the fake's.
    store::BuiltImage build(const std::vector<PackageSpec>& specs);
    /// The same of archives that no honest program writes.
    store::BuiltImage build_raw(const std::string& pkgname, const std::vector<TarMember>& members);
    store::BuildRequest request_of(const std::vector<PackageSpec>& specs);
    void add_archive(store::BuildRequest& request, const std::string& pkgname, const std::string& bytes);
    store::BuiltImage build(const store::BuildRequest& request);

    /// "corrupt: WHAT" of a build that must fail, or "built".
    std::string outcome(const std::function<void()>& work) const;

    base::Tree image(const store::BuiltImage& built) const;
    /// Names in a directory of the store, one a line: what is left.
    std::string left_in(const base::HostPath& directory) const;
    /// Nothing in images/ and jails/, and the canary as it was.
    bool is_clean() const;

    base::HostPath canary() const { return dir_.path() / "canary"; }
    bool canary_is_intact() const { return canary_state() == canary_before_; }

    TempDir dir_;
    store::Layout layout;
    store::BuildRequest defaults; ///< policy, accounts; packages are added to a copy
    FakeScripts scripts;
    store::ScriptRunnerFactory real_scripts; ///< instead of the fake, when set
    store::EqualFileFinder equal_file;
    std::function<std::optional<store::UnpackedBefore>(const store::BuildPackage&)> unpacked_before;

  private:
    std::string canary_state() const;

    std::vector<base::Fd> archives_;
    std::string canary_before_;
};

/// The manifest without digests and numbers of owners: "f 0755 5 foo-1.0 /tree/bin/foo".
std::string show(const jail::Manifest& manifest);
/// Only what lies below `top`.
std::string show(const jail::Manifest& manifest, const std::string& top);

/// Content, mode, inode, links, times of everything below a directory, one entry a line.
std::string state_of_tree(const base::HostPath& top);

inline base::Exit exit_with(int status) {
    base::Exit exit;
    exit.value = status;
    return exit;
}

/// A package with one file, bin/<pkgbase>.
PackageSpec small_package(const std::string& pkgname);

} // namespace pkgjail::test
