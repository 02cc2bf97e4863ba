#include "pkgjail/ops/prepare.hpp"

#include <csignal>

#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fmt/core.h>

#include "pkgjail/base/file.hpp"
#include "pkgjail/base/look.hpp"
#include "pkgjail/base/printable.hpp"
#include "pkgjail/base/step.hpp"
#include "pkgjail/jail/preparation.hpp"
#include "pkgjail/jail/quantity.hpp"
#include "pkgjail/ops/service.hpp"
#include "pkgjail/store/accounts.hpp"
#include "pkgjail/supervise/service_log.hpp"

namespace pkgjail::ops {

using base::Error;
using base::ErrorKind;
using base::RootPath;
using base::Tree;

namespace {

base::HostPath file_of(const Context& context, const catalog::Jail& jail) {
    return context.layout.jail(jail.id) / "prepared";
}

/// What stands in it.
struct Note {
    bool begun = false;
    RootPath path;
    std::string handle; ///< of the jail that the command runs in
};

std::optional<Note> read_note(const Context& context, const catalog::Jail& jail) {
    const base::HostPath file = file_of(context, jail);
    const auto text = base::read_file_if_exists(file, 16u << 10);
    if (!text)
        return std::nullopt;
    Note note;
    const std::string_view line = std::string_view(*text).substr(0, text->find('\n'));
    const std::size_t space = line.find(' ');
    note.begun = line.starts_with("begun ");
    if (space == std::string_view::npos || (!note.begun && !line.starts_with("done ")))
        throw Error(
            ErrorKind::corrupt, file.string(),
            fmt::format("found \"{}\", allowed: begun PATH HANDLE, done PATH", base::printable(line)));
    std::string_view rest = line.substr(space + 1);
    if (note.begun) {
        const std::size_t last = rest.rfind(' ');
        note.handle = last == std::string_view::npos ? "" : std::string(rest.substr(last + 1));
        rest = rest.substr(0, last);
    }
    note.path = RootPath::parse(rest);
    return note;
}

void write_note(const Context& context, const catalog::Jail& jail, const std::string& line) {
    base::write_file_atomically(file_of(context, jail), line + "\n");
}

/// Where a directory of the jail lies on the host: the mount that it is in, and the path there.
struct Place {
    Tree tree;
    RootPath path;
};

Place place_of(const confine::JailSpec& spec, const RootPath& path) {
    const confine::Mount* found = nullptr;
    for (const confine::Mount& mount : spec.mounts)
        if (path.is_within(mount.target) && (found == nullptr || mount.target.is_within(found->target)))
            found = &mount;
    if (found == nullptr || found->kind != confine::Mount::Kind::bind || !found->writable)
        throw Error(ErrorKind::configuration, spec.jail,
                    fmt::format("its recipe prepares {}, where the jail keeps no data", path.str()));
    return {Tree::open(found->source), path.below(found->target)};
}

bool is_empty(const Place& place) {
    return place.tree.open_tree(place.path).list(RootPath()).empty();
}

/// Makes the directory where it is missing, and gives it to its user while it is empty. True when it is.
bool make_place(const Place& place, const RootPath& shown, const confine::Identity& identity) {
    auto entry = place.tree.stat(place.path);
    if (!entry) {
        place.tree.make_directories(place.path.parent());
        place.tree.make_directory(place.path, 0700);
        entry = place.tree.stat(place.path);
    }
    if (!entry || !entry->is_directory())
        throw Error(ErrorKind::conflict, shown.str(), "is no directory, and is to hold the service's data");
    if (!is_empty(place))
        return false;
    if (entry->status.st_uid != identity.uid && ::geteuid() == 0) {
        place.tree.set_owner(place.path, {identity.uid, identity.gid});
        place.tree.set_permissions(place.path, 0700);
    }
    return true;
}

void empty(const Place& place) {
    if (!place.tree.exists(place.path))
        return;
    const Tree tree = place.tree.open_tree(place.path);
    for (const std::string& name : tree.list(RootPath()))
        tree.remove_all(RootPath().entry(name));
}

/// One run of the command in a jail of its own that sees what the service's does.
class Run {
  public:
    Run(const Context& context, const catalog::Jail& jail, confine::JailSpec spec,
        std::chrono::milliseconds timeout)
        : spec_(std::move(spec)), run_(context.layout.run(spec_.handle)),
          driver_(confine::open_driver(context.layout.state(), context.config.runtime)),
          log_(context.layout.log(jail.name), context.config.log_max_bytes, context.config.log_files),
          timeout_(timeout) {}

    ~Run() { end(); }

