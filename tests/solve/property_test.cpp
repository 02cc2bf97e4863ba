// Random small worlds: whatever the answer is, it must be right, and there must be one exactly when trying
// every set of packages finds one.

#include <algorithm>
#include <map>
#include <random>
#include <set>

#include "pkgjail/format/pattern.hpp"
#include "pkgjail/solve/solver.hpp"
#include "solve/case_file.hpp"
#include "support/catch.hpp"

using namespace pkgjail;
using namespace pkgjail::solve;
using namespace pkgjail::test;

namespace {

std::string base_of(const std::string& pkgname) {
    return pkgname.substr(0, pkgname.rfind('-'));
}

bool selects(const std::string& pattern, const std::string& pkgname) {
    return format::Pattern::parse(pattern).selects(pkgname);
}

bool satisfied(const std::string& pattern, const std::vector<const Offer*>& set) {
    return std::any_of(set.begin(), set.end(),
                       [&](const Offer* each) { return selects(pattern, each->pkgname); });
}

/// What is wrong with the set as a jail's packages; empty: nothing. Kept packages may be replaced by what
/// supersedes them.
std::string fault(const std::vector<const Offer*>& set, const Request& request) {
    std::set<std::string> bases;
    for (const Offer* each : set) {
        if (!bases.insert(base_of(each->pkgname)).second)
            return "two versions of " + base_of(each->pkgname);
        for (const std::string& pattern : each->depends)
            if (!satisfied(pattern, set))
                return each->pkgname + " lacks " + pattern;
        for (const std::string& pattern : each->conflicts)
            for (const Offer* other : set)
                if (other != each && format::Pattern::parse(pattern).matches(other->pkgname))
                    return each->pkgname + " conflicts with " + other->pkgname;
    }
    for (const std::string& pattern : request.install)
        if (!satisfied(pattern, set))
            return "the request lacks " + pattern;
    for (const std::string& base : request.remove)
        if (bases.count(base) != 0)
            return base + " is still there";
    for (const Present& present : request.present) {
        const std::string base = base_of(present.package.pkgname);
        const bool removed =
            std::find(request.remove.begin(), request.remove.end(), base) != request.remove.end();
        if (removed || (request.remove_unneeded && present.automatic && !present.held))
            continue;
        const bool there = bases.count(base) != 0;
        const bool unchanged = std::any_of(set.begin(), set.end(), [&](const Offer* each) {
            return each->pkgname == present.package.pkgname;
        });
        const bool superseded = std::any_of(set.begin(), set.end(), [&](const Offer* each) {
            return base_of(each->pkgname) != base &&
                   std::any_of(
                       each->supersedes.begin(), each->supersedes.end(),
                       [&](const std::string& pattern) { return selects(pattern, present.package.pkgname); });
        });
        if (present.held ? !unchanged : !there && !superseded)
            return present.package.pkgname + " is gone";
    }
    return "";
}

struct World {
    ListUniverse universe;
    std::vector<Offer> offers;
    Request request;

    std::string text() const {
        std::string result;
        const auto add = [&](const Offer& offer) {
            result += "package " + offer.pkgname + "\n";
            for (const std::string& pattern : offer.depends)
                result += "    depends " + pattern + "\n";
            for (const std::string& pattern : offer.conflicts)
                result += "    conflicts " + pattern + "\n";
            for (const std::string& pattern : offer.supersedes)
                result += "    supersedes " + pattern + "\n";
        };
        result += "repository main\n";
        for (const Offer& offer : offers)
            add(offer);
        result += "present\n";
        for (const Present& present : request.present) {
            add(present.package);
            result +=
                std::string(present.automatic ? "    automatic\n" : "") + (present.held ? "    held\n" : "");
        }
        result += "request\n";
        for (const std::string& pattern : request.install)
            result += "install " + pattern + "\n";
        for (const std::string& base : request.remove)
            result += "remove " + base + "\n";
        result += request.upgrade ? "upgrade\n" : "";
        result += request.remove_unneeded ? "remove-unneeded\n" : "";
        return result + "expect\n";
    }
};

class Dice {
  public:
    explicit Dice(unsigned seed) : engine_(seed) {}
    /// 0 … below-1; the same on every platform, which the library's distributions are not.
    unsigned operator()(unsigned below) { return static_cast<unsigned>(engine_()) % below; }

