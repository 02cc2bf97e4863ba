// Several jails in order and at the same time, as a log of events. Time goes by in rounds of asking.
#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "pkgjail/ops/turns.hpp"
#include "support/catch.hpp"

using namespace pkgjail;
using base::Error;
using base::ErrorKind;
using ops::Turn;

namespace {

/// Each jail takes as many rounds as it is told; negative: and then fails. 0 fails in begin.
struct Stage {
    std::map<std::string, int> rounds;
    std::map<std::string, int> left;
    std::string log;
    int most_at_once = 0;
    int at_once = 0;

    std::string run(const std::vector<Turn>& turns, unsigned limit) {
        ops::TurnWork work;
        work.begin = [this](const std::string& jail) {
            log += "begin " + jail + "\n";
            if (rounds.at(jail) == 0)
                throw Error(ErrorKind::conflict, jail, "cannot");
            left[jail] = std::abs(rounds.at(jail));
            most_at_once = std::max(most_at_once, ++at_once);
        };
        work.is_over = [this](const std::string& jail) {
            if (left.at(jail) > 0)
                return false;
            --at_once;
            if (rounds.at(jail) < 0)
                throw Error(ErrorKind::unhealthy, jail, "ill");
            log += "ready " + jail + "\n";
            return true;
        };
        work.blocked = [](const std::string& jail, const std::string& other, const Error& why) {
            return Error(why.kind(), jail, "waits for " + other);
        };
        work.failed = [this](const std::string&, const Error& why) {
            log += std::string("failed ") + why.what() + "\n";
        };
        work.pause = [this] {
            for (auto& [jail, count] : left)
                --count;
        };
        ops::take_turns(turns, limit, work);
        return log;
    }
};

} // namespace

TEST_CASE("a turn begins when those that it comes after are over, and not before", "[ops][requires]") {
    Stage stage{{{"db", 3}, {"cache", 1}, {"app", 2}, {"web", 1}}, {}, {}};

    CHECK(
        stage.run({{"db", {}}, {"cache", {}}, {"app", {"db"}}, {"web", {"app", "cache", "elsewhere"}}}, 4) ==
        "begin db\nbegin cache\nready cache\nready db\nbegin app\nready app\nbegin web\nready web\n");
    CHECK(stage.most_at_once == 2);
}

TEST_CASE("no more turns at the same time than allowed", "[ops][requires]") {
    Stage stage;
    std::vector<Turn> turns;
    for (int i = 0; i < 20; ++i) {
        turns.push_back({"jail" + std::to_string(i), {}});
        stage.rounds[turns.back().jail] = 1 + i % 3;
    }

    stage.run(turns, 3);

    CHECK(stage.most_at_once == 3);
    CHECK(std::count(stage.log.begin(), stage.log.end(), '\n') == 40);
}

TEST_CASE("a turn whose forerunner failed does not come, and the others do", "[ops][requires]") {
    Stage stage{{{"db", -2}, {"app", 1}, {"web", 1}, {"mail", 3}, {"port", 0}}, {}, {}};

    CHECK(stage.run({{"db", {}}, {"app", {"db"}}, {"web", {"app"}}, {"mail", {}}, {"port", {}}}, 8) ==
          "begin db\nbegin mail\nbegin port\nfailed port: cannot\nfailed db: ill\n"
          "failed app: waits for db\nfailed web: waits for app\nready mail\n");
}

TEST_CASE("a circle of turns is begun all the same, one after the other", "[ops][requires]") {
    Stage stage{{{"a", 1}, {"b", 1}, {"c", 1}}, {}, {}};

    CHECK(stage.run({{"a", {"c"}}, {"b", {"a"}}, {"c", {"b"}}}, 2) ==
          "begin a\nready a\nbegin b\nready b\nbegin c\nready c\n");
}
