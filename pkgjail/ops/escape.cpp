#include "pkgjail/ops/escape.hpp"

#include <algorithm>

#include <sys/stat.h>

#include "pkgjail/base/error.hpp"
#include "pkgjail/base/file.hpp"
#include "pkgjail/base/host.hpp"
#include "pkgjail/base/tree.hpp"
#include "pkgjail/confine/helper.hpp"
#include "pkgjail/jail/limit.hpp"
#include "pkgjail/ops/service.hpp"
#include "pkgjail/ops/session.hpp"
#include "pkgjail/store/owner.hpp"
#include "pkgjail/store/root.hpp"

namespace pkgjail::ops {

using base::Error;
using base::ErrorKind;
using base::HostPath;
using base::RootPath;
using base::Tree;

namespace {

/// The files of a throw-away jail, all of them in its run directory, so that the sweeping of temporary jails
/// finds them. The destructor removes them.
class ThrowAway {
  public:
    ThrowAway(const Context& context, const HostPath& helper, jail::Profile profile)
        : handle_(temporary_handle("escape")), run_(context.layout.run(handle_)) {
        base::make_directories(run_, 0700);
        try {
            fill(context, helper, profile);
        } catch (...) {
            remove();
            throw;
        }
    }
    ThrowAway(const ThrowAway&) = delete;
    ThrowAway& operator=(const ThrowAway&) = delete;
    ~ThrowAway() { remove(); }

    const confine::EscapeJail& jail() const { return jail_; }

  private:
    void fill(const Context& context, const HostPath& helper, jail::Profile profile) {
        const std::string& prefix = context.config.prefix;
        const RootPath own_etc = RootPath::parse(prefix) / "etc";
        const auto base = store::configured_base(context.config.base);
        for (const char* name : {"root", "tree", "config", "data", "outside"})
            base::make_directories(run_ / name, 0755);
        store::make_skeleton(Tree::open(run_ / "root"), base, prefix, {});
        const Tree tree = Tree::open(run_ / "tree");
        tree.make_directories(RootPath::parse("/etc"));
        const std::string program = base::read_file(helper);
        tree.write(RootPath::parse("/pkgjail-escape"), program, 0755, store::permitted_owner());
        tree.write(RootPath::parse("/set-id"), program, 06755, store::permitted_owner());
        const Tree config = Tree::open(run_ / "config");
        config.make_directories(RootPath::parse("/etc/alternatives"));
        config.make_directories(own_etc);
        const Tree data = Tree::open(run_ / "data");
        for (const char* path : {"/var/run", "/var/escape", "/home", "/root"})
            data.make_directories(RootPath::parse(path));
        place_device(run_ / "data" / "var" / "escape" / "null");

        auto& spec = jail_.spec;
        spec.handle = handle_;
        spec.jail = "escape";
        spec.root = run_ / "root";
        store::RootParts parts;
        parts.tree = run_ / "tree";
        parts.config = run_ / "config";
        parts.data = run_ / "data";
        spec.mounts = store::root_mounts(base, prefix, parts);
        spec.environment = jail_environment(prefix, "/root");
        spec.limits = jail::load_limits(context.config.limit_directories, "build", jail::host_terms());
        spec.profile = profile;
        jail_.run_directory = run_;
        jail_.image = prefix;
        jail_.data = "/var/escape";
        jail_.data_outside = run_ / "data" / "var" / "escape";
        jail_.mount_point = run_ / "data" / "var" / "run";
        jail_.outside_directory = run_ / "outside";
    }

    /// /dev/null once more, in the jail's data: the jail's mounts must not let it be one. Where it cannot be
    /// made, for want of privilege, the attempt is told as one that could not be tried.
    static void place_device(const HostPath& path) {
        struct stat null {};
        if (::stat("/dev/null", &null) == 0)
            static_cast<void>(::mknod(path.c_str(), S_IFCHR | 0666, null.st_rdev));
    }

    void remove() noexcept {
        try {
            Tree::open(run_.parent_path()).remove_all(RootPath().entry(handle_));
        } catch (const std::exception&) {
            // The next changing command sweeps it.
        }
    }

    std::string handle_;
    HostPath run_;
    confine::EscapeJail jail_;
};

} // namespace

bool EscapeReport::held() const {
    for (const Column& column : columns)
        for (const confine::Attempt& attempt : column.attempts)
            if (attempt.held == confine::Held::open)
                return false;
    return true;
}

EscapeReport try_escapes(const Context& context, const std::vector<jail::Profile>& profiles) {
    const auto helper = confine::find_helper(confine::escape_program);
    if (!helper)
        throw Error(
            ErrorKind::not_found, confine::escape_program, "is not installed",
            "it belongs beside pkgjail, or into libexec; where there is no static C library it cannot "
            "be built");
    context.layout.create();
    const base::Lock alive = share_store(context, "doctor");
    const auto driver = confine::open_driver(context.layout.state(), context.config.runtime);
    confine::become_reaper();
    EscapeReport report;
    report.driver = driver->info();
    report.kernel = base::host_opsys() + " " + base::host_os_version();
    for (const jail::Profile profile : profiles) {
        context.reporter.doing("try to leave a jail of profile " + std::string(jail::profile_name(profile)));
        const ThrowAway jail(context, *helper, profile);
        report.columns.push_back({profile, confine::try_to_escape(*driver, jail.jail())});
    }
    return report;
}

} // namespace pkgjail::ops