  private:
    std::mt19937 engine_;
};

/// "a", "aa", "a-1a", "b", …: names that begin as others do, and one that "a-[0-9]*" matches but does not
/// select.
std::string base_name(unsigned number) {
    static constexpr const char* endings[] = {"", "a", "-1a"};
    return std::string(1, static_cast<char>('a' + number / 3)) + endings[number % 3];
}

std::string random_pattern(Dice& dice, unsigned bases) {
    const auto base = [&] { return base_name(dice(bases)); };
    const std::string version = std::to_string(1 + dice(3));
    switch (dice(9)) {
    case 0:
        return base() + "<" + version;
    case 1:
        return base() + "-" + version;
    case 2:
        return base() + "-[0-9]*";
    case 3:
        return "{" + base() + "," + base() + "}>=" + version;
    case 4:
        return "?-" + version;
    case 5:
        return base() + "*-" + version;
    default:
        return base() + ">=" + version;
    }
}

World random_world(unsigned seed, unsigned bases, unsigned versions) {
    Dice dice(seed);
    World world;
    for (unsigned b = 0; b < bases; ++b) {
        for (unsigned v = 1; v <= versions; ++v) {
            if (dice(4) == 0)
                continue;
            Offer offer;
            offer.pkgname = base_name(b) + "-" + std::to_string(v);
            for (unsigned i = dice(3); i > 0; --i)
                offer.depends.push_back(random_pattern(dice, bases));
            if (dice(4) == 0)
                offer.conflicts.push_back(random_pattern(dice, bases));
            if (dice(8) == 0)
                offer.supersedes.push_back(random_pattern(dice, bases));
            world.offers.push_back(offer);
            world.universe.add(offer);
        }
    }
    for (unsigned i = dice(3); i > 0; --i)
        world.request.install.push_back(random_pattern(dice, bases));
    world.request.upgrade = dice(3) == 0;
    return world;
}

/// Whether any set of one version a base at most, offers and present packages, is right.
bool possible(const World& world) {
    std::map<std::string, std::vector<const Offer*>> by_base;
    for (const Offer& offer : world.offers)
        by_base[base_of(offer.pkgname)].push_back(&offer);
    for (const Present& present : world.request.present)
        by_base[base_of(present.package.pkgname)].push_back(&present.package);
    std::vector<std::vector<const Offer*>> choices;
    for (const auto& [ignored, versions] : by_base)
        choices.push_back(versions);
    std::vector<std::size_t> counter(choices.size(), 0); // 0: absent
    for (;;) {
        std::vector<const Offer*> set;
        for (std::size_t i = 0; i < choices.size(); ++i)
            if (counter[i] > 0)
                set.push_back(choices[i][counter[i] - 1]);
        if (fault(set, world.request).empty())
            return true;
        std::size_t i = 0;
        while (i < counter.size() && ++counter[i] > choices[i].size())
            counter[i++] = 0;
        if (i == counter.size())
            return false;
    }
}

/// What is wrong with a plan; empty: nothing.
std::string fault_of_plan(const Plan& plan, const Request& request) {
    std::vector<const Offer*> set;
    for (const Plan::Member& member : plan.result)
        set.push_back(&member.package);
    if (std::string wrong = fault(set, request); !wrong.empty())
        return wrong;

    // Steps and result tell the same story.
    std::map<std::string, std::string> packages;
    for (const Present& present : request.present)
        packages[base_of(present.package.pkgname)] = present.package.pkgname;
    for (const Step& step : plan.steps) {
        std::string& there = packages[base_of(step.pkgname)];
        if (there != step.previous)
            return "step for " + step.pkgname + " finds " + there;
        there = step.kind == StepKind::remove ? "" : step.pkgname;
    }
    std::set<std::string> told, wanted;
    for (const auto& [ignored, pkgname] : packages)
        if (!pkgname.empty())
            told.insert(pkgname);
    for (const Offer* each : set)
        wanted.insert(each->pkgname);
    if (told != wanted)
        return "the steps lead elsewhere";

    // What is needed comes first, unless the two need each other in some way.
    const auto reaches = [&](std::size_t from, std::size_t to) {
        std::set<std::size_t> seen;
        std::vector<std::size_t> open = {from};
        while (!open.empty()) {
            const std::size_t i = open.back();
            open.pop_back();
            for (std::size_t j = 0; j < set.size(); ++j)
                for (const std::string& pattern : set[i]->depends)
                    if (selects(pattern, set[j]->pkgname) && seen.insert(j).second)
                        open.push_back(j);
        }
        return seen.count(to) != 0;
    };
    for (std::size_t i = 0; i < set.size(); ++i)
        for (std::size_t j = i + 1; j < set.size(); ++j)
            if (reaches(i, j) && !reaches(j, i))
                return set[i]->pkgname + " comes before " + set[j]->pkgname + ", which it needs";
    return "";
}

/// A jail that could be: what an earlier plan left, some of it held.
void fill_jail(World& world, unsigned seed) {
    Dice dice(seed);
    Request first;
    first.install = {random_pattern(dice, 5), random_pattern(dice, 5)};
    const Answer answer = solve::solve(first, world.universe);
    if (const auto* plan = std::get_if<Plan>(&answer))
        for (const Plan::Member& member : plan->result)
            world.request.present.push_back({member.package, member.automatic, dice(8) == 0});
    world.request.remove_unneeded = dice(3) == 0;
}

} // namespace

