#include "faults/world.hpp"

#include <fstream>
#include <regex>
#include <set>
#include <sstream>
#include <thread>

#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "faults/power.hpp"
#include "faults/processes.hpp"
#include "flow/flow.hpp"
#include "pkgjail/base/digest.hpp"
#include "pkgjail/base/file.hpp"
#include "pkgjail/catalog/sqlite.hpp"
#include "pkgjail/supervise/service_state.hpp"
#include "pkgjail/supervise/state_file.hpp"
#include "support/catch.hpp"

namespace pkgjail::test {

namespace fs = std::filesystem;

namespace {

void run_program(std::vector<std::string> argv) {
    base::Command command;
    argv[0] = base::find_program(argv[0]).value().string();
    command.argv = std::move(argv);
    const base::Output output = base::run(command, std::chrono::seconds(60));
    INFO(command.argv[0] << ": " << output.err);
    REQUIRE(output.exit.success());
}

/// Members that tell when, or where on this host.
void forget_times(nlohmann::json& json) {
    for (const char* name : {"created_at", "at", "command", "id", "jail_id", "jail"})
        if (json.is_object())
            json.erase(name);
    if (json.is_structured())
        for (nlohmann::json& member : json)
            forget_times(member);
}

class Picture {
  public:
    Picture(const fs::path& top, std::string running) : top_(top), running_(std::move(running)) {
        for (const char* kind : {"jail", "snapshot", "volume"})
            name_all(kind);
    }

    std::string text() {
        std::set<std::string> lines;
        for (auto at = fs::recursive_directory_iterator(top_); at != fs::recursive_directory_iterator();
             ++at) {
            const std::string path = at->path().lexically_relative(top_).string();
            // What an interrupted download left in the cache goes when it is a day old.
            if (path == "state/lock" || path == "state/run" || path == "state/cache" || path == "state/log") {
                at.disable_recursion_pending();
                continue;
            }
            // What a killed command leaves in a directory of the operator's, nobody removes.
            if (!path.starts_with("state/") &&
                (path.find("/.pkgjail-") != std::string::npos || path.find(".new-") != std::string::npos))
                continue;
            if (!path.starts_with("state/catalog.sqlite"))
                lines.insert(renamed(path) + " " + describe(at->path()) + "\n");
        }
        std::string text;
        for (const std::string& line : lines)
            text += line;
        static const std::regex time("[0-9]{8}-[0-9]{6}");
        // What could not be started tells why it was put back, each time something else.
        static const std::regex cause("rolled back: [^\"]*");
        text = std::regex_replace(renamed(text + catalog()), time, "<time>");
        return std::regex_replace(text, cause, "rolled back") + sorted(renamed(running_));
    }

  private:
    /// Random names on disk get the name that the record tells.
    void name_all(const std::string& kind) {
        const fs::path directory = top_ / "state" / (kind + "s");
        if (!fs::exists(directory))
            return;
        for (const auto& entry : fs::directory_iterator(directory)) {
            std::string id = entry.path().filename().string();
            const fs::path file = entry.path() / (kind + ".json");
            if (id.size() != 16 || !fs::exists(file))
                continue;
            const auto record = nlohmann::json::parse(base::read_file(file), nullptr, false);
            if (!record.is_discarded())
                names_[id] = fmt::format("<{}>", record.value("name", "?"));
        }
    }

    static std::string sorted(const std::string& text) {
        std::istringstream stream(text);
        std::multiset<std::string> lines;
        for (std::string line; std::getline(stream, line);)
            lines.insert(line + "\n");
        return fmt::format("{}", fmt::join(lines, ""));
    }

    std::string renamed(std::string text) const {
        for (const auto& [id, name] : names_)
            for (std::size_t at = text.find(id); at != std::string::npos; at = text.find(id, at))
                text.replace(at, id.size(), name);
        return text;
    }

