#include "pkgjail/ops/contents.hpp"

#include <algorithm>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string_view>
#include <unordered_map>

#include <fmt/core.h>

#include "pkgjail/base/error.hpp"
#include "pkgjail/format/pattern.hpp"
#include "pkgjail/format/pattern_beginning.hpp"
#include "pkgjail/format/pkgname.hpp"
#include "pkgjail/jail/suggest.hpp"
#include "pkgjail/ops/installed.hpp"
#include "pkgjail/ops/session.hpp"
#include "pkgjail/store/manifest_path.hpp"
#include "pkgjail/store/root.hpp"

namespace pkgjail::ops {

using base::Error;
using base::ErrorKind;
using base::RootPath;

namespace {

catalog::Catalog require_jails(const Context& context, const std::string& asked) {
    auto catalog = open_for_reading(context);
    if (!catalog)
        throw Error(ErrorKind::not_found, asked, "there are no jails yet",
                    "pkgjail install PACKAGE makes the first one");
    return std::move(*catalog);
}

std::vector<JailFile> files_of(const jail::Manifest& manifest, const std::string& prefix,
                               const std::string& pkgname) {
    std::vector<JailFile> files;
    for (const jail::ManifestEntry& entry : manifest.entries) {
        if (!pkgname.empty() && entry.package != pkgname)
            continue;
        if (auto path = store::path_in_jail(entry.path, prefix))
            files.push_back({std::move(*path), entry});
    }
    std::stable_sort(files.begin(), files.end(),
                     [](const JailFile& a, const JailFile& b) { return a.path < b.path; });
    return files;
}

/// What a list of files is made of, before the manifest is read: pkgname and image → jails.
using Listed = std::map<std::pair<std::string, std::string>, std::vector<std::string>>;

std::vector<FileList> read_lists(catalog::Catalog& catalog, const Listed& listed) {
    catalog::Images images(catalog);
    std::vector<FileList> lists;
    for (const auto& [what, jails] : listed) {
        const auto image = images.find(what.second);
        lists.push_back({what.first, jails,
                         files_of(images.manifest(what.second), image ? image->prefix : "", what.first)});
    }
    return lists;
}

[[noreturn]] void refuse_unknown(const std::string& name, std::vector<std::string> known) {
    std::sort(known.begin(), known.end());
    known.erase(std::unique(known.begin(), known.end()), known.end());
    const std::string near = jail::did_you_mean(name, known);
    throw Error(ErrorKind::not_found, name, "no jail has this name, and no jail has a package of it",
                near.empty() ? "the files of a package are known once it is installed" : near);
}

/// The next package on the way from each one down to the target, and the pattern that leads there.
using WayDown = std::map<std::string, WhyLink>;

/// Who needs what, found by the name that is needed, so that neither all packages are looked at nor all
/// patterns parsed for each name.
class Needs {
  public:
    explicit Needs(const std::vector<catalog::ImagePackage>& packages) {
        for (const catalog::ImagePackage& package : packages)
            for (const std::string& text : package.depends) {
                const std::string_view beginning = format::beginning_of(text);
                by_beginning_[beginning].push_back({&package, &text});
                lengths_.insert(beginning.size());
            }
    }

    struct Need {
        const catalog::ImagePackage* package;
        const std::string* pattern; ///< the package's first that selects
    };

    /// Each package once, in the image's order.
    std::vector<Need> of(const std::string& pkgname) {
        std::vector<Need> found;
        for (const std::size_t length : lengths_) {
            if (length > pkgname.size())
                break;
            const auto same = by_beginning_.find(std::string_view(pkgname).substr(0, length));
            if (same == by_beginning_.end())
                continue;
            for (const Need& need : same->second)
                if (parsed(*need.pattern).selects(pkgname))
                    found.push_back(need);
        }
        // Packages and the patterns of one lie in vectors, one behind the other.
        std::sort(found.begin(), found.end(), [](const Need& a, const Need& b) {
            return a.package != b.package ? a.package < b.package : a.pattern < b.pattern;
        });
        found.erase(std::unique(found.begin(), found.end(),
                                [](const Need& a, const Need& b) { return a.package == b.package; }),
                    found.end());
        return found;
    }

  private:
    const format::Pattern& parsed(const std::string& text) {
        auto place = patterns_.find(text);
        if (place == patterns_.end())
            place = patterns_.emplace(text, format::Pattern::parse(text)).first;
        return place->second;
    }

