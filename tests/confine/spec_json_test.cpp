#include "pkgjail/confine/spec.hpp"

#include "pkgjail/base/error.hpp"
#include "support/catch.hpp"

using namespace pkgjail;
using confine::JailSpec;
using confine::Mount;

namespace {

JailSpec full_spec() {
    JailSpec spec;
    spec.handle = "pkgjail-7";
    spec.jail = "web";
    spec.root = "/var/db/pkgjail/jails/7/root";
    Mount bind;
    bind.source = "/var/db/pkgjail/images/ab/tree";
    bind.target = base::RootPath::parse("/usr/pkg");
    bind.by_descriptor = true;
    Mount scratch;
    scratch.kind = Mount::Kind::tmpfs;
    scratch.target = base::RootPath::parse("/tmp");
    scratch.writable = true;
    scratch.no_exec = true;
    scratch.size_bytes = 1u << 20;
    scratch.mode = 01777;
    spec.mounts = {bind, scratch};
    spec.secrets = {{"password", "/var/db/pkgjail/secrets/7/password", 1001, 1002}};
    spec.storage = "/var/db/pkgjail/jails/7";
    spec.closed = {"/var/db/pkgjail", "/usr/pkg/etc/pkgjail"};
    spec.command = {"/usr/pkg/sbin/nginx", "-g", "daemon off; \"quoted\"\n", ""};
    spec.environment = {{"PATH", "/usr/pkg/bin:/bin"}, {"EMPTY", ""}};
    spec.working_directory = "/var";
    spec.identity = {1001, 1002, {5, 20}};
    spec.holds = true;
    spec.limits.wanted = {{jail::LimitKind::memory, {1ull << 40, "template web"}},
                          {jail::LimitKind::io_read, {10, "command line"}}};
    spec.limits.require_enforced = true;
    spec.profile = jail::Profile::medium;
    spec.network = jail::NetworkMode::none;
    spec.claims = {{"tcp", "::1", 8080}, {"udp", "", 53}};
    spec.learning = confine::Learning{jail::Profile::low, "/var/db/pkgjail/run/7/calls"};
    spec.private_network = {"10.77.0.2", "10.77.0.1", "10.77.0.0/24", true, {{"tcp", "192.0.2.1", 8080, 80}}};
    return spec;
}

} // namespace

TEST_CASE("a jail description survives being written and read", "[confine][spec]") {
    const std::string text = confine::to_json(full_spec());

    const JailSpec read = confine::spec_from_json(text);

    CHECK(confine::to_json(read) == text);
    CHECK(read.mounts.at(1).kind == Mount::Kind::tmpfs);
    CHECK(read.mounts.at(1).no_exec);
    CHECK(read.mounts.at(1).mode == 01777);
    CHECK(read.mounts.at(0).source == "/var/db/pkgjail/images/ab/tree");
    CHECK_FALSE(read.mounts.at(0).writable);
    CHECK(read.command.at(2) == "daemon off; \"quoted\"\n");
    CHECK(read.identity.groups == std::vector<std::uint32_t>{5, 20});
    CHECK(read.limits.wanted.at(jail::LimitKind::memory).value == 1ull << 40);
    CHECK(read.limits.wanted.at(jail::LimitKind::io_read).source == "command line");
    CHECK(read.limits.require_enforced);
    CHECK(read.profile == jail::Profile::medium);
    CHECK(read.network == jail::NetworkMode::none);
    CHECK(read.claims == full_spec().claims);
}