    std::string describe(const fs::path& path) const {
        struct stat status {};
        REQUIRE(::lstat(path.c_str(), &status) == 0);
        std::string text = fmt::format("{:o} {}:{}", status.st_mode, status.st_uid, status.st_gid);
        for (const auto& [name, value] : attributes_of(path))
            text += " " + name + "=" + value;
        if (S_ISLNK(status.st_mode))
            return text + " -> " + fs::read_symlink(path).string();
        if (!S_ISREG(status.st_mode))
            return text;
        if (path.parent_path() == top_ / "etc/keys" || path.filename() == "pkg_summary.sig")
            return text; // another key each time, and another signature
        std::string content = base::read_file(path, 64u << 20);
        if (path.extension() == ".json")
            if (auto json = nlohmann::json::parse(content, nullptr, false); !json.is_discarded()) {
                forget_times(json);
                return text + " " + renamed(json.dump());
            }
        if (path.lexically_relative(top_).string().starts_with("out/") && path.extension() == ".tar")
            return text; // there are times in it
        return text + " " + base::digest_of(base::DigestAlgorithm::sha256, content).substr(0, 12);
    }

    /// What is in no record.
    std::string catalog() const {
        if (!fs::exists(top_ / "state/catalog.sqlite"))
            return "no catalog\n";
        catalog::Database database(top_ / "state/catalog.sqlite", catalog::Database::Mode::read_only,
                                   std::chrono::seconds(5));
        std::string text;
        for (const char* sql :
             {"SELECT 'offered ' || pkgname || ' ' || cksum FROM available_package ORDER BY 1",
              "SELECT 'account ' || kind || ' ' || name || ' ' || number FROM account ORDER BY 1",
              "SELECT 'image ' || image_id FROM image ORDER BY 1",
              "SELECT 'note ' || name || ' ' || operation FROM jail WHERE operation IS NOT NULL ORDER BY 1",
              "SELECT 'vulnerability ' || pattern FROM vulnerability ORDER BY 1",
              "SELECT 'jail ' || name || ' ' || wanted_running FROM jail ORDER BY 1"}) {
            catalog::Statement statement(database, sql);
            auto use = statement.use();
            while (use.next())
                text += use.text(0) + "\n";
        }
        return text;
    }

    fs::path top_;
    std::string running_;
    std::map<std::string, std::string> names_;
};

} // namespace

World::World(bool with_services)
    : top_(directory_ / "world"), keeping_(directory_ / "kept"), with_services_(with_services) {
    for (const char* name : {"etc", "out"})
        fs::create_directories(top_ / name);
    fs::create_directories(keeping_);
    write("etc/repositories.conf", "[repository demo]\nurl = file://" + shop().string() + "\ntrust = none\n");
}

World::~World() {
    if (with_services_)
        end_running_on(state());
}

CommandResult World::run(const std::vector<std::string>& command,
                         const std::map<std::string, std::string>& environment,
                         const std::string& input) const {
    base::Command pkgjail;
    pkgjail.argv = {with_services_ ? PKGJAIL_FAULT_PROGRAMS "/bin/pkgjail"
                                   : PKGJAIL_BINARY_DIR "/bin/pkgjail",
                    "--state", state().string(), "--config", (top_ / "etc").string()};
    pkgjail.argv.insert(pkgjail.argv.end(), command.begin(), command.end());
    pkgjail.environment = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C.UTF-8",
                           "LD_PRELOAD=" PKGJAIL_FAULT_SHIM, "PKGJAIL_SHIM_DIR=" + top_.string()};
    for (const auto& [name, value] : environment)
        pkgjail.environment.push_back(name + "=" + value);
    const base::Output output = base::run(pkgjail, std::chrono::seconds(20), input);
    if (output.timed_out)
        FAIL("does not end: pkgjail " << fmt::format("{}", fmt::join(command, " ")) << "\n" << output.err);
    CommandResult result;
    result.status = output.exit.signalled ? 128 + output.exit.value : output.exit.value;
    result.out = output.out;
    result.err = output.err;
    return result;
}

CommandResult World::run_with(const Fault& fault, const std::vector<std::string>& command,
                              const std::string& input) const {
    fs::remove(directory_ / "told");
    std::map<std::string, std::string> environment = {{"PKGJAIL_SHIM_FAULT", fault.text()},
                                                      {"PKGJAIL_SHIM_TOLD", (directory_ / "told").string()}};
    if (!fault.on.empty())
        environment["PKGJAIL_SHIM_CALL"] = fault.on;
    return run(command, environment, input);
}

