#include "pkgjail/catalog/known_plans.hpp"

#include <fmt/core.h>

#include "pkgjail/base/error.hpp"
#include "pkgjail/catalog/text_list.hpp"

namespace pkgjail::catalog {
namespace {

using base::Error;
using base::ErrorKind;

constexpr const char* automatic = "automatic";
constexpr std::size_t lines_of_package = 3;

} // namespace

std::string KnownPlans::offered() {
    Statement statement(catalog_.database(),
                        "SELECT name, url, sha256, refreshed_at, packages, priority FROM repository"
                        " ORDER BY priority, position");
    std::string text;
    auto row = statement.use();
    while (row.next())
        text += fmt::format("{}\n{}\n{} {} {} {}\n", row.text_view(0), row.text_view(1), row.text_view(2),
                            row.integer(3), row.integer(4), row.integer(5));
    return text;
}

std::optional<KnownPlan> KnownPlans::find(const std::string& key) {
    Statement statement(
        catalog_.database(),
        "SELECT promise_key, repositories, download_bytes, packages FROM known_plan WHERE plan_key = ?");
    auto row = statement.use();
    if (!row(key).next())
        return std::nullopt;
    KnownPlan plan;
    plan.promise_key = row.text(0);
    plan.repositories = split_list(row.text_view(1));
    plan.download_bytes = static_cast<std::uint64_t>(row.integer(2));
    std::vector<std::string> lines = split_list(row.text_view(3));
    if (lines.size() % lines_of_package != 0)
        throw Error(ErrorKind::corrupt, catalog_.database().name(),
                    fmt::format("a plan has {} lines, and a package of it three", lines.size()),
                    "pkgjail catalog rebuild");
    plan.packages.reserve(lines.size() / lines_of_package);
    for (std::size_t i = 0; i < lines.size(); i += lines_of_package)
        plan.packages.push_back({std::move(lines[i]), lines[i + 1] == automatic, std::move(lines[i + 2])});
    return plan;
}

bool KnownPlans::contains(const std::string& key) {
    Statement statement(catalog_.database(), "SELECT 1 FROM known_plan WHERE plan_key = ?");
    return statement.use()(key).next();
}

void KnownPlans::put(const std::string& key, const KnownPlan& plan) {
    std::vector<std::string> lines;
    lines.reserve(plan.packages.size() * lines_of_package);
    for (const KnownPlan::Package& package : plan.packages) {
        lines.push_back(package.pkgname);
        lines.emplace_back(package.automatic ? automatic : "");
        lines.push_back(package.reason);
    }
    Statement statement(
        catalog_.database(),
        "INSERT INTO known_plan (plan_key, promise_key, repositories, download_bytes, packages)"
        " VALUES (?, ?, ?, ?, ?) ON CONFLICT (plan_key) DO UPDATE SET promise_key = excluded.promise_key,"
        " repositories = excluded.repositories, download_bytes = excluded.download_bytes,"
        " packages = excluded.packages");
    statement
        .use()(key)(plan.promise_key)(join_list(plan.repositories))(to_column(plan.download_bytes))(
            join_list(lines))
        .execute();
}

void KnownPlans::forget_all() {
    Statement(catalog_.database(), "DELETE FROM known_plan").use().execute();
}

} // namespace pkgjail::catalog
