// A catalog in a directory of its own, and small values to put into it.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <sys/wait.h>
#include <unistd.h>

#include "pkgjail/base/error.hpp"
#include "pkgjail/catalog/images.hpp"
#include "pkgjail/catalog/jails.hpp"
#include "pkgjail/catalog/packages.hpp"
#include "support/catch.hpp"
#include "support/temp_dir.hpp"

namespace pkgjail::test {

struct Fixture {
    TempDir directory;
    base::HostPath file = directory / "catalog.sqlite";
    catalog::Catalog catalog = catalog::Catalog::open(file);
};

inline format::SummaryRecord record(const std::string& pkgname, const std::string& comment = "a comment") {
    format::SummaryRecord result;
    result.pkgname = pkgname;
    result.comment = comment;
    result.file_name = pkgname + ".tgz";
    return result;
}

inline catalog::RepositoryState state(const std::string& name) {
    catalog::RepositoryState result;
    result.name = name;
    result.url = "https://example.org/" + name;
    result.index_file = "pkg_summary.gz";
    result.checked_at = 100;
    result.refreshed_at = 100;
    return result;
}

/// Makes `records` the index of the repository.
inline std::int64_t offer(catalog::Catalog& catalog, const std::string& repository, int priority,
                          const std::vector<format::SummaryRecord>& records) {
    return catalog::Packages(catalog).replace_index(state(repository), priority, [&](const auto& take) {
        for (format::SummaryRecord each : records)
            take(std::move(each));
    });
}

/// "main/nginx-1.26.1 extra/nginx-1.25.0"
inline std::string show(const std::vector<catalog::AvailablePackage>& packages) {
    std::string text;
    for (const auto& package : packages)
        text += (text.empty() ? "" : " ") + package.repository + "/" + package.record.pkgname;
    return text;
}
inline std::string show(const std::vector<catalog::OfferedPackage>& packages) {
    std::string text;
    for (const auto& package : packages)
        text += (text.empty() ? "" : " ") + package.repository + "/" + package.pkgname;
    return text;
}

inline std::string show(const std::vector<catalog::ListedPackage>& packages) {
    std::string text;
    for (const auto& package : packages)
        text += (text.empty() ? "" : " ") + package.repository + "/" + package.pkgname;
    return text;
}

inline std::string show(const std::vector<std::string>& words) {
    std::string text;
    for (const std::string& word : words)
        text += (text.empty() ? "" : " ") + word;
    return text;
}

inline jail::ManifestEntry file_entry(const std::string& path, const std::string& sha256,
                                      std::uint64_t size = 10, unsigned mode = 0644) {
    jail::ManifestEntry entry;
    entry.path = base::RootPath::parse(path);
    entry.mode = mode;
    entry.size = size;
    entry.sha256 = sha256;
    entry.package = "foo-1.0";
    return entry;
}

inline catalog::Image image(const std::string& id) {
    catalog::Image result;
    result.id = id;
    result.build_key = "key of " + id;
    result.base_id = "host";
    result.prefix = "/usr/pkg";
    result.created_at = 1000;
    return result;
}

inline catalog::Jail jail_named(const std::string& name, const std::string& id) {
    catalog::Jail result;
    result.id = id;
    result.name = name;
    result.recipe = "nginx";
    result.profile = "high";
    result.network = "host";
    result.created_at = 2000;
    return result;
}

inline catalog::Generation generation_of(const std::string& image_id) {
    catalog::Generation result;
    result.image_id = image_id;
    result.wishes = {"nginx"};
    result.created_at = 3000;
    result.command = "install nginx";
    return result;
}

/// "kind: object: cause" of the Error that `work` throws; "nothing" when it throws none.
inline std::optional<base::Error> error_of(const std::function<void()>& work) {
    try {
        work();
    } catch (const base::Error& error) {
        return error;
    }
    return std::nullopt;
}

/// Runs `work` in a child process; the child's exit status. An exception is status 99. SQLite connections of
/// the parent must not be used in it.
inline int in_child(const std::function<int()>& work) {
    const pid_t pid = ::fork();
    if (pid == 0) {
        int status = 99;
        try {
            status = work();
        } catch (...) {
            status = 99;
        }
        ::_exit(status);
    }
    int status = 0;
    while (::waitpid(pid, &status, 0) < 0) {
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

} // namespace pkgjail::test
