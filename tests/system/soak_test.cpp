// Random operations on a dozen real jails beside a model that says what has to be true after each of them. In
// the middle of it services, supervisors and commands are killed. At the end catalog, disk and model agree,
// and nothing of it is left on the host.
//
// PKGJAIL_SOAK_SECONDS says how long (30), PKGJAIL_SOAK_SEED which operations (1): `./check --soak`.
#include <csignal>
#include <map>
#include <random>
#include <set>

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "pkgjail/base/process.hpp"
#include "support/package_writer.hpp"
#include "system/services.hpp"
#include "system/traces.hpp"

using namespace pkgjail;
using namespace std::chrono_literals;
using test::CommandResult;
using test::Host;
namespace fs = std::filesystem;

namespace {

constexpr std::size_t most_jails = 12;

std::uint64_t number_of(const char* variable, std::uint64_t otherwise) {
    const char* value = std::getenv(variable);
    return value == nullptr || *value == '\0' ? otherwise : std::strtoull(value, nullptr, 10);
}

/// A generation or a snapshot, as far as the model knows it.
struct Program {
    std::string version;
    std::string marker; ///< of the configuration
    bool operator==(const Program&) const = default;
};

struct Frozen {
    Program program;
    std::string data;
};

struct Model {
    std::string id;
    int generation = 1;
    std::map<int, Program> generations;
    std::string data; ///< a file's content, which only restore puts back
    bool runs = true;
    std::string memory; ///< limit, as given
    std::map<std::string, Frozen> snapshots;
    pid_t supervisor = 0;
    std::size_t descriptors = 0; ///< of this supervisor when it was first looked at
    const Program& current() const { return generations.at(generation); }
};

class Soak {
  public:
    Soak(std::uint64_t seed) : random_(seed), host_(repository()) {
        offer("1.0", true);
        host_.write_config(
            "recipes.d/svc.recipe",
            "[recipe]\nsummary = a service of a test\npackage = svc\n"
            "[service]\ncommand = ${prefix}/bin/svc\nstop-timeout = 1s\nrestart-backoff = 10ms\n"
            "restart-budget = 1000\n[health]\nquiet = 300ms\n");
        host_.write_config("pkgjail.conf", "[generations]\nkeep = 100\n");
    }

    void run(std::chrono::seconds time) {
        const auto end = std::chrono::steady_clock::now() + time;
        while (std::chrono::steady_clock::now() < end && !failed_)
            step();
        if (!failed_)
            check_all("at the end");
    }

    /// All jails are destroyed and nothing is left.
    void end() {
        well({"destroy", "--all", "--with-data", "--yes"});
        jails_.clear();
        well({"gc"});
        while (::waitpid(-1, nullptr, WNOHANG) > 0) {
        }
        CHECK(test::traces(host_, ids_) == "");
        for (const char* directory : {"jails", "snapshots", "images", "run"}) {
            std::string left;
            for (const auto& entry : fs::directory_iterator(host_.state() / directory))
                if (directory != std::string("run") ||
                    (entry.is_directory() && !fs::is_empty(entry) && entry.path().filename() != "oci"))
                    left += entry.path().filename().string() + " ";
            INFO(directory);
            CHECK(left == "");
        }
        const CommandResult check = host_.run({"catalog", "check"});
        INFO(check.out << check.err);
        CHECK(check.status == 0);
    }

    std::size_t operations() const { return operations_; }
    std::string told() const {
        std::string text;
        for (const auto& [what, count] : counts_)
            text += fmt::format("{}{} {}", text.empty() ? "" : ", ", count, what);
        return text;
    }
    const Host& host() const { return host_; }

  private:
    std::size_t below(std::size_t bound) {
        return std::uniform_int_distribution<std::size_t>(0, bound - 1)(random_);
    }
    bool chance(std::size_t one_in) { return below(one_in) == 0; }
    fs::path repository() const { return directory_ / "All"; }

    void offer(const std::string& version, bool good) {
        test::PackageSpec spec;
        spec.pkgname = "svc-" + version;
        spec.files = {
            {"bin/svc", good ? "#!/bin/sh\nexec sleep 100000\n" : "#!/bin/sh\nsleep 0.05\nexit 3\n", 0755},
            {"share/svc/version", version + "\n"}};
        test::make_repository(repository(), {spec});
        offered_ = version;
    }

    CommandResult tried(const std::vector<std::string>& words) {
        journal_ += fmt::format("  pkgjail {}\n", fmt::join(words, " "));
        return host_.run(words);
    }

