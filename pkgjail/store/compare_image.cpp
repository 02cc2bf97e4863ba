#include "pkgjail/store/compare_image.hpp"

#include <algorithm>
#include <iterator>
#include <map>

#include <fmt/core.h>

#include "pkgjail/base/digest.hpp"
#include "pkgjail/base/error.hpp"
#include "pkgjail/base/parallel.hpp"

namespace pkgjail::store {

using base::Entry;
using base::RootPath;
using base::Tree;
using jail::EntryType;
using jail::ManifestEntry;

namespace {

constexpr const char* data_roots[] = {"var", "home", "root"};

const char* type_name(EntryType type) {
    switch (type) {
    case EntryType::file:
        return "file";
    case EntryType::directory:
        return "directory";
    case EntryType::symlink:
        return "symbolic link";
    }
    return "";
}

const char* type_name(const Entry& found) {
    return found.is_file()        ? "file"
           : found.is_directory() ? "directory"
           : found.is_symlink()   ? "symbolic link"
                                  : "device, FIFO or socket";
}

class Comparison {
  public:
    Comparison(const Tree& image, const jail::Manifest& manifest) : image_(image) {
        for (const ManifestEntry& entry : manifest.entries)
            recorded_[entry.path] = &entry;
    }

    std::vector<Damage> run() {
        for (const char* part : {"/tree", "/seed"})
            look_through(RootPath::parse(part));
        for (const auto& [path, entry] : recorded_)
            if (!seen_[path])
                add(path, "is missing");
        read_files();
        std::stable_sort(damage_.begin(), damage_.end(),
                         [](const Damage& a, const Damage& b) { return a.path < b.path; });
        return std::move(damage_);
    }

  private:
    void add(const RootPath& path, std::string what) { damage_.push_back({path, std::move(what)}); }

    void look_through(const RootPath& top) {
        const auto status = image_.stat(top);
        if (!status || !status->is_directory()) {
            add(top, status ? fmt::format("is a {}, must be a directory", type_name(*status)) : "is missing");
            return;
        }
        image_.open_tree(top).walk([&](const Entry& found) {
            RootPath path = top;
            for (const std::string& name : found.path.components())
                path = path.entry(name);
            const auto entry = recorded_.find(path);
            if (entry == recorded_.end()) {
                add(path, fmt::format("is a {} that is not recorded", type_name(found)));
                return false; // what is in such a directory is nobody's either
            }
            seen_[path] = true;
            return compare(*entry->second, found);
        });
    }

    bool compare(const ManifestEntry& entry, const Entry& found) {
        const bool same_type = (entry.type == EntryType::file && found.is_file()) ||
                               (entry.type == EntryType::directory && found.is_directory()) ||
                               (entry.type == EntryType::symlink && found.is_symlink());
        if (!same_type) {
            add(entry.path,
                fmt::format("is a {}, recorded is a {}", type_name(found), type_name(entry.type)));
            return false;
        }
        if (entry.type != EntryType::symlink && found.permissions() != entry.mode)
            add(entry.path,
                fmt::format("has mode {:04o}, recorded is {:04o}", found.permissions(), entry.mode));
        if (found.status.st_uid != entry.uid || found.status.st_gid != entry.gid)
            add(entry.path, fmt::format("belongs to {}:{}, recorded is {}:{}", found.status.st_uid,
                                        found.status.st_gid, entry.uid, entry.gid));
        if (entry.type == EntryType::symlink && found.link_target != entry.link_target)
            add(entry.path, fmt::format("leads to {}, recorded is {}", found.link_target, entry.link_target));
        if (entry.type == EntryType::file) {
            const auto size = static_cast<std::uint64_t>(found.status.st_size);
            if (size != entry.size)
                add(entry.path, fmt::format("has {} bytes, recorded are {}", size, entry.size));
            else
                files_.push_back(&entry);
        }
        return true;
    }

    void read_files() {
        std::vector<std::string> problems(files_.size());
        base::in_parallel(files_.size(), [&](std::size_t i) {
            try {
                const base::Fd file = image_.open_regular(files_[i]->path);
                if (base::digest_of_file(base::DigestAlgorithm::sha256, file, image_.show(files_[i]->path)) !=
                    files_[i]->sha256)
                    problems[i] = "has another content than recorded";
            } catch (const base::Error& error) {
                problems[i] = "cannot be read: " + error.cause();
            }
        });
        for (std::size_t i = 0; i < files_.size(); ++i)
            if (!problems[i].empty())
                add(files_[i]->path, problems[i]);
    }

    const Tree& image_;
    std::map<RootPath, const ManifestEntry*> recorded_;
    std::map<RootPath, bool> seen_;
    std::vector<const ManifestEntry*> files_; ///< whose size is right
    std::vector<Damage> damage_;
};

} // namespace

std::vector<Damage> compare_image(const Tree& image, const jail::Manifest& manifest) {
    return Comparison(image, manifest).run();
}

std::vector<Damage> check_jail_skeleton(const Layout& layout, const std::string& jail_id,
                                        std::int64_t generation, const HostBase& base,
                                        const std::string& prefix, const std::vector<RootPath>& data_paths) {
    const Tree jails = Tree::open(layout.jails());
    const RootPath top = RootPath::parse(jail_id);
    std::vector<Damage> damage;
    const auto must_be_directory = [&](const RootPath& below) {
        RootPath path = top;
        for (const std::string& name : below.components())
            path = path.entry(name);
        try {
            const auto found = jails.stat(path);
            if (!found)
                damage.push_back({below, "is missing"});
            else if (!found->is_directory())
                damage.push_back({below, fmt::format("is a {}, must be a directory", type_name(*found))});
        } catch (const base::Error& error) { // a link in the way
            damage.push_back({below, error.cause()});
        }
    };
    const RootPath config = RootPath::parse("/config") / std::to_string(generation);
    const RootPath data = RootPath::parse("/data");
    const RootPath root = RootPath::parse("/root");
    must_be_directory(config / "etc");
    must_be_directory(config / RootPath::parse(prefix).relative() / "etc");
    for (const char* name : data_roots)
        must_be_directory(data / name);
    for (const RootPath& path : data_paths) // those below /var and the like are the jail's own to remove
        if (std::none_of(std::begin(data_roots), std::end(data_roots),
                         [&](const char* name) { return path.is_within(RootPath() / name); }))
            must_be_directory(data / path.relative());
    for (const RootPath& path : base.directories)
        if (!is_configuration(path, prefix))
            must_be_directory(root / path.relative());
    for (const char* name : {"etc", "var", "home", "root", "tmp", "run", "dev", "proc"})
        must_be_directory(root / name);
    must_be_directory(root / RootPath::parse(prefix).relative());
    return damage;
}

} // namespace pkgjail::store