std::optional<std::string> World::hit() const {
    std::ifstream file(directory_ / "told");
    std::string line;
    if (!std::getline(file, line))
        return std::nullopt;
    return line;
}

std::map<std::string, unsigned long> World::count(const std::vector<std::string>& command,
                                                  const std::string& input) const {
    fs::remove(directory_ / "told");
    run(command, {{"PKGJAIL_SHIM_FAULT", "count"}, {"PKGJAIL_SHIM_TOLD", (directory_ / "told").string()}},
        input);
    return counted();
}

void World::haunt_supervisors(const std::optional<Fault>& fault) const {
    fs::remove(directory_ / supervisor_environment);
    if (!fault)
        return;
    fs::remove(directory_ / "told");
    std::ofstream(directory_ / supervisor_environment)
        << "LD_PRELOAD=" PKGJAIL_FAULT_SHIM "\nPKGJAIL_SHIM_DIR=" << top_.string()
        << "\nPKGJAIL_SHIM_PROGRAM=pkgjail-supervisor\nPKGJAIL_SHIM_FAULT="
        << (fault->kind == "count" ? fault->kind : fault->text())
        << "\nPKGJAIL_SHIM_TOLD=" << (directory_ / "told").string() << '\n';
}

std::map<std::string, unsigned long> World::counted() const {
    std::map<std::string, unsigned long> counts;
    std::ifstream file(directory_ / "told");
    std::string kind;
    for (unsigned long number = 0; file >> kind >> number;)
        counts[kind] = number;
    return counts;
}

CommandResult World::well(const std::vector<std::string>& command, const std::string& input) const {
    CommandResult result = run(command, {}, input);
    INFO(fmt::format("{}: {}{}", fmt::join(command, " "), result.out, result.err));
    REQUIRE(result.status == 0);
    return result;
}

void World::offer(const std::vector<PackageSpec>& packages) const {
    make_repository(shop(), packages);
}

void World::write(const std::string& path, const std::string& text) const {
    fs::create_directories((top_ / path).parent_path());
    std::ofstream(top_ / path) << text;
}

void World::keep(const std::string& name) const {
    run_program({"rm", "-rf", kept(name).string()});
    run_program({"cp", "-a", top_.string(), kept(name).string()});
}

void World::set_back(const std::string& name) const {
    if (with_services_)
        end_running_on(state());
    run_program({"rm", "-rf", top_.string()});
    run_program({"cp", "-a", kept(name).string(), top_.string()});
}

namespace {

/// Whether a service is on its way up or down, or its supervisor has not said anything yet.
bool under_way(const fs::path& run, bool supervised) {
    using supervise::ServiceState;
    const supervise::ServiceStatus status = supervise::read_status(run);
    for (const supervise::ServicePart& part : status.further)
        if (part.state == ServiceState::starting || part.state == ServiceState::stopping)
            return true;
    const ServiceState state = status.state;
    const bool up = state == ServiceState::ready || state == ServiceState::unhealthy;
    const bool down = state == ServiceState::stopped || state == ServiceState::failed ||
                      state == ServiceState::unsupervised;
    return supervised ? !up : !down;
}

} // namespace

std::string World::running() const {
    std::string text = running_on(state());
    for (const auto& entry : fs::directory_iterator(state() / "run")) {
        if (!entry.is_directory())
            continue;
        const std::string id = entry.path().filename().string();
        const auto status = supervise::read_status(entry.path());
        text += fmt::format("{} is {}\n", id, supervise::state_name(status.state));
        if (const auto limits = base::read_file_if_exists(entry.path() / "test.limits"))
            text += fmt::format("{} has limits {}\n", id, *limits);
    }
    return text;
}

std::vector<std::string> World::acts() const {
    std::vector<std::string> acts;
    if (!fs::exists(state() / "catalog.sqlite"))
        return acts;
    catalog::Database database(state() / "catalog.sqlite", catalog::Database::Mode::read_only,
                               std::chrono::seconds(5));
    catalog::Statement statement(
        database, "SELECT verb || ' ' || target || ' ' || outcome FROM action ORDER BY action_id");
    for (auto use = statement.use(); use.next();)
        acts.push_back(use.text(0));
    return acts;
}