    CommandResult well(const std::vector<std::string>& words, int status = 0) {
        CommandResult result = tried(words);
        if (result.status != status) {
            failed_ = true;
            INFO(journal_ << result.out << result.err);
            REQUIRE(result.status == status);
        }
        return result;
    }

    /// Begins the command and kills it after a moment, if it has not ended by then.
    void killed(std::vector<std::string> words) {
        const auto moment = std::chrono::milliseconds(below(chance(2) ? 80 : 600));
        journal_ += fmt::format("  pkgjail {}, killed after {} ms\n", fmt::join(words, " "), moment.count());
        words.insert(words.begin(), {PKGJAIL_BINARY_DIR "/bin/pkgjail", "--state", host_.state().string(),
                                     "--config", host_.etc().string()});
        const pid_t child = ::fork();
        if (child == 0) {
            std::vector<char*> argv;
            for (std::string& word : words)
                argv.push_back(word.data());
            argv.push_back(nullptr);
            const int nothing = ::open("/dev/null", O_RDWR);
            for (const int fd : {0, 1, 2})
                ::dup2(nothing, fd);
            ::execv(argv[0], argv.data());
            ::_exit(127);
        }
        std::this_thread::sleep_for(moment);
        ::kill(child, SIGKILL);
        ::waitpid(child, nullptr, 0);
    }

    nlohmann::json status_of(const std::string& name) {
        const CommandResult result = host_.run({"status", name, "--json"});
        if (result.status != 0)
            return nullptr;
        return result.json()["jails"][0];
    }

    std::string version_in(const nlohmann::json& status) const {
        const std::string pkgname = status["packages"][0]["pkgname"].get<std::string>();
        return pkgname.substr(pkgname.rfind('-') + 1);
    }

    fs::path data_file(const Model& jail) const {
        return host_.state() / "jails" / jail.id / "data/var/soak";
    }
    fs::path config_file(const Model& jail) const {
        return host_.state() / "jails" / jail.id / "config" / std::to_string(jail.generation) / "etc/soak";
    }
    static std::string text_of(const fs::path& file) {
        std::ifstream in(file);
        return {std::istreambuf_iterator<char>(in), {}};
    }

    std::string new_name() { return "j" + std::to_string(++names_); }
    std::string any_jail() {
        auto at = jails_.begin();
        std::advance(at, static_cast<std::ptrdiff_t>(below(jails_.size())));
        return at->first;
    }

    /// What is true of a jail, compared with the model, as text that a person can read.
    std::string of_model(const Model& jail) const {
        return fmt::format("generation {} version {} data \"{}\" configuration \"{}\" {} memory {}",
                           jail.generation, jail.current().version, jail.data, jail.current().marker,
                           jail.runs ? "ready" : "stopped", jail.memory);
    }
    std::string of_host(const std::string& name, const Model& jail) {
        const nlohmann::json status = status_of(name);
        if (status.is_null())
            return "there is no such jail";
        std::string memory;
        for (const nlohmann::json& limit : status["limits"])
            if (limit.value("limit", "") == "memory")
                memory = std::to_string(limit["wanted"].get<std::uint64_t>() >> 20) + "M";
        Model there = jail;
        there.generation = status["generation"].get<int>();
        return fmt::format("generation {} version {} data \"{}\" configuration \"{}\" {} memory {}",
                           there.generation, version_in(status), text_of(data_file(there)),
                           text_of(config_file(there)), status["state"].get<std::string>(), memory);
    }

    void check(const std::string& name) {
        Model& jail = jails_.at(name);
        std::string actual;
        const std::string expected = of_model(jail);
        // Who restarts a service needs a moment.
        for (int round = 0; round < 200 && (actual = of_host(name, jail)) != expected; ++round)
            std::this_thread::sleep_for(20ms);
        INFO("the last of " << operations_ << " operations:\n" << journal_ << "jail " << name);
        CHECK(actual == expected);
        failed_ = failed_ || actual != expected;
        check_descriptors(name, jail);
    }

