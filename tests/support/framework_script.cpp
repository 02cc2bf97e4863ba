#include "support/framework_script.hpp"

#include <cstdlib>
#include <stdexcept>

#include "pkgjail/base/process.hpp"
#include "support/package_writer.hpp"
#include "support/temp_dir.hpp"

namespace pkgjail::test {

std::string framework_script(const std::string& data, const std::string& templates) {
    const TempDir dir;
    write_bytes(dir / "data", data);
    base::Command command;
    command.argv = {"/bin/sh", "-c", "exec /bin/sh \"$@\" <\"$0\"", (dir / "data").string(),
                    PKGJAIL_SOURCE_DIR "/pkgsrc/demo/install-script"};
    if (!templates.empty())
        command.argv.insert(command.argv.end(), {"--templates", templates});
    command.argv.insert(command.argv.end(), {"INSTALL", "svc", "/usr/pkg"});
    const base::Output output = base::run(command, std::chrono::minutes(1));
    if (!output.exit.success())
        throw std::runtime_error("install-script: " + output.exit.describe() + ": " + output.err);
    return output.out;
}

std::string pkginstall_templates() {
    const char* directory = std::getenv("PKGJAIL_TEST_PKGINSTALL");
    return directory == nullptr ? "" : directory;
}

} // namespace pkgjail::test