void World::wait_for_commands() const {
    if (!with_services_)
        return;
    const auto patience = base::steady_now() + std::chrono::seconds(30);
    for (std::string now; (now = running_on(state())).find("a pkgjail runs") != now.npos;) {
        if (base::steady_now() > patience)
            FAIL("a command does not end:\n" << now);
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
}

std::string World::picture() const {
    if (!with_services_)
        return Picture(top_, "").text();
    const auto patience = base::steady_now() + std::chrono::seconds(30);
    for (std::string before;;) {
        std::string now = running();
        bool waits = now != before || now.find("a pkgjail runs") != now.npos;
        for (const auto& entry : fs::directory_iterator(state() / "run"))
            waits = waits || (entry.is_directory() &&
                              under_way(entry.path(), now.find(entry.path().filename().string() +
                                                               " is supervised") != now.npos));
        if (!waits)
            return Picture(top_, now).text();
        if (base::steady_now() > patience)
            FAIL("did not settle:\n" << now);
        before = std::move(now);
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
}

std::string World::names(const fs::path& directory) {
    std::set<std::string> all;
    for (const auto& entry : fs::directory_iterator(directory))
        all.insert(entry.path().filename().string());
    return fmt::format("{}", fmt::join(all, " "));
}

PackageSpec web_package(const std::string& version) {
    PackageSpec spec = package("web-" + version, {"lib>=1"});
    // Whose version is running is seen in its arguments; it would end by itself after a day.
    spec.files.push_back({"sbin/web", "#!/bin/sh\nexec /bin/sleep " + version + "d\n", 0755});
    spec.files.push_back({"etc/web/web.conf", "one\ntwo\n" + version + "\n", 0640});
    spec.files.push_back({"etc/web/types", "types of " + version + "\n"});
    spec.symlinks.push_back({"share/web/latest", "README"});
    return spec;
}

std::vector<PackageSpec> edition(const std::string& version) {
    PackageSpec library = package("lib-1.0");
    library.files.push_back({"lib/libweb.so", std::string(40'000, 'l')});
    return {library, web_package(version), package("extra-1.0"), package("more-1.0")};
}

void furnish(const World& world) {
    world.write("etc/recipes.d/web.recipe", "[recipe]\nsummary = a test\npackage = web\n"
                                            "[set]\nport = 8080\n"
                                            "[service]\ncommand = ${prefix}/sbin/web\n"
                                            "[data]\npath = /var/db/web\n"
                                            "[file /etc/port.conf]\nsource = port.conf\n");
    world.write("etc/recipes.d/port.conf", "port ${port} of ${jail}\n");
    world.offer(edition("1.0"));
    world.well({"update"});
    world.write("out/key", "secret");
    world.well({"install", "web", "--no-start", "--volume", "files:/srv", "--secret",
                "tls.key=" + (world.top() / "out/key").string()});
    for (const auto& jail : fs::directory_iterator(world.state() / "jails")) {
        std::ofstream(jail.path() / "config/1/usr/pkg/etc/web/web.conf") << "one\nmine\n1.0\n";
        std::ofstream(jail.path() / "config/1/etc/own") << "mine\n";
        const fs::path rows = jail.path() / "data/var/db/web/rows";
        std::ofstream(rows) << std::string(30'000, 'r');
        for (const fs::path& noted : {rows, rows.parent_path()})
            if (::setxattr(noted.c_str(), "user.note", "mine", 4, 0) != 0)
                WARN("no extended attributes on this file system: " << noted);
    }
    world.well({"snapshot", "web", "one"});
    world.offer(edition("1.1"));
    world.well({"update"});
    world.well({"upgrade", "web"});
    world.well({"install", "extra", "-j", "other"});
    world.well({"hold", "lib", "-j", "web", "--reason", "a test"});
    world.well({"volume", "create", "spare"});
    world.offer(edition("1.2"));
    world.well({"update"});
}

} // namespace pkgjail::test