    /// A supervisor has as many open files as when it was young.
    void check_descriptors(const std::string& name, Model& jail) {
        const nlohmann::json status = status_of(name);
        if (!jail.runs || !status.is_object() || !status["supervisor_pid"].is_number())
            return;
        const pid_t pid = status["supervisor_pid"].get<pid_t>();
        std::error_code gone;
        std::size_t count = 0;
        for (fs::directory_iterator entry(fmt::format("/proc/{}/fd", pid), gone), end; !gone && entry != end;
             entry.increment(gone))
            ++count;
        if (jail.supervisor != pid) {
            jail.supervisor = pid;
            jail.descriptors = count;
        }
        INFO("supervisor of " << name << ", descriptors then and now");
        CHECK(count <= jail.descriptors + 2); // who is talking to it just now
    }

    void check_all(const std::string& when) {
        INFO(when);
        std::string listed;
        const nlohmann::json list = host_.run({"list", "--json"}).json();
        for (const nlohmann::json& jail : list["jails"])
            listed += jail["jail"].get<std::string>() + " ";
        std::string expected;
        for (const auto& [name, jail] : jails_)
            expected += name + " ";
        CHECK(sorted(listed) == sorted(expected));
        for (const auto& [name, jail] : jails_) {
            check(name);
            std::string snapshots;
            const nlohmann::json frozen = host_.run({"snapshots", name, "--json"}).json();
            for (const nlohmann::json& each : frozen["snapshots"])
                snapshots += each["snapshot"].get<std::string>() + " ";
            std::string modelled;
            for (const auto& [snapshot, unused] : jail.snapshots)
                modelled += snapshot + " ";
            CHECK(sorted(snapshots) == sorted(modelled));
        }
        well({"catalog", "check"});
        well({"verify"});
    }

    static std::string sorted(const std::string& words) {
        std::istringstream in(words);
        std::set<std::string> all;
        for (std::string word; in >> word;)
            all.insert(word);
        return fmt::format("{}", fmt::join(all, " "));
    }

    void made(const std::string& name, Model jail) {
        const nlohmann::json status = status_of(name);
        REQUIRE(status.is_object());
        jail.id = status["id"].get<std::string>();
        jail.generation = status["generation"].get<int>();
        ids_.insert(jail.id);
        jails_[name] = std::move(jail);
    }

    /// Whatever of several outcomes came true is what the model goes on with.
    void settle(const std::string& name, const std::vector<Model>& possible) {
        // A command that changes something puts right what a dead one left.
        well({"start", "--wanted"});
        std::string actual;
        for (int round = 0; round < 200; ++round) {
            for (const Model& one : possible)
                if ((actual = of_host(name, one)) == of_model(one)) {
                    jails_[name] = one;
                    return;
                }
            std::this_thread::sleep_for(20ms);
        }
        std::string texts;
        for (const Model& one : possible)
            texts += of_model(one) + "\n";
        failed_ = true;
        INFO("the last of " << operations_ << " operations:\n" << journal_ << "jail " << name);
        CHECK(actual == texts);
    }

    void step() {
        if (operations_ % 40 == 0)
            journal_.clear();
        ++operations_;
        const std::size_t kind = jails_.size() < 3 ? 0 : below(100);
        if (kind < 8 && jails_.size() < most_jails)
            install();
        else if (kind < 14 && jails_.size() < most_jails)
            clone();
        else if (kind < 24)
            upgrade(true);
        else if (kind < 30)
            upgrade(false);
        else if (kind < 40)
            snapshot();
        else if (kind < 47)
            restore();
        else if (kind < 53)
            rollback();
        else if (kind < 61)
            kill_service();
        else if (kind < 67)
            kill_supervisor();
        else if (kind < 78)
            kill_command();
        else if (kind < 84)
            limits();
        else if (kind < 90)
            stop_or_start();
        else if (kind < 95)
            write();
        else if (jails_.size() > 4)
            destroy();
        else
            write();
        if (operations_ % 25 == 0 && !failed_)
            check_all("between");
    }

    void count(const char* what) { ++counts_[what]; }

    void install() {
        count("installed");
        // What is on offer now may be a version that does not stay up.
        offer(fmt::format("{}.0", ++versions_), true);
        well({"update"});
        const std::string name = new_name();
        well({"install", "svc", "-j", name, "--limit", "memory=64M"});
        Model jail;
        jail.memory = "64M";
        jail.generations[1] = {offered_, ""};
        made(name, jail);
        check(name);
    }

    void clone() {
        count("cloned");
        const std::string source = any_jail();
        const Model& from = jails_.at(source);
        const std::string name = new_name();
        Model jail;
        jail.memory = from.memory;
        std::string what = source;
        if (!from.snapshots.empty() && chance(2)) {
            const auto& [snapshot, frozen] = *from.snapshots.begin();
            what += "@" + snapshot;
            jail.generations[1] = frozen.program;
            jail.data = frozen.data;
        } else {
            jail.generations[1] = from.current();
            jail.data = from.data;
        }
        well({"clone", what, name});
        made(name, jail);
        check(name);
    }

