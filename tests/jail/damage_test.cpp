// Damaged and random input: whatever the bytes are, a reader answers with a value or with
// Error{configuration}. The generator is fixed, so a failure is the same on every host.
#include <random>

#include "jail/show.hpp"
#include "pkgjail/jail/manifest.hpp"
#include "pkgjail/jail/quantity.hpp"
#include "support/catch.hpp"
#include "support/temp_dir.hpp"

using namespace pkgjail;
using namespace pkgjail::jail;
using test::TempDir;

namespace {

const std::string recipe =
    "[recipe]\nsummary = s # c\npackage = nginx>=1\nlimits = web\nprofile = high\nrequires = redis\n"
    "[set]\nport = 8080\n[service]\ncommand = ${prefix}/sbin/nginx -g \"daemon off;\" 'a b' \\\\\n"
    "environment = A=${port}\nstop-signal = QUIT\nstop-timeout = 10s\nrestart = always\n"
    "[network]\nmode = host\nclaim = tcp:[::1]:${port}\n[health]\nhttp = http://127.0.0.1:${port}/\n"
    "grace = 10s\n[data]\npath = /var/db/x\n[limits]\nmemory = 25%\ncpu = 200%\n"
    "[file ${prefix}/etc/x]\nsource = x.in\nmode = 0644\n";
const std::string config =
    "[pkgjail]\nstate = /var/db/pkgjail\nprefix = /usr/pkg\n[packages]\nsetid = strip\nscripts = yes\n"
    "[log]\nmax-size = 16M\n[network]\nproxy = http://127.0.0.1:3128\nparallel = 4\n";
const std::string repositories =
    "[repository main]\nurl = https://example.org/All\ntrust = pinned\npriority = 5\n"
    "[repository two]\nurl = file:///srv/All\nenabled = no\n";
const std::string limits =
    "[limits]\ncpu = 100%\nmemory = 25%\nprocesses = 64\nio-read = 10M/s\ncore = 0\nrequire = any\n";
const std::string manifest = "pkgjail manifest 1\nd 0755 0 0 0 - - /seed/config\n";

/// One kind of file: an example, and what reads it.
struct Reader {
    std::string name;
    std::string good;
    base::ErrorKind kind;
    std::function<void(const std::string&)> read;
};

std::vector<Reader> readers(const TempDir& directory) {
    using base::ErrorKind;
    test::write_text(directory / "x.in", "port ${port} $${x}\n");
    return {
        {"recipe", recipe, ErrorKind::configuration,
         [&](const std::string& text) { parse_recipe(text, "x.recipe", directory.path()); }},
        {"pkgjail.conf", config, ErrorKind::configuration,
         [&](const std::string& text) {
             test::write_text(directory / "pkgjail.conf", text);
             load_config(directory.path(), directory.path());
         }},
        {"repositories.conf", repositories, ErrorKind::configuration,
         [](const std::string& text) { parse_repositories(text, "r"); }},
        {"limits", limits, ErrorKind::configuration,
         [&](const std::string& text) {
             test::write_text(directory / "x.limits", text);
             load_limits({directory.path()}, "x", {8ull << 30, 4});
         }},
        {"manifest", manifest, ErrorKind::corrupt, [](const std::string& text) { Manifest::parse(text); }},
    };
}

/// Whether it was taken; fails for any failure but the right kind.
bool takes(const Reader& reader, const std::string& text) {
    try {
        reader.read(text);
        return true;
    } catch (const base::Error& error) {
        if (error.kind() != reader.kind || error.cause().empty() || error.object().empty())
            FAIL(reader.name << ": " << error.what() << "\nfor: " << text);
        return false;
    } catch (const std::exception& error) {
        FAIL(reader.name << ": " << error.what() << "\nfor: " << text);
        return false;
    }
}

} // namespace

TEST_CASE("the examples that are damaged below are good before", "[jail][damage]") {
    const TempDir directory;
    for (const Reader& reader : readers(directory)) {
        INFO(reader.name);
        CHECK(takes(reader, reader.good));
    }
}

