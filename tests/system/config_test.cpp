// Configuration of a running jail on the real kernel: edited, upgraded, compared, settled, attacked.
#include <filesystem>
#include <fstream>

#include "system/nginx.hpp"

using namespace pkgjail;
using test::CommandResult;
using test::Host;

namespace fs = std::filesystem;

namespace {

constexpr const char* conf = "/usr/pkg/etc/nginx/nginx.conf";
constexpr const char* types = "/usr/pkg/etc/nginx/mime.types";

CommandResult inside(const Host& host, const std::string& script) {
    return well(host, {"exec", "nginx", "/bin/sh", "-c", script});
}

/// The shipped recipe, which tests may change.
void take_over_recipe(const Host& host) {
    const fs::path shipped = fs::path(PKGJAIL_SOURCE_DIR) / "recipes";
    fs::create_directories(host.etc() / "recipes.d");
    fs::copy(shipped / "nginx.recipe", host.etc() / "recipes.d");
    fs::copy(shipped / "nginx", host.etc() / "recipes.d" / "nginx", fs::copy_options::recursive);
}

std::string open_conflicts(const Host& host) {
    std::string text;
    const auto status = host.run({"status", "nginx", "--json"}).json();
    for (const auto& conflict : status["jails"][0]["conflicts"])
        text += conflict["path"].get<std::string>() + "\n";
    return text;
}

} // namespace

TEST_CASE("edits in a running jail survive an upgrade, and conflicts are settled while it runs",
          "[system][root][config]") {
    if (!test::can_run_jails())
        return;
    const Host host(test::demo_repository("2026Q3"));
    take_over_recipe(host);
    const int port = test::nginx::install(host);
    CHECK(well(host, {"config", "nginx"}).out ==
          "jail nginx: generation 1 has the configuration of image and recipe\n");
    inside(host, std::string("echo '# operator' >>") + conf + "; echo '# operator' >>" + types);
    std::ofstream(host.etc() / "recipes.d/nginx/nginx.conf.in", std::ios::app) << "# recipe\n";
    host.write_config("repositories.conf", "[repository demo]\nurl = file://" +
                                               test::demo_repository("2026Q4").string() + "\ntrust = none\n");
    well(host, {"update"});

    well(host, {"upgrade", "nginx"});

    CHECK(open_conflicts(host) == std::string(types) + "\n" + conf + "\n");
    CHECK(inside(host, std::string("tail -n 1 ") + conf).out == "# operator\n");
    CHECK_THAT(well(host, {"config", "nginx", "--diff"}).out,
               ContainsSubstring("\n-# recipe\n+# operator\n"));

    const CommandResult taken = well(host, {"config", "nginx", "--take", conf, "--keep", types});
    CHECK_THAT(taken.out, ContainsSubstring("is running; pkgjail reload nginx or restart nginx"));
    CHECK(inside(host, std::string("tail -n 1 ") + conf).out == "# recipe\n");
    CHECK(inside(host, std::string("tail -n 1 ") + types).out == "# operator\n");
    CHECK(open_conflicts(host).empty());
    well(host, {"reload", "nginx"});
    CHECK(test::http_status("http://127.0.0.1:" + std::to_string(port) + "/") == 200);
    well(host, {"rollback", "nginx"});
    CHECK(inside(host, std::string("tail -n 1 ") + conf).out == "# operator\n");
}

TEST_CASE("root in a running jail cannot lead config and diff out of it", "[system][root][config][hostile]") {
    if (!test::can_run_jails())
        return;
    const Host host(test::demo_repository("2026Q3"));
    test::nginx::install(host);
    const fs::path canary = host.etc() / "canary";
    fs::create_directory(canary);
    std::ofstream(canary / "mime.types") << "canary";
    inside(host, std::string("rm ") + types + "; ln -s " + (canary / "mime.types").string() + " " + types +
                     "; rm " + conf + "; mkfifo " + conf + "; ln -s / /etc/out; printf x >\"/etc/a\033[2J\"");

    const CommandResult shown = well(host, {"config", "nginx", "--diff"});

    CHECK_THAT(shown.out, ContainsSubstring(std::string("M ") + conf + "  type: file, now a FIFO\n"));
    CHECK_THAT(shown.out, ContainsSubstring("A /etc/a\\x1b[2J  file\n"));
    CHECK_THAT(shown.out, ContainsSubstring("A /etc/out  symbolic link\n"));
    CHECK(shown.out.find("canary\n") == std::string::npos);
    well(host, {"diff", "nginx"});
    well(host, {"config", "nginx", "--take", conf, "--take", types});
    CHECK(inside(host, std::string("test -f ") + conf + " -a ! -L " + types + " && echo plain").out ==
          "plain\n");

    // A directory that is swapped for a link while it is walked.
    inside(host, "cd /usr/pkg/etc; mv nginx real; ln -s " + canary.string() + " nginx");
    CHECK(host.run({"config", "nginx", "--take", types}).status == 65);
    std::ifstream stream(canary / "mime.types");
    CHECK(std::string(std::istreambuf_iterator<char>(stream), {}) == "canary");
    CHECK(std::distance(fs::directory_iterator(canary), {}) == 1);
}

TEST_CASE("diff of a running jail shows what was changed in it, and nothing else", "[system][root][diff]") {
    if (!test::can_run_jails())
        return;
    const Host host(test::demo_repository("2026Q3"));
    test::nginx::install(host);
    CHECK(well(host, {"diff", "nginx", "--check"}).out ==
          "jail nginx: generation 1 and the jail as it is do not differ\n");
    well(host, {"snapshot", "nginx", "before"});

    inside(host, "echo intruder >/etc/cron.allow; chmod 0777 /usr/pkg/etc/nginx; echo x >/var/db/nginx/x");

    CHECK(well(host, {"diff", "nginx"}).out == "jail nginx: generation 1 and the jail as it is\n"
                                               "configuration\n"
                                               "  A /etc/cron.allow  file\n"
                                               "  M /usr/pkg/etc/nginx  mode: 0755, now 0777\n");
    CHECK_THAT(well(host, {"diff", "nginx", "before"}).out,
               ContainsSubstring("data\n  A /var/db/nginx/x  file\n"));
    CHECK(host.run({"diff", "nginx", "before", "--check"}).status == 2);
}