    /// Empty when it went well, else how it failed.
    std::string why_failed() {
        base::Pipe output = base::make_pipe();
        base::make_directories(run_, 0700);
        confine::become_reaper();
        first_ = driver_->create(spec_, run_, {-1, output.write_end.get(), output.write_end.get()});
        driver_->start(spec_, run_);
        output.write_end.reset();
        base::step("prepare.running");
        const auto deadline = base::steady_now() + timeout_;
        std::optional<base::Exit> exit;
        while (!exit && base::steady_now() < deadline) {
            read(output.read_end, 100);
            exit = exited();
        }
        end(); // what it left behind holds the pipe, and touches the data, no longer
        while (read(output.read_end, 0)) {
        }
        lines_.finish([this](std::string_view text, bool) { keep(text); });
        std::string why = !exit ? "no end within " + jail::format_span(timeout_) : exit->describe();
        if (exit && exit->success())
            return "";
        if (!last_.empty())
            why += ": " + last_;
        return why;
    }

  private:
    /// False when there is nothing more.
    bool read(base::Fd& fd, int wait_ms) {
        if (!fd) {
            if (wait_ms > 0)
                ::usleep(10'000); // its output is closed, and it goes on
            return false;
        }
        struct pollfd waiting = {fd.get(), POLLIN, 0};
        if (::poll(&waiting, 1, wait_ms) <= 0)
            return false;
        char buffer[4096];
        const ssize_t count = ::read(fd.get(), buffer, sizeof buffer);
        if (count < 0 && errno == EINTR)
            return true;
        if (count <= 0) {
            fd.reset();
            return false;
        }
        lines_.feed({buffer, static_cast<std::size_t>(count)},
                    [this](std::string_view text, bool) { keep(text); });
        return true;
    }

    void keep(std::string_view text) {
        log_.append({base::wall_now(), "prepare/out", std::string(text)});
        if (text.find_first_not_of(" \t\r") != std::string_view::npos)
            last_ = base::printable(text.substr(0, 300));
    }

    std::optional<base::Exit> exited() {
        int status = 0;
        if (::waitpid(first_.pid, &status, WNOHANG) != first_.pid)
            return std::nullopt;
        first_.pid = 0;
        const bool signalled = WIFSIGNALED(status);
        return base::Exit{signalled, signalled ? WTERMSIG(status) : WEXITSTATUS(status)};
    }

    void end() noexcept {
        try {
            driver_->remove(spec_.handle, run_);
            if (first_.pid > 0)
                ::waitpid(first_.pid, nullptr, 0);
            first_.pid = 0;
            base::remove_directory(run_);
        } catch (const std::exception&) {
            // The run directory stays, by which the next command finds the jail and ends it.
        }
    }

    confine::JailSpec spec_;
    base::HostPath run_;
    std::unique_ptr<confine::Driver> driver_;
    supervise::ServiceLog log_;
    supervise::LineCutter lines_;
    std::chrono::milliseconds timeout_;
    base::ProcessId first_;
    std::string last_;
};

std::optional<jail::Preparation> preparation_of(const Context& context, const catalog::Jail& jail) {
    if (jail.recipe.empty())
        return std::nullopt;
    jail::RenderContext values;
    values.jail = jail.name;
    values.prefix = context.config.prefix;
    values.host = jail::host_values();
    const jail::Recipe recipe = jail::load_recipe(context.config.recipe_directories, jail.recipe);
    values.set = known_settings(recipe, jail.settings);
    return jail::render_preparation(recipe, values);
}

/// Nothing of it is left, and it is as if it had never begun.
void undo(const Context& context, const catalog::Jail& jail, const confine::JailSpec& spec,
          const Note& note) {
    if (!note.handle.empty() && is_temporary_handle(note.handle)) {
        const base::HostPath run = context.layout.run(note.handle);
        confine::open_driver(context.layout.state(), context.config.runtime)->remove(note.handle, run);
        base::remove_directory(run);
    }
    empty(place_of(spec, note.path));
    base::step("prepare.emptied");
    forget_preparation(context, jail);
}

bool is_filled(const Place& place) {
    return place.tree.exists(place.path) && !is_empty(place);
}

Error data_gone(const catalog::Jail& jail, const jail::Preparation& prepare) {
    return Error(
        ErrorKind::conflict, jail.name,
        fmt::format("{} had data and is empty now; it is not prepared a second time", prepare.path.str()),
        fmt::format("bring its data back (pkgjail snapshots {0}), or begin anew with `pkgjail "
                    "start --prepare {0}`",
                    jail.name));
}

} // namespace

void require_prepared_data(const Context& context, const catalog::Jail& jail, const confine::JailSpec& spec) {
    const std::optional<jail::Preparation> prepare = preparation_of(context, jail);
    const auto note = read_note(context, jail);
    if (prepare && note && !note->begun && note->path == prepare->path &&
        !is_filled(place_of(spec, prepare->path)))
        throw data_gone(jail, *prepare);
}

void prepare_jail(const Context& context, const catalog::Jail& jail,
                  const supervise::SupervisedService& service) {
    const std::optional<jail::Preparation> asked = preparation_of(context, jail);
    if (!asked)
        return;
    const jail::Preparation& prepare = *asked;
    auto note = read_note(context, jail);
    if (note && note->begun) {
        undo(context, jail, service.spec, *note);
        note.reset();
    }
    const Tree config = Tree::open(context.layout.jail_config(jail.id, jail.current));
    const confine::Identity identity = store::find_identity(config, prepare.user, prepare.group);
    const Place place = place_of(service.spec, prepare.path);
    const std::string done = "done " + prepare.path.str();
    const bool was_done = note && note->path == prepare.path;
    const bool is_there = is_filled(place);
    if (!is_there && was_done)
        throw data_gone(jail, prepare);
    if (!make_place(place, prepare.path, identity) || prepare.command.empty()) {
        if (!was_done && !prepare.command.empty())
            write_note(context, jail, done);
        return;
    }

    confine::JailSpec spec = service.spec;
    spec.handle = temporary_handle("prepare");
    spec.learning.reset();      // only a supervisor listens
    if (spec.private_network) { // which is the service's to have, later
        spec.private_network.reset();
        spec.network = jail::NetworkMode::none;
        spec.claims.clear();
    }
    spec.command = prepare.command;
    spec.identity = identity;
    spec.working_directory = prepare.working_directory;
    spec.environment = jail_environment(context.config.prefix, "/");
    for (const auto& [name, value] : prepare.environment)
        spec.environment[name] = value;
    context.reporter.doing(fmt::format("prepare {} of {}", prepare.path.str(), jail.name));
    const std::string begun = fmt::format("begun {} {}", prepare.path.str(), spec.handle);
    write_note(context, jail, begun);
    base::step("prepare.noted");
    std::string why;
    try {
        why = Run(context, jail, spec, prepare.timeout).why_failed();
        base::step("prepare.ran");
        if (why.empty() && is_empty(place))
            why = fmt::format("it left {} empty", prepare.path.str());
        if (why.empty())
            base::sync_file_system(place.tree.fd());
    } catch (...) {
        undo(context, jail, service.spec, {true, prepare.path, spec.handle});
        throw;
    }
    if (!why.empty()) {
        undo(context, jail, service.spec, {true, prepare.path, spec.handle});
        throw Error(
            ErrorKind::unhealthy, jail.name, "prepare of its recipe failed: " + why,
            fmt::format("pkgjail logs {} has everything it wrote; the next start tries again", jail.name));
    }
    write_note(context, jail, done);
    base::step("prepare.done");
}

void undo_dead_preparations(Session& session, const std::vector<catalog::Jail>& jails) {
    const Context& context = session.context();
    for (const catalog::Jail& seen_jail : jails) {
        try {
            const auto seen = read_note(context, seen_jail);
            if (!seen || !seen->begun)
                continue;
            const auto lock = base::Lock::try_take(context.layout.jail_lock(seen_jail.name),
                                                   base::LockMode::exclusive, "recover " + seen_jail.name);
            const auto found =
                lock ? catalog::Jails(session.catalog()).find_by_id(seen_jail.id) : std::nullopt;
            if (!found || found->name != seen_jail.name)
                continue; // gone, or under another lock: its command is at work
            const catalog::Jail& jail = *found;
            const auto note = read_note(context, jail);
            if (!note || !note->begun)
                continue;
            context.reporter.warn(
                fmt::format("jail {}: its preparation was interrupted; what it left in {} is removed",
                            jail.name, note->path.str()));
            const auto generation = catalog::Jails(session.catalog()).generation(jail.id, jail.current);
            if (!generation)
                continue; // said by whoever needs it
            undo(context, jail,
                 jail_spec(context, jail, generation->image_id, rendered_recipe(context, jail)), *note);
        } catch (const Error& error) {
            context.reporter.warn(
                fmt::format("jail {}: {}; the next command tries again", seen_jail.name, error.what()));
        }
    }
}

void forget_preparation(const Context& context, const catalog::Jail& jail) {
    const Tree files = Tree::open(context.layout.jail(jail.id));
    files.remove_file(store::name_of(file_of(context, jail)));
    base::sync_directory(context.layout.jail(jail.id));
}

namespace {

bool has_prepared_data(Session& session, const catalog::Jail& jail) {
    const Context& context = session.context();
    const auto prepare = preparation_of(context, jail);
    const auto generation = catalog::Jails(session.catalog()).generation(jail.id, jail.current);
    return prepare && generation &&
           is_filled(place_of(jail_spec(context, jail, generation->image_id, rendered_recipe(context, jail)),
                              prepare->path));
}

} // namespace

void prepare_anew(const Context& context, const std::string& name) {
    Session session(context, "start --prepare", name);
    const auto lock = session.lock_jail(name);
    const catalog::Jail jail = require_jail(session.catalog(), name);
    // Where there are data nothing begins anew: a start after these are lost is to refuse all the same.
    if (!context.dry_run && !has_prepared_data(session, jail))
        forget_preparation(context, jail);
    session.finish();
}

} // namespace pkgjail::ops
