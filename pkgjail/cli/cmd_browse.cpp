// update, search, avail, info: the repositories.
#include <fmt/core.h>

#include "pkgjail/base/clock.hpp"
#include "pkgjail/base/printable.hpp"
#include "pkgjail/cli/command.hpp"
#include "pkgjail/cli/exit_status.hpp"
#include "pkgjail/cli/failure.hpp"
#include "pkgjail/cli/vulnerability_words.hpp"
#include "pkgjail/jail/quantity.hpp"
#include "pkgjail/ops/browse.hpp"
#include "pkgjail/ops/update.hpp"

namespace pkgjail::cli {

using base::Error;
using base::ErrorKind;
using base::printable;

namespace {

Json package_json(const std::string& repository, const std::string& pkgname, const std::string& comment,
                  std::uint64_t size, std::optional<std::uint64_t> archive_size,
                  const std::vector<std::string>& jails) {
    return {{"pkgname", pkgname},
            {"repository", repository},
            {"comment", comment},
            {"size_bytes", size},
            {"archive_bytes", archive_size ? Json(*archive_size) : Json(nullptr)},
            {"installed_in", jails}};
}

void show(Environment& environment, const std::vector<ops::ListedPackage>& packages) {
    if (environment.json()) {
        Json list = Json::array();
        for (const ops::ListedPackage& found : packages)
            list.push_back(package_json(found.package.repository, found.package.pkgname,
                                        found.package.comment, found.package.size_pkg,
                                        found.package.file_size, found.jails));
        environment.print_json({{"packages", list}});
        return;
    }
    if (packages.empty()) {
        environment.say("nothing found\n");
        return;
    }
    Table table({"PACKAGE", "SIZE", "COMMENT"}, 2);
    for (const ops::ListedPackage& found : packages)
        table.add({{printable(found.package.pkgname), found.jails.empty() ? Color::none : Color::green},
                   {jail::format_size(found.package.size_pkg)},
                   {printable(found.package.comment)}});
    environment.say(table.render(output_screen()));
}

/// "index-signed"; empty for a repository that is no longer configured.
std::string policy_of(Environment& environment, const std::string& name) {
    for (const jail::RepositoryConfig& repository : environment.context().config.repositories)
        if (repository.name == name)
            return std::string(jail::trust_name(repository.trust));
    return "";
}

std::size_t number_option(Environment& environment, const std::string& option, std::size_t fallback) {
    if (!environment.has(option))
        return fallback;
    const std::string text = environment.text(option);
    if (text.empty() || text.size() > 9 || text.find_first_not_of("0123456789") != std::string::npos)
        throw Error(ErrorKind::usage, "--" + option, fmt::format("found \"{}\", allowed: a number", text));
    return std::stoul(text);
}

} // namespace

int cmd_update(Environment& environment) {
    const std::vector<std::string> allowed = environment.list("allow-older");
    const auto updates = ops::update(environment.context(), {allowed.begin(), allowed.end()});
    std::size_t asked = updates.size();
    int failed = 0;
    int status = exit_done;
    Json list = Json::array();
    for (const ops::RepositoryUpdate& update : updates) {
        Json json = {{"repository", update.name},
                     {"url", update.url},
                     {"changed", update.changed},
                     {"packages", update.packages}};
        if (update.failure) {
            ++failed;
            environment.failed(*update.failure);
            status = exit_status(update.failure->kind());
            json["error"] = error_json("update", *update.failure);
            print_failure(environment, *update.failure);
        } else if (environment.context().dry_run) {
            environment.say(fmt::format("{}: would be asked at {}\n", update.name, printable(update.url)));
        } else {
            environment.say(
                fmt::format("{}: {} ({})\n", update.name, update.changed ? "new index" : "nothing new",
                            jail::counted(static_cast<std::uint64_t>(update.packages), "package")));
        }
        list.push_back(json);
    }
    Json vulnerabilities = nullptr;
    if (!environment.context().config.vulnerabilities.url.empty()) {
        ++asked;
        try {
            const ops::VulnerabilityUpdate update = ops::fetch_vulnerabilities(environment.context());
            vulnerabilities = update_json(update);
            environment.say(
                environment.context().dry_run
                    ? fmt::format("vulnerabilities: would be asked for at {}\n", printable(update.url))
                    : update_text(update));
        } catch (const Error& error) {
            environment.failed(error);
            if (failed++ == 0)
                status = exit_status(error.kind());
            vulnerabilities = {{"error", error_json("update", error)}};
            print_failure(environment, error);
        }
    }
    if (environment.json())
        environment.print_json({{"repositories", list}, {"vulnerabilities", vulnerabilities}});
    if (failed == 0)
        return exit_done;
    return static_cast<std::size_t>(failed) < asked ? exit_partial : status;
}

int cmd_search(Environment& environment) {
    const std::vector<std::string> words = environment.list("word…");
    if (words.empty())
        throw Error(ErrorKind::usage, "search", "no word given", "pkgjail search WORD…");
    show(environment, ops::search(environment.context(), words, number_option(environment, "limit", 100)));
    return exit_done;
}

int cmd_avail(Environment& environment) {
    show(environment, ops::available(environment.context(), environment.text("pattern")));
    return exit_done;
}

int cmd_info(Environment& environment) {
    if (environment.text("package").empty())
        throw Error(ErrorKind::usage, "info", "no package given", "pkgjail info PKG");
    const ops::FoundPackage found = ops::package_info(environment.context(), environment.text("package"));
    const format::SummaryRecord& record = found.package.record;
    const std::string trust = policy_of(environment, found.package.repository);
    if (environment.json()) {
        Json json = package_json(found.package.repository, record.pkgname, record.comment, record.size_pkg,
                                 record.file_size, found.jails);
        json.update(Json{{"trust", trust},
                         {"believed", found.proofs},
                         {"description", record.description},
                         {"homepage", record.homepage},
                         {"license", record.license},
                         {"categories", record.categories},
                         {"pkgpath", record.pkgpath},
                         {"build_date", record.build_date},
                         {"depends", record.depends},
                         {"conflicts", record.conflicts},
                         {"file_name", record.file_name},
                         {"digest_algorithm", record.cksum_algorithm},
                         {"digest", record.cksum}});
        environment.print_json({{"package", json}});
        return exit_done;
    }
    std::string text;
    const auto line = [&](const char* name, const std::string& value) {
        if (!value.empty())
            text += fmt::format("{:<12} {}\n", name, printable(value));
    };
    line("Package", record.pkgname);
    line("Comment", record.comment);
    line("Repository", found.package.repository);
    line("Trust", trust);
    line(
        "Size",
        jail::format_size(record.size_pkg) +
            (record.file_size ? fmt::format(" ({} to download)", jail::format_size(*record.file_size)) : ""));
    line("Built", record.build_date);
    line("Homepage", record.homepage);
    line("License", record.license);
    line("Pkgpath", record.pkgpath);
    for (const std::string& depend : record.depends)
        line("Needs", depend);
    for (const std::string& conflict : record.conflicts)
        line("Conflicts", conflict);
    for (std::size_t i = 0; i < found.jails.size(); ++i)
        line("Installed in",
             found.jails[i] + (found.proofs[i].empty() ? "" : ", believed by " + found.proofs[i]));
    if (!record.description.empty())
        text += "\n" + printable(record.description, true) + "\n";
    environment.say(text);
    return exit_done;
}

} // namespace pkgjail::cli
