#include "faults/trial.hpp"

#include <algorithm>
#include <cstdlib>
#include <fstream>
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

/// The lines of a file, each where it is for the first time; none where there is no file.
std::vector<std::string> lines_once(const std::filesystem::path& file) {
    std::vector<std::string> lines;
    std::ifstream stream(file);
    for (std::string line; std::getline(stream, line);)
        if (std::find(lines.begin(), lines.end(), line) == lines.end())
            lines.push_back(line);
    return lines;
}

/// What is wrong, and how the command ended that it is wrong with.
std::string with_result(const std::string& wrong, const CommandResult& result) {
    return wrong.empty() ? wrong
                         : fmt::format("{}\n  status {}\n  out: {}  err: {}", wrong, result.status,
                                       result.out, result.err);
}

/// Fewer where a rebuilt catalog has begun its audit trail anew.
void forget_first(std::vector<std::string>& acts, std::size_t count) {
    acts.erase(acts.begin(), acts.begin() + static_cast<std::ptrdiff_t>(std::min(count, acts.size())));
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
    return text.substr(0, 30000);
}

bool says_rolled_back(const CommandResult& result) {
    return result.err.find(" was rolled back: ") != std::string::npos;
}

std::string ill_told(const CommandResult& result, const std::string& verb) {
    // A device that fails, a full one, too many open files: the system's (1), partly done (3), input or
    // catalog that cannot be read (65); where a generation could not be started for it, put back (4).
    const bool put_back = result.status == 4 && says_rolled_back(result);
    if (result.status != 1 && result.status != 3 && result.status != 65 && !put_back)
        return fmt::format("ends with {}", result.status);
    return ill_worded(result, verb);
}

std::string ill_worded(const CommandResult& result, const std::string& verb) {
    for (const char* word : {"defect of pkgjail", "std::", "basic_", "Success", "terminate", "nknown error"})
        if (result.err.find(word) != std::string::npos)
            return fmt::format("says \"{}\"", word);
    static const std::regex form("(^|\n)pkgjail: [a-z-]+: [^\n]+: [^\n]+");
    // Of several things, a note tells of each that stays.
    const bool is_told = result.err.find("pkgjail: " + verb) != std::string::npos ||
                         (result.status == 3 && result.err.find("pkgjail: note: ") != std::string::npos);
    if (!std::regex_search(result.err, form) || !is_told)
        return "says no object and cause";
    return "";
}

std::vector<Fault> faults_of(const std::map<std::string, unsigned long>& counts) {
    std::vector<Fault> all;
    for (const auto& [kind, number] : counts)
        for (unsigned long call = 1; call <= number; ++call) {
            all.push_back({kind, call, false, ""});
            if (kind == "enospc" || kind == "eio") // a full disk stays full
                all.push_back({kind, call, true, ""});
        }
    return all;
}

namespace {

/// As furnish() has left it. One trial after the other has the same one, since to furnish one takes as long
/// as a trial.
std::shared_ptr<const World> furnished_world(bool with_services) {
    namespace fs = std::filesystem;
    static std::map<bool, std::shared_ptr<const World>> worlds;
    std::shared_ptr<const World>& kept = worlds[with_services];
    if (!kept) {
        const auto made = std::make_shared<const World>(with_services);
        furnish(*made);
        made->keep("furnished");
        fs::copy(made->shop(), made->kept("shop"), fs::copy_options::recursive);
        kept = made;
    }
    REQUIRE(kept.use_count() == 1);
    kept->set_back("furnished");
    fs::remove_all(kept->shop());
    fs::copy(kept->kept("shop"), kept->shop(), fs::copy_options::recursive);
    for (const auto& entry : fs::directory_iterator(kept->beside()))
        if (entry.is_regular_file()) // what was told of the trial before
            fs::remove(entry.path());
    return kept;
}

} // namespace

std::uint64_t sample_seed() {
    const char* value = std::getenv("PKGJAIL_FAULTS_SEED");
    return value != nullptr ? std::strtoull(value, nullptr, 10) : 0;
}

std::size_t first_of_sample(std::size_t turn, std::size_t stride) {
    return static_cast<std::size_t>((sample_seed() % stride + turn % stride) % stride);
}

Trial::Trial(const Act& act) : act_(act), kept_(furnished_world(act.begin != nullptr)), world_(*kept_) {
    act_.prepare(world_);
    command_ = filled_in(world_, act_.command);
    world_.keep("before");
    set_back();
    acts_before_ = world_.acts().size();
    counts_ = world_.count(command_, act_.input);
    acts_ = world_.acts();
    forget_first(acts_, acts_before_);
    settle();
    after_ = world_.picture();
    set_back();
    const std::filesystem::path log = world_.beside() / "steps";
    const CommandResult again = world_.run(command_, {{"PKGJAIL_STEP_LOG", log.string()}}, act_.input);
    INFO(again.err);
    REQUIRE(again.status == act_.status);
    steps_ = lines_once(log);
    settle();
    INFO(difference(after_, world_.picture()));
    REQUIRE(world_.picture() == after_); // else two runs could not be compared
    set_back();
    settle();
    before_ = world_.picture();
    if (act_.begin && act_.status == 0)
        learn_what_is_put_back();
    if (act_.status != 0 && !act_.repeats) {
        INFO(difference(before_, after_));
        REQUIRE(before_ == after_);
    }
}