TEST_CASE("a file cut off anywhere is read or refused, never more", "[jail][damage]") {
    const TempDir directory;
    for (const Reader& reader : readers(directory)) {
        unsigned refused = 0;
        for (std::size_t length = 0; length < reader.good.size(); ++length)
            refused += takes(reader, reader.good.substr(0, length)) ? 0 : 1;
        INFO(reader.name);
        CHECK(refused > 0);
    }
}

TEST_CASE("a file with any one bit flipped is read or refused, never more", "[jail][damage]") {
    const TempDir directory;
    for (const Reader& reader : readers(directory)) {
        unsigned refused = 0;
        for (std::size_t bit = 0; bit < reader.good.size() * 8; ++bit) {
            std::string text = reader.good;
            text[bit / 8] = static_cast<char>(text[bit / 8] ^ (1 << (bit % 8)));
            refused += takes(reader, text) ? 0 : 1;
        }
        INFO(reader.name);
        CHECK(refused > reader.good.size());
    }
}

TEST_CASE("lines lost, doubled and swapped are read or refused, never more", "[jail][damage]") {
    const TempDir directory;
    std::mt19937 random(2026);
    for (const Reader& reader : readers(directory)) {
        std::vector<std::string> lines;
        std::istringstream stream(reader.good);
        for (std::string line; std::getline(stream, line);)
            lines.push_back(line + "\n");
        unsigned refused = 0;
        for (unsigned round = 0; round < 300; ++round) {
            std::vector<std::string> changed = lines;
            for (unsigned change = 0; change <= random() % 3; ++change) {
                const std::size_t at = random() % changed.size();
                const std::size_t other = random() % changed.size();
                switch (random() % 3) {
                case 0:
                    changed.insert(changed.begin() + static_cast<std::ptrdiff_t>(at), changed[other]);
                    break;
                case 1:
                    std::swap(changed[at], changed[other]);
                    break;
                default:
                    changed[at].clear();
                }
            }
            std::string text;
            for (const std::string& line : changed)
                text += line;
            refused += takes(reader, text) ? 0 : 1;
        }
        INFO(reader.name);
        CHECK(refused > 0);
    }
}

TEST_CASE("random bytes and random syntax are read or refused, never more", "[jail][damage]") {
    const TempDir directory;
    std::mt19937 random(7);
    const std::string letters = "[]=# \t\n\n\"'\\${}%:/.-_abcmKMG0159\xc3\xbc";
    for (const Reader& reader : readers(directory)) {
        unsigned refused = 0;
        for (unsigned round = 0; round < 500; ++round) {
            std::string bytes(random() % 200, '\0');
            for (char& byte : bytes)
                byte = round % 2 == 0 ? static_cast<char>(random()) : letters[random() % letters.size()];
            refused += takes(reader, bytes) ? 0 : 1;
        }
        INFO(reader.name);
        CHECK(refused > 300);
    }
}

TEST_CASE("values of any bytes are read or refused, never more", "[jail][damage]") {
    std::mt19937 random(11);
    const std::string letters = "0123456789KMGT%smhdbytesnonetcpudp:[]./- ";
    const HostTerms host{8ull << 30, 4};
    unsigned refused = 0;
    for (unsigned round = 0; round < 20'000; ++round) {
        std::string text(random() % 24, '\0');
        for (char& byte : text)
            byte = round % 4 == 0 ? static_cast<char>(random()) : letters[random() % letters.size()];
        parse_size(text);
        parse_duration(text);
        parse_percent(text);
        split_command(text);
        for (const std::function<void()>& read : std::vector<std::function<void()>>{
                 [&] { parse_port_claim(text, {"x"}); },
                 [&] { parse_limit(all_limit_kinds[round % all_limit_kinds.size()], text, host, {"x"}); },
                 [&] {
                     expand("${" + text, {{"a", "b"}}, {"x"});
                 }}) {
            try {
                read();
            } catch (const base::Error& error) {
                if (error.kind() != base::ErrorKind::configuration)
                    FAIL(error.what());
                ++refused;
            }
        }
    }
    CHECK(refused > 20'000);
}
