#include "pkgjail/confine/kmod_entry.hpp"

#include <cerrno>
#include <sstream>

namespace pkgjail::confine {

using base::Error;
using base::ErrorKind;

namespace {

/// The first program that is there and may be executed; what is wrong with the best of the others in `error`.
const std::string* find_program(const EntryPlan& plan, EntryCalls& calls, int& error) noexcept {
    error = ENOENT;
    for (const std::string& program : plan.programs) {
        const int result = calls.may_execute(program);
        if (result == 0)
            return &program;
        if (result != ENOENT && result != ENOTDIR)
            error = result; // there, but not for us: worth more than "not there"
    }
    return nullptr;
}

} // namespace

EntryOutcome prepare_entry(const EntryPlan& plan, EntryCalls& calls) noexcept {
    if (const int error = calls.new_session(); error != 0)
        return {EntryStage::session, error};
    if (const int error = calls.arrange_descriptors(plan); error != 0)
        return {EntryStage::descriptors, error};
    if (const int error = calls.open_device(); error != 0)
        return {EntryStage::device, error};
    if (const int error = calls.change_root(plan); error != 0)
        return {EntryStage::root, error};
    auto request = kmod_request<pkgjail_enter>();
    request.ref = plan.ref;
    request.keep = entry_keep;
    if (const int error = calls.enter(request); error != 0)
        return {EntryStage::enter, error};
    // From here on it is inside: whatever fails ends it as a process of the jail.
    if (const int error = calls.close_device(); error != 0)
        return {EntryStage::release, error};
    if (const int error = calls.become(plan.identity); error != 0)
        return {EntryStage::identity, error};
    if (const int error = calls.change_directory(plan.working_directory); error != 0)
        return {EntryStage::directory, error};
    int error = 0;
    if (find_program(plan, calls, error) == nullptr)
        return {EntryStage::program, error};
    return {EntryStage::ready, 0};
}

EntryOutcome finish_entry(const EntryPlan& plan, EntryCalls& calls) noexcept {
    int error = 0;
    const std::string* program = find_program(plan, calls, error);
    if (program == nullptr)
        return {EntryStage::program, error};
    return {EntryStage::exec, calls.execute(*program, plan)};
}

std::vector<std::string> program_candidates(const std::string& program, const std::string& search_path) {
    if (program.find('/') != std::string::npos)
        return {program};
    std::vector<std::string> candidates;
    std::istringstream directories(search_path);
    for (std::string directory; std::getline(directories, directory, ':');)
        if (!directory.empty() && directory.front() == '/')
            candidates.push_back(directory + "/" + program);
    return candidates;
}

Error entry_error(const EntryPlan& plan, const EntryOutcome& outcome) {
    const std::string in_jail = " in jail " + plan.jail;
    const std::string program = plan.command.empty() ? std::string() : plan.command.front();
    const bool missing = outcome.error == ENOENT || outcome.error == ENOTDIR;
    switch (outcome.stage) {
    case EntryStage::session:
        return base::system_error(outcome.error, plan.jail, "setsid");
    case EntryStage::descriptors:
        return base::system_error(outcome.error, plan.jail, "arrange descriptors");
    case EntryStage::device:
        return base::system_error(outcome.error, PKGJAIL_DEVICE, "open");
    case EntryStage::root:
        return base::system_error(outcome.error, plan.root, "chroot");
    case EntryStage::enter:
        if (outcome.error == EAGAIN)
            return Error(ErrorKind::conflict, plan.jail, "has no room for another process, or is being ended",
                         "limit processes is what it may have");
        if (outcome.error == EBUSY)
            return Error(ErrorKind::system, plan.jail,
                         "the kernel lets no process in that is traced, has threads or other descriptors");
        return base::system_error(outcome.error, plan.jail, "enter");
    case EntryStage::release:
        return base::system_error(outcome.error, PKGJAIL_DEVICE, "close");
    case EntryStage::identity:
        return base::system_error(outcome.error, plan.jail,
                                  "become user " + std::to_string(plan.identity.uid));
    case EntryStage::directory:
        if (outcome.error == ENOENT)
            return Error(ErrorKind::not_found, plan.working_directory, "no such working directory" + in_jail);
        return Error(ErrorKind::denied, plan.working_directory, "cannot be the working directory" + in_jail);
    case EntryStage::program:
    case EntryStage::exec:
        if (missing)
            return Error(ErrorKind::not_found, program,
                         outcome.stage == EntryStage::program
                             ? "no such program" + in_jail
                             : "the program or its interpreter is missing" + in_jail);
        if (outcome.stage == EntryStage::exec && outcome.error != EACCES && outcome.error != ENOEXEC)
            return base::system_error(outcome.error, program, "exec" + in_jail);
        return Error(ErrorKind::denied, program, "cannot be executed" + in_jail);
    case EntryStage::ready:
        break;
    }
    return Error(ErrorKind::system, plan.jail, "its first process ended before it was ready");
}

} // namespace pkgjail::confine
