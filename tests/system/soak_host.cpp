#include "system/soak_host.hpp"

#include <csignal>
#include <thread>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "pkgjail/base/process.hpp"
#include "pkgjail/confine/driver.hpp"
#include "system/services.hpp"
#include "system/soak_files.hpp"
#include "system/traces.hpp"

namespace pkgjail::soak {

namespace fs = std::filesystem;
using nlohmann::json;
using test::CommandResult;

SoakHost::SoakHost(const test::LoopMount& disk)
    : top_(disk.top().string()), host_(directory_ / "All", top_ / "state") {
    confine::become_reaper();
    descriptors_ = descriptors_of("self");
    host_.write_config("recipes.d/svc.recipe",
                       "[recipe]\nsummary = a service of a test\npackage = svc\n"
                       "[service]\ncommand = ${prefix}/bin/svc\nstop-timeout = 1s\nrestart-backoff = 10ms\n"
                       "restart-budget = 1000\n[health]\nquiet = 300ms\n");
    host_.write_config("pkgjail.conf", "[generations]\nkeep = 100\n");
}

void SoakHost::offer(const Offer& offer) {
    test::PackageSpec spec;
    spec.pkgname = "svc-" + offer.version;
    spec.files = {{"bin/svc",
                   offer.good ? "#!/bin/sh\ntrap 'exit 0' TERM\nwhile :; do sleep 1000 & wait; done\n"
                              : "#!/bin/sh\nsleep 0.05\nexit 3\n",
                   0755},
                  {"share/svc/version", offer.version}};
    test::make_repository(directory_ / "All", {spec});
    if (const CommandResult updated = host_.run({"update"}); updated.status != 0)
        throw std::runtime_error("update: " + updated.err);
}

CommandResult SoakHost::run(const std::vector<std::string>& words) {
    return host_.run(with_real_names(words));
}

void SoakHost::run_and_kill(const std::vector<std::string>& words, std::chrono::milliseconds after) {
    std::vector<std::string> all = {PKGJAIL_BINARY_DIR "/bin/pkgjail", "--state", host_.state().string(),
                                    "--config", host_.etc().string()};
    for (const std::string& word : with_real_names(words))
        all.push_back(word);
    std::vector<char*> argv;
    for (std::string& word : all)
        argv.push_back(word.data());
    argv.push_back(nullptr);
    const pid_t child = ::fork();
    if (child < 0)
        throw std::runtime_error("fork");
    if (child == 0) {
        const int nothing = ::open("/dev/null", O_RDWR);
        for (const int fd : {0, 1, 2})
            ::dup2(nothing, fd);
        ::execv(argv[0], argv.data());
        ::_exit(127);
    }
    std::this_thread::sleep_for(after);
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
}

void SoakHost::kill(Deed deed, const std::string& jail) {
    std::vector<pid_t> pids;
    for (const auto& [name, seen] : seen_) {
        if (deed != Deed::kill_all && name != jail)
            continue;
        if (deed != Deed::kill_service)
            pids.push_back(seen.supervisor);
        if (deed != Deed::kill_supervisor)
            pids.push_back(seen.service);
    }
    std::erase(pids, 0);
    for (const pid_t pid : pids)
        ::kill(pid, SIGKILL);
    const bool gone = test::wait_for([&] {
        reap();
        return std::none_of(pids.begin(), pids.end(),
                            [](pid_t pid) { return base::identify_process(pid).has_value(); });
    });
    if (!gone)
        throw std::runtime_error(fmt::format("processes {} are still there", fmt::join(pids, ", ")));
    if (deed != Deed::kill_service)
        return;
    const bool again = test::wait_for([&] {
        const json status = host_.run({"status", jail, "--json"}).json()["jails"][0];
        return status["state"] == "ready" && pid_in(status, "pid") != pids.front();
    });
    if (!again)
        throw std::runtime_error("the supervisor did not start it again");
}

void SoakHost::write(Deed deed, const std::string& jail, const std::string& text) {
    const Seen& seen = seen_.at(jail);
    const fs::path directory = host_.state() / "jails" / seen.id;
    std::ofstream(deed == Deed::write_data ? directory / "data/var/soak"
                                           : directory / "config" / std::to_string(seen.current) / "etc/soak")
        << text;
}

std::vector<std::string> SoakHost::with_real_names(std::vector<std::string> words) const {
    if (words.size() < 2)
        return words;
    for (std::string& word : words) {
        const std::size_t at = word.find('@');
        const std::string jail = at == std::string::npos ? words[1] : word.substr(0, at);
        const std::string snapshot = at == std::string::npos ? word : word.substr(at + 1);
        if (const auto found = real_.find(jail + "@" + snapshot); found != real_.end())
            word = at == std::string::npos ? found->second : jail + "@" + found->second;
    }
    return words;
}

std::string SoakHost::left() {
    for (const std::string& id : names_in(host_.state() / "jails"))
        fs::remove_all(host_.state() / "jails" / id); // data that destroy kept
    std::string children;
    test::wait_for([&] { // the last supervisors are on their way out
        reap();
        children = text_of(fmt::format("/proc/self/task/{}/children", ::getpid()));
        return children.empty();
    });
    // Every process that was ever started here is a child of this one when its own parent is gone, so with
    // none there no namespace is held either, but for those that something is mounted of or this process has
    // open.
    std::string text;
    if (!children.empty())
        text += "processes " + children + "\n";
    text += test::traces(host_, ids_);
    if (const std::size_t count = descriptors_of("self"); count != descriptors_)
        text += fmt::format("{} descriptors here, and {} before\n", count, descriptors_);
    return text + left_on_disk();
}

std::string SoakHost::left_on_disk() {
    // Removed: catalog, indexes of repositories, and what there is one of for ever.
    static const std::set<std::string> expected = {"cache",
                                                   "catalog.sqlite",
                                                   "catalog.sqlite-shm",
                                                   "catalog.sqlite-wal",
                                                   "images",
                                                   "jails",
                                                   "lock",
                                                   "lock/store",
                                                   "log",
                                                   "run",
                                                   "run/directory",
                                                   "run/driver.json",
                                                   "run/driver.lock",
                                                   "run/oci",
                                                   "secrets",
                                                   "snapshots",
                                                   "volumes"};
    std::string text;
    std::set<ino_t> files{0};
    std::uint64_t blocks = 0;
    const auto add = [&](const fs::path& path) {
        struct stat status {};
        if (::lstat(path.c_str(), &status) == 0 && files.insert(status.st_ino).second)
            blocks += static_cast<std::uint64_t>(status.st_blocks);
    };
    add(top_);
    add(host_.state());
    for (const auto& entry : fs::recursive_directory_iterator(host_.state())) {
        add(entry.path());
        const std::string path = fs::relative(entry.path(), host_.state()).string();
        if (!expected.contains(path) && !path.starts_with("cache/"))
            text += "file " + path + "\n";
    }
    // A file that is removed and open somewhere, or was lost otherwise, has no name here.
    struct statvfs room {};
    ::statvfs(top_.c_str(), &room);
    const std::uint64_t used = (room.f_blocks - room.f_bfree) * room.f_frsize / 512;
    if (room.f_files - room.f_ffree + 1 != files.size() || used != blocks)
        text += fmt::format("{} files with {} blocks have names, {} with {} are there\n", files.size() - 1,
                            blocks, room.f_files - room.f_ffree, used);
    return text;
}

} // namespace pkgjail::soak
