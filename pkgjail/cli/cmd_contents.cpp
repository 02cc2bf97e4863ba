// files, which, why: what packages brought and why they are there.
#include <fmt/core.h>
#include <fmt/ranges.h>

#include "pkgjail/base/printable.hpp"
#include "pkgjail/cli/command.hpp"
#include "pkgjail/cli/exit_status.hpp"
#include "pkgjail/ops/contents.hpp"

namespace pkgjail::cli {

using base::Error;
using base::ErrorKind;
using base::printable;

namespace {

Json file_json(const ops::JailFile& file) {
    const char* type = file.entry.type == jail::EntryType::file        ? "file"
                       : file.entry.type == jail::EntryType::directory ? "directory"
                                                                       : "link";
    Json json = {{"path", file.path.str()},
                 {"type", type},
                 {"mode", fmt::format("{:04o}", file.entry.mode)},
                 {"uid", file.entry.uid},
                 {"gid", file.entry.gid},
                 {"size_bytes", file.entry.size},
                 {"package", file.entry.package}};
    if (file.entry.type == jail::EntryType::symlink)
        json["target"] = file.entry.link_target;
    if (file.entry.type == jail::EntryType::file)
        json["sha256"] = file.entry.sha256;
    return json;
}

/// Each package under the one that needs it, two blanks deeper.
std::string chain_text(const std::vector<ops::WhyLink>& chain) {
    std::string text = fmt::format("  {}, which was asked for\n", printable(chain.front().pkgname));
    for (std::size_t i = 1; i < chain.size(); ++i)
        text += fmt::format("{:{}}needs {}: {}\n", "", 2 + 2 * i, printable(chain[i - 1].pattern),
                            printable(chain[i].pkgname));
    return text;
}

std::string why_text(const ops::Why& why) {
    std::string text = fmt::format("{} is in jail {}\n", printable(why.pkgname), why.jail);
    if (!why.automatic)
        text += why.wishes.empty() ? "  because it was asked for\n"
                                   : fmt::format("  because it was asked for: {}\n",
                                                 printable(fmt::format("{}", fmt::join(why.wishes, " "))));
    if (!why.chains.empty())
        text += why.automatic ? "  because of\n" : "  and because of\n";
    for (const std::vector<ops::WhyLink>& chain : why.chains)
        text += chain_text(chain);
    if (why.automatic && why.chains.empty())
        text += fmt::format("  and nothing needs it any more; pkgjail autoremove -j {} takes it away\n",
                            why.jail);
    return text;
}

} // namespace

int cmd_files(Environment& environment) {
    const std::string name = environment.text("package");
    if (name.empty())
        throw Error(ErrorKind::usage, "files", "no package or jail given", "pkgjail files PKG|JAIL");
    const auto lists = ops::files(environment.context(), name, environment.text("jail"));
    if (environment.json()) {
        Json all = Json::array();
        for (const ops::FileList& list : lists) {
            Json files = Json::array();
            for (const ops::JailFile& file : list.files)
                files.push_back(file_json(file));
            all.push_back({{"package", list.pkgname}, {"jails", list.jails}, {"files", files}});
        }
        environment.print_json({{"lists", all}});
        return exit_done;
    }
    std::string text;
    for (const ops::FileList& list : lists) {
        if (lists.size() > 1)
            text += fmt::format("{}{} in {}:\n", text.empty() ? "" : "\n", printable(list.pkgname),
                                fmt::join(list.jails, ", "));
        for (const ops::JailFile& file : list.files)
            if (file.entry.type != jail::EntryType::directory)
                text += printable(file.path.str()) + "\n";
    }
    environment.say(text);
    return exit_done;
}

int cmd_which(Environment& environment) {
    if (environment.text("path").empty())
        throw Error(ErrorKind::usage, "which", "no path given", "pkgjail which PATH");
    const auto owners = ops::which(environment.context(), environment.text("path"));
    if (environment.json()) {
        Json list = Json::array();
        for (const ops::FileOwner& owner : owners) {
            Json json = {{"jail", owner.jail}};
            json.update(file_json(owner.file));
            list.push_back(json);
        }
        environment.print_json({{"owners", list}});
        return exit_done;
    }
    Table table({"JAIL", "PACKAGE"}, 1);
    for (const ops::FileOwner& owner : owners)
        table.add({{owner.jail},
                   {owner.file.entry.package.empty() ? "none: made while the image was built"
                                                     : printable(owner.file.entry.package)}});
    environment.say(table.render(output_screen()));
    return exit_done;
}

int cmd_why(Environment& environment) {
    if (environment.text("jail").empty() || environment.text("package").empty())
        throw Error(ErrorKind::usage, "why", "no jail or no package given", "pkgjail why JAIL PKG");
    const auto answers =
        ops::why(environment.context(), environment.text("jail"), environment.text("package"));
    if (environment.json()) {
        Json list = Json::array();
        for (const ops::Why& why : answers) {
            Json chains = Json::array();
            for (const auto& chain : why.chains) {
                Json links = Json::array();
                for (const ops::WhyLink& link : chain) {
                    Json json = {{"pkgname", link.pkgname}};
                    if (!link.pattern.empty())
                        json["needs"] = link.pattern;
                    links.push_back(json);
                }
                chains.push_back(links);
            }
            list.push_back({{"jail", why.jail},
                            {"pkgname", why.pkgname},
                            {"automatic", why.automatic},
                            {"wishes", why.wishes},
                            {"chains", chains}});
        }
        environment.print_json({{"packages", list}});
        return exit_done;
    }
    std::string text;
    for (const ops::Why& why : answers)
        text += why_text(why);
    environment.say(text);
    return exit_done;
}

} // namespace pkgjail::cli
