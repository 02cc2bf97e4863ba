// The table action x profile x (own jail, other jail, host) x (root, user), complete, and as the manual
// prints it. With PKGJAIL_WRITE_TABLE set to a file name the table is written there, for the manual and for
// readers.

#include "table.hpp"

#include <cstdlib>
#include <fstream>

using namespace kmod_test;

namespace {

// The table of the manual: what stands between two comment lines.
std::string manual_table() {
    std::ifstream manual(PKGJAIL_MANUAL);
    std::string line, text;
    bool inside = false;
    while (std::getline(manual, line)) {
        if (line == ".\\\" policy table ends")
            return text;
        if (inside && line.rfind('.', 0) != 0)
            text += (line.rfind("\\&", 0) == 0 ? line.substr(2) : line) + "\n";
        if (line == ".\\\" policy table begins")
            inside = true;
    }
    return text;
}

std::string cell(const std::string& table, const std::string& start) {
    const auto at = table.find("\n" + start);
    if (at == std::string::npos)
        return "no such row";
    const auto line = table.substr(at + 1, table.find('\n', at + 1) - at - 1);
    return line.substr(42);
}

} // namespace

TEST_CASE("the policy is the table that secmodel_pkgjail(9) prints", "[kmod][policy]") {
    const std::string table = policy_table();
    if (const char* file = std::getenv("PKGJAIL_WRITE_TABLE"))
        std::ofstream(file) << table;

    CHECK(manual_table() == table);
}

TEST_CASE("the table says what it must, row by row of what attackers try", "[kmod][policy]") {
    const std::string table = policy_table();
    const std::string never = "deny    deny    deny", always = "-       -       -";

    for (const char* action : {"system chroot",
                               "system fchroot",
                               "system filehandle",
                               "system mknod",
                               "system mount new",
                               "system mount unmount",
                               "system mount update",
                               "system module load",
                               "system module autoload",
                               "system reboot",
                               "system swapctl",
                               "system sysctl modify",
                               "system time set",
                               "network rawsock route",
                               "network route change",
                               "network firewall",
                               "device open other",
                               "machdep iopl",
                               "network bind foreign address",
                               "system fs-quota nolimit",
                               "process rlimit bypass",
                               "device tty-sti",
                               "system (unknown)",
                               "network (unknown)",
                               "device (unknown)",
                               "machdep (unknown)",
                               "generic issuser"}) {
        INFO(action);
        CHECK(cell(table, std::string(action) + std::string(34 - std::strlen(action), ' '))
                  .substr(0, 20)
                  .find('-') == std::string::npos);
    }
    for (const char* action :
         {"process signal", "process ptrace", "process ktrace", "process cansee eproc", "process procfs read",
          "process nice lower", "process rlimit get", "process kevent-filter", "process (unknown)"}) {
        INFO(action);
        CHECK(cell(table, std::string(action) + std::string(34 - std::strlen(action), ' ') + "others") ==
              never);
    }
    CHECK(cell(table, "process signal                    own") == always);
    CHECK(cell(table, "process ptrace                    own") == "deny    -       -");
    CHECK(cell(table, "network socket inet raw ") == "deny    deny    -");
    CHECK(cell(table, "network rawsock inet ") == "deny    deny    -");
    CHECK(cell(table, "network bind claimed port") == always);
    CHECK(cell(table, "network bind unclaimed port") == "deny    deny    -");
    CHECK(cell(table, "network route get ") == "deny    -       -");
    CHECK(cell(table, "device open listed") == always);
}

TEST_CASE("the module never allows, and tells no root from a user inside", "[kmod][policy]") {
    const std::string table = policy_table();

    CHECK(table.find("ALLOW") == std::string::npos);
    CHECK(table.find('/') == std::string::npos);
}

