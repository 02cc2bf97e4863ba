#include "pkgjail/cli/status_document.hpp"

#include <map>
#include <string_view>

#include "pkgjail/cli/command.hpp"
#include "pkgjail/cli/status_words.hpp"

namespace pkgjail::cli {

namespace {

/// Where a jail's packages stand in a document. No string in it has a line break of its own, so this can only
/// be the member of a jail.
constexpr std::string_view packages_member = "\n      \"packages\": ";
constexpr std::string_view no_packages_yet = "null";

std::string packages_text(const catalog::Image* image) {
    Json packages = Json::array();
    if (image != nullptr)
        for (const catalog::ImagePackage& package : image->packages)
            packages.push_back({{"pkgname", package.pkgname},
                                {"automatic", package.automatic},
                                {"repository", package.repository}});
    const std::string_view indentation = packages_member.substr(1, packages_member.find('"') - 1);
    const std::string alone = json_text(packages);
    std::string text;
    for (const char c : std::string_view(alone).substr(0, alone.size() - 1)) { // without its last line's end
        text += c;
        if (c == '\n')
            text += indentation;
    }
    return text;
}

} // namespace

std::string status_document(const std::vector<ops::JailView>& views,
                            const std::vector<std::string>& warnings) {
    const std::string without =
        json_text({{"schema", "pkgjail.status/1"}, {"jails", jails_json(views)}, {"warnings", warnings}});
    const std::string place = std::string(packages_member) + std::string(no_packages_yet);
    std::map<const catalog::Image*, std::string> texts;
    std::string whole;
    std::string_view rest = without;
    for (const ops::JailView& view : views) { // each has its place
        const std::size_t begin = rest.find(place) + packages_member.size();
        const auto [text, is_new] = texts.try_emplace(view.image.get());
        if (is_new)
            text->second = packages_text(view.image.get());
        whole.append(rest.substr(0, begin)).append(text->second);
        rest.remove_prefix(begin + no_packages_yet.size());
    }
    return whole.append(rest);
}

} // namespace pkgjail::cli
