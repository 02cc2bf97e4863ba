#include "pkgjail/store/scan.hpp"

#include <algorithm>
#include <mutex>
#include <set>

#include <unistd.h>

#include <fmt/core.h>

#include "pkgjail/base/digest.hpp"
#include "pkgjail/base/error.hpp"
#include "pkgjail/base/file_capabilities.hpp"
#include "pkgjail/base/parallel.hpp"

namespace pkgjail::store {

using base::Entry;
using base::Error;
using base::ErrorKind;
using base::RootPath;
using base::Tree;
using jail::EntryType;
using jail::ManifestEntry;

namespace {

constexpr unsigned setid_bits = S_ISUID | S_ISGID;

class Scan {
  public:
    Scan(const Tree& staging, const ScanRules& rules, const std::map<std::string, std::string>& packages,
         const std::map<std::string, std::string>& known)
        : staging_(staging), rules_(rules), packages_(packages), known_(known) {
        for (const auto& [name, number] : rules.accounts.users)
            uids_.insert(number);
        for (const auto& [name, number] : rules.accounts.groups)
            gids_.insert(number);
    }

    ScanResult run() {
        for (const char* part : {"/tree", "/seed"}) {
            const RootPath top = RootPath::parse(part);
            staging_.open_tree(top).walk([&](const Entry& entry) {
                take(top, entry);
                return true;
            });
        }
        check_hard_links();
        base::in_parallel(files_.size(), [&](std::size_t i) { hash(entries()[files_[i]]); });
        for (const auto& [whom, what] : strangers_)
            result_.warnings.push_back(
                what.second == 1 ? fmt::format("{} belongs to {}, which is nobody's here", what.first, whom)
                                 : fmt::format("{} and {} more belong to {}, which is nobody's here",
                                               what.first, what.second - 1, whom));
        std::sort(entries().begin(), entries().end(),
                  [](const ManifestEntry& a, const ManifestEntry& b) { return a.path < b.path; });
        return std::move(result_);
    }

  private:
    struct Names {
        RootPath first;
        nlink_t links = 0; ///< as the file system says
        nlink_t seen = 0;  ///< in this image
    };

    std::vector<ManifestEntry>& entries() { return result_.manifest.entries; }

    void take(const RootPath& top, const Entry& found) {
        if (entries().size() >= rules_.limits.max_entries)
            throw Error(ErrorKind::corrupt, "image",
                        fmt::format("more than {} files and directories", rules_.limits.max_entries));
        ManifestEntry line;
        line.path = manifest_path(top, found.path);
        line.uid = found.status.st_uid;
        line.gid = found.status.st_gid;
        note_strangers(line);
        if (const auto package = packages_.find(line.path.str()); package != packages_.end())
            line.package = package->second;
        if (found.is_file())
            take_file(line, found);
        else if (found.is_directory()) {
            line.type = EntryType::directory;
            line.mode = found.permissions(); // set-gid directories only hand on their group
        } else if (found.is_symlink()) {
            line.type = EntryType::symlink;
            line.mode = 0777;
            line.link_target = found.link_target;
            line.size = found.link_target.size();
            line.sha256 = base::sha256(found.link_target);
        } else {
            throw Error(ErrorKind::corrupt, inside(line.path),
                        "a package's script made a device, FIFO or socket, which no image may hold");
        }
        entries().push_back(std::move(line));
    }

    /// What a script made may have any name; what a manifest holds is a RootPath.
    RootPath manifest_path(const RootPath& top, const RootPath& below) const {
        RootPath path = top;
        for (const std::string& name : below.components())
            path = path.entry(name);
        try {
            return RootPath::parse(path.str());
        } catch (const Error& error) {
            throw Error(ErrorKind::corrupt, inside(path),
                        "a package's script gave it a name that no image may hold: it " + error.cause());
        }
    }

