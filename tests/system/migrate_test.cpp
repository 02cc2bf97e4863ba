// import --from dir with the real nginx: a root as pkg_add(1) would have left it becomes a jail that answers.
#include <filesystem>
#include <fstream>

#include <fmt/format.h>

#include "pkgjail/base/process.hpp"
#include "support/host_steps.hpp"
#include "system/support.hpp"

using namespace pkgjail;
using test::CommandResult;
using test::Host;
namespace fs = std::filesystem;

namespace {

/// Unpacks nginx and what it needs below `root`, with the package database.
void make_root(const fs::path& root) {
    constexpr const char* script = R"(
set -e
for name in zlib pcre2 openssl nginx; do
    archive=$(ls "$REPOSITORY/$name"-[0-9]*.tgz | head -n 1)
    entry=$ROOT/usr/pkg/pkgdb/$(basename "$archive" .tgz)
    mkdir -p "$entry"
    tar -C "$entry" -xzf "$archive"
    for part in "$entry"/*; do
        case ${part##*/} in
        +*) ;;
        *) cp -a "$part" "$ROOT/usr/pkg/" && rm -r "$part" ;;
        esac
    done
    [ "$name" = nginx ] || echo automatic=yes >"$entry/+INSTALLED_INFO"
done
mkdir -p "$ROOT/var/www" "$ROOT/usr/pkg/etc/nginx" "$ROOT/etc"
cp "$ROOT/usr/pkg/share/examples/nginx/conf/mime.types" "$ROOT/usr/pkg/etc/nginx/"
printf 'root:x:0:0::/:/bin/sh\nnginx:x:1500:1500::/:/bin/sh\n' >"$ROOT/etc/passwd"
printf 'wheel:x:0:\nnginx:x:1500:\n' >"$ROOT/etc/group"
echo mine >"$ROOT/var/www/index.html"
chown 1500:1500 "$ROOT/var/www/index.html"
)";
    base::Command command;
    command.argv = {"/bin/sh", "-c", script};
    command.environment = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "ROOT=" + root.string(),
                           "REPOSITORY=" + test::demo_repository("2026Q3").string()};
    const auto ended = base::run(command, std::chrono::minutes(1));
    INFO(ended.err);
    REQUIRE(ended.exit.success());
}

} // namespace

TEST_CASE("nginx in a root made by hand becomes a jail that serves the same", "[system][migrate][root]") {
    if (!test::can_run_jails())
        return;
    const Host host(test::demo_repository("2026Q3"));
    const test::TempDir directory;
    const fs::path root = directory / "root";
    make_root(root);
    const int port = test::free_port();
    fs::create_directories(root / "usr/pkg/etc/nginx");
    // As the operator has it: no file of the recipe's, another directory, a header of its own.
    std::ofstream(root / "usr/pkg/etc/nginx/nginx.conf")
        << fmt::format("user nginx nginx;\npid /var/run/nginx.pid;\nerror_log stderr;\nevents {{}}\n"
                       "http {{ include mime.types; access_log off; client_body_temp_path /tmp/b; "
                       "proxy_temp_path /tmp/p; fastcgi_temp_path /tmp/f; uwsgi_temp_path /tmp/u; "
                       "scgi_temp_path /tmp/s; server {{ listen {}; root /var/www; "
                       "add_header X-Mine yes; }} }}\n",
                       port);

    const CommandResult result = host.run({"import", "--from", "dir", root.string(), "site", "--data",
                                           "/var/www", "--set", fmt::format("port={}", port), "--json"});

    INFO(result.out << result.err);
    REQUIRE(result.status == 0);
    CHECK(result.json()["started"] == true);
    CHECK(test::http_body(test::url(port) + "index.html") == "mine\n");
    const nlohmann::json document = result.json();
    std::string taken;
    for (const auto& one : document["taken"])
        taken +=
            one["to"].get<std::string>() + (one["over_recipe"] == true ? " over the recipe's" : "") + "\n";
    CHECK(taken == "/usr/pkg/etc/nginx/nginx.conf over the recipe's\n/var/www\n");
    // A service that does not run with what was taken over leaves a jail, and what was left is told all the
    // same.
    std::ofstream(root / "usr/pkg/etc/nginx/nginx.conf") << "nonsense;\n";
    const CommandResult broken = host.run({"import", "--from", "dir", root.string(), "broken", "--data",
                                           "/var/www", "--set", fmt::format("port={}", test::free_port())});
    CHECK(broken.status == 4);
    CHECK_THAT(broken.err, ContainsSubstring("nonsense"));
    CHECK_THAT(broken.err, ContainsSubstring("note: taken over: /usr/pkg/etc/nginx/nginx.conf"));
    CHECK_THAT(broken.err, ContainsSubstring("note: left: /etc: is the system's there"));
    // The owner's name counts, not the number that it had there.
    const CommandResult owner = host.run({"exec", "site", "/bin/ls", "-l", "/var/www/index.html"});
    CHECK_THAT(owner.out, ContainsSubstring(" nginx nginx "));
    test::check_sound(host);
    test::use_edition(host, "2026Q4");
    REQUIRE(host.run({"upgrade", "site"}).status == 0);
    CHECK(test::http_body(test::url(port) + "index.html") == "mine\n");
}
