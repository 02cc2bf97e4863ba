#include "pkgjail/store/builder.hpp"

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <set>
#include <thread>

#include <fcntl.h>

#include <fmt/core.h>

#include "pkgjail/base/digest.hpp"
#include "pkgjail/base/error.hpp"
#include "pkgjail/base/file.hpp"
#include "pkgjail/base/step.hpp"
#include "pkgjail/store/pkgdb.hpp"
#include "pkgjail/store/scan.hpp"
#include "pkgjail/store/seal.hpp"
#include "pkgjail/store/seed.hpp"
#include "pkgjail/store/unpack.hpp"

namespace pkgjail::store {

using base::Error;
using base::ErrorKind;
using base::HostPath;
using base::RootPath;
using base::Tree;

namespace {

/// Changes whenever the same packages would give a different image.
constexpr int format_version = 1;

std::string_view policy_word(jail::SetidPolicy policy) {
    switch (policy) {
    case jail::SetidPolicy::strip:
        return "strip";
    case jail::SetidPolicy::keep:
        return "keep";
    case jail::SetidPolicy::refuse:
        return "refuse";
    }
    return "strip";
}

RootPath unpack_directory(std::size_t index) {
    return RootPath::parse("/unpack") / std::to_string(index);
}

/// A staging directory that disappears unless it was sealed.
class Staging {
  public:
    explicit Staging(const Layout& layout)
        : images_(Tree::open(layout.images())), name_(RootPath::parse("/new-" + base::random_hex(8))),
          path_(layout.images() / name_.relative()) {
        images_.make_directory(name_, 0700);
        tree_.emplace(images_.open_tree(name_));
    }
    Staging(const Staging&) = delete;
    Staging& operator=(const Staging&) = delete;
    ~Staging() {
        if (sealed_)
            return;
        try {
            images_.remove_all(name_);
        } catch (const Error&) {
            // Nothing refers to it; sweep() tries again at the next command.
        }
    }
    const Tree& tree() const { return *tree_; }
    const HostPath& path() const { return path_; }
    void sealed() { sealed_ = true; }

  private:
    Tree images_;
    RootPath name_;
    HostPath path_;
    std::optional<Tree> tree_;
    bool sealed_ = false;
};

/// The parts of one build, in the order in which build_image calls them.
class Build {
  public:
    Build(const Layout& layout, const BuildRequest& request, const BuildHooks& hooks)
        : layout_(layout), request_(request), hooks_(hooks), prefix_(RootPath::parse(request.prefix)),
          staging_(layout) {
        for (const char* directory : {"/tree", "/seed", "/seed/config", "/seed/data", "/skeleton", "/unpack"})
            top().make_directory(RootPath::parse(directory), 0755);
        top().make_directories(RootPath::parse("/tree/etc")); // the prefix's etc is mounted here
        top().make_directories(RootPath::parse("/tree") / pkgdb_path().relative());
        top().make_directories(RootPath::parse("/tree") / pkgdb_refcount_path().relative());
    }

    void unpack_all() {
        unpacked_.resize(request_.packages.size());
        for (std::size_t i = 0; i < request_.packages.size(); ++i)
            top().make_directory(unpack_directory(i), 0700);
        std::atomic<std::size_t> next{0};
        std::exception_ptr failure;
        std::mutex lock;
        std::uint64_t bytes_done = 0;
        const auto work = [&] {
            for (std::size_t i = next++; i < request_.packages.size(); i = next++) {
                try {
                    const BuildPackage& package = request_.packages[i];
                    const auto advance = [&](std::uint64_t bytes) {
                        if (!hooks_.progress)
                            return;
                        const std::lock_guard guard(lock);
                        bytes_done += bytes;
                        hooks_.progress({package.pkgname, bytes_done, request_.unpacked_bytes});
                    };
                    unpacked_[i] = unpack(package, request_, top().open_tree(unpack_directory(i)), advance);
                } catch (...) {
                    const std::lock_guard guard(lock);
                    if (!failure) // the first one is the cause; others may be its consequence
                        failure = std::current_exception();
                    next = request_.packages.size();
                }
            }
        };
        std::vector<std::thread> threads;
        const std::size_t count = std::min<std::size_t>(
            request_.packages.size(), std::clamp(std::thread::hardware_concurrency(), 1u, 8u));
        for (std::size_t i = 1; i < count; ++i)
            threads.emplace_back(work);
        work();
        for (std::thread& thread : threads)
            thread.join();
        if (failure)
            std::rethrow_exception(failure);
        base::step("build.unpacked");
    }

    void prepare_seed() {
        const Tree config = top().open_tree(RootPath::parse("/seed/config"));
        make_seed(config, top().open_tree(RootPath::parse("/seed/data")), request_.base, request_.prefix);
        std::vector<format::DeclaredUser> users;
        std::vector<format::DeclaredGroup> groups;
        for (const Unpacked& package : unpacked_)
            if (const std::string* script = package.metadata.member("+INSTALL")) {
                auto declared = format::InstallDeclarations::parse(*script);
                std::move(declared.users.begin(), declared.users.end(), std::back_inserter(users));
                std::move(declared.groups.begin(), declared.groups.end(), std::back_inserter(groups));
            }
        write_account_files(config, users, groups, request_.accounts);
        make_skeleton(top().open_tree(RootPath::parse("/skeleton")), request_.base, request_.prefix, {});
    }

