// Secrets of real services: where they are, and that they are nowhere else.
#include <fstream>
#include <sstream>

#include <sys/stat.h>

#include "pkgjail/base/file.hpp"
#include "pkgjail/base/process.hpp"
#include "pkgjail/store/layout.hpp"
#include "support/host_steps.hpp"
#include "system/support.hpp"

using namespace pkgjail;
using test::CommandResult;
using test::Host;
namespace fs = std::filesystem;

namespace {

std::string content(const fs::path& file) {
    std::ifstream stream(file, std::ios::binary);
    std::ostringstream text;
    text << stream.rdbuf();
    return text.str();
}

/// Files below a directory that hold the text, as paths below it.
std::string files_with(const fs::path& directory, const std::string& text) {
    std::string found;
    for (const auto& entry : fs::recursive_directory_iterator(directory))
        if (entry.is_regular_file() && !entry.is_symlink() &&
            content(entry.path()).find(text) != std::string::npos)
            found += entry.path().lexically_relative(directory).string() + "\n";
    return found;
}

/// Command lines and environments of all processes of the host.
std::string processes_with(const std::string& text) {
    std::string found;
    for (const auto& entry : fs::directory_iterator("/proc"))
        for (const char* file : {"cmdline", "environ"})
            if (content(entry.path() / file).find(text) != std::string::npos)
                found += (entry.path() / file).string() + "\n";
    return found;
}

CommandResult set(const Host& host, const std::string& jail, const std::string& name, const fs::path& file) {
    base::Command command;
    command.argv = {PKGJAIL_BINARY_DIR "/bin/pkgjail",
                    "--state",
                    host.state().string(),
                    "--config",
                    host.etc().string(),
                    "secret",
                    "set",
                    jail,
                    name};
    const base::Output output = base::run(command, std::chrono::seconds(60), content(file));
    return {output.exit.value, output.out, output.err};
}

const std::string service = "[recipe]\nsummary = a test\npackage = redis\n[service]\n"
                            "command = /bin/sh -c 'trap : HUP; while :; do sleep 0.1; done'\nuser = redis\n"
                            "group = redis\nreload-signal = HUP\nsecret = password\nrestart-backoff = 10ms\n";

} // namespace

TEST_CASE("a service finds its secret, and nobody finds it anywhere else", "[system][root][secrets]") {
    if (!test::can_run_jails())
        return;
    const Host host(test::demo_repository("2026Q3"));
    const test::TempDir files;
    const std::string value = "s3cr3t-" + base::random_hex(16); // never in an argument of this test
    base::write_file_atomically(files / "value", value);
    host.write_config("recipes.d/vault.recipe", service);

    const CommandResult without = host.run({"install", "redis", "-j", "vault", "--recipe", "vault"});
    CHECK(without.status == 78);
    CHECK_THAT(without.err, ContainsSubstring("vault: needs the secret password, which is not set") &&
                                ContainsSubstring("hint: give it with --secret password=FILE; "));
    CHECK(host.run({"status", "vault"}).status == 5); // nothing was made
    well(host, {"install", "redis", "-j", "vault", "--recipe", "vault", "--secret",
                "password=" + (files / "value").string()});

    CHECK(host.run({"exec", "-u", "redis", "vault", "cat", "/run/secrets/password"}).out == value);
    CHECK(host.run({"exec", "-u", "nobody", "vault", "cat", "/run/secrets/password"}).status != 0);
    CHECK(host.run({"exec", "vault", "stat", "-c", "%a %U", "/run/secrets/password"}).out == "400 redis\n");
    CHECK(host.run({"exec", "vault", "stat", "-f", "-c", "%T", "/run/secrets"}).out == "tmpfs\n");
    const store::Layout layout(host.state());
    const std::string id = host.run({"status", "vault", "--json"}).json()["jails"][0]["id"];
    struct stat status {};
    REQUIRE(::stat(layout.secret(id, "password").c_str(), &status) == 0);
    CHECK((status.st_mode & 07777) == 0600);

    well(host, {"snapshot", "vault", "now"});
    well(host, {"export", "vault", (files / "export.tar.zst").string()});
    fs::create_directory(files / "out");
    base::Command unpack;
    unpack.argv = {
        "/bin/tar", "--zstd", "-xf", (files / "export.tar.zst").string(), "-C", (files / "out").string()};
    const base::Output unpacked = base::run(unpack, std::chrono::seconds(60));
    INFO(unpacked.err);
    REQUIRE(unpacked.exit.success());
    CHECK_FALSE(files_with(files / "out", "redis").empty()); // there is something in which it could be
    CHECK(files_with(host.state(), value) == "secrets/" + id + "/password\n");
    CHECK(files_with(files / "out", value).empty());
    CHECK(processes_with(value).empty());
    for (const std::vector<std::string>& words :
         std::vector<std::vector<std::string>>{{"status", "vault", "--json"},
                                               {"secret", "list", "vault", "--json"},
                                               {"logs", "vault", "--lines", "0"},
                                               {"history", "--acts", "--json"},
                                               {"config", "vault"},
                                               {"metrics"},
                                               {"apply", "--export", "vault"}})
        CHECK(host.run(words).out.find(value) == std::string::npos);

    // A clone has none unless told.
    CHECK(host.run({"clone", "vault", "other"}).status == 78);
    well(host, {"clone", "vault", "other", "--no-start"});
    CHECK(host.run({"start", "other"}).status == 78);
    well(host, {"clone", "vault", "same", "--with-secrets"});
    CHECK(host.run({"exec", "-u", "redis", "same", "cat", "/run/secrets/password"}).out == value);

    well(host, {"destroy", "vault", "same", "other", "--with-data", "--yes"});
    CHECK(files_with(host.etc().parent_path(), value).empty());
}