TEST_CASE("every field of a jail description is in its text", "[confine][spec]") {
    const std::string before = confine::to_json(full_spec());
    const std::vector<std::pair<std::string, void (*)(JailSpec&)>> changes = {
        {"handle", [](JailSpec& s) { s.handle = "x"; }},
        {"jail", [](JailSpec& s) { s.jail = "x"; }},
        {"root", [](JailSpec& s) { s.root = "/x"; }},
        {"mount source", [](JailSpec& s) { s.mounts[0].source = "/x"; }},
        {"mount writable", [](JailSpec& s) { s.mounts[0].writable = true; }},
        {"mount no_exec", [](JailSpec& s) { s.mounts[1].no_exec = false; }},
        {"mount by_descriptor", [](JailSpec& s) { s.mounts[0].by_descriptor = false; }},
        {"mount order", [](JailSpec& s) { std::swap(s.mounts[0], s.mounts[1]); }},
        {"tmpfs size", [](JailSpec& s) { s.mounts[1].size_bytes = 7; }},
        {"tmpfs mode", [](JailSpec& s) { s.mounts[1].mode = 0700; }},
        {"secrets", [](JailSpec& s) { s.secrets.clear(); }},
        {"secret's name", [](JailSpec& s) { s.secrets[0].name = "x"; }},
        {"secret's source", [](JailSpec& s) { s.secrets[0].source = "/x"; }},
        {"secret's uid", [](JailSpec& s) { s.secrets[0].uid = 0; }},
        {"secret's gid", [](JailSpec& s) { s.secrets[0].gid = 0; }},
        {"storage", [](JailSpec& s) { s.storage = "/x"; }},
        {"closed", [](JailSpec& s) { s.closed.pop_back(); }},
        {"command", [](JailSpec& s) { s.command.pop_back(); }},
        {"environment", [](JailSpec& s) { s.environment.erase("EMPTY"); }},
        {"working directory", [](JailSpec& s) { s.working_directory = "/"; }},
        {"uid", [](JailSpec& s) { s.identity.uid = 0; }},
        {"gid", [](JailSpec& s) { s.identity.gid = 0; }},
        {"holds", [](JailSpec& s) { s.holds = false; }},
        {"groups", [](JailSpec& s) { s.identity.groups.clear(); }},
        {"limits", [](JailSpec& s) { s.limits.wanted.clear(); }},
        {"require", [](JailSpec& s) { s.limits.require_enforced = false; }},
        {"profile", [](JailSpec& s) { s.profile = jail::Profile::low; }},
        {"network", [](JailSpec& s) { s.network = jail::NetworkMode::private_; }},
        {"claims", [](JailSpec& s) { s.claims.pop_back(); }},
        {"private network", [](JailSpec& s) { s.private_network.reset(); }},
        {"its address", [](JailSpec& s) { s.private_network->address = "x"; }},
        {"its gateway", [](JailSpec& s) { s.private_network->gateway = "x"; }},
        {"its pool", [](JailSpec& s) { s.private_network->pool = "x"; }},
        {"its NAT", [](JailSpec& s) { s.private_network->nat = false; }},
        {"its published ports", [](JailSpec& s) { s.private_network->publish.clear(); }},
        {"learning", [](JailSpec& s) { s.learning.reset(); }},
        {"its profile", [](JailSpec& s) { s.learning->profile = jail::Profile::high; }},
        {"its socket", [](JailSpec& s) { s.learning->socket = "/x"; }},
    };
    for (const auto& [field, change] : changes) {
        JailSpec spec = full_spec();
        change(spec);
        const std::string text = confine::to_json(spec);
        INFO(field);
        CHECK(text != before);
        CHECK(confine::to_json(confine::spec_from_json(text)) == text);
    }
}

TEST_CASE("a damaged jail description is refused as corrupt", "[confine][spec]") {
    const std::string good = confine::to_json(full_spec());
    const auto with = [&](const std::string& from, const std::string& to) {
        std::string text = good;
        const auto at = text.find(from);
        REQUIRE(at != std::string::npos);
        return text.replace(at, from.size(), to);
    };
    const std::vector<std::pair<std::string, std::string>> cases = {
        {"", "parse error"},
        {good.substr(0, good.size() / 2), "parse error"},
        {"[]", "type"},
        {with("\"format\": 1", "\"format\": 2"), "format 2, this pkgjail reads format 1"},
        {with("\"medium\"", "\"mild\""), "unknown profile \"mild\""},
        {with("\"network\": \"none\"", "\"network\": \"vpn\""), "unknown network mode \"vpn\""},
        {with("\"memory\"", "\"memori\""), "unknown limit \"memori\""},
        {with("\"tmpfs\"", "\"nfs\""), "unknown kind of mount \"nfs\""},
        {with("\"/usr/pkg\"", "\"/usr/../etc\""), ".."},
        {with("\"uid\": 1001", "\"uid\": \"root\""), "type must be number"},
        {with("\"handle\"", "\"hondle\""), "key 'handle' not found"},
    };
    for (const auto& [text, cause] : cases) {
        INFO(cause);
        try {
            confine::spec_from_json(text);
            FAIL_CHECK("was taken");
        } catch (const base::Error& error) {
            CHECK(error.kind() == base::ErrorKind::corrupt);
            CHECK_THAT(std::string(error.what()), ContainsSubstring(cause));
        }
    }
}

TEST_CASE("a jail description with bytes that are no text is refused when written", "[confine][spec]") {
    JailSpec spec = full_spec();
    spec.command = {"/bin/\xff"};
    try {
        confine::to_json(spec);
        FAIL("was written");
    } catch (const base::Error& error) {
        CHECK(error.kind() == base::ErrorKind::configuration);
    }
}
