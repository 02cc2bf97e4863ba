#include "pkgjail/ops/host_names.hpp"

#include <algorithm>
#include <optional>

#include <fmt/format.h>

#include "pkgjail/base/error.hpp"
#include "pkgjail/base/tree.hpp"

namespace pkgjail::ops {

namespace {

constexpr std::string_view block_begin = "# jails that this one requires, by pkgjail: begin\n";
constexpr std::string_view block_end = "# jails that this one requires, by pkgjail: end\n";
constexpr std::size_t largest = 1u << 20;

/// Where `line` begins as a whole line.
std::size_t find_line(std::string_view text, std::string_view line, std::size_t from = 0) {
    for (std::size_t at = text.find(line, from); at != text.npos; at = text.find(line, at + 1))
        if (at == 0 || text[at - 1] == '\n')
            return at;
    return text.npos;
}

struct Block {
    std::size_t begin = 0;
    std::size_t end = 0; ///< behind it
};

/// A beginning with the next end and no other beginning in between.
std::optional<Block> find_block(std::string_view text) {
    for (std::size_t begin = find_line(text, block_begin); begin != text.npos;) {
        const std::size_t end = find_line(text, block_end, begin);
        const std::size_t next = find_line(text, block_begin, begin + 1);
        if (end == text.npos)
            return std::nullopt;
        if (next > end)
            return Block{begin, end + block_end.size()};
        begin = next;
    }
    return std::nullopt;
}

bool is_any(const std::string& address) {
    return address.empty() || address == "0.0.0.0" || address == "::";
}

} // namespace

std::vector<std::string> addresses_of(const catalog::Jail& jail, jail::NetworkMode from,
                                      const std::string& gateway) {
    using jail::NetworkMode;
    std::vector<std::string> addresses;
    if (from == NetworkMode::none)
        return addresses;
    if (jail.network == jail::network_mode_name(NetworkMode::private_) && !jail.address.empty())
        addresses.push_back(jail.address);
    if (jail.network != jail::network_mode_name(NetworkMode::host))
        return addresses;
    for (const catalog::PortClaimRow& claim : jail.claims) {
        const bool from_host = from == NetworkMode::host;
        if (!from_host && !is_any(claim.address))
            continue;
        const std::string address = !is_any(claim.address) ? claim.address
                                    : from_host            ? std::string("127.0.0.1")
                                                           : gateway;
        if (std::find(addresses.begin(), addresses.end(), address) == addresses.end())
            addresses.push_back(address);
    }
    return addresses;
}

std::string with_block(std::string_view hosts, const std::vector<std::string>& lines) {
    std::string block;
    if (!lines.empty()) {
        block = block_begin;
        for (const std::string& line : lines)
            block += line + "\n";
        block += block_end;
    }
    if (const auto old = find_block(hosts))
        return std::string(hosts.substr(0, old->begin)) + block + std::string(hosts.substr(old->end));
    std::string text(hosts);
    if (!block.empty() && !text.empty() && text.back() != '\n')
        text += '\n';
    return text + block;
}

void write_host_names(const Context& context, catalog::Catalog& catalog, const catalog::Jail& jail,
                      const jail::RenderedRecipe& recipe) {
    std::vector<std::string> lines;
    for (const std::string& required : recipe.requires_)
        if (const auto other = catalog::Jails(catalog).find(required))
            for (const std::string& address :
                 addresses_of(*other, recipe.network, context.config.network_pool.gateway()))
                lines.push_back(fmt::format("{} {}", address, required));

    const auto path = base::RootPath::parse("/etc/hosts");
    const auto config = base::Tree::open(context.layout.jail_config(jail.id, jail.current));
    const auto found = config.stat(path);
    if (found && (!found->is_file() || found->status.st_size > off_t{largest})) {
        if (!lines.empty())
            context.reporter.warn(fmt::format(
                "jail {}: its /etc/hosts is {}, so the jails that it requires are not named there", jail.name,
                found->is_file() ? "larger than 1 MiB" : "not a file"));
        return;
    }
    const std::string before = found ? config.read(path, largest) : "";
    const std::string after = with_block(before, lines);
    if (after == before)
        return;
    const base::Owner owner = found ? base::Owner{found->status.st_uid, found->status.st_gid} : base::Owner{};
    config.write(path, after, found ? found->permissions() : 0644, owner);
}

} // namespace pkgjail::ops
