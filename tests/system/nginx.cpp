#include "system/nginx.hpp"

#include <fstream>

namespace pkgjail::test::nginx {

void shorten_quiet_period(const Host& host) {
    const std::filesystem::path shipped = std::filesystem::path(PKGJAIL_SOURCE_DIR) / "recipes";
    std::ifstream file(shipped / "nginx.recipe");
    std::string text((std::istreambuf_iterator<char>(file)), {});
    const std::string section = "[health]\n";
    const std::size_t at = text.find(section);
    REQUIRE(at != std::string::npos);
    text.insert(at + section.size(), "quiet = 200ms\n");
    host.write_config("recipes.d/nginx.recipe", text);
    std::filesystem::copy(shipped / "nginx", host.etc() / "recipes.d" / "nginx",
                          std::filesystem::copy_options::recursive);
}

int install(const Host& host, const std::vector<std::string>& more) {
    const int port = free_port();
    std::vector<std::string> command = {"install", "nginx", "--set", "port=" + std::to_string(port)};
    command.insert(command.end(), more.begin(), more.end());
    well(host, command);
    return port;
}

} // namespace pkgjail::test::nginx
