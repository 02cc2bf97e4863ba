#include "support/loop_mount.hpp"

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include <unistd.h>

namespace pkgjail::test {

namespace {

/// What it said when it failed; nullopt when it did not.
std::optional<std::string> failure_of(const std::string& program, std::vector<std::string> arguments) {
    const auto path = base::find_program(program);
    if (!path)
        return program + " is not installed";
    base::Command command;
    command.argv = {path->string()};
    command.argv.insert(command.argv.end(), arguments.begin(), arguments.end());
    const base::Output output = base::run(command, std::chrono::seconds(60));
    if (output.exit.success())
        return std::nullopt;
    return program + ": " + output.out + output.err;
}

std::optional<LoopMount> skip(const std::string& why) {
    const char* required = std::getenv("PKGJAIL_REQUIRE_SYSTEM");
    if (required != nullptr && std::string(required) == "1")
        FAIL("may not be skipped here: " << why);
    WARN("skipped: " << why);
    return std::nullopt;
}

} // namespace

std::optional<LoopMount> LoopMount::make(const std::string& type, unsigned mebibytes,
                                         const std::string& options) {
    if (::geteuid() != 0)
        return skip("root is needed to mount");
    auto directory = std::make_unique<TempDir>();
    const std::string top = (*directory / "mounted").string();
    std::filesystem::create_directory(top);
    const std::string size = std::to_string(mebibytes) + "m";
    std::optional<std::string> failure;
    if (type == "tmpfs") {
        failure = failure_of("mount", {"-t", "tmpfs", "-o", "mode=0755,size=" + size, "none", top});
    } else {
        const std::string image = (*directory / "image").string();
        std::ofstream(image).close();
        std::filesystem::resize_file(image, std::uintmax_t{mebibytes} << 20);
        std::vector<std::string> made = {type == "ext4" ? "-F" : "-f", image};
        if (type == "ext4" && options == "prjquota")
            made.insert(made.begin(), {"-O", "quota,project"});
        failure = failure_of("mkfs." + type, made);
        if (!failure)
            failure = failure_of(
                "mount", {"-t", type, "-o", "loop" + (options.empty() ? "" : "," + options), image, top});
        if (failure && !options.empty()) {
            // What a kernel was built without is no fault of the machine's.
            WARN("skipped: this kernel does not mount " << type << " with " << options << ": " << *failure);
            return std::nullopt;
        }
    }
    if (failure)
        return skip(*failure);
    return LoopMount(std::move(directory));
}

LoopMount::~LoopMount() {
    if (!directory_)
        return;
    // A test's end must not hide its result. -d frees the loop device.
    if (failure_of("umount", {"-d", top().string()}))
        failure_of("umount", {"-l", top().string()});
}

} // namespace pkgjail::test
