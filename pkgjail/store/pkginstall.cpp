#include "pkgjail/store/pkginstall.hpp"

#include <algorithm>
#include <charconv>
#include <optional>
#include <vector>

#include <sys/stat.h>

#include <fmt/core.h>

#include "pkgjail/store/accounts.hpp"
#include "pkgjail/store/owner.hpp"
#include "pkgjail/store/pkgdb.hpp"

namespace pkgjail::store {

using base::Entry;
using base::RootPath;
using base::Tree;

namespace {

constexpr unsigned setid_bits = S_ISUID | S_ISGID;
constexpr unsigned script_umask = 022;
constexpr std::uint64_t largest_example = 16u << 20;
constexpr const char* empty_example = "/dev/null";

const RootPath tree_top = RootPath::parse("/tree");
const RootPath config_top = RootPath::parse("/seed/config");
const RootPath data_top = RootPath::parse("/seed/data");

/// The lines as `sort -u` gives them to a helper.
template <class Line>
std::vector<const Line*> in_order(const std::vector<Line>& lines) {
    std::vector<const Line*> sorted;
    for (const Line& line : lines)
        sorted.push_back(&line);
    std::sort(sorted.begin(), sorted.end(), [](const Line* a, const Line* b) { return a->line < b->line; });
    sorted.erase(std::unique(sorted.begin(), sorted.end(),
                             [](const Line* a, const Line* b) { return a->line == b->line; }),
                 sorted.end());
    return sorted;
}

bool has(const std::string& flags, char flag) {
    return flags.find(flag) != std::string::npos;
}

} // namespace

/// One stage of one package. Everything that can decline is asked before anything is done.
class PkgInstall::Stage {
  public:
    Stage(const PkgInstall& install, const std::string& pkgname)
        : top_(install.top_), base_(install.base_), prefix_(install.prefix_),
          spares_links_(install.spares_links_), pkgname_(pkgname) {
        const Tree config = top_.open_tree(config_top);
        users_ = account_numbers_in(config, false);
        groups_ = account_numbers_in(config, true);
    }

    // --- what is plain

    /// The accounts are in the seed from the beginning; one that is not, or has another number than the
    /// package wants, is the script's to complain about.
    bool takes(const format::DeclaredGroup& group) const {
        return has_number(groups_, group.name, group.gid);
    }
    bool takes(const format::DeclaredUser& user) const {
        return has_number(users_, user.name, user.uid) && groups_.contains(user.group);
    }
    bool takes(const format::DeclaredDirectory& directory) const {
        if (!has(directory.flags, 'm'))
            return true;
        const auto place = plain_place(directory.path);
        if (!place || !is_directory_or_missing(*place) || !knows(directory.user, directory.group))
            return false;
        const auto there = top_.stat(*place);
        return !there || (there->permissions() & setid_bits) == 0; // which chmod of a directory may leave
    }
    bool takes(const format::DeclaredFile& file) const {
        if (!has(file.flags, 'c'))
            return true;
        if (file.flags.size() > 3) // more are not among the framework's patterns
            return false;
        const auto place = plain_place(file.path);
        if (!place || !is_file_or_missing(*place) || !top_.exists(place->parent()) ||
            !knows(file.user, file.group))
            return false;
        if (file.example == empty_example)
            return true;
        const auto example = plain_place(file.example);
        if (!example || !is_file_or_missing(*example))
            return false;
        const auto there = top_.stat(*example);
        return !there || ((there->permissions() & setid_bits) == 0 &&
                          static_cast<std::uint64_t>(there->status.st_size) <= largest_example);
    }
    bool takes(const format::DeclaredPermissions& permissions) const {
        const auto place = plain_place(permissions.path);
        if (!place || !knows(permissions.user, permissions.group) ||
            !is_directory_or_missing(place->parent()))
            return false;
        const auto there = top_.stat(*place);
        const bool is_spared = spares_links_ && there && there->is_file() && there->status.st_nlink > 1;
        return !there || (!there->is_symlink() && !is_spared);
    }
    template <class Line>
    bool takes_all(const std::vector<Line>& lines) const {
        return std::all_of(lines.begin(), lines.end(), [&](const Line& line) { return takes(line); });
    }

    // --- what is done

