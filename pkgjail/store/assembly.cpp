#include "pkgjail/store/assembly.hpp"

#include <fmt/core.h>

#include "pkgjail/base/error.hpp"
#include "pkgjail/base/step.hpp"
#include "pkgjail/store/owner.hpp"

namespace pkgjail::store {

using base::Error;
using base::ErrorKind;
using base::RootPath;
using base::Tree;

namespace {

const RootPath tree_top = RootPath::parse("/tree");
const RootPath config_top = RootPath::parse("/seed/config");
const RootPath prefix_etc = RootPath::parse("/etc"); ///< below the prefix

} // namespace

Assembly::Assembly(const Staging& staging, const BuildRequest& request, const BuildHooks& hooks)
    : staging_(staging), request_(request), hooks_(hooks), prefix_(RootPath::parse(request.prefix)),
      tree_(staging.top().open_tree(tree_top)), pkginstall_(staging.top(), request.base, request.prefix) {}

void Assembly::install(const BuildPackage& package, const Unpacked& unpacked, const RootPath& directory) {
    const format::PackageMetadata& metadata = unpacked.metadata;
    for (const std::string& warning : metadata.plist.warnings)
        warnings_.push_back(package.pkgname + ": " + warning);
    const bool has_script = unpacked.declared.has_value();
    if (!request_.run_scripts && ((has_script && !unpacked.frame) || !metadata.plist.exec.empty()))
        refuse_scripts(package);
    write_pkgdb_entry(tree_, package.pkgname, metadata, package.automatic);
    for (auto& [path, digest] : pkgdb_digests(package.pkgname, metadata)) {
        package_of_[tree_top.str() + path] = package.pkgname;
        database_digests_[path] = digest;
        known_digests_[tree_top.str() + path] = digest;
    }

    if (has_script)
        pre_install(package, unpacked);
    place_files(package, unpacked, directory);
    if (has_script)
        post_install(package, unpacked);
    installed_.push_back({package.pkgname, metadata.plist.depends});
    base::step("build.installed");
}

void Assembly::finish() {
    scripts_.reset(); // every process of the scripts has ended before anything is looked at
    for (const PkgdbPackage& package : installed_)
        if (!tree_.exists(pkgdb_directory(package.pkgname)))
            throw Error(ErrorKind::corrupt, package.pkgname,
                        "a package's script removed it from the package database");
    write_required_by(tree_, installed_);
    // The mount point of the prefix is in no manifest; scripts can change it like any directory in it.
    staging_.top().set_owner(tree_top, permitted_owner());
    staging_.top().set_permissions(tree_top, 0755);
}

void Assembly::check_database(const jail::Manifest& manifest) const {
    auto missing = database_digests_;
    for (const jail::ManifestEntry& entry : manifest.entries) {
        if (entry.type != jail::EntryType::file || !entry.path.is_within(tree_top))
            continue;
        const auto promised = missing.find(entry.path.below(tree_top).str());
        if (promised != missing.end() && promised->second == entry.sha256)
            missing.erase(promised);
    }
    if (!missing.empty())
        throw Error(ErrorKind::corrupt, request_.prefix + missing.begin()->first,
                    "a package's script changed or removed it; it belongs to the package database");
}

void Assembly::refuse_scripts(const BuildPackage& package) const {
    throw Error(ErrorKind::denied, package.pkgname,
                "has installation scripts, and pkgjail.conf says `scripts = no`",
                "set `scripts = yes` to run them confined");
}

void Assembly::place_files(const BuildPackage& package, const Unpacked& unpacked, const RootPath& directory) {
    const format::Plist& plist = unpacked.metadata.plist;
    const Tree from = staging_.top().open_tree(directory);
    from_.reset();
    moved_.clear();
    std::size_t next_command = 0;
    const auto run_commands_up_to = [&](std::size_t files) {
        for (; next_command < plist.exec.size() && plist.exec[next_command].after_files <= files;
             ++next_command)
            run_command(package, plist.exec[next_command].command);
    };
    run_commands_up_to(0);
    for (std::size_t i = 0; i < plist.files.size(); ++i) {
        const RootPath path = RootPath::parse(plist.files[i].path);
        place_file(package, from, path, plist.exec.empty());
        if (const auto digest = unpacked.digests.find(path.str()); digest != unpacked.digests.end())
            known_digests_[place_of(path).str()] = digest->second;
        run_commands_up_to(i + 1);
    }
    for (const format::PlistDirectory& shared : plist.directories) {
        const RootPath place = place_of(RootPath::parse(shared.path));
        make_parents(package, place / "x");
    }
}

void Assembly::place_file(const BuildPackage& package, const Tree& from, const RootPath& path,
                          bool with_its_directory) {
    const RootPath to = place_of(path);
    if (const auto there = package_of_.find(to.str()); there != package_of_.end())
        throw Error(ErrorKind::conflict, inside(to),
                    fmt::format("is in both {} and {}", there->second, package.pkgname));
    if (with_its_directory && place_directory(package, from, path)) {
        package_of_[to.str()] = package.pkgname;
        return;
    }
    make_parents(package, to);
    if (!to_ || to_->path() != to.parent())
        to_.emplace(staging_.top(), to.parent());
    if (!from_ || from_->path() != path.parent())
        from_.emplace(from, path.parent());
    if (const auto there = to_->stat(to.name())) {
        if (S_ISDIR(there->st_mode))
            refuse_directory(package, to);
        // Stock pkg_add overwrites it as well. A rename replaces the name and follows nothing.
        warnings_.push_back(
            fmt::format("{}: replaced {}, which a script had made", package.pkgname, inside(to)));
    }
    from_->rename_into(*to_, to.name());
    package_of_[to.str()] = package.pkgname;
}

/// Whether the file came along with a directory that was moved whole, now or before. A directory in the place
/// of which there is nothing holds nothing but files that the package lists, and they all go there.
bool Assembly::place_directory(const BuildPackage& package, const Tree& from, const RootPath& path) {
    const RootPath parent = path.parent();
    if (moved_.contains(parent.str()))
        return true;
    if (parent.is_root() || parents_.contains(place_of(parent).str()))
        return false;
    std::vector<RootPath> above; // the deepest first; PREFIX/etc itself lies apart, and is there
    for (RootPath each = parent; !each.is_root() && each != prefix_etc; each = each.parent())
        above.push_back(each);
    for (auto each = above.rbegin(); each != above.rend(); ++each) {
        const RootPath place = place_of(*each);
        if (!moved_.contains(each->parent().str())) {
            if (parents_.contains(place.str()))
                continue;
            if (const auto there = staging_.top().stat(place)) {
                if (!there->is_directory())
                    return false; // which make_parents() tells
                continue;
            }
            make_parents(package, place);
            refuse_file_at(package, place);
            from.rename_into(*each, staging_.top(), place);
        } else {
            refuse_file_at(package, place);
        }
        moved_.insert(each->str());
        parents_.insert(place.str());
    }
    return moved_.contains(parent.str());
}

/// What another package has put in the place of a directory is a conflict of the two.
void Assembly::refuse_file_at(const BuildPackage& package, const RootPath& directory) const {
    if (const auto there = package_of_.find(directory.str()); there != package_of_.end())
        throw Error(
            ErrorKind::conflict, inside(directory),
            fmt::format("is a file or link of {}, and a directory for {}", there->second, package.pkgname));
}

/// The directories above `path`.
void Assembly::make_parents(const BuildPackage& package, const RootPath& path) {
    if (parents_.contains(path.parent().str()))
        return;
    for (RootPath above = path.parent(); !above.is_root(); above = above.parent())
        refuse_file_at(package, above);
    staging_.top().make_directories(path.parent());
    parents_.insert(path.parent().str());
}

void Assembly::refuse_directory(const BuildPackage& package, const RootPath& path) const {
    const auto below = package_of_.lower_bound(path.str() + "/");
    if (below != package_of_.end() && below->first.starts_with(path.str() + "/"))
        throw Error(
            ErrorKind::conflict, inside(path),
            fmt::format("is a directory of {}, and a file or link of {}", below->second, package.pkgname));
    throw Error(ErrorKind::conflict, inside(path),
                fmt::format("a script made a directory where {} has a file or link", package.pkgname));
}

/// Where a path below the prefix lies in the staging directory: what is below PREFIX/etc is configuration.
RootPath Assembly::place_of(const RootPath& path) const {
    if (path.is_within(prefix_etc) && path != prefix_etc)
        return config_top / (prefix_ / path.relative()).relative();
    return tree_top / path.relative();
}

/// The path as people know it.
std::string Assembly::inside(const RootPath& place) const {
    return place.is_within(config_top) ? place.below(config_top).str()
                                       : request_.prefix + place.below(tree_top).str();
}

std::map<std::string, std::string> Assembly::script_environment(const std::string& pkgname) const {
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

void Assembly::open_build_jail() {
    make_skeleton(staging_.top().open_tree(RootPath::parse("/skeleton")), request_.base, request_.prefix, {});
    RootParts parts;
    parts.tree = staging_.path() / "tree";
    parts.tree_writable = true;
    parts.config = staging_.path() / "seed" / "config";
    parts.data = staging_.path() / "seed" / "data";
    scripts_ = hooks_.scripts(parts, staging_.path() / "skeleton");
}

base::Exit Assembly::run_script(const BuildPackage& package, std::vector<std::string> argv,
                                std::string directory) {
    if (holds_scripts_back_)
        throw ScriptHeldBack{};
    if (!request_.run_scripts)
        refuse_scripts(package);
    has_run_scripts_ = true;
    if (!scripts_)
        open_build_jail();
    // The script may remove, replace or change whatever is there.
    parents_.clear();
    known_digests_.clear();
    from_.reset();
    to_.reset();
    return scripts_->run(
        {package.pkgname, std::move(argv), script_environment(package.pkgname), std::move(directory)});
}

void Assembly::pre_install(const BuildPackage& package, const Unpacked& unpacked) {
    if (!unpacked.frame || !pkginstall_.pre_install(package.pkgname, *unpacked.frame, *unpacked.declared))
        run_install_script(package, "PRE-INSTALL");
    base::step("build.pre_install");
}

void Assembly::post_install(const BuildPackage& package, const Unpacked& unpacked) {
    if (!unpacked.frame || !pkginstall_.post_install(package.pkgname, *unpacked.declared))
        run_install_script(package, "POST-INSTALL");
    base::step("build.post_install");
}

void Assembly::run_install_script(const BuildPackage& package, const char* stage) {
    const std::string directory = request_.prefix + pkgdb_directory(package.pkgname).str();
    const base::Exit exit = run_script(package, {directory + "/+INSTALL", package.pkgname, stage}, directory);
    if (!exit.success())
        throw Error(ErrorKind::unhealthy, package.pkgname,
                    fmt::format("+INSTALL {} failed: {}", stage, exit.describe()),
                    "its output is in the build log");
}

void Assembly::run_command(const BuildPackage& package, const std::string& command) {
    const base::Exit exit = run_script(package, {"/bin/sh", "-c", command}, request_.prefix);
    if (!exit.success()) // pkg_add warns only, and packages rely on it
        warnings_.push_back(fmt::format("{}: @exec failed: {}", package.pkgname, exit.describe()));
}

} // namespace pkgjail::store
