// import while other commands are at work.
#include <chrono>
#include <fstream>
#include <future>
#include <string>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "flow/keeping.hpp"
#include "pkgjail/base/fd.hpp"
#include "support/catch.hpp"

using namespace pkgjail;
using test::CommandResult;
using test::Host;
using test::KeptJail;
using test::well;

namespace {

/// A command that waits at its steps: its log of steps is a FIFO, which it opens anew for each.
class Halting {
  public:
    Halting(const Host& host, std::vector<std::string> command) : fifo_(host.etc() / "steps") {
        REQUIRE(::mkfifo(fifo_.c_str(), 0600) == 0);
        result_ = std::async(std::launch::async, [&host, command = std::move(command), this] {
            return host.run(command, {{"PKGJAIL_STEP_LOG", fifo_.string()}});
        });
    }
    /// Lets it go until it is past this step and before the end.
    void go_to(const std::string& step) {
        std::string log;
        while (log.find(step + "\n") == std::string::npos) {
            const base::Fd reader(::open(fifo_.c_str(), O_RDONLY | O_CLOEXEC)); // waits for the next step
            REQUIRE(reader.get() >= 0);
            char bytes[256];
            for (ssize_t size; (size = ::read(reader.get(), bytes, sizeof bytes)) > 0;)
                log.append(bytes, static_cast<std::size_t>(size));
        }
    }
    CommandResult finish() {
        const base::Fd both(::open(fifo_.c_str(), O_RDWR | O_CLOEXEC)); // nobody waits any more
        REQUIRE(both.get() >= 0);
        return result_.get();
    }

  private:
    std::filesystem::path fifo_;
    std::future<CommandResult> result_;
};

} // namespace

TEST_CASE("the image that an imported jail is to have stays while it is imported", "[flow][import]") {
    if (::geteuid() != 0)
        return; // who is not root imports nothing
    const KeptJail jail;
    const Host& host = jail.host();
    const std::string archive = (host.etc() / "web.tar").string();
    well(host, {"export", "web", archive});
    Halting import(host, {"import", archive, "second", "--no-start", "--json"});
    import.go_to("import.unpacked");

    well(host, {"destroy", "web", "--with-data", "--yes"});
    const CommandResult imported = import.finish();

    INFO(imported.err);
    CHECK(imported.status == 0);
    CHECK(imported.json()["image_reused"] == true);
    well(host, {"verify", "second"});
    test::check_sound(host);
    well(host, {"destroy", "second", "--with-data", "--yes"});
    CHECK(test::names_in(host.state() / "images").empty());
}

TEST_CASE("a damaged image is not exported", "[flow][export]") {
    const KeptJail jail;
    const Host& host = jail.host();
    const auto archive = host.etc() / "web.tar";
    const auto oci = host.etc() / "web.oci";
    const auto image = std::filesystem::directory_iterator(host.state() / "images")->path();
    std::string told;
    SECTION("another byte") {
        const auto file = image / "tree/sbin/web";
        std::filesystem::permissions(file, std::filesystem::perms(0755));
        std::fstream(file, std::ios::in | std::ios::out | std::ios::binary) << 'X';
        told = "/tree/sbin/web: ";
    }
    SECTION("a file that is gone") {
        std::filesystem::remove(image / "tree/lib/libbig.so");
        told = "/tree/lib/libbig.so";
    }
    const std::string before = test::names_in(host.etc());

    for (const std::vector<std::string>& command : std::vector<std::vector<std::string>>{
             {"export", "web", archive.string()}, {"export", "--format", "oci", "web", oci.string()}}) {
        const CommandResult result = host.run(command);
        INFO(result.out << result.err);
        CHECK(result.status == 65);
        CHECK_THAT(result.err, ContainsSubstring("image " + image.filename().string().substr(0, 12) + ": "));
        CHECK_THAT(result.err, ContainsSubstring(told));
        CHECK_THAT(result.err, ContainsSubstring("hint: pkgjail verify"));
        CHECK(test::names_in(host.etc()) == before);
    }
}
