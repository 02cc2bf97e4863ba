// The power fails while a command runs, or right after it has said that it is done: what was not made durable
// is lost. The state directory is opened again: it is sound, and has what was reported done.
#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <set>

#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>

#include "faults/power.hpp"
#include "faults/processes.hpp"
#include "faults/trial.hpp"
#include "support/catch.hpp"

using namespace pkgjail;
using test::Act;
using test::Change;
using test::CommandResult;
using test::Disk;
using test::Remains;
using test::Trial;

namespace fs = std::filesystem;

namespace {

struct Variant {
    const char* name;
    Remains remains;
    unsigned seed;
};
constexpr Variant variants[] = {{"nothing", Remains::nothing, 0},
                                {"names", Remains::names, 0},
                                {"contents", Remains::contents, 0},
                                {"some", Remains::some, 1},
                                {"some2", Remains::some, 2}};

/// PKGJAIL_CUTS=all, or the number of power cuts in the middle of each command (spread evenly).
std::size_t cuts_of_one_act() {
    const char* value = std::getenv("PKGJAIL_CUTS");
    if (value == nullptr)
        return 1;
    return std::string(value) == "all" ? ~std::size_t{0} : std::strtoul(value, nullptr, 10);
}

/// PKGJAIL_CUT_ONLY="ACT: CUT VARIANT": one that was not survived, again.
std::string only() {
    const char* value = std::getenv("PKGJAIL_CUT_ONLY");
    return value != nullptr ? value : "";
}

struct Totals {
    unsigned long cuts = 0;
    unsigned long survived = 0;
    Totals() = default;
    Totals(const Totals&) = delete;
    Totals& operator=(const Totals&) = delete;
    ~Totals() {
        if (cuts != 0)
            std::cout << fmt::format("numbers: power cuts {}, survived {}\n"
                                     "chosen with PKGJAIL_FAULTS_SEED={}\n",
                                     cuts, survived, test::sample_seed());
    }
};

Totals& totals() {
    static Totals numbers;
    return numbers;
}

/// A service ends with the power, and what its supervisor writes is of that run of the host only. So of
/// commands on services those that start one after the power cut as well.
std::vector<Act> acts_to_cut() {
    std::vector<Act> acts = test::resting_acts();
    for (const Act& act : test::running_acts())
        if (act.name == "start" || act.name == "start of one that is to run")
            acts.push_back(act);
    return acts;
}

std::string last_changes(const std::vector<Change>& log, std::size_t cut) {
    std::string text;
    for (std::size_t at = cut > 4 ? cut - 4 : 0; at < cut; ++at)
        text += fmt::format("  {} {} {}\n", log[at].word, log[at].numbers.at(0),
                            log[at].word == "write" ? "" : log[at].bytes);
    return text;
}

} // namespace

TEST_CASE("what the power cut model loses is what was not synced", "[faults][power]") {
    const test::TempDir directory;
    const auto top = directory / "top";
    fs::create_directories(top / "kept");
    std::ofstream(top / "old") << "old";
    std::ofstream(top / "kept/file") << "kept";
    struct stat status {};
    REQUIRE(::stat(top.c_str(), &status) == 0);
    const auto inode = static_cast<std::int64_t>(status.st_ino);
    const auto mode = static_cast<std::int64_t>(0100644);
    Disk disk(top);
    std::string zero(1, '\0');
    // "a" with its content, but not its name; "b" with its name, but not its content; "c" with both.
    disk.apply({"new", {900001, inode, mode}, "b" + zero});
    disk.apply({"write", {900001, 0}, "bbb"});
    disk.apply({"new", {900002, inode, mode}, "c" + zero});
    disk.apply({"write", {900002, 0}, "ccc"});
    disk.apply({"mark", {900002, mode, ::geteuid(), ::getegid(), 0, 0}, ""});
    disk.apply({"attributes", {900002}, "user.note 3 c 1user.more 0 "});
    disk.apply({"sync", {900002}, ""});
    disk.apply({"attributes", {900002}, "user.note 5 later"});
    disk.apply({"sync", {inode}, ""});
    disk.apply({"new", {900003, inode, mode}, "a" + zero});
    disk.apply({"write", {900003, 0}, "aaa"});
    disk.apply({"sync", {900003}, ""});
    disk.apply({"unlink", {inode, 0}, "old"});

    const auto found = [&](Remains remains) {
        fs::remove_all(directory / "found");
        disk.write_to(directory / "found", remains);
        std::string text;
        for (const char* name : {"a", "b", "c", "old"}) {
            std::ifstream file(directory / "found" / name);
            std::string content;
            file >> content;
            text += file.is_open() ? fmt::format("{}={} ", name, content) : "";
        }
        return text;
    };
    const auto attributes = [&] {
        std::string text;
        for (const auto& [name, value] : test::attributes_of(directory / "found/c"))
            text += fmt::format("{}=\"{}\" ", name, value);
        return text;
    };
    CHECK(found(Remains::nothing) == "b= c=ccc old=old ");
    CHECK(attributes() == "user.more=\"\" user.note=\"c 1\" ");
    CHECK(found(Remains::names) == "a=aaa b= c=ccc ");
    CHECK(found(Remains::contents) == "b=bbb c=ccc old=old ");
    CHECK(attributes() == "user.note=\"later\" ");
    disk.apply({"syncall", {inode}, ""});
    CHECK(found(Remains::nothing) == "a=aaa b=bbb c=ccc ");
    CHECK(fs::exists(directory / "found/kept/file"));
}