    std::unordered_map<std::string_view, std::vector<Need>> by_beginning_;
    std::set<std::size_t> lengths_; ///< of the beginnings
    std::unordered_map<std::string_view, format::Pattern> patterns_;
};

/// Breadth first from the target upwards, so that the first way found is a shortest one.
WayDown ways_down(const catalog::Image& image, const std::string& target) {
    Needs needs(image.packages);
    WayDown next;
    std::deque<std::string> todo{target};
    while (!todo.empty()) {
        const std::string needed = todo.front();
        todo.pop_front();
        for (const Needs::Need& need : needs.of(needed)) {
            const std::string& pkgname = need.package->pkgname;
            if (pkgname != target && next.try_emplace(pkgname, WhyLink{needed, *need.pattern}).second)
                todo.push_back(pkgname);
        }
    }
    return next;
}

std::vector<WhyLink> chain_from(const std::string& root, const std::string& target, const WayDown& next) {
    std::vector<WhyLink> chain;
    std::string at = root;
    while (at != target) {
        const WhyLink& link = next.at(at);
        chain.push_back({at, link.pattern});
        at = link.pkgname;
    }
    chain.push_back({target, ""});
    return chain;
}

Why why_of(const Installed& installed, const catalog::ImagePackage& package) {
    Why answer;
    answer.jail = installed.jail.name;
    answer.pkgname = package.pkgname;
    answer.automatic = package.automatic;
    for (const std::string& wish : installed.generation.wishes)
        if (format::Pattern::parse(wish).selects(package.pkgname))
            answer.wishes.push_back(wish);
    const WayDown next = ways_down(installed.image, package.pkgname);
    for (const catalog::ImagePackage& root : installed.image.packages)
        if (!root.automatic && next.contains(root.pkgname))
            answer.chains.push_back(chain_from(root.pkgname, package.pkgname, next));
    std::stable_sort(answer.chains.begin(), answer.chains.end(), [](const auto& a, const auto& b) {
        return a.size() != b.size() ? a.size() < b.size() : a.front().pkgname < b.front().pkgname;
    });
    return answer;
}

} // namespace

std::vector<FileList> files(const Context& context, const std::string& name, const std::string& jail) {
    check_pattern(name);
    catalog::Catalog catalog = require_jails(context, name);
    catalog::Jails jails(catalog);
    Listed listed;
    if (!jail.empty()) {
        const Installed installed = installed_in(catalog, jail);
        for (const catalog::ImagePackage& package : packages_meant(installed, name))
            listed[{package.pkgname, installed.image.id}].push_back(jail);
        return read_lists(catalog, listed);
    }
    if (const auto named = jails.find(name)) {
        const Installed installed = installed_in(catalog, *named);
        listed[{"", installed.image.id}].push_back(name);
        return read_lists(catalog, listed);
    }
    const format::Pattern pattern = format::Pattern::parse(name);
    std::vector<std::string> known;
    for (const catalog::Jail& each : jails.all()) {
        const Installed installed = installed_in(catalog, each);
        known.push_back(each.name);
        for (const catalog::ImagePackage& package : installed.image.packages) {
            known.emplace_back(format::Pkgname::parse(package.pkgname).base());
            if (known.back() == name || pattern.selects(package.pkgname))
                listed[{package.pkgname, installed.image.id}].push_back(each.name);
        }
    }
    if (listed.empty())
        refuse_unknown(name, std::move(known));
    return read_lists(catalog, listed);
}

std::vector<FileOwner> which(const Context& context, const std::string& text) {
    if (!text.starts_with("/"))
        throw Error(ErrorKind::usage, text, "allowed: an absolute path, as seen inside a jail",
                    "pkgjail which /usr/pkg/sbin/nginx");
    RootPath path;
    try {
        path =
            RootPath::parse(text.size() > 1 && text.ends_with("/") ? text.substr(0, text.size() - 1) : text);
    } catch (const Error& error) {
        throw Error(ErrorKind::usage, text, error.cause());
    }
    catalog::Catalog catalog = require_jails(context, text);
    const catalog::ReadTransaction one_state(catalog.database());
    catalog::Images images(catalog);
    catalog::Jails jails(catalog);
    std::map<std::string, std::optional<jail::ManifestEntry>> by_image; // which jails share
    std::vector<FileOwner> owners;
    for (const catalog::Jail& each : jails.all()) {
        const auto generation = jails.generation(each.id, each.current);
        const auto image = generation ? images.find_alone(generation->image_id) : std::nullopt;
        if (!image)
            throw without_image(each);
        const auto [place, is_new] = by_image.try_emplace(image->id);
        if (is_new)
            place->second = images.file(image->id, store::path_in_manifest(path, image->prefix));
        if (place->second)
            owners.push_back({each.name, {path, *place->second}});
    }
    if (!owners.empty())
        return owners;
    const store::HostBase base = store::configured_base(context.config.base);
    const bool of_base =
        std::any_of(base.directories.begin(), base.directories.end(),
                    [&](const RootPath& directory) { return path.is_within(directory); }) ||
        std::any_of(base.links.begin(), base.links.end(),
                    [&](const store::HostBase::Link& link) { return path.is_within(link.path); });
    throw Error(
        ErrorKind::not_found, path.str(),
        of_base ? "lies in the base, which no package of a jail brings" : "no package of any jail brings it",
        of_base ? "ask the host's own package manager" : "what services and operators wrote is in no image");
}

std::vector<Why> why(const Context& context, const std::string& jail, const std::string& package) {
    catalog::Catalog catalog = require_jails(context, jail);
    const Installed installed = installed_in(catalog, jail);
    std::vector<Why> answers;
    for (const catalog::ImagePackage& meant : packages_meant(installed, package))
        answers.push_back(why_of(installed, meant));
    return answers;
}

} // namespace pkgjail::ops