    void take_file(ManifestEntry& line, const Entry& found) {
        line.type = EntryType::file;
        line.size = static_cast<std::uint64_t>(found.status.st_size);
        if (line.size > rules_.limits.max_bytes - bytes_)
            throw Error(ErrorKind::corrupt, inside(line.path),
                        fmt::format("with it the image has more than {} bytes", rules_.limits.max_bytes));
        bytes_ += line.size;
        line.mode = found.permissions();
        if ((line.mode & setid_bits) != 0 &&
            !keeps_setid(rules_.policy, {inside(line.path), line.mode, "a script"}, result_.setid)) {
            line.mode &= ~setid_bits;
            staging_.set_permissions(line.path, line.mode);
        }
        if (found.status.st_nlink > 1 && !rules_.linked.contains(line.package)) {
            Names& names = linked_[{found.status.st_dev, found.status.st_ino}];
            if (names.seen++ == 0)
                names.first = line.path;
            names.links = found.status.st_nlink;
        }
        if (const auto known = known_.find(line.path.str()); known != known_.end())
            line.sha256 = known->second;
        else
            files_.push_back(entries().size());
    }

    /// A file with a name outside could be changed from there when the image is sealed.
    void check_hard_links() const {
        for (const auto& [identity, names] : linked_)
            if (names.links != names.seen)
                throw Error(ErrorKind::corrupt, inside(names.first),
                            fmt::format("has {} hard links, {} of them outside the image", names.links,
                                        names.links - names.seen));
    }

    void hash(ManifestEntry& entry) {
        const base::Fd file = staging_.open_regular(entry.path);
        const std::string shown = staging_.show(entry.path);
        if (base::has_file_capabilities(file, shown)) {
            const std::lock_guard guard(lock_);
            if (!keeps_setid(rules_.policy, {inside(entry.path), entry.mode, "a script", true},
                             result_.setid))
                base::remove_file_capabilities(file, shown);
        }
        entry.sha256 = base::digest_of_file(base::DigestAlgorithm::sha256, file, shown);
    }

    /// Numbers that neither the platform nor a package of the image has: on the host they may be anybody's.
    void note_strangers(const ManifestEntry& line) {
        if (!is_root_)
            return;
        if (!is_platform_number(false, line.uid) && !uids_.contains(line.uid))
            note_stranger(fmt::format("uid {}", line.uid), line);
        if (!is_platform_number(true, line.gid) && !gids_.contains(line.gid))
            note_stranger(fmt::format("gid {}", line.gid), line);
    }
    void note_stranger(const std::string& whom, const ManifestEntry& line) {
        auto& [first, count] = strangers_[whom];
        if (count++ == 0)
            first = inside(line.path);
    }

    /// The path as people know it: "/tree/bin/x" is PREFIX/bin/x.
    std::string inside(const RootPath& path) const {
        for (const char* part : {"/seed/config", "/seed/data"})
            if (path.is_within(RootPath::parse(part)))
                return path.below(RootPath::parse(part)).str();
        const RootPath tree = RootPath::parse("/tree");
        return path.is_within(tree) ? rules_.prefix + (path == tree ? "" : path.below(tree).str())
                                    : path.str();
    }

    const Tree& staging_;
    const ScanRules& rules_;
    const std::map<std::string, std::string>& packages_;
    const std::map<std::string, std::string>& known_;
    ScanResult result_;
    std::vector<std::size_t> files_; ///< indices of the entries that are files to be read
    std::uint64_t bytes_ = 0;
    const bool is_root_ = ::geteuid() == 0;
    std::map<std::pair<dev_t, ino_t>, Names> linked_;
    std::set<std::uint32_t> uids_, gids_;
    std::map<std::string, std::pair<std::string, std::size_t>> strangers_; ///< "uid 5" → first path, count
    std::mutex lock_;
};

} // namespace

ScanResult scan(const Tree& staging, const ScanRules& rules,
                const std::map<std::string, std::string>& packages,
                const std::map<std::string, std::string>& known) {
    return Scan(staging, rules, packages, known).run();
}

} // namespace pkgjail::store
