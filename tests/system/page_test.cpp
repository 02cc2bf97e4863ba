// The status page as a browser shows it: a real Chromium without a screen, in a network that holds nothing
// but the loopback. Where there is none a test is skipped, or fails with PKGJAIL_REQUIRE_BROWSER=1.
#include <cstdlib>
#include <fstream>

#include <fmt/format.h>

#include "pkgjail/base/file.hpp"
#include "pkgjail/base/process.hpp"
#include "support/json_outputs.hpp"
#include "support/png.hpp"
#include "system/services.hpp"

using namespace pkgjail;
using test::Host;
using test::Picture;

namespace {

bool has_browser() {
    std::string missing;
    for (const char* program : {"chromium", "ip", "unshare"})
        if (!base::find_program(program))
            missing = program;
    if (missing.empty())
        return true;
    const char* required = std::getenv("PKGJAIL_REQUIRE_BROWSER");
    if (required != nullptr && std::string(required) == "1")
        FAIL("may not be skipped here: there is no " << missing);
    WARN("skipped: there is no " << missing << " on this host");
    return false;
}

/// What the browser made of the page: dom.html, net.json, light.png, dark.png, narrow.png.
void browse(const Host& host, const std::filesystem::path& results) {
    constexpr const char* script = R"(
set -e
ip link set lo up
"$PKGJAIL" --state "$STATE" --config "$ETC" serve --listen 127.0.0.1:9750 > "$RESULTS/said" &
server=$!
trap 'kill $server; wait $server || :' EXIT
for look in $(seq 200); do grep -q listening "$RESULTS/said" && break; sleep 0.1; done
browse() {
    timeout 120 chromium --headless --no-sandbox --disable-gpu --no-first-run --disable-background-networking \
        --disable-component-update --hide-scrollbars --virtual-time-budget=2000 \
        --user-data-dir="$RESULTS/profile" "$@" http://127.0.0.1:9750/
}
curl -s http://127.0.0.1:9750/api/status > "$RESULTS/status.json"
browse --log-net-log="$RESULTS/net.json" --dump-dom > "$RESULTS/dom.html"
browse --window-size=1200,900 --screenshot="$RESULTS/light.png"
browse --window-size=1200,900 --force-dark-mode --screenshot="$RESULTS/dark.png"
browse --window-size=400,1600 --screenshot="$RESULTS/narrow.png"
)";
    base::Command command;
    command.argv = {"/usr/bin/unshare", "-n", "/bin/sh", "-c", script};
    command.environment = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C.UTF-8",
                           "HOME=" + results.string(),           "PKGJAIL=" PKGJAIL_BINARY_DIR "/bin/pkgjail",
                           "STATE=" + host.state().string(),     "ETC=" + host.etc().string(),
                           "RESULTS=" + results.string()};
    const auto ended = base::run(command, std::chrono::minutes(8));
    INFO(ended.err);
    REQUIRE(ended.exit.success());
}

/// What the page itself had the browser ask for; the browser has wishes of its own.
std::string asked_by_page(const std::filesystem::path& log) {
    std::string text = base::read_file(log);
    auto json = nlohmann::json::parse(text, nullptr, false);
    if (json.is_discarded()) { // it is closed when the browser has the time
        text.erase(text.find_last_not_of(",\n ") + 1);
        json = nlohmann::json::parse(text + "]}");
    }
    std::string found;
    for (const auto& event : json["events"]) {
        const auto params = event.value("params", nlohmann::json::object());
        const std::string initiator = params.value("initiator", std::string());
        if (initiator.starts_with("http://127.0.0.1") && params.contains("url"))
            found += params["url"].get<std::string>() + "\n";
    }
    return found;
}

/// Whether the outermost columns have one colour, so that nothing sticks out.
bool has_margins(const Picture& picture, std::size_t columns) {
    for (std::size_t y = 0; y < picture.height; ++y)
        for (std::size_t x = 0; x < columns; ++x)
            if (picture.at(x, y) != picture.at(0, 0) ||
                picture.at(picture.width - 1 - x, y) != picture.at(0, 0))
                return false;
    return true;
}

} // namespace

TEST_CASE("the status page is shown by a browser, in light and dark and on a narrow screen",
          "[system][root][page]") {
    if (!test::can_run_jails() || !has_browser())
        return;
    const Host host(test::demo_repository("2026Q3"));
    test::write_recipe(host, test::service("", test::stays));
    REQUIRE(test::install(host).status == 0);
    REQUIRE(host.run({"install", "tree", "-j", "a-jail-whose-name-is-as-long-as-names-of-jails-become",
                      "--recipe", "test", "--no-start"})
                .status == 0);
    const test::TempDir results;

    browse(host, results.path());

    const std::string status = base::read_file(results / "status.json");
    test::check_json_output({"/api/status", "--json"}, status);
    CHECK(nlohmann::json::parse(status)["jails"].size() == 2);
    const std::string dom = base::read_file(results / "dom.html");
    CHECK_THAT(dom, ContainsSubstring("<h2>test</h2><span class=\"state good\">ready</span>"));
    CHECK_THAT(dom, ContainsSubstring("<span class=\"state soft\">stopped</span>"));
    CHECK_THAT(dom, ContainsSubstring("<span class=\"bar\" aria-hidden=\"true\">"));
    CHECK(dom.find("<script") == std::string::npos);
    std::istringstream asked(asked_by_page(results / "net.json"));
    for (std::string url; std::getline(asked, url);) {
        INFO(url);
        CHECK(url.starts_with("http://127.0.0.1:9750/"));
    }
    const Picture light = test::read_png(results / "light.png");
    const Picture dark = test::read_png(results / "dark.png");
    for (const Picture* picture : {&light, &dark}) {
        CHECK(picture->width == 1200);
        CHECK(picture->colours() > 50); // letters have edges
    }
    CHECK(light.brightness() > 200);
    CHECK(dark.brightness() < 60);
    const Picture narrow = test::read_png(results / "narrow.png");
    CHECK(narrow.width == 400);
    CHECK(narrow.colours() > 50);
    CHECK(has_margins(narrow, 12));
}