TEST_CASE("another value reaches the service by a reload, and outlives its restarts",
          "[system][root][secrets]") {
    if (!test::can_run_jails())
        return;
    const Host host(test::demo_repository("2026Q3"));
    const test::TempDir files;
    base::write_file_atomically(files / "first", "first\n");
    base::write_file_atomically(files / "second", "second\n");
    base::write_file_atomically(files / "empty", "");
    host.write_config("recipes.d/vault.recipe", service);
    well(host, {"install", "redis", "-j", "vault", "--recipe", "vault", "--secret",
                "password=" + (files / "first").string()});
    const auto seen = [&] {
        return host.run({"exec", "-u", "redis", "vault", "cat", "/run/secrets/password"}).out;
    };
    REQUIRE(seen() == "first\n");

    const CommandResult changed = set(host, "vault", "password", files / "second");
    INFO(changed.out << changed.err);
    CHECK(changed.status == 0);
    CHECK(changed.out == "jail vault: secret password set\n"
                         "the service has the one before until: pkgjail reload vault\n");
    CHECK(set(host, "vault", "password", files / "second").out ==
          "jail vault: nothing to do, secret password is the same\n");
    CHECK(seen() == "first\n");
    well(host, {"reload", "vault"});
    CHECK(seen() == "second\n");

    // Whoever is root inside may do with them what he likes; it does not lead out and does not last.
    host.run({"exec", "vault", "sh", "-c", "rm -r /run/secrets; ln -s /var /run/secrets"});
    CHECK(host.run({"reload", "vault"}).status != 0);
    CHECK(host.run({"exec", "vault", "ls", "/var/password"}).status != 0);
    well(host, {"restart", "vault"});
    CHECK(seen() == "second\n");

    CHECK(set(host, "vault", "password", files / "empty").status == 64);
    CHECK(set(host, "vault", "pass/word", files / "first").status == 64);
    CHECK(host.run({"secret", "remove", "vault", "password"}).status == 6);
    CHECK(set(host, "vault", "more", files / "first").status == 0);
    well(host, {"restart", "vault"});
    CHECK(host.run({"exec", "-u", "redis", "vault", "cat", "/run/secrets/more"}).out == "first\n");
    CHECK(host.run({"secret", "remove", "vault", "more"}).status == 0);
    CHECK(host.run({"secret", "remove", "vault", "more"}).status == 5);
}

TEST_CASE("a secret that was typed in the place of its file is not repeated", "[system][root][secrets]") {
    if (!test::can_run_jails())
        return;
    const Host host(test::demo_repository("2026Q3"));
    host.write_config("recipes.d/vault.recipe", service);
    const std::string value = "typed-" + base::random_hex(8);
    const CommandResult result =
        host.run({"install", "redis", "-j", "vault", "--recipe", "vault", "--secret", "password=" + value});
    CHECK(result.status == 64);
    CHECK((result.out + result.err).find(value) == std::string::npos);
    CHECK(files_with(host.etc().parent_path(), value).empty());
}