    void upgrade(bool good) {
        count(good ? "upgraded" : "upgrades that failed");
        const std::string name = any_jail();
        Model& jail = jails_.at(name);
        offer(fmt::format("{}.0", ++versions_), good);
        well({"update"});
        if (good || !jail.runs) {
            well({"upgrade", name});
            const Program next{offered_, jail.current().marker};
            jail.generation = status_of(name)["generation"].get<int>();
            jail.generations[jail.generation] = next;
            // A version that does not stay up, taken by a jail that does not run, is not kept.
            if (!good) {
                const int before = std::prev(jail.generations.end(), 2)->first;
                well({"rollback", name, std::to_string(before)});
                took_up(name, before);
            }
        } else {
            well({"upgrade", name}, 4);
        }
        check(name);
    }

    /// A rollback makes a generation of its own or goes back to the old one, as the program says.
    void took_up(const std::string& name, int from) {
        Model& jail = jails_.at(name);
        const Program program = jail.generations.at(from);
        jail.generation = status_of(name)["generation"].get<int>();
        jail.generations[jail.generation] = program;
    }

    void snapshot() {
        count("snapshots");
        const std::string name = any_jail();
        Model& jail = jails_.at(name);
        if (jail.snapshots.size() >= 3) {
            const std::string old = jail.snapshots.begin()->first;
            well({"drop", name, old, "--yes"});
            jail.snapshots.erase(old);
        }
        const std::string snapshot = "s" + std::to_string(++names_);
        well({"snapshot", name, snapshot});
        jail.snapshots[snapshot] = {jail.current(), jail.data};
        check(name);
    }

    void restore() {
        const std::string name = any_jail();
        Model& jail = jails_.at(name);
        if (jail.snapshots.empty())
            return snapshot();
        count("restored");
        const auto [snapshot, frozen] = *jail.snapshots.rbegin();
        well({"restore", name, snapshot, "--yes"});
        jail.generation = status_of(name)["generation"].get<int>();
        jail.generations[jail.generation] = frozen.program;
        jail.data = frozen.data;
        check(name);
    }

    void rollback() {
        const std::string name = any_jail();
        Model& jail = jails_.at(name);
        std::vector<int> others;
        for (const auto& [number, program] : jail.generations)
            if (number != jail.generation)
                others.push_back(number);
        if (others.empty())
            return upgrade(true);
        count("rolled back");
        const int to = others[below(others.size())];
        well({"rollback", name, std::to_string(to)});
        took_up(name, to);
        check(name);
    }

    void kill_service() {
        const std::string name = any_jail();
        if (!jails_.at(name).runs)
            return stop_or_start();
        count("services killed");
        const nlohmann::json status = status_of(name);
        journal_ += "  the service of " + name + " is killed\n";
        if (status["pid"].is_number())
            ::kill(status["pid"].get<pid_t>(), SIGKILL);
        test::wait_for([&] { // its supervisor knows of it
            const nlohmann::json now = status_of(name);
            return now["state"] == "ready" && now["pid"] != status["pid"];
        });
        check(name);
    }

    void kill_supervisor() {
        const std::string name = any_jail();
        if (!jails_.at(name).runs)
            return stop_or_start();
        const nlohmann::json status = status_of(name);
        const bool both = chance(2);
        count(both ? "supervisors killed with their service" : "supervisors killed");
        journal_ +=
            fmt::format("  the supervisor of {} is killed{}\n", name, both ? " with the service" : "");
        std::vector<pid_t> pids;
        for (const char* key : {"supervisor_pid", "pid"})
            if (status[key].is_number() && (both || key == std::string("supervisor_pid")))
                pids.push_back(status[key].get<pid_t>());
        for (const pid_t pid : pids)
            ::kill(pid, SIGKILL);
        test::wait_for([&] {
            while (::waitpid(-1, nullptr, WNOHANG) > 0) {
            }
            return std::none_of(pids.begin(), pids.end(),
                                [](pid_t pid) { return base::identify_process(pid).has_value(); });
        });
        well({"start", "--wanted"});
        check(name);
    }

