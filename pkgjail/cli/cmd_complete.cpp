// complete: what may stand next on a command line; asked for by the scripts in etc/completion.
#include <algorithm>

#include <fmt/core.h>

#include "pkgjail/base/printable.hpp"
#include "pkgjail/catalog/jails.hpp"
#include "pkgjail/cli/command.hpp"
#include "pkgjail/cli/completion.hpp"
#include "pkgjail/cli/exit_status.hpp"
#include "pkgjail/format/pkgname.hpp"
#include "pkgjail/jail/limit.hpp"
#include "pkgjail/jail/recipe.hpp"
#include "pkgjail/ops/browse.hpp"
#include "pkgjail/ops/inspect.hpp"
#include "pkgjail/ops/installed.hpp"
#include "pkgjail/ops/session.hpp"
#include "pkgjail/ops/snapshot.hpp"

namespace pkgjail::cli {

namespace {

std::vector<Candidate> plain(const std::vector<std::string>& words) {
    std::vector<Candidate> result;
    for (const std::string& word : words)
        result.push_back({word, ""});
    return result;
}

std::vector<Candidate> jail_words(const ops::Context& context) {
    std::vector<Candidate> result;
    if (auto catalog = ops::open_for_reading(context))
        for (const catalog::Jail& jail : catalog::Jails(*catalog).all())
            result.push_back({jail.name, jail.recipe.empty() ? "no service" : jail.recipe});
    return result;
}

std::vector<Candidate> snapshot_words(const ops::Context& context, const std::string& jail) {
    std::vector<Candidate> result;
    for (const ops::SnapshotView& view : ops::snapshots(context, jail))
        result.push_back({view.snapshot.name, view.snapshot.command});
    return result;
}

std::vector<Candidate> installed_words(const ops::Context& context, const std::string& jail) {
    std::vector<Candidate> result;
    auto catalog = ops::open_for_reading(context);
    if (!catalog || jail.empty())
        return result;
    for (const catalog::ImagePackage& package : ops::installed_in(*catalog, jail).image.packages)
        result.push_back({std::string(format::Pkgname::parse(package.pkgname).base()), package.comment});
    return result;
}

/// Only names that begin so: all of them would be tens of thousands.
std::vector<Candidate> on_offer(const ops::Context& context, const std::string& begin) {
    const auto is_plain = [](unsigned char c) {
        return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '-' ||
               c == '_' || c == '+' || c == '.';
    };
    std::vector<Candidate> result;
    if (begin.empty() || !std::all_of(begin.begin(), begin.end(), is_plain))
        return result;
    for (const ops::ListedPackage& found : ops::available(context, begin + "*"))
        result.push_back(
            {std::string(format::Pkgname::parse(found.package.pkgname).base()), found.package.comment});
    return result;
}

std::vector<Candidate> repository_words(const ops::Context& context) {
    std::vector<Candidate> result;
    for (const jail::RepositoryConfig& repository : context.config.repositories)
        result.push_back({repository.name, repository.url});
    return result;
}

std::vector<Candidate> limit_words() {
    std::vector<Candidate> result;
    for (const jail::LimitKind kind : jail::all_limit_kinds)
        result.push_back({std::string(jail::limit_name(kind)) + "=", ""});
    return result;
}

std::vector<Candidate> words_of(const ops::Context& context, const WordWanted& wanted) {
    switch (wanted.kind) {
    case WordKind::jail:
        return jail_words(context);
    case WordKind::snapshot:
        return snapshot_words(context, wanted.jail);
    case WordKind::package:
        return on_offer(context, wanted.begin);
    case WordKind::installed:
        return installed_words(context, wanted.jail);
    case WordKind::repository:
        return repository_words(context);
    case WordKind::recipe:
        return plain(jail::list_recipes(context.config.recipe_directories));
    case WordKind::limit_template:
        return plain(jail::list_limits(context.config.limit_directories));
    case WordKind::limit:
        return limit_words();
    case WordKind::none:
    case WordKind::jail_or_snapshot:
    case WordKind::file:
    case WordKind::directory:
        break;
    }
    return {};
}

const char* files_word(WordKind kind) {
    return kind == WordKind::file ? "file" : kind == WordKind::directory ? "directory" : "";
}

} // namespace

int cmd_complete(Environment& environment) {
    const Completion completion = complete(environment.list("word…"), [&](const WordWanted& wanted) {
        try {
            return words_of(environment.context(), wanted);
        } catch (const base::Error& error) {
            // No such jail, no index yet: there is nothing to choose from, and files may be named all the
            // same.
            if (error.kind() != base::ErrorKind::not_found)
                throw;
            return std::vector<Candidate>{};
        }
    });
    if (environment.json()) {
        Json words = Json::array();
        for (const Candidate& candidate : completion.words)
            words.push_back({{"word", candidate.text}, {"about", candidate.about}});
        environment.print_json({{"words", words}, {"also", files_word(completion.also_files)}});
        return exit_done;
    }
    std::string text;
    if (completion.also_files != WordKind::none)
        text += fmt::format(":{}\n", files_word(completion.also_files));
    for (const Candidate& candidate : completion.words)
        text += fmt::format("{}\t{}\n", base::printable(candidate.text), base::printable(candidate.about));
    print(text);
    return exit_done;
}

} // namespace pkgjail::cli
