// What the scripts of pkgsrc's pkginstall framework do to an image, done by ourselves from their data lines:
// reference counts, directories, configuration files copied from examples, owners and modes. The tree, the
// seed and the package database are afterwards what they would be had the script run; the system tests hold
// both against each other.
//
// Only what is plain is done here. Whatever is not (a link where a directory is named, an account with
// another number than the package asks for, a place that is no part of the image) makes a stage decline
// before it has changed anything; the script is then run, and does or says what it does.
#pragma once

#include <map>
#include <set>
#include <string>

#include "pkgjail/base/tree.hpp"
#include "pkgjail/format/install_frame.hpp"
#include "pkgjail/format/install_script.hpp"
#include "pkgjail/store/root.hpp"

namespace pkgjail::store {

class PkgInstall {
  public:
    /// `top` holds tree/ and seed/; both must outlive this. The knobs are those of Assembly's script
    /// environment: configuration, accounts and rc.d scripts yes, correcting of permissions and registering
    /// of shells no.
    PkgInstall(const base::Tree& top, const HostBase& base, const std::string& prefix);

    /// The stage PRE-INSTALL. False: nothing is done, run the script.
    bool pre_install(const std::string& pkgname, const format::InstallFrame& frame,
                     const format::InstallDeclarations& declared);
    /// The stage POST-INSTALL. False: nothing is done, run the script.
    bool post_install(const std::string& pkgname, const format::InstallDeclarations& declared);
    /// From now on a stage that would set owner or mode of a file with several names declines.
    void spare_links() { spares_links_ = true; }
    /// Manifest paths of files that were there and got another owner or mode.
    const std::set<std::string>& changed() const { return changed_; }

  private:
    class Stage;

    const base::Tree& top_;
    const HostBase& base_;
    base::RootPath prefix_;
    bool spares_links_ = false;
    std::set<std::string> changed_;
};

} // namespace pkgjail::store