    void assemble() {
        const Tree tree = top().open_tree(RootPath::parse("/tree"));
        std::vector<PkgdbPackage> database;
        for (std::size_t i = 0; i < request_.packages.size(); ++i) {
            const BuildPackage& package = request_.packages[i];
            base::while_doing("install " + package.pkgname,
                              [&] { assemble_one(tree, package, unpacked_[i], i); });
            database.push_back({package.pkgname, unpacked_[i].metadata.plist.depends});
        }
        scripts_.reset(); // every process of the scripts has ended before anything is looked at
        write_required_by(tree, database);
        base::step("build.assembled");
    }

    BuiltImage finish(const std::string& key) {
        for (const char* directory : {"/unpack", "/skeleton"})
            top().remove_all(RootPath::parse(directory));
        ScanResult scanned = scan(top(), request_.prefix, request_.setid, package_of_);
        result_.manifest = std::move(scanned.manifest);
        std::set<std::string>
            listed; // a bit that the archive brought and the policy keeps is seen by the scan as well
        for (const std::string& line : result_.setid)
            listed.insert(line.substr(0, line.find(' ')));
        for (std::string& line : scanned.setid)
            if (listed.insert(line.substr(0, line.find(' '))).second)
                result_.setid.push_back(std::move(line));
        std::move(scanned.warnings.begin(), scanned.warnings.end(), std::back_inserter(result_.warnings));

        const std::string text = result_.manifest.text();
        result_.id = base::sha256(key + "\n" + text);
        if (hooks_.equal_file)
            link_equal_files(top(), result_.manifest, hooks_.equal_file);
        top().write(RootPath::parse("/manifest"), text, 0600, {});
        top().write(RootPath::parse("/image.json"), request_.record, 0600, {});
        base::step("build.scanned");
        seal(layout_, staging_.path(), result_.id);
        staging_.sealed();
        return std::move(result_);
    }

  private:
    const Tree& top() const { return staging_.tree(); }

    void assemble_one(const Tree& tree, const BuildPackage& package, Unpacked& unpacked, std::size_t index) {
        const format::PackageMetadata& metadata = unpacked.metadata;
        std::move(unpacked.setid.begin(), unpacked.setid.end(), std::back_inserter(result_.setid));
        std::move(unpacked.warnings.begin(), unpacked.warnings.end(), std::back_inserter(result_.warnings));
        for (const std::string& warning : metadata.plist.warnings)
            result_.warnings.push_back(package.pkgname + ": " + warning);
        check_scripts(package, metadata);
        write_pkgdb_entry(tree, package.pkgname, metadata, package.automatic);
        note_database_entry(package.pkgname, metadata);

        const bool has_install = metadata.member("+INSTALL") != nullptr;
        if (has_install)
            run_install_script(package, "PRE-INSTALL");
        place_files(package, metadata.plist, index);
        if (has_install)
            run_install_script(package, "POST-INSTALL");
        if (const std::string* display = metadata.member("+DISPLAY"))
            result_.messages.emplace_back(package.pkgname, *display);
        base::step("build.installed");
    }

    void check_scripts(const BuildPackage& package, const format::PackageMetadata& metadata) const {
        if (request_.run_scripts || (metadata.member("+INSTALL") == nullptr && metadata.plist.exec.empty()))
            return;
        throw Error(ErrorKind::denied, package.pkgname,
                    "has installation scripts, and pkgjail.conf says `scripts = no`",
                    "set `scripts = yes` to run them confined");
    }

    /// Moves the package's files from where they were unpacked to where they belong, running @exec commands
    /// at their places in between.
    void place_files(const BuildPackage& package, const format::Plist& plist, std::size_t index) {
        const Tree from = top().open_tree(unpack_directory(index));
        std::size_t next_command = 0;
        const auto run_commands_up_to = [&](std::size_t files) {
            for (; next_command < plist.exec.size() && plist.exec[next_command].after_files <= files;
                 ++next_command)
                run_command(package, plist.exec[next_command].command);
        };
        run_commands_up_to(0);
        for (std::size_t i = 0; i < plist.files.size(); ++i) {
            place_file(package, from, RootPath::parse(plist.files[i].path));
            run_commands_up_to(i + 1);
        }
        for (const format::PlistDirectory& directory : plist.directories)
            top().make_directories(place_of(RootPath::parse(directory.path)));
    }

    void place_file(const BuildPackage& package, const Tree& from, const RootPath& path) {
        const RootPath to = place_of(path);
        if (const auto there = package_of_.find(to.str()); there != package_of_.end())
            throw Error(ErrorKind::conflict, request_.prefix + path.str(),
                        fmt::format("is in both {} and {}", there->second, package.pkgname));
        if (parents_.insert(to.parent().str()).second)
            top().make_directories(to.parent());
        if (top().exists(to))
            throw Error(ErrorKind::conflict, request_.prefix + path.str(),
                        fmt::format("a script made it before {} could install it", package.pkgname));
        from.rename_into(path, top(), to);
        package_of_[to.str()] = package.pkgname;
    }