void Trial::learn_what_is_put_back() {
    // One description after the other that a start begins with, or a stop, is not written.
    for (Fault fault{"eio", 1, false, "rename /run/"};; ++fault.call) {
        set_back();
        const CommandResult result = world_.run_with(fault, command_, act_.input);
        if (!world_.hit())
            return;
        if (result.status != 4)
            continue;
        settle();
        const std::string picture = world_.picture();
        rolled_back_.insert(picture);
        const std::string wrong = once_more(picture);
        INFO(fault.text() << ": " << wrong);
        REQUIRE(wrong.empty());
        settle();
        done_after_that_.insert(world_.picture());
    }
}

void Trial::set_back() const {
    world_.set_back("before");
    if (act_.begin)
        act_.begin(world_);
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

std::string Trial::check_acts(bool done, const std::string& picture, std::size_t others) const {
    std::vector<std::string> acts = world_.acts();
    acts.resize(acts.size() - std::min(acts.size(), others));
    forget_first(acts, acts_before_);
    const auto told = [](const std::vector<std::string>& all) {
        return fmt::format("{}", fmt::join(all, ", "));
    };
    if (done && acts != acts_)
        return fmt::format("the audit trail has \"{}\" of it, and not \"{}\"", told(acts), told(acts_));
    if (!acts_.empty() && acts.empty() && picture != before_)
        return fmt::format("the audit trail does not have \"{}\"", told(acts_));
    return "";
}

std::string Trial::after_power_cut(bool done) const {
    if (!act_.begin)
        return aftermath(done);
    const CommandResult boot = world_.run({"start", "--wanted"});
    return boot.status == 0 ? aftermath(done, false, 1) : "the host's start fails: " + boot.err;
}

std::string Trial::attempt(const Fault& fault, bool& hit) const {
    set_back();
    const CommandResult result = world_.run_with(fault, command_, act_.input);
    const auto call = world_.hit();
    hit = call.has_value();
    const auto told_of_call = [&](const std::string& what) {
        return with_result(what.empty() ? what : what + "\n  hit: " + call.value_or("nothing"), result);
    };
    const bool invisible = fault.kind == "eintr" || fault.kind == "short" || !hit;
    if (invisible && result.status != act_.status)
        return told_of_call("what should not be seen was seen");
    if (fault.kind == "kill" && hit && result.status != 128 + 9)
        return told_of_call("was not killed");
    return told_of_call(fault.kind == "kill" && hit ? aftermath(false) : after_failing(result));
}

std::string Trial::attempt_killed_at(const std::string& step) const {
    set_back();
    const CommandResult result = world_.run(command_, {{"PKGJAIL_STOP_AT", step}}, act_.input);
    return with_result(result.status == 128 + 9 ? aftermath(false) : "was not killed", result);
}

std::string Trial::attempt_full_at(const std::string& step) const {
    set_back();
    const CommandResult result = world_.run(command_, {{"PKGJAIL_FAIL_AT", step}}, act_.input);
    return with_result(after_failing(result), result);
}

std::string Trial::after_failing(const CommandResult& result) const {
    if (result.status != 0 && result.status != act_.status)
        if (std::string ill = ill_told(result, act_.command.front()); !ill.empty())
            return ill;
    return aftermath(result.status == 0 && act_.status == 0, says_rolled_back(result));
}

std::string Trial::aftermath(bool done, bool told_rolled_back, std::size_t others) const {
    world_.wait_for_commands(); // who guards a pause has the locks of its command until it goes on
    if (command_[0] == "catalog" && !std::filesystem::exists(world_.state() / "catalog.sqlite"))
        world_.run(command_); // other commands refuse to work then
    const CommandResult next = world_.run({"gc", "-q"});
    if (next.status != 0)
        return "the next command fails: " + next.err;
    if (const std::string unsound = check(); !unsound.empty())
        return unsound;
    const std::string picture = world_.picture();
    if (const std::string wrong = check_acts(done, picture, others + 1); !wrong.empty())
        return wrong;
    const bool rolled_back = !done && (rolled_back_.contains(picture) || (told_rolled_back && act_.in_parts));
    if (picture != after_ && !rolled_back && (done || (picture != before_ && !act_.in_parts)))
        return fmt::format("{} is left: from before\n{}from after\n{}",
                           done ? "something else than was reported done" : "something half done",
                           difference(before_, picture), difference(after_, picture));
    if (const std::string wrong = once_more(picture); !wrong.empty())
        return wrong;
    settle();
    const std::string now = world_.picture();
    if (!(act_.repeats && picture == after_) && now != after_ &&
        !(rolled_back && done_after_that_.contains(now)))
        return "once more gives something else: " + difference(after_, now);
    return check();
}

std::string Trial::once_more(const std::string& picture) const {
    const CommandResult again = world_.run(command_, {}, act_.input);
    const bool is_left = picture != after_ && !act_.finish.empty();
    if (again.status != act_.status && !((picture == after_ || is_left) && act_.again.contains(again.status)))
        return "once more fails: " + again.err;
    if (is_left && again.status != act_.status)
        if (const CommandResult rest = world_.run(act_.finish); rest.status != 0)
            return "what was left to do fails: " + rest.err;
    return "";
}

} // namespace pkgjail::test
