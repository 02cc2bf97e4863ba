// Keys and signed indexes with faults at the calls on files that make them: what a publisher is left with can
// always be made good by the same command, and whoever installs from it takes the old index, the new one, or
// none.
#include <algorithm>
#include <iostream>

#include <fmt/format.h>

#include "faults/trial.hpp"
#include "faults/world.hpp"
#include "flow/flow.hpp"
#include "support/catch.hpp"

using namespace pkgjail;
using test::CommandResult;
using test::Fault;
using test::World;

namespace {

/// A directory of archives whose index this host signs, and from which it installs.
class Publisher {
  public:
    Publisher() {
        test::make_repository(archives(), {test::package("web-1.0")});
        world_.well({"repo", "key", "new", "ours"});
        sign();
        believe();
        world_.well({"update"});
        test::make_repository(archives(), {test::package("web-1.1")});
        std::filesystem::remove(archives() / "pkg_summary.gz"); // unsigned, by make_repository
    }

    void sign() const { world_.well(signing()); }
    std::vector<std::string> signing() const {
        return {"repo", "index", archives().string(), "--sign", "--id", "ours", "--expires", "7d"};
    }
    /// Every key that is there now.
    void believe() const {
        std::string lines =
            "[repository ours]\nurl = file://" + archives().string() + "\ntrust = index-signed\n";
        for (const auto& key : keys())
            if (key["secret"] == true && key["revoked"] == false)
                lines += "key = " + key["public_key"].get<std::string>() + "\n";
        world_.write("etc/repositories.conf", lines);
    }
    nlohmann::json keys() const { return world_.well({"repo", "key", "list", "--json"}).json()["keys"]; }
    std::string offered() const {
        std::string text;
        const nlohmann::json available = world_.well({"avail", "--json"}).json();
        for (const auto& each : available["packages"])
            text += each["pkgname"].get<std::string>() + " ";
        return text;
    }
    const World& world() const { return world_; }

  private:
    std::filesystem::path archives() const { return world_.top() / "out/All"; }
    World world_;
};

/// Some faults of each kind, spread over the command.
std::vector<Fault> sample(const std::map<std::string, unsigned long>& counts, unsigned long of_each) {
    std::vector<Fault> faults;
    for (const auto& [kind, number] : counts)
        for (unsigned long i = 0; i < std::min(of_each, number); ++i)
            faults.push_back({kind, 1 + i * number / of_each, kind == "enospc" && i % 2 == 0});
    return faults;
}

} // namespace

TEST_CASE("a fault while a key is made, an index signed or a key revoked is made good by the same command",
          "[faults][signing]") {
    const Publisher publisher;
    const World& world = publisher.world();
    struct Work {
        std::vector<std::string> command;
        int again; ///< when it was done already
    };
    const Work work = std::vector<Work>{{{"repo", "key", "new", "next"}, 6},
                                        {publisher.signing(), 0},
                                        {{"repo", "key", "revoke", "ours", "--reason", "a test"},
                                         0}}[static_cast<std::size_t>(GENERATE(0, 1, 2))];
    INFO(fmt::format("{} {}", work.command[1], work.command[2]));
    if (work.command.back() == "a test")
        world.well({"repo", "key", "new", "next"});
    publisher.believe();
    world.keep("before");
    const auto counts = world.count(work.command);
    REQUIRE(counts.size() > 3);

    unsigned long injected = 0; // and survived: one that was not ends this
    for (const Fault& fault : sample(counts, 6)) {
        world.set_back("before");
        INFO(fault.text());
        const CommandResult result = world.run_with(fault, work.command);
        INFO(world.hit().value_or("nothing") << "\n" << result.status << ": " << result.err);
        injected += world.hit() ? 1 : 0;
        if (fault.kind == "kill")
            REQUIRE(result.status == (world.hit() ? 128 + 9 : 0));
        else if (result.status != 0)
            REQUIRE(test::ill_told(result, "repo") == "");
        // Whoever installs meanwhile takes what was signed, or nothing.
        const int update = world.run({"update"}).status;
        REQUIRE((update == 0 || update == 7));
        const std::string offered = publisher.offered();
        REQUIRE((offered == "web-1.0 " || offered == "web-1.1 web-1.0 "));
        const int again = world.run(work.command).status;
        REQUIRE((again == 0 || again == work.again)); // the last sync may be what failed
        publisher.believe();
        publisher.sign();
        world.well({"update"});
        REQUIRE(publisher.offered() == "web-1.1 web-1.0 ");
    }
    std::cout << fmt::format("numbers: faults injected {}, survived {}\n", injected, injected);
}
