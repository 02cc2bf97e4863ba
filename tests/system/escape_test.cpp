// Getting out of a jail, tried for real; and that the trying would notice.
#ifdef __linux__

#include <algorithm>
#include <filesystem>

#include "pkgjail/base/file.hpp"
#include "pkgjail/confine/escape.hpp"
#include "pkgjail/confine/helper.hpp"
#include "system/confine_fixture.hpp"
#include "system/support.hpp"

using namespace pkgjail;
using test::Host;
using test::HostJail;
namespace fs = std::filesystem;

namespace {

/// A jail made by hand with the helper in it, in which something can be left open.
struct Weak : HostJail {
    Weak() : HostJail("weak") {
        const auto made = [&](const char* name) {
            base::make_directories(directory() / name, 0755);
            return directory() / name;
        };
        const auto helper = fs::path(PKGJAIL_BINARY_DIR) / "bin" / confine::escape_program;
        fs::copy_file(helper, made("image") / confine::escape_program);
        base::make_directories(spec.root / "image", 0755);
        image.source = directory() / "image";
        image.target = base::RootPath::parse("/image");
        base::make_directories(data() / "run", 0755);
        confine::Mount memory;
        memory.kind = confine::Mount::Kind::tmpfs;
        memory.target = base::RootPath::parse("/data/run");
        memory.writable = true;
        spec.mounts.push_back(memory);
        made("outside");
    }
    /// What was open, a line each.
    std::string open() {
        confine::EscapeJail jail;
        jail.spec = spec;
        jail.spec.mounts.push_back(image);
        jail.run_directory = run_directory();
        jail.image = "/image";
        jail.data = "/data";
        jail.data_outside = data();
        jail.mount_point = data() / "run";
        jail.outside_directory = directory() / "outside";
        std::string text;
        for (const auto& attempt : confine::try_to_escape(*test::system_driver(), jail))
            if (attempt.held == confine::Held::open)
                text += attempt.what + ": " + attempt.detail + "\n";
        return text;
    }
    confine::Mount image;
};

} // namespace

TEST_CASE("jails of every profile hold against every attempt, and nothing is left of them",
          "[escape][root]") {
    if (!test::can_run_jails())
        return;
    const Host host;

    const auto result = host.run({"--json", "doctor", "--escape"});

    CAPTURE(result.out, result.err);
    CHECK(result.status == 0);
    const auto json = result.json();
    CHECK(json.at("schema") == "pkgjail.doctor/1");
    CHECK(json.at("profiles").dump() == R"(["low","medium","high"])");
    std::string open, untried;
    std::size_t held = 0;
    for (const auto& row : json.at("attempts"))
        for (const char* profile : {"low", "medium", "high"}) {
            const auto text = row.at("attempt").get<std::string>() + ", " + profile + ": " +
                              row.at(profile).at("detail").get<std::string>() + "\n";
            const auto outcome = row.at(profile).at("outcome").get<std::string>();
            held += outcome == "held" ? 1 : 0;
            if (outcome == "open")
                open += text;
            if (outcome == "absent")
                untried += text;
        }
    CHECK(open.empty());
    CHECK(untried.empty());
    CHECK(held >= 3 * 45);
    for (const auto& entry : fs::directory_iterator(host.state() / "run"))
        CHECK(!entry.path().filename().string().starts_with("pkgjail-"));
    CHECK(fs::is_empty(host.state() / "run" / "oci"));
    CHECK(base::read_file("/proc/self/mountinfo").find(host.state().string()) == std::string::npos);
}

TEST_CASE("the table of attempts fits a terminal and one profile can be asked for", "[escape][root]") {
    if (!test::can_run_jails())
        return;
    const Host host;

    const auto result = host.run({"doctor", "--escape", "--profile", "high"});

    CAPTURE(result.out, result.err);
    CHECK(result.status == 0);
    CHECK(result.out.find("ATTEMPT") != std::string::npos);
    CHECK(result.out.find("medium") == std::string::npos);
    CHECK(result.out.find("Everything held that a profile promises.") != std::string::npos);
    CHECK(host.run({"doctor", "--escape", "--profile", "none"}).status == 64);
    CHECK(host.run({"doctor", "--profile", "high"}).status == 64);
}

TEST_CASE("what a jail leaves open is found", "[escape][root]") {
    if (!test::can_run_jails() || test::system_driver() == nullptr)
        return;
    Weak jail;

    jail.image.writable = true;

    CHECK(jail.open() == "write into the image: new file: done\n");
}

#ifdef PKGJAIL_FAILPOINTS

TEST_CASE("a jail that is held to no ports is found to be open", "[escape][root]") {
    if (!test::can_run_jails())
        return;
    const Host host;

    const auto result = host.run({"doctor", "--escape", "--profile", "high"}, {{"PKGJAIL_NO_LANDLOCK", "1"}});

    CAPTURE(result.out, result.err);
    CHECK(result.status == 2);
    CHECK(result.out.find("OPEN: bind a TCP port without a claim: IPv4: done") != std::string::npos);
    CHECK(result.out.find("OPEN: the host's abstract sockets: connect: done") != std::string::npos);
}

#endif

#endif
