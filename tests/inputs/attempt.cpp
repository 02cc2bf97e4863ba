#include "inputs/attempt.hpp"

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <list>
#include <set>
#include <sstream>
#include <stdexcept>
#include <utility>

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>
#ifdef __linux__
#include <sched.h>
#include <sys/mount.h>
#endif

#include <fmt/format.h>

#include "pkgjail/base/fd.hpp"
#include "pkgjail/base/printable.hpp"
#include "pkgjail/catalog/sqlite.hpp"
#include "pkgjail/cli/command.hpp"
#include "support/package_writer.hpp"
#include "support/sanitized.hpp"

namespace pkgjail::test {

namespace {

namespace fs = std::filesystem;

/// Told once, when the program ends, for whoever adds up what was tried.
struct Count {
    std::size_t inputs = 0;
    pid_t owner = ::getpid();
    ~Count() {
        if (inputs > 0 && ::getpid() == owner)
            std::printf("numbers: inputs %zu\n", inputs);
    }
};

Count& count() {
    static Count one;
    return one;
}

/// Everything but `directories` becomes read-only for this process and its children. Where the kernel or
/// missing privileges do not allow it nothing is changed: who is not root cannot do much harm.
void keep_to(const std::vector<fs::path>& directories) {
#if defined(__linux__) && defined(MOUNT_ATTR_RDONLY)
    if (::geteuid() != 0 || ::unshare(CLONE_NEWNS) != 0)
        return;
    bool well = ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0;
    for (const fs::path& directory : directories)
        well = well && ::mount(directory.c_str(), directory.c_str(), nullptr, MS_BIND, nullptr) == 0;
    struct mount_attr attributes {};
    attributes.attr_set = MOUNT_ATTR_RDONLY;
    if (well && ::mount_setattr(AT_FDCWD, "/", AT_RECURSIVE, &attributes, sizeof attributes) == 0) {
        attributes = {};
        attributes.attr_clr = MOUNT_ATTR_RDONLY;
        for (const fs::path& directory : directories)
            well =
                well && ::mount_setattr(AT_FDCWD, directory.c_str(), 0, &attributes, sizeof attributes) == 0;
    }
    if (!well)
        throw std::runtime_error("the machine cannot be made read-only for this process");
#else
    static_cast<void>(directories);
#endif
}

base::Fd unnamed_file(const fs::path& directory) {
    const fs::path file = directory / "output";
    base::Fd fd(::open(file.c_str(), O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600));
    if (!fd || ::unlink(file.c_str()) != 0)
        throw std::runtime_error("a file without a name");
    return fd;
}

std::string content(const base::Fd& fd) {
    std::string text;
    char buffer[65536];
    off_t at = 0;
    for (ssize_t got; (got = ::pread(fd.get(), buffer, sizeof buffer, at)) > 0; at += got)
        text.append(buffer, static_cast<std::size_t>(got));
    return text;
}

[[noreturn]] void be_pkgjail(const std::vector<std::string>& words,
                             const std::map<std::string, std::string>& environment, const fs::path& directory,
                             int out, int err, double seconds) {
    ::clearenv();
    for (const auto& [name, value] : environment)
        ::setenv(name.c_str(), value.c_str(), 1);
    // Some text for who reads standard input.
    if (::chdir(directory.c_str()) != 0 || ::dup2(::open("secret", O_RDONLY), 0) < 0 || ::dup2(out, 1) < 0 ||
        ::dup2(err, 2) < 0)
        ::_exit(125);
    const struct rlimit none {};
    ::setrlimit(RLIMIT_CORE, &none);
    struct itimerval limit {};
    limit.it_value.tv_sec = static_cast<time_t>(seconds);
    limit.it_value.tv_usec =
        static_cast<suseconds_t>((seconds - static_cast<double>(limit.it_value.tv_sec)) * 1e6);
    ::setitimer(ITIMER_REAL, &limit, nullptr);
    for (const int number : {SIGALRM, SIGSEGV, SIGABRT, SIGFPE, SIGTERM, SIGINT})
        ::signal(number, SIG_DFL); // Catch2 has handlers of its own
    ::signal(SIGPIPE, SIG_IGN);
    std::vector<std::string> copies = {"pkgjail"};
    copies.insert(copies.end(), words.begin(), words.end());
    std::vector<char*> argv;
    for (std::string& word : copies)
        argv.push_back(word.data());
    argv.push_back(nullptr);
    ::_exit(cli::run(static_cast<int>(copies.size()), argv.data()));
}

void copy_tree(const fs::path& from, const fs::path& to) {
    base::Command command;
    command.argv = {"/bin/cp", "-a", from.string(), to.string()};
    command.environment = {"PATH=/usr/bin:/bin"};
    if (base::run(command, std::chrono::seconds(60)).exit.value != 0)
        throw std::runtime_error("cp " + from.string());
}

void write(const fs::path& file, const std::string& text) {
    fs::create_directories(file.parent_path());
    std::ofstream(file) << text;
}

PackageSpec package(const std::string& pkgname, const std::vector<std::string>& depends = {}) {
    const std::string base = pkgname.substr(0, pkgname.rfind('-'));
    PackageSpec spec;
    spec.pkgname = pkgname;
    spec.depends = depends;
    spec.comment = "Package " + base;
    spec.files = {{"share/" + base + "/README", "this is " + pkgname + "\n"}};
    return spec;
}

std::string lines_of(const fs::path& directory, bool with_catalog) {
    std::set<std::string> lines;
    for (const auto& entry : fs::recursive_directory_iterator(directory)) {
        const std::string name = entry.path().filename().string();
        // What readers note in memory, and what a changing command leaves that failed: its entry in the audit
        // trail, and files that are only there to be locked.
        if (name.ends_with(".sqlite-shm") ||
            (!with_catalog && (name.starts_with("catalog.sqlite") || name == "driver.lock" ||
                               entry.path().parent_path().filename() == "lock")))
            continue;
        struct stat status {};
        if (::lstat(entry.path().c_str(), &status) != 0)
            continue;
        // A directory's time also changes when a lock file or a temporary one comes and goes in it.
        const bool timed = with_catalog || !S_ISDIR(status.st_mode);
        lines.insert(fmt::format("{} {:o} {} {}.{}\n", entry.path().lexically_relative(directory).string(),
                                 status.st_mode, S_ISDIR(status.st_mode) ? 0 : status.st_size,
                                 timed ? status.st_mtim.tv_sec : 0, timed ? status.st_mtim.tv_nsec : 0));
    }
    std::string text;
    for (const std::string& line : lines)
        text += line;
    return text;
}

/// Every row of every table but the audit trail's.
std::string rows_of(const fs::path& file) {
    if (!fs::exists(file))
        return "no catalog\n";
    std::list<std::string> queries; // a statement's text stays as long as its database
    catalog::Database database(file, catalog::Database::Mode::read_only);
    std::vector<std::string> tables;
    catalog::Statement names(database, "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT IN "
                                       "('action', 'sqlite_sequence', 'sqlite_stat1') ORDER BY name");
    for (auto use = names.use(); use.next();)
        tables.push_back(use.text(0));
    std::string text;
    for (const std::string& table : tables) {
        std::string columns;
        catalog::Statement info(database, "SELECT name FROM pragma_table_info(?)");
        for (auto use = info.use(); use(table), use.next();) {
            do
                columns += (columns.empty() ? "quote(" : "||','||quote(") + use.text(0) + ")";
            while (use.next());
            break;
        }
        queries.push_back("SELECT " + columns + " FROM " + table + " ORDER BY 1");
        catalog::Statement rows(database, queries.back().c_str());
        for (auto use = rows.use(); use.next();)
            text += table + ": " + use.text(0) + "\n";
    }
    return text;
}

} // namespace

void count_input() {
    ++count().inputs;
}

Target::Target() {
    fs::create_directories(working_directory());
    make_repository(repository(), {package("lib-1.0"), package("web-1.0", {"lib>=1"}), package("extra-1.0")});
    write(etc() / "repositories.conf",
          "[repository demo]\nurl = file://" + repository().string() + "\ntrust = none\n");
    write(etc() / "pkgjail.conf", "[pkgjail]\nruntime = /bin/false\nallow-mount = " + path().string() + "\n");
    write(
        etc() / "recipes.d" / "web.recipe",
        "[recipe]\nsummary = a web\npackage = web\n[set]\nport = 8080\n[service]\ncommand = /bin/sleep 100\n"
        "[network]\nmode = host\nclaim = tcp:${port}\n");
    // The installation's templates are looked for beside the program, whose path the kernel no longer knows
    // once keep_to() has made a view of its own.
    fs::copy(PKGJAIL_SOURCE_DIR "/etc/limits.d", etc() / "limits.d", fs::copy_options::recursive);
    write(etc() / "jails.d" / "web.jail", "[jail]\nrecipe = web\n");
    write(working_directory() / "secret", "a secret\n");
    const auto well = [&](const std::vector<std::string>& words) {
        const CommandResult result = run(words, {}, 120);
        if (result.status != 0)
            throw std::runtime_error(
                fmt::format("pkgjail {}: {}\n{}{}", words.front(), result.status, result.out, result.err));
    };
    well({"update"});
    well({"install", "web", "--no-start"});
    well({"install", "extra", "-j", "web", "--no-start"});
    well({"snapshot", "web", "first"});
    well({"clone", "web", "twin", "--set", "port=8090", "--no-start"});
    well({"hold", "web", "-j", "twin"});
    well({"volume", "create", "files"});
    well({"volume", "attach", "twin", "files:/srv/files"});
    well({"repo", "key", "new", "mine"});
    well({"lock", "web", "locked"});
    well({"export", "web", "exported"});
    write(working_directory() / "root/usr/pkg/pkgdb/web-1.0/+CONTENTS", "@name web-1.0\n@cwd /usr/pkg\n");
    write(working_directory() / "root/var/lib/web/rows", "1\n");
    write(working_directory() / "ship.conf", "shipname=ship\npackages=web\n");
    copy_tree(live(), directory_ / "kept");
    static bool kept = false; // for all of this program's tests
    std::vector<fs::path> writable = {fs::temp_directory_path()};
    if (std::getenv("PKGJAIL_RENEW") != nullptr)
        writable.emplace_back(PKGJAIL_TEST_DATA "/inputs");
    if (is_sanitized && fs::exists(PKGJAIL_BINARY_DIR "/findings"))
        writable.emplace_back(PKGJAIL_BINARY_DIR "/findings");
    if (!std::exchange(kept, true))
        keep_to(writable);
}

CommandResult Target::run(const std::vector<std::string>& words,
                          const std::map<std::string, std::string>& environment, double seconds) const {
    std::vector<std::string> all = {"--state", state().string(), "--config", etc().string()};
    all.insert(all.end(), words.begin(), words.end());
    return run_bare(all, environment, seconds);
}

CommandResult Target::run_bare(const std::vector<std::string>& words,
                               const std::map<std::string, std::string>& environment, double seconds) const {
    const base::Fd out = unnamed_file(path());
    const base::Fd err = unnamed_file(path());
    std::map<std::string, std::string> variables = {{"PATH", "/usr/sbin:/usr/bin:/sbin:/bin"},
                                                    {"LC_ALL", "C.UTF-8"}};
    for (const auto& [name, value] : environment)
        variables[name] = value;
    std::fflush(stdout);
    const pid_t child = ::fork();
    if (child == 0)
        be_pkgjail(words, variables, working_directory(), out.get(), err.get(), seconds);
    int status = 0;
    if (child < 0 || ::waitpid(child, &status, 0) != child)
        throw std::runtime_error("fork");
    return {WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status), content(out), content(err)};
}

