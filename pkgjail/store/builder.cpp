#include "pkgjail/store/builder.hpp"

#include <algorithm>
#include <mutex>
#include <optional>
#include <utility>

#include <sys/stat.h>

#include <fmt/core.h>

#include "pkgjail/base/digest.hpp"
#include "pkgjail/base/error.hpp"
#include "pkgjail/base/parallel.hpp"
#include "pkgjail/base/step.hpp"
#include "pkgjail/store/account_databases.hpp"
#include "pkgjail/store/assembly.hpp"
#include "pkgjail/store/link_unpacked.hpp"
#include "pkgjail/store/owner.hpp"
#include "pkgjail/store/pkgdb.hpp"
#include "pkgjail/store/scan.hpp"
#include "pkgjail/store/seal.hpp"
#include "pkgjail/store/seed.hpp"
#include "pkgjail/store/staging.hpp"
#include "pkgjail/store/unpack.hpp"

namespace pkgjail::store {

using base::HostPath;
using base::RootPath;
using base::Tree;

namespace {

/// Changes whenever the same packages would give a different image.
constexpr int format_version = 1;

const RootPath tree_top = RootPath::parse("/tree");

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

/// The parts of one build, in the order in which build_image calls them.
class Build {
  public:
    /// `may_link`: files of other images may be taken; then no script can be run.
    Build(const Layout& layout, const BuildRequest& request, const BuildHooks& hooks, bool may_link)
        : layout_(layout), request_(request), hooks_(hooks), may_link_(may_link), staging_(layout),
          assembly_(staging_, request, hooks) {}

    void unpack_all() {
        unpacked_.resize(request_.packages.size());
        for (std::size_t i = 0; i < request_.packages.size(); ++i)
            top().make_directory(Staging::unpack_directory(i), 0700);
        const auto before = look_for_unpacked();
        std::mutex lock;
        std::uint64_t bytes_done = 0;
        const std::vector<std::size_t> order = largest_first();
        base::in_parallel(order.size(), [&](std::size_t place) {
            const std::size_t i = order[place];
            const BuildPackage& package = request_.packages[i];
            const auto advance = [&](std::uint64_t bytes) {
                if (!hooks_.progress)
                    return;
                const std::lock_guard guard(lock);
                bytes_done += bytes;
                hooks_.progress({package.pkgname, bytes_done, request_.unpacked_bytes});
            };
            const Tree files = top().open_tree(Staging::unpack_directory(i));
            auto linked =
                before[i] ? link_unpacked(layout_, package, *before[i], files, advance) : std::nullopt;
            unpacked_[i] = linked ? std::move(*linked) : unpack(package, request_, files, advance);
        });
        for (std::size_t i = 0; i < unpacked_.size(); ++i)
            if (unpacked_[i].linked)
                result_.linked.insert(request_.packages[i].pkgname);
        if (!result_.linked.empty()) {
            assembly_.hold_scripts_back();
            base::step("build.linked");
        }
        base::step("build.unpacked");
    }

    void prepare_seed() {
        const Tree config = top().open_tree(RootPath::parse("/seed/config"));
        make_seed(config, top().open_tree(RootPath::parse("/seed/data")), request_.base, request_.prefix);
        std::vector<format::DeclaredUser> users;
        std::vector<format::DeclaredGroup> groups;
        for (const Unpacked& package : unpacked_)
            if (package.declared) {
                users.insert(users.end(), package.declared->users.begin(), package.declared->users.end());
                groups.insert(groups.end(), package.declared->groups.begin(), package.declared->groups.end());
            }
        write_account_files(config, users, groups, request_.accounts);
        if (needs_account_databases())
            make_account_databases(config);
    }

    void assemble() {
        for (std::size_t i = 0; i < request_.packages.size(); ++i) {
            const BuildPackage& package = request_.packages[i];
            base::while_doing("install " + package.pkgname, [&] {
                assembly_.install(package, unpacked_[i], Staging::unpack_directory(i));
            });
            add_warnings(unpacked_[i].warnings);
            if (const std::string* display = unpacked_[i].metadata.member("+DISPLAY"))
                result_.messages.emplace_back(package.pkgname, *display);
        }
        assembly_.finish();
        base::step("build.assembled");
    }