    void unpack(const format::InstallFrame& frame) const {
        const RootPath directory = tree_top / pkgdb_directory(pkgname_).relative();
        for (const format::InstallFrame::Helper& helper : frame.helpers)
            top_.write(directory / helper.name, helper.text, 0755, permitted_owner());
    }
    void add(const format::DeclaredGroup& group) const { claim("groups/" + group.name, true); }
    void add(const format::DeclaredUser& user) const { claim("users/" + user.name, true); }
    void add(const format::DeclaredDirectory& directory) const {
        if (!has(directory.flags, 'm'))
            return;
        const RootPath path = absolute(directory.path);
        const RootPath place = *plain_place(directory.path);
        const RootPath count = claim("dirs" + path.str(), top_.exists(place));
        if (!(directory.mode_text + directory.user + directory.group).empty())
            write(count / "+PERMISSIONS",
                  fmt::format("{} {} {}\n", directory.user, directory.group, directory.mode_text));
        top_.make_directories(place);
        apply(place, directory.mode, directory.user, directory.group);
    }
    void add(const format::DeclaredFile& file) const {
        if (!has(file.flags, 'c'))
            return;
        const RootPath path = absolute(file.path);
        const RootPath place = *plain_place(file.path);
        const bool is_there = top_.exists(place);
        const RootPath count = claim("files" + path.str(), is_there);
        if (!(file.mode_text + file.user + file.group).empty())
            write(count / "+PERMISSIONS", fmt::format("{} {} {}\n", file.mode_text, file.user, file.group));
        if (is_there || !copy_example(file, place))
            return;
        apply(place, file.mode, file.user, file.group);
    }
    /// The file that was changed.
    std::optional<RootPath> set(const format::DeclaredPermissions& permissions) const {
        const RootPath place = *plain_place(permissions.path);
        const auto there = top_.stat(place);
        if (!there || !there->is_file())
            return std::nullopt;
        apply(place, permissions.mode, permissions.user, permissions.group);
        return place;
    }

  private:
    static bool has_number(const std::map<std::string, std::uint32_t>& accounts, const std::string& name,
                           std::optional<std::uint32_t> wanted) {
        const auto account = accounts.find(name);
        return account != accounts.end() && (!wanted || *wanted == account->second);
    }

    RootPath absolute(const std::string& text) const {
        return text.starts_with('/') ? RootPath::parse(text) : prefix_ / text;
    }

    /// Where in the image a data line's path lies, when it is one that every shell, mkdir and chown of the
    /// framework takes as it stands: nothing to be expanded, nothing that a name in the counts could be
    /// mistaken for.
    std::optional<RootPath> plain_place(const std::string& text) const {
        constexpr std::string_view plain =
            "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_./+@%=,:-";
        if (text.empty() || text.size() > 1024 || text.find_first_not_of(plain) != std::string::npos)
            return std::nullopt;
        for (std::size_t at = text.front() == '/' ? 1 : 0; at <= text.size();) {
            const std::size_t end = std::min(text.find('/', at), text.size());
            const std::string component = text.substr(at, end - at);
            if (component.empty() || component == "." || component == ".." || component == pkgname_ ||
                component.starts_with('+') || component.size() > RootPath::max_component)
                return std::nullopt;
            at = end + 1;
        }
        const RootPath path = absolute(text);
        return place_of(path);
    }

    std::optional<RootPath> place_of(const RootPath& path) const {
        if (path.is_within(prefix_ / "etc"))
            return config_top / path.relative();
        if (path == prefix_)
            return std::nullopt;
        if (path.is_within(prefix_)) {
            const RootPath below = path.below(prefix_);
            if (below.is_within(pkgdb_path()) || below.is_within(pkgdb_refcount_path()))
                return std::nullopt;
            return tree_top / below.relative();
        }
        for (const RootPath& bound : base_.directories)
            if (path.is_within(bound))
                return std::nullopt;
        if (path.is_within(RootPath::parse("/etc")))
            return config_top / path.relative();
        if (path.is_within(RootPath::parse("/var/run"))) // ends with the build jail
            return std::nullopt;
        for (const char* part : {"/var", "/home", "/root"})
            if (path.is_within(RootPath::parse(part)))
                return data_top / path.relative();
        return std::nullopt;
    }

    /// Whether every part of the place that is there is a directory.
    bool is_directory_or_missing(const RootPath& place) const {
        RootPath sofar;
        for (const std::string& component : place.components()) {
            sofar = sofar.entry(component);
            const auto there = top_.stat(sofar);
            if (!there)
                return true;
            if (!there->is_directory())
                return false;
        }
        return true;
    }
    bool is_file_or_missing(const RootPath& place) const {
        if (!is_directory_or_missing(place.parent()))
            return false;
        const auto there = top_.exists(place.parent()) ? top_.stat(place) : std::nullopt;
        return !there || there->is_file();
    }