TEST_CASE("what a jail may do, the same user of the host may do", "[kmod][policy]") {
    for (const auto& profile : profiles) {
        Scene scene(profile.mask);
        for (std::size_t q = 0; q < world_questions(); ++q) {
            for (const unsigned uid : {0U, 1U}) {
                bool inside = false, outside = false;
                {
                    const As as(scene.subject[uid]);
                    inside = world_ask(q, scene.target[0][uid]).allowed;
                }
                {
                    const As as(scene.host[uid]);
                    outside = world_ask(q, scene.target[2][uid]).allowed;
                }
                INFO(profile.name << ": " << world_question(q) << " as uid " << uid * 1000);
                const bool owned =
                    std::string(world_question(q)) == "network bind claimed port"; // taken from the host
                CHECK((outside || !inside || owned));
            }
        }
    }
}

TEST_CASE("root of the host is not hindered anywhere; users of the host do not reach into a hidden jail",
          "[kmod][policy]") {
    for (const auto& profile : profiles) {
        Scene scene(profile.mask);
        const bool hidden = (profile.mask & PKGJAIL_ALLOW_HOST_USERS) == 0;
        for (std::size_t q = 0; q < world_questions(); ++q) {
            for (const unsigned uid : {0U, 1U}) {
                for (std::size_t place = 0; place < 3; ++place) {
                    const As as(scene.host[uid]);
                    const auto answer = world_ask(q, scene.target[place][1]);
                    INFO(profile.name << ": " << world_question(q) << " as uid " << uid * 1000 << " on place "
                                      << place);
                    const bool shielded = uid != 0 && hidden && place != 2 &&
                                          world_question_target(q) == WORLD_PROCESS &&
                                          std::string(world_question(q)) != "process setid";
                    const bool reserved =
                        uid != 0 && std::string(world_question(q)).rfind("network bind claimed", 0) == 0;
                    CHECK(word(answer.module) == (shielded || reserved ? "deny" : "-"));
                }
            }
        }
    }
}

TEST_CASE("every denial is counted, once, under its own name", "[kmod][policy]") {
    Scene scene(PKGJAIL_PROFILE_HIGH);
    const As as(scene.subject[0]);
    const auto count = [&] {
        const As root(world_init());
        std::vector<std::uint64_t> counts;
        for (const auto& jail : scene.kernel.list())
            if (std::string(jail.name) == "own")
                counts.assign(jail.denials, jail.denials + PKGJAIL_DENIAL_COUNT);
        return counts;
    };

    const char* const texts[] = {
#define TEXT(name, text) text,
        PKGJAIL_ACTIONS(TEXT)
#undef TEXT
    };
    for (std::size_t q = 0; q < world_questions(); ++q) {
        const auto before = count();
        const bool denied = world_ask(q, scene.target[1][0]).module == WORLD_DENY;
        const auto after = count();
        std::string changed;
        for (std::size_t i = 0; i < after.size(); ++i)
            if (after[i] != before[i])
                changed += std::string(texts[i]) + " +" + std::to_string(after[i] - before[i]) + ";";
        INFO(world_question(q) << ": " << changed);
        CHECK((changed.find("+1;") != std::string::npos && changed.find(';') == changed.size() - 1) ==
              denied);
        const std::string scope =
            std::string(world_question(q)).substr(0, std::string(world_question(q)).find(' '));
        CHECK((!denied || changed.rfind(scope, 0) == 0));
    }
}

TEST_CASE("denials are told to the log, a few each second", "[kmod][policy]") {
    Scene scene(PKGJAIL_PROFILE_HIGH);
    const As as(scene.subject[0]);
    std::size_t reboot = 0;
    while (std::string(world_question(reboot)) != "system reboot")
        ++reboot;
    const auto before = world_log_lines();
    for (int i = 0; i < 1000; ++i)
        world_ask(reboot, nullptr);

    CHECK(world_log_lines() - before == 5);
    world_run(1000);
    for (int i = 0; i < 1000; ++i)
        world_ask(reboot, nullptr);
    CHECK(world_log_lines() - before == 10);
}