    /// Where a path below the prefix lies in the staging directory: PREFIX/etc is configuration.
    RootPath place_of(const RootPath& path) const {
        if (path.is_within(RootPath::parse("/etc")) && !path.below(RootPath::parse("/etc")).is_root())
            return RootPath::parse("/seed/config") / (prefix_ / path.relative()).relative();
        return RootPath::parse("/tree") / path.relative();
    }

    void note_database_entry(const std::string& pkgname, const format::PackageMetadata& metadata) {
        const RootPath directory = RootPath::parse("/tree") / pkgdb_directory(pkgname).relative();
        for (const auto& member : metadata.members)
            package_of_[(directory / member.first).str()] = pkgname;
    }

    std::map<std::string, std::string> script_environment(const std::string& pkgname) const {
        const std::string database = request_.prefix + pkgdb_path().str();
        return {
            {"PATH", fmt::format("/sbin:/bin:/usr/sbin:/usr/bin:{0}/sbin:{0}/bin", request_.prefix)},
            {"HOME", "/"},
            {"LC_ALL", "C"},
            {"PKG_PREFIX", request_.prefix},
            {"PKG_METADATA_DIR", request_.prefix + pkgdb_directory(pkgname).str()},
            {"PKG_DBDIR", database},
            {"PKG_REFCOUNT_DBDIR", request_.prefix + pkgdb_refcount_path().str()},
            // The same for every image, so that a stock tool used on it later finds what it expects.
            {"PKG_CONFIG", "YES"},
            {"PKG_CONFIG_PERMS", "NO"},
            {"PKG_CREATE_USERGROUP", "YES"},
            {"PKG_RCD_SCRIPTS", "YES"},
            {"PKG_REGISTER_SHELLS", "NO"},
        };
    }

    base::Exit run_script(const BuildPackage& package, std::vector<std::string> argv, std::string directory) {
        if (!scripts_) {
            RootParts parts;
            parts.tree = staging_.path() / "tree";
            parts.tree_writable = true;
            parts.config = staging_.path() / "seed" / "config";
            parts.data = staging_.path() / "seed" / "data";
            scripts_ = hooks_.scripts(parts, staging_.path() / "skeleton");
        }
        parents_.clear(); // the script may remove or replace any directory
        return scripts_->run(
            {package.pkgname, std::move(argv), script_environment(package.pkgname), std::move(directory)});
    }

    void run_install_script(const BuildPackage& package, const char* stage) {
        const std::string directory = request_.prefix + pkgdb_directory(package.pkgname).str();
        const base::Exit exit =
            run_script(package, {directory + "/+INSTALL", package.pkgname, stage}, directory);
        if (!exit.success())
            throw Error(ErrorKind::unhealthy, package.pkgname,
                        fmt::format("+INSTALL {} failed: {}", stage, exit.describe()),
                        "its output is in the build log");
        base::step(std::string_view(stage) == "PRE-INSTALL" ? "build.pre_install" : "build.post_install");
    }

    void run_command(const BuildPackage& package, const std::string& command) {
        const base::Exit exit = run_script(package, {"/bin/sh", "-c", command}, request_.prefix);
        if (!exit.success()) // pkg_add warns only, and packages rely on it
            result_.warnings.push_back(fmt::format("{}: @exec failed: {}", package.pkgname, exit.describe()));
    }

    const Layout& layout_;
    const BuildRequest& request_;
    const BuildHooks& hooks_;
    RootPath prefix_;
    Staging staging_;
    std::vector<Unpacked> unpacked_;
    std::unique_ptr<ScriptRunner> scripts_;
    std::map<std::string, std::string> package_of_; ///< path in the staging directory → pkgname
    std::set<std::string> parents_;                 ///< directories known to exist
    BuiltImage result_;
};

} // namespace

std::string build_key(const BuildRequest& request) {
    std::string text = fmt::format("pkgjail image {}\nbase {}\nprefix {}\nsetid {}\nscripts {}\n",
                                   format_version, request.base.id, request.prefix,
                                   policy_word(request.setid), request.run_scripts ? "yes" : "no");
    for (const BuildPackage& package : request.packages)
        text += fmt::format("package {} {} {}\n", package.pkgname, package.sha256,
                            package.automatic ? "automatic" : "explicit");
    for (const auto& [name, number] : request.accounts.users)
        text += fmt::format("user {} {}\n", name, number);
    for (const auto& [name, number] : request.accounts.groups)
        text += fmt::format("group {} {}\n", name, number);
    return base::sha256(text);
}

BuiltImage build_image(const Layout& layout, const BuildRequest& request, const BuildHooks& hooks) {
    Build build(layout, request, hooks);
    base::step("build.begun");
    build.unpack_all();
    build.prepare_seed();
    build.assemble();
    return build.finish(build_key(request));
}

} // namespace pkgjail::store
