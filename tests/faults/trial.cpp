#include "faults/trial.hpp"

#include <regex>
#include <set>
#include <sstream>

#include <fmt/format.h>

#include "support/catch.hpp"

namespace pkgjail::test {

namespace {

std::vector<std::string> filled_in(const World& world, std::vector<std::string> command) {
    for (std::string& word : command)
        if (word.starts_with("OUT/"))
            word = (world.top() / "out" / word.substr(4)).string();
    return command;
}

std::set<std::string> lines_of(const std::string& text) {
    std::set<std::string> lines;
    std::istringstream stream(text);
    for (std::string line; std::getline(stream, line);)
        lines.insert(line);
    return lines;
}

} // namespace

std::string difference(const std::string& from, const std::string& to) {
    const auto before = lines_of(from), after = lines_of(to);
    std::string text;
    for (const std::string& line : before)
        if (!after.contains(line))
            text += "- " + line + "\n";
    for (const std::string& line : after)
        if (!before.contains(line))
            text += "+ " + line + "\n";
    return text.substr(0, 3000);
}

std::string ill_told(const CommandResult& result, const std::string& verb) {
    // A device that fails, a full one, too many open files: the system's (1), partly done (3), input or
    // catalog that cannot be read (65).
    if (result.status != 1 && result.status != 3 && result.status != 65)
        return fmt::format("ends with {}", result.status);
    for (const char* word : {"defect of pkgjail", "std::", "basic_", "Success", "terminate", "nknown error"})
        if (result.err.find(word) != std::string::npos)
            return fmt::format("says \"{}\"", word);
    static const std::regex form("(^|\n)pkgjail: [a-z-]+: [^\n]+: [^\n]+");
    if (!std::regex_search(result.err, form) || result.err.find("pkgjail: " + verb) == std::string::npos)
        return "says no object and cause";
    return "";
}

Trial::Trial(const Act& act) : act_(act) {
    furnish(world_);
    act_.prepare(world_);
    command_ = filled_in(world_, act_.command);
    world_.keep("before");
    counts_ = world_.count(command_, act_.input);
    settle();
    after_ = world_.picture();
    set_back();
    const CommandResult again = world_.run(command_, {}, act_.input);
    INFO(again.err);
    REQUIRE(again.status == act_.status);
    settle();
    INFO(difference(after_, world_.picture()));
    REQUIRE(world_.picture() == after_); // else two runs could not be compared
    set_back();
    settle();
    before_ = world_.picture();
    if (act_.status != 0) {
        INFO(difference(before_, after_));
        REQUIRE(before_ == after_);
    }
}

void Trial::settle() const {
    world_.well({"gc", "-q"});
}

std::string Trial::check() const {
    for (const std::vector<std::string>& command :
         std::vector<std::vector<std::string>>{{"catalog", "check"}, {"verify"}}) {
        const CommandResult result = world_.run(command);
        if (result.status != 0)
            return fmt::format("{}: {}{}", command.front(), result.out, result.err);
    }
    return "";
}

std::string Trial::aftermath(bool done) const {
    if (command_[0] == "catalog" && !std::filesystem::exists(world_.state() / "catalog.sqlite"))
        world_.run(command_); // other commands refuse to work then
    const CommandResult next = world_.run({"gc", "-q"});
    if (next.status != 0)
        return "the next command fails: " + next.err;
    if (const std::string unsound = check(); !unsound.empty())
        return unsound;
    const std::string picture = world_.picture();
    if (picture != after_ && (done || (picture != before_ && !act_.in_parts)))
        return fmt::format("{} is left: from before\n{}from after\n{}",
                           done ? "something else than was reported done" : "something half done",
                           difference(before_, picture), difference(after_, picture));
    const CommandResult again = world_.run(command_, {}, act_.input);
    if (again.status != act_.status && !(picture == after_ && act_.again.contains(again.status)))
        return "once more fails: " + again.err;
    settle();
    if (!(act_.repeats && picture == after_) && world_.picture() != after_)
        return "once more gives something else: " + difference(after_, world_.picture());
    return check();
}

} // namespace pkgjail::test
