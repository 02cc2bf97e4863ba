#include "support/pkgjail_command.hpp"

#include <cstdlib>
#include <fstream>
#include <stdexcept>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "support/json_outputs.hpp"

namespace pkgjail::test {

namespace {

base::Output curl(std::vector<std::string> arguments) {
    const auto program = base::find_program("curl");
    if (!program)
        throw std::runtime_error("curl is needed by this test");
    base::Command command;
    command.argv = {program->string(), "-s", "--noproxy", "*", "--max-time", "10"};
    command.argv.insert(command.argv.end(), arguments.begin(), arguments.end());
    return base::run(command, std::chrono::seconds(20));
}

} // namespace

Host::Host(const std::filesystem::path& repository, const std::filesystem::path& state)
    : state_(state.empty() ? directory_ / "state" : state), etc_(directory_ / "etc") {
    std::filesystem::create_directories(etc_);
    if (!repository.empty())
        write_config("repositories.conf",
                     "[repository demo]\nurl = file://" + repository.string() + "\ntrust = none\n");
}

Host::~Host() {
    if (std::filesystem::exists(state_))
        run({"destroy", "--all", "--with-data", "--yes"});
}

void Host::write_config(const std::string& name, const std::string& text) const {
    std::filesystem::create_directories((etc_ / name).parent_path());
    std::ofstream(etc_ / name) << text;
}

CommandResult Host::run(const std::vector<std::string>& arguments,
                        const std::map<std::string, std::string>& environment) const {
    base::Command command;
    command.argv = {pkgjail_program(), "--state", state_.string(), "--config", etc_.string()};
    command.argv.insert(command.argv.end(), arguments.begin(), arguments.end());
    command.environment = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C.UTF-8"};
    for (const auto& [name, value] : environment)
        command.environment.push_back(name + "=" + value);
    const base::Output output = base::run(command, std::chrono::seconds(180));
    CommandResult result;
    result.status = output.exit.signalled ? 128 + output.exit.value : output.exit.value;
    result.out = output.out;
    result.err = output.err;
    // A reader of foreign bytes can open no file for what a sanitizer finds in it.
    for (const char* found : {"Sanitizer", "runtime error: "})
        if (result.err.find(found) != std::string::npos)
            throw std::runtime_error(result.err);
    check_json_output(arguments, result.out);
    return result;
}

std::string pkgjail_program() {
    const char* directory = std::getenv("PKGJAIL_TEST_PROGRAMS");
    return std::string(directory != nullptr ? directory : PKGJAIL_BINARY_DIR "/bin") + "/pkgjail";
}

std::filesystem::path demo_repository(const std::string& edition) {
    const char* directory = std::getenv("PKGJAIL_TEST_REPOSITORY");
    const std::filesystem::path top =
        directory != nullptr ? directory : std::string(PKGJAIL_BINARY_DIR) + "/demo-repository";
    const std::filesystem::path path = top / edition / "All";
    return std::filesystem::exists(path) ? path : std::filesystem::path();
}

int http_status(const std::string& url) {
    return std::atoi(curl({"-o", "/dev/null", "-w", "%{http_code}", url}).out.c_str());
}

std::string http_body(const std::string& url) {
    const std::string body = curl({url}).out;
    if (url.ends_with("/api/status"))
        check_json_output({url, "--json"}, body);
    return body;
}

int free_port() {
    const base::Fd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    struct sockaddr_in name {};
    name.sin_family = AF_INET;
    name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof name;
    if (!fd || ::bind(fd.get(), reinterpret_cast<struct sockaddr*>(&name), size) != 0 ||
        ::getsockname(fd.get(), reinterpret_cast<struct sockaddr*>(&name), &size) != 0)
        throw std::runtime_error("no free port");
    return ntohs(name.sin_port);
}

} // namespace pkgjail::test