TEST_CASE("an answer is right, and there is a plan exactly when there can be one", "[solve][property]") {
    unsigned plans = 0, refusals = 0;
    for (unsigned seed = 0; seed < 1500; ++seed) {
        World world = random_world(seed, 5, 3);
        if (seed % 2 == 1)
            fill_jail(world, seed);
        INFO("seed " << seed << "\n" << world.text());

        const Answer answer = solve::solve(world.request, world.universe);

        const auto* plan = std::get_if<Plan>(&answer);
        REQUIRE((plan != nullptr) == possible(world));
        if (plan != nullptr)
            REQUIRE(fault_of_plan(*plan, world.request) == "");
        else
            REQUIRE_FALSE(std::get<Refusal>(answer).reasons.empty());
        ++(plan != nullptr ? plans : refusals);
        REQUIRE(show_answer(solve::solve(world.request, world.universe)) == show_answer(answer));
    }
    // Both happen often enough to mean something.
    CHECK(plans > 250);
    CHECK(refusals > 250);
}

TEST_CASE("a removal is refused or leaves a jail in order", "[solve][property]") {
    unsigned plans = 0;
    for (unsigned seed = 0; seed < 1500; ++seed) {
        World world = random_world(seed, 5, 3);
        world.request.install.clear();
        fill_jail(world, seed + 1);
        if (world.request.present.empty())
            continue;
        Dice dice(seed);
        const auto victim = dice(static_cast<unsigned>(world.request.present.size()));
        world.request.remove = {base_of(world.request.present[victim].package.pkgname)};
        INFO("seed " << seed << "\n" << world.text());

        const Answer answer = solve::solve(world.request, world.universe);

        if (const auto* plan = std::get_if<Plan>(&answer)) {
            REQUIRE(fault_of_plan(*plan, world.request) == "");
            ++plans;
        } else {
            REQUIRE_FALSE(std::get<Refusal>(answer).reasons.empty());
        }
    }
    CHECK(plans > 100);
}

TEST_CASE("in larger worlds a plan is right and found without giving up", "[solve][property]") {
    for (unsigned seed = 0; seed < 200; ++seed) {
        World world = random_world(seed, 26, 4);
        INFO("seed " << seed << "\n" << world.text());

        const Answer answer = solve::solve(world.request, world.universe);

        if (const auto* plan = std::get_if<Plan>(&answer))
            REQUIRE(fault_of_plan(*plan, world.request) == "");
        else
            REQUIRE(std::get<Refusal>(answer).reasons[0].text.find("gave up") == std::string::npos);
    }
}
