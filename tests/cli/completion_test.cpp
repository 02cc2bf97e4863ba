#include <sstream>
#include <string>
#include <vector>

#include "pkgjail/cli/completion.hpp"
#include "support/catch.hpp"

using namespace pkgjail;
using cli::WordKind;

namespace {

/// A host with jails web and db; web has a snapshot and two packages.
std::vector<cli::Candidate> host(const cli::WordWanted& wanted) {
    switch (wanted.kind) {
    case WordKind::jail:
        return {{"db", "redis"}, {"web", "nginx"}};
    case WordKind::snapshot:
        return wanted.jail == "web" ? std::vector<cli::Candidate>{{"before", ""}}
                                    : std::vector<cli::Candidate>{};
    case WordKind::installed:
        return wanted.jail == "web" ? std::vector<cli::Candidate>{{"nginx", ""}, {"pcre2", ""}}
                                    : std::vector<cli::Candidate>{};
    case WordKind::package:
        return {{"nginx", "HTTP server"}, {"redis", ""}};
    case WordKind::repository:
        return {{"demo", "https://demo.example/All"}, {"own", ""}};
    case WordKind::recipe:
        return {{"nginx", ""}};
    case WordKind::limit_template:
        return {{"web", ""}};
    case WordKind::limit:
        return {{"cpu=", ""}, {"memory=", ""}};
    default:
        FAIL("asked for words that nobody has");
        return {};
    }
}

/// "install ngi" → "nginx"; a word ends at a blank, so that a blank at the end asks for a new one.
std::string after(const std::string& line) {
    std::vector<std::string> words;
    std::istringstream stream(line);
    for (std::string word; stream >> word;)
        words.push_back(word);
    if (line.empty() || line.back() == ' ')
        words.emplace_back();
    const cli::Completion completion = cli::complete(words, host);
    std::string text;
    for (const cli::Candidate& candidate : completion.words)
        text += (text.empty() ? "" : " ") + candidate.text;
    if (completion.also_files == WordKind::file)
        text += text.empty() ? ":file" : " :file";
    if (completion.also_files == WordKind::directory)
        text += text.empty() ? ":directory" : " :directory";
    return text;
}

} // namespace

TEST_CASE("the first word is a verb", "[cli][completion]") {
    CHECK(after("roll") == "rollback");
    CHECK(after("-n --state /x roll") == "rollback");
    CHECK(after("nosuchverb ").empty());
}

TEST_CASE("options are those of the verb and those of every verb", "[cli][completion]") {
    CHECK(after("install --rec") == "--recipe");
    CHECK(after("list --rec").empty());
    CHECK(after("list --js") == "--json");
    CHECK(after("--st") == "--state");
}

TEST_CASE("values follow the option that wants them", "[cli][completion]") {
    CHECK(after("install nginx -j ") == "db web");
    CHECK(after("install nginx --jail w") == "web");
    CHECK(after("install nginx --jail=w") == "--jail=web");
    CHECK(after("install --recipe ") == "nginx");
    CHECK(after("update --allow-older ") == "demo own");
    CHECK(after("update --allow-older=o") == "--allow-older=own");
    CHECK(after("repo index --id ").empty());
    CHECK(after("install --limits ") == "web");
    CHECK(after("install --limit m") == "memory=");
    CHECK(after("export web x --format ") == "tar oci");
    CHECK(after("export web x --format o") == "oci");
    CHECK(after("install --locked ") == ":file");
    CHECK(after("--state ") == ":directory");
    CHECK(after("install --set ").empty());
}

TEST_CASE("what stands free is what the verb works on", "[cli][completion]") {
    CHECK(after("start ") == "db web");
    CHECK(after("start web d") == "db");
    CHECK(after("install ng") == "nginx :file");
    CHECK(after("generate ") == "rc.d systemd");
    CHECK(after("catalog ") == "check backup rebuild");
    CHECK(after("help roll") == "rollback");
    CHECK(after("limits web cpu=1 me") == "memory=");
    CHECK(after("list ").empty());
}

TEST_CASE("packages of a jail are offered for what takes them away", "[cli][completion]") {
    CHECK(after("remove -j web p") == "pcre2");
    CHECK(after("remove --jail=web ") == "nginx pcre2");
    CHECK(after("remove ").empty());
    CHECK(after("why web ") == "nginx pcre2");
}

TEST_CASE("snapshots are offered behind their jail", "[cli][completion]") {
    CHECK(after("restore web ") == "before");
    CHECK(after("restore db ").empty());
    CHECK(after("clone w") == "web");
    CHECK(after("clone web@") == "web@before");
    CHECK(after("clone web new").empty());
    CHECK(after("export web@b") == "web@before");
}

TEST_CASE("nothing is offered behind the last word that a verb takes", "[cli][completion]") {
    CHECK(after("restore web before ").empty());
    CHECK(after("ps web ").empty());
}

TEST_CASE("the command inside a jail is none of ours", "[cli][completion]") {
    CHECK(after("exec web --js") == ":file");
    CHECK(after("exec web ls ") == ":file");
    CHECK(after("exec w") == "web");
}