    BuiltImage finish(const std::string& key) {
        for (const char* directory : {"/unpack", "/skeleton"})
            top().remove_all(RootPath::parse(directory));
        ScanResult scanned =
            scan(top(), {request_.prefix, request_.setid, request_.accounts, {}, result_.linked},
                 assembly_.package_of(), assembly_.known_digests());
        result_.manifest = std::move(scanned.manifest);
        find_as_unpacked();
        assembly_.check_database(result_.manifest);
        add_warnings(assembly_.take_warnings());
        add_warnings(scanned.warnings);
        SetidList setid;
        for (Unpacked& package : unpacked_)
            setid.merge(package.setid);
        setid.merge(scanned.setid);
        for (auto& [path, line] : setid)
            result_.setid.push_back(std::move(line));

        const std::string text = result_.manifest.text();
        result_.id = image_id_of(key, text);
        if (hooks_.equal_file)
            link_equal_files(layout_, top(), result_.manifest,
                             [&](const jail::ManifestEntry& entry) -> std::optional<HostPath> {
                                 return is_linked(entry) ? std::nullopt : hooks_.equal_file(entry);
                             });
        top().write(RootPath::parse("/manifest"), text, 0600, permitted_owner());
        top().write(RootPath::parse("/image.json"), request_.record, 0600, permitted_owner());
        base::step("build.scanned");
        seal(layout_, staging_.path(), result_.id);
        staging_.sealed();
        return std::move(result_);
    }

  private:
    const Tree& top() const { return staging_.top(); }

    /// For each package, where it was unpacked before. None when a script has to run: it is root in the tree,
    /// and files that other images have as well would be in its reach.
    std::vector<std::optional<UnpackedBefore>> look_for_unpacked() const {
        std::vector<std::optional<UnpackedBefore>> before(request_.packages.size());
        if (!may_link_ || !hooks_.unpacked_before || request_.run_known_scripts)
            return before;
        bool has_any = false;
        for (std::size_t i = 0; i < before.size(); ++i)
            if (request_.packages[i].metadata != nullptr) {
                before[i] = hooks_.unpacked_before(request_.packages[i]);
                has_any = has_any || before[i];
            }
        const auto is_plain = [](const BuildPackage& package) {
            return package.metadata != nullptr && needs_no_script(*package.metadata);
        };
        if (has_any && !std::all_of(request_.packages.begin(), request_.packages.end(), is_plain))
            return std::vector<std::optional<UnpackedBefore>>(request_.packages.size());
        return before;
    }

    bool is_linked(const jail::ManifestEntry& entry) const {
        return result_.linked.contains(entry.package) &&
               !entry.path.is_within(tree_top / pkgdb_path().relative());
    }

    /// See BuiltImage::as_unpacked. Another image may know other accounts, and so only root's count.
    void find_as_unpacked() {
        if (assembly_.has_run_scripts())
            return;
        for (std::size_t i = 0; i < unpacked_.size(); ++i)
            if (unpacked_[i].setid.empty() && unpacked_[i].warnings.empty())
                result_.as_unpacked.insert(request_.packages[i].pkgname);
        const base::Owner root = permitted_owner();
        for (const jail::ManifestEntry& entry : result_.manifest.entries)
            if (!entry.path.is_within(tree_top) || entry.uid != root.uid || entry.gid != root.gid ||
                assembly_.changed().contains(entry.path.str()))
                result_.as_unpacked.erase(entry.package);
    }

    /// So that no processor is left with a large one alone at the end.
    std::vector<std::size_t> largest_first() const {
        std::vector<std::pair<off_t, std::size_t>> sizes;
        for (std::size_t i = 0; i < request_.packages.size(); ++i) {
            struct stat status {};
            const bool is_known = ::fstat(request_.packages[i].archive, &status) == 0;
            sizes.emplace_back(is_known ? -status.st_size : 0, i);
        }
        std::sort(sizes.begin(), sizes.end());
        std::vector<std::size_t> order;
        for (const auto& [size, i] : sizes)
            order.push_back(i);
        return order;
    }
    void add_warnings(const std::vector<std::string>& warnings) {
        result_.warnings.insert(result_.warnings.end(), warnings.begin(), warnings.end());
    }

    const Layout& layout_;
    const BuildRequest& request_;
    const BuildHooks& hooks_;
    const bool may_link_;
    // In this order: the build jail in assembly_ ends before the staging directory is removed.
    Staging staging_;
    Assembly assembly_;
    std::vector<Unpacked> unpacked_;
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

std::string image_id_of(const std::string& key, const std::string& manifest_text) {
    return base::sha256(key + "\n" + manifest_text);
}

BuiltImage build_image(const Layout& layout, const BuildRequest& request, const BuildHooks& hooks) {
    const auto build_with = [&](bool may_link) {
        Build build(layout, request, hooks, may_link);
        base::step("build.begun");
        build.unpack_all();
        build.prepare_seed();
        build.assemble();
        return build.finish(build_key(request));
    };
    try {
        return build_with(true);
    } catch (const ScriptHeldBack&) { // a known script with lines that only the script itself can do
        return build_with(false);
    }
}

} // namespace pkgjail::store