TEST_CASE("a power cut loses nothing that was reported done, and leaves nothing half done",
          "[faults][power][everywhere]") {
    const std::vector<Act> acts = acts_to_cut();
    for (std::size_t number = 0; number < acts.size(); ++number) {
        const Act& act = acts[number];
        if (act.status != 0 || (!only().empty() && !only().starts_with(act.name + ": ")))
            continue;
        DYNAMIC_SECTION(act.name) {
            const Trial trial(act);
            trial.set_back();
            Disk disk(trial.world().top());
            const auto file = trial.world().beside() / "changes";
            const CommandResult result =
                trial.world().run(trial.command(), {{"PKGJAIL_SHIM_LOG", file.string()}}, act.input);
            INFO(result.out << result.err);
            REQUIRE(result.status == 0);
            const std::vector<Change> log = test::read_log(file);
            const std::vector<std::size_t> cuts = test::cuts_of(log);
            const std::size_t stride = std::max<std::size_t>(1, cuts.size() / cuts_of_one_act());
            std::size_t happened = 0;
            for (std::size_t at = 0; at < cuts.size(); ++at) {
                const bool is_end = at + 1 == cuts.size();
                if (!is_end && at % stride != test::first_of_sample(number, stride))
                    continue;
                for (; happened < cuts[at]; ++happened)
                    disk.apply(log[happened]);
                for (std::size_t which = 0; which < std::size(variants); ++which) {
                    const Variant& variant = variants[which];
                    const std::string name = fmt::format("{}: {} {}", act.name, cuts[at], variant.name);
                    if (!only().empty() && only() != name)
                        continue;
                    // In a sample, one of them at each cut but the last.
                    if (only().empty() && stride > 1 && !is_end &&
                        which != (number + at / stride + test::sample_seed()) % std::size(variants))
                        continue;
                    if (act.begin)
                        test::end_running_on(trial.world().state());
                    fs::remove_all(trial.world().top());
                    disk.write_to(trial.world().top(), variant.remains,
                                  variant.seed + static_cast<unsigned>(cuts[at]));
                    const std::string wrong = trial.after_power_cut(is_end);
                    ++totals().cuts;
                    totals().survived += wrong.empty() ? 1 : 0;
                    if (!wrong.empty())
                        FAIL_CHECK("PKGJAIL_CUT_ONLY='" << name << "'" << (is_end ? " (the end)" : "") << "\n"
                                                        << wrong << "\n"
                                                        << last_changes(log, cuts[at]));
                }
            }
        }
    }
}

TEST_CASE("a command is in the audit trail before it has changed anything, also where the power has cut it",
          "[faults][power]") {
    for (const char* name : {"export", "rename", "destroy", "destroy --with-data", "volume destroy",
                             "secret set", "secret remove", "config --take"})
        DYNAMIC_SECTION(name) {
            const auto act = std::find_if(test::acts().begin(), test::acts().end(),
                                          [&](const Act& one) { return one.name == name; });
            REQUIRE(act != test::acts().end());
            const Trial trial(*act);
            const test::World& world = trial.world();
            trial.set_back();
            const std::string before = world.picture();
            const std::size_t acts_before = world.acts().size();
            trial.set_back();
            Disk disk(world.top());
            const auto file = world.beside() / "changes";
            REQUIRE(world.run(trial.command(), {{"PKGJAIL_SHIM_LOG", file.string()}}, act->input).status ==
                    0);
            const std::vector<Change> log = test::read_log(file);
            std::size_t happened = 0, changed = 0;
            for (const std::size_t cut : test::cuts_of(log)) {
                for (; happened < cut; ++happened)
                    disk.apply(log[happened]);
                for (const Remains remains : {Remains::nothing, Remains::names}) {
                    fs::remove_all(world.top());
                    disk.write_to(world.top(), remains);
                    if (world.picture() == before)
                        continue;
                    ++changed;
                    INFO(cut << "\n" << last_changes(log, cut));
                    CHECK(world.acts().size() == acts_before + 1);
                }
            }
            CHECK(changed > 0);
        }
}

TEST_CASE("a recipe's file with the jail's name in it is whole, however a rename is cut",
          "[faults][power][rename]") {
    const test::World world;
    test::furnish(world);
    const auto files = [&] {
        std::set<std::string> contents;
        for (const auto& entry : fs::recursive_directory_iterator(world.state() / "jails"))
            if (entry.path().filename() == "port.conf")
                contents.insert(test::read_bytes(entry.path()));
        return contents;
    };
    const std::string before = "port 8080 of web\n", after = "port 8080 of site\n", edited = "mine\n";
    REQUIRE(files() == std::set{before});
    std::set<std::string> at_the_end = {after};
    SECTION("where it is as the recipe says") {}
    SECTION("where only what the recipe said is kept") {
        for (const auto& jail : fs::directory_iterator(world.state() / "jails"))
            for (const auto& config : fs::directory_iterator(jail.path() / "config"))
                if (fs::exists(config.path() / "etc/port.conf"))
                    std::ofstream(config.path() / "etc/port.conf") << edited;
        at_the_end.insert(edited);
    }
    Disk disk(world.top());
    const auto file = world.beside() / "changes";
    REQUIRE(world.run({"rename", "web", "site"}, {{"PKGJAIL_SHIM_LOG", file.string()}}).status == 0);
    REQUIRE(files() == at_the_end);
    const std::vector<Change> log = test::read_log(file);
    std::size_t happened = 0;
    for (const std::size_t cut : test::cuts_of(log)) {
        for (; happened < cut; ++happened)
            disk.apply(log[happened]);
        for (const Variant& variant : variants) {
            fs::remove_all(world.top());
            disk.write_to(world.top(), variant.remains, variant.seed + static_cast<unsigned>(cut));
            INFO(variant.name << " at " << cut << "\n" << last_changes(log, cut));
            for (const std::string& content : files())
                CHECK((content == before || content == after || content == edited));
            if (cut == log.size())
                CHECK(files() == at_the_end);
        }
    }
}