std::string Target::digest() const {
    return lines_of(live(), true);
}

std::string Target::digest_but_audit_trail() const {
    return lines_of(live(), false) + rows_of(state() / "catalog.sqlite");
}

void Target::restore() const {
    fs::remove_all(live());
    copy_tree(directory_ / "kept", live());
}

std::vector<std::string> failure_lines(const CommandResult& result) {
    std::vector<std::string> lines;
    std::istringstream text(result.err);
    for (std::string line; std::getline(text, line);)
        if (!line.starts_with("pkgjail: note: ") && !line.starts_with("hint: "))
            lines.push_back(line);
    return lines;
}

std::string complaint(const CommandResult& result, const std::string& verb, bool json) {
    static const std::set<int> documented = {0, 1, 2, 3, 4, 5, 6, 7, 8, 64, 65, 69, 75, 77, 78};
    if (result.status == 128 + SIGALRM)
        return "it did not end";
    if (!documented.contains(result.status))
        return fmt::format("exit status {} is not documented", result.status);
    for (const std::string& text : {result.out, result.err})
        if (base::printable(text, true) != text)
            return "what it printed is not plain text: " + base::printable(text.substr(0, 2'000));
    if (result.out.find("defect of pkgjail") != std::string::npos ||
        result.err.find("defect of pkgjail") != std::string::npos)
        return "it calls itself defective";
    for (const char* own : {".pkgjail-", ".new-"})
        if (result.err.find(own) != std::string::npos)
            return "it names a file that only it knows: " + result.err;
    if (result.err.size() > 16'384)
        return fmt::format("it says {} bytes", result.err.size());
    if (json) {
        if (!nlohmann::json::accept(result.out))
            return "standard output is no document";
        const nlohmann::json document = result.json();
        const std::string schema = document.value("schema", "");
        if (result.status != 0 && schema == "pkgjail.error/1") {
            const nlohmann::json& error = document["error"];
            if (error.value("exit_status", 0) != result.status || error.value("cause", "").empty())
                return "the document does not say what happened: " + result.out;
        } else if (!schema.starts_with("pkgjail.")) {
            return "the document has no schema: " + result.out.substr(0, 200);
        }
    }
    if (result.status == 0)
        return "";
    const std::vector<std::string> lines = failure_lines(result);
    if (lines.empty() && !json && result.status != 2 && result.status != 3)
        return "nothing is said";
    const std::string begin = "pkgjail: " + (verb.empty() ? "" : verb + ": ");
    for (const std::string& line : lines)
        if (!line.starts_with(begin) || line.size() < begin.size() + 3)
            return "it does not begin with VERB and OBJECT: " + line;
    return "";
}

} // namespace pkgjail::test
