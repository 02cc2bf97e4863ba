#include "pkgjail/ops/resolv.hpp"

#include <sstream>

#include <fmt/format.h>

#include "pkgjail/base/digest.hpp"
#include "pkgjail/base/error.hpp"
#include "pkgjail/base/file.hpp"
#include "pkgjail/base/tree.hpp"

namespace pkgjail::ops {

namespace {

constexpr std::string_view mark = "# by pkgjail, ";
constexpr std::string_view advice = "; changed in any way, the file is yours: ";
constexpr std::size_t digest_digits = 16;
constexpr std::size_t largest = 1u << 20;
constexpr const char* host_file = "/etc/resolv.conf";

base::RootPath resolv_path() {
    return base::RootPath::parse("/etc/resolv.conf");
}

std::string digest_of(std::string_view head, std::string_view content) {
    return base::sha256(std::string(head) + "\n" + std::string(content)).substr(0, digest_digits);
}

/// What the file holds; nullopt where there is none, or something that pkgjail never wrote.
std::optional<std::string> ours_at(const base::Tree& config) {
    const auto found = config.stat(resolv_path());
    if (!found || !found->is_file() || found->status.st_size > off_t{largest})
        return std::nullopt;
    std::string text = config.read(resolv_path(), largest);
    return is_our_resolv(text) ? std::optional(std::move(text)) : std::nullopt;
}

bool names_a_loopback_server(std::string_view content) {
    std::istringstream lines{std::string(content)};
    for (std::string line; std::getline(lines, line);) {
        std::istringstream words(line);
        std::string key, server;
        words >> key >> server;
        if (key == "nameserver" && (server.starts_with("127.") || server == "::1"))
            return true;
    }
    return false;
}

/// Without the line of pkgjail's, which a host has that is a jail itself.
std::string without_mark(const std::string& text) {
    return text.starts_with(mark) ? text.substr(std::min(text.find('\n'), text.size() - 1) + 1) : text;
}

std::optional<std::string> content_for(const Context& context, const catalog::Jail& jail,
                                       const jail::RenderedRecipe& recipe) {
    std::string content;
    if (recipe.resolv.from == jail::Resolv::From::none)
        return std::nullopt;
    if (recipe.resolv.from == jail::Resolv::From::host) {
        const auto text = base::read_file_if_exists(host_file, largest);
        if (!text) {
            context.reporter.warn(
                fmt::format("jail {}: resolv = host, and this host has no {}, so the jail's "
                            "stays as it is",
                            jail.name, host_file));
            return std::nullopt;
        }
        content = without_mark(*text);
    }
    for (const std::string& server : recipe.resolv.servers)
        content += fmt::format("nameserver {}\n", server);
    if (recipe.network != jail::NetworkMode::host && names_a_loopback_server(content))
        context.reporter.warn(fmt::format("jail {}: its resolv.conf names a server on a loopback address, "
                                          "which is the jail's own in network mode {}",
                                          jail.name, jail::network_mode_name(recipe.network)));
    return content;
}

} // namespace

std::string resolv_text(const jail::Resolv& resolv, std::string_view content) {
    const std::string head = fmt::format("{}resolv = {}", mark, resolv.str());
    return fmt::format("{}{}{}\n{}", head, advice, digest_of(head, content), content);
}

bool is_our_resolv(std::string_view text) {
    const std::size_t end = text.find('\n');
    if (!text.starts_with(mark) || end == text.npos)
        return false;
    const std::string_view line = text.substr(0, end);
    const std::size_t at = line.rfind(advice);
    return at != line.npos &&
           line.substr(at + advice.size()) == digest_of(line.substr(0, at), text.substr(end + 1));
}

std::string_view resolv_words(ResolvOwner owner) {
    switch (owner) {
    case ResolvOwner::nobody:
        return "not there";
    case ResolvOwner::pkgjail:
        return "written by pkgjail at each start";
    case ResolvOwner::operator_:
        break;
    }
    return "yours, pkgjail leaves it alone";
}

ResolvOwner resolv_owner(const Context& context, const catalog::Jail& jail) {
    const auto config = base::Tree::open(context.layout.jail_config(jail.id, jail.current));
    if (!config.stat(resolv_path()))
        return ResolvOwner::nobody;
    return ours_at(config) ? ResolvOwner::pkgjail : ResolvOwner::operator_;
}

void write_resolv(const Context& context, const catalog::Jail& jail, const jail::RenderedRecipe& recipe) {
    const auto config = base::Tree::open(context.layout.jail_config(jail.id, jail.current));
    const bool there = config.stat(resolv_path()).has_value();
    const auto before = ours_at(config);
    const bool wanted = recipe.resolv.from != jail::Resolv::From::none;
    if (there && !before) {
        if (wanted)
            context.reporter.warn(
                fmt::format("jail {}: its /etc/resolv.conf is not as pkgjail wrote it and is "
                            "left alone; removed, it is written at the next start",
                            jail.name));
        return;
    }
    if (!wanted) {
        if (before)
            config.remove_file(resolv_path());
        return;
    }
    const auto content = content_for(context, jail, recipe);
    if (!content)
        return;
    const std::string text = resolv_text(recipe.resolv, *content);
    if (text != before)
        config.write(resolv_path(), text, 0644, {});
}

} // namespace pkgjail::ops
