// An index lies in several files that say the same, one for each compression.
#include <filesystem>

#include "faults/world.hpp"
#include "flow/flow.hpp"
#include "pkgjail/base/digest.hpp"
#include "pkgjail/base/file.hpp"
#include "support/catch.hpp"

using namespace pkgjail;
using test::Fault;
using test::World;

TEST_CASE("a disk that fails before all files of an index are written changes none", "[faults][index]") {
    const World world;
    const std::filesystem::path directory = world.top() / "out/All";
    const std::vector<std::string> command = {"repo", "index", directory.string()};
    std::filesystem::create_directories(directory);
    test::write_package(directory / "tool-1.0.tgz", test::package("tool-1.0"));
    world.well(command);
    const auto present = [&] {
        std::string text;
        for (const char* name : {"pkg_summary.gz", "pkg_summary.zst"})
            text += base::digest_of(base::DigestAlgorithm::sha256, base::read_file(directory / name)) + "\n";
        return text;
    };
    const std::string before = present();
    test::write_package(directory / "tool-1.1.tgz", test::package("tool-1.1"));

    for (const Fault& fault :
         {Fault{"enospc", 2, true, "write /out/All/"}, Fault{"fsync", 2, false, "fsync /out/All/."},
          Fault{"kill", 2, false, "write /out/All/"}}) {
        INFO(fault.text() << " " << fault.on);
        const int status = world.run_with(fault, command).status;
        CHECK(status == (fault.kind == "kill" ? 128 + 9 : 1));
        CHECK(world.hit());
        CHECK(present() == before);
    }
    world.well(command);
    CHECK(present() != before);
}