    /// A command dies in the middle: it is done or it is not, and the next one puts right what it left.
    void kill_command() {
        const std::string name = any_jail();
        const Model before = jails_.at(name);
        Model after = before;
        switch (below(5)) {
        case 0: {
            count("upgrades killed");
            offer(fmt::format("{}.0", ++versions_), true);
            well({"update"});
            killed({"upgrade", name});
            after.generation = newest(name);
            after.generations[after.generation] = {offered_, before.current().marker};
            break;
        }
        case 1: {
            count("snapshots killed");
            const std::string snapshot = "s" + std::to_string(++names_);
            killed({"snapshot", name, snapshot});
            settle(name, {before});
            const nlohmann::json frozen = host_.run({"snapshots", name, "--json"}).json();
            for (const nlohmann::json& each : frozen["snapshots"])
                if (each["snapshot"] == snapshot)
                    jails_.at(name).snapshots[snapshot] = {before.current(), before.data};
            return;
        }
        case 2: {
            if (before.snapshots.empty())
                return snapshot();
            count("restores killed");
            const auto [snapshot, frozen] = *before.snapshots.rbegin();
            killed({"restore", name, snapshot, "--yes"});
            after.generation = newest(name);
            after.generations[after.generation] = frozen.program;
            after.data = frozen.data;
            break;
        }
        case 3:
            count("stops and starts killed");
            killed({before.runs ? "restart" : "start", name});
            after.runs = true;
            break;
        default: {
            count("clones killed");
            const std::string copy = new_name();
            killed({"clone", name, copy});
            settle(name, {before});
            if (host_.run({"status", copy, "--json"}).status == 0) {
                Model jail;
                jail.memory = before.memory;
                jail.generations[1] = before.current();
                jail.data = before.data;
                jail.runs = true;
                made(copy, jail);
                well({"start", copy}); // it may have died before that
                check(copy);
            }
            return;
        }
        }
        settle(name, {before, after});
    }

    int newest(const std::string& name) {
        well({"start", "--wanted"});
        return status_of(name)["generation"].get<int>();
    }

    void limits() {
        count("limits changed");
        const std::string name = any_jail();
        Model& jail = jails_.at(name);
        jail.memory = fmt::format("{}M", 40 + 4 * below(20));
        well({"limits", name, "memory=" + jail.memory});
        check(name);
    }

    void stop_or_start() {
        count("stopped or started");
        const std::string name = any_jail();
        Model& jail = jails_.at(name);
        well({jail.runs ? "stop" : "start", name});
        jail.runs = !jail.runs;
        check(name);
    }

    void write() {
        count("written to");
        const std::string name = any_jail();
        Model& jail = jails_.at(name);
        const std::string text = fmt::format("text {}", operations_);
        if (chance(2)) {
            journal_ += "  data of " + name + ": " + text + "\n";
            std::ofstream(data_file(jail)) << text;
            jail.data = text;
        } else {
            journal_ += "  configuration of " + name + ": " + text + "\n";
            std::ofstream(config_file(jail)) << text;
            jail.generations.at(jail.generation).marker = text;
        }
        check(name);
    }

    void destroy() {
        count("destroyed");
        const std::string name = any_jail();
        well({"destroy", name, "--with-data", "--yes"});
        jails_.erase(name);
        if (host_.run({"status", name}).status != 5)
            well({"status", name}, 5);
    }

    std::mt19937_64 random_;
    test::TempDir directory_;
    Host host_;
    std::map<std::string, Model> jails_;
    std::set<std::string> ids_; ///< of all jails that there ever were
    std::map<std::string, std::size_t> counts_;
    std::string offered_;
    std::string journal_; ///< since a while ago
    std::size_t operations_ = 0;
    int versions_ = 1;
    int names_ = 0;
    bool failed_ = false;
};

} // namespace

TEST_CASE("whatever is done to a dozen jails, catalog, disk and processes are as the model says, and nothing "
          "is left",
          "[system][root][.soak]") {
    if (!test::can_run_jails())
        return;
    const std::uint64_t seed = number_of("PKGJAIL_SOAK_SEED", 1);
    const std::chrono::seconds time(number_of("PKGJAIL_SOAK_SECONDS", 30));
    INFO("again with PKGJAIL_SOAK_SEED=" << seed);
    Soak soak(seed);

    soak.run(time);
    soak.end();

    fmt::print("soak: seed {}: {}\nnumbers: soak operations {}\n", seed, soak.told(), soak.operations());
    std::fflush(stdout);
}