    static std::optional<std::uint32_t> as_number(const std::string& text) {
        std::uint32_t value = 0;
        const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), value);
        if (fault != std::errc() || end != text.data() + text.size())
            return std::nullopt;
        return value;
    }
    /// As chown finds it: a name before a number.
    static std::optional<std::uint32_t> number_of(const std::map<std::string, std::uint32_t>& accounts,
                                                  const std::string& text) {
        const auto account = accounts.find(text);
        return account != accounts.end() ? std::optional(account->second) : as_number(text);
    }
    bool knows(const std::string& user, const std::string& group) const {
        return (user.empty() || number_of(users_, user)) && (group.empty() || number_of(groups_, group));
    }

    void write(const RootPath& path, const std::string& text) const {
        top_.write(path, text, 0644, permitted_owner());
    }

    /// Our token in a directory of the reference counts; what was there before the first package counted it
    /// is noted.
    RootPath claim(const std::string& what, bool exists) const {
        const RootPath directory = tree_top / pkgdb_refcount_path().relative() / what;
        if (!top_.exists(directory)) {
            top_.make_directories(directory);
            if (exists)
                write(directory / "+PREEXISTING", pkgname_ + "\n");
        }
        if (!top_.exists(directory / pkgname_)) // two lines may count the same
            write(directory / pkgname_, (prefix_ / pkgdb_directory(pkgname_).relative()).str() + "\n");
        return directory;
    }

    /// False: there is no example.
    bool copy_example(const format::DeclaredFile& file, const RootPath& place) const {
        if (file.example == empty_example) {
            top_.write(place, "", 0666u & ~script_umask, permitted_owner());
            return true;
        }
        const RootPath example = *plain_place(file.example);
        const auto there = top_.exists(example.parent()) ? top_.stat(example) : std::nullopt;
        if (!there)
            return false;
        top_.write(place, top_.read(example, largest_example), there->permissions() & 0777u & ~script_umask,
                   permitted_owner());
        return true;
    }

    /// chown, chgrp, chmod, in this order: a change of owner clears set-id bits.
    void apply(const RootPath& place, std::optional<unsigned> mode, const std::string& user,
               const std::string& group) const {
        if (!user.empty() || !group.empty()) {
            const auto there = top_.stat(place);
            base::Owner owner{there->status.st_uid, there->status.st_gid};
            if (!user.empty())
                owner.uid = *number_of(users_, user);
            if (!group.empty())
                owner.gid = *number_of(groups_, group);
            top_.set_owner(place, permitted_owner(owner));
        }
        if (mode)
            top_.set_permissions(place, *mode);
    }

    const Tree& top_;
    const HostBase& base_;
    const RootPath& prefix_;
    const bool spares_links_;
    const std::string& pkgname_;
    std::map<std::string, std::uint32_t> users_, groups_;
};

PkgInstall::PkgInstall(const Tree& top, const HostBase& base, const std::string& prefix)
    : top_(top), base_(base), prefix_(RootPath::parse(prefix)) {}

bool PkgInstall::pre_install(const std::string& pkgname, const format::InstallFrame& frame,
                             const format::InstallDeclarations& declared) {
    const Stage stage(*this, pkgname);
    if (!stage.takes_all(declared.groups) || !stage.takes_all(declared.users) ||
        !stage.takes_all(declared.directories))
        return false;
    stage.unpack(frame);
    for (const format::DeclaredGroup& group : declared.groups)
        stage.add(group);
    for (const format::DeclaredUser& user : declared.users)
        stage.add(user);
    for (const format::DeclaredDirectory* directory : in_order(declared.directories))
        stage.add(*directory);
    return true;
}

bool PkgInstall::post_install(const std::string& pkgname, const format::InstallDeclarations& declared) {
    const Stage stage(*this, pkgname);
    if (!stage.takes_all(declared.files) || !stage.takes_all(declared.permissions))
        return false;
    for (const format::DeclaredFile* file : in_order(declared.files))
        stage.add(*file);
    for (const format::DeclaredPermissions* permissions : in_order(declared.permissions))
        if (const auto file = stage.set(*permissions))
            changed_.insert(file->str());
    return true;
}

} // namespace pkgjail::store
