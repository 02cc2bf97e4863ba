// What a command is given and how it is found: a table of rows, each a verb with its options and the function
// that runs it.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <boost/program_options.hpp>
#include <nlohmann/json.hpp>

#include "pkgjail/cli/report.hpp"
#include "pkgjail/jail/network.hpp"
#include "pkgjail/ops/context.hpp"

namespace pkgjail::cli {

using Json = nlohmann::ordered_json;

/// Everything a command works with. The Context is made when it is first asked for, so that `--help` needs no
/// configuration.
class Environment {
  public:
    Environment(boost::program_options::variables_map values, std::string verb, std::string command_line);

    const ops::Context& context();
    Report& report() { return report_; }
    bool json() const { return report_.options().json; }
    bool quiet() const { return report_.options().quiet; }
    const std::string& verb() const { return verb_; }

    bool has(const std::string& option) const { return values_.count(option) != 0; }
    std::string text(const std::string& option) const;
    std::vector<std::string> list(const std::string& option) const;

    /// Prints the command's one JSON document: {"schema": "pkgjail.VERB/1", …, "warnings": […]}.
    void print_json(Json document);
    /// Ordinary output; not with --json, not with --quiet.
    void say(const std::string& text);

    /// Why an act of this command failed, for the audit trail: one that has just ended.
    void failed(const base::Error& error);
    /// At the command's end. An act that nobody has said anything of failed for what was said first.
    void record_failures();

  private:
    boost::program_options::variables_map values_;
    std::string verb_;
    std::string command_line_;
    Report report_;
    std::optional<ops::Context> context_;
    std::optional<base::Error> first_failure_;
};

struct Command {
    const char* name;
    const char* arguments; ///< "PKG|FILE… [-j JAIL]", for usage and help
    const char* summary;   ///< one line
    void (*options)(boost::program_options::options_description&);
    /// Names of positional arguments in order; the last one takes all that follow if it ends in "…".
    std::vector<std::string> positional;
    bool rest_verbatim; ///< after the first positional argument everything is the inner command, options too
    int (*run)(Environment&);
    /// Changes something, and may ask the catalog before it begins with that: a catalog of an older pkgjail
    /// is brought up to date first.
    bool changes = false;
};

const std::vector<Command>& commands();
const Command* find_command(const std::string& name);

/// The whole program: argv to exit status. Errors end here.
int run(int argc, char** argv);

/// What became of each of several jails: printed as it is known, the document at the end.
class JailResults {
  public:
    explicit JailResults(Environment& environment) : environment_(environment) {}
    void done(const std::string& jail, const Json& fields);
    /// An error whose object is not of the jail, and that is not about the command line, gets its name.
    /// `fields` stand beside the error in the document.
    void failed(const std::string& jail, base::Error error, const Json& fields = Json::object());
    /// All well 0, some 3, none: the first failure's. `fields` stand before the results in the document.
    int finish(const Json& fields = Json::object());

  private:
    Environment& environment_;
    Json results_ = Json::array();
    int first_failure_ = 0;
    std::size_t done_ = 0;
};

/// The same action on several jails: each is tried and told of, statuses are joined (all well 0, some 3,
/// none: the first failure's).
int for_each_jail(Environment& environment, const std::vector<std::string>& jails,
                  const std::function<Json(const std::string& jail)>& action);
/// JAIL… of the command line, or every jail with --all. Error{usage} for neither or both.
std::vector<std::string> named_jails(Environment& environment);

/// --set: "port=8081" → port, 8081.
std::map<std::string, std::string> settings(const std::vector<std::string>& texts);

/// --secret: "tls.key=FILE" → tls.key, FILE.
std::map<std::string, base::HostPath> secret_files(const std::vector<std::string>& texts);

/// "memory=256M" → memory, 256M.
std::map<std::string, std::string> limit_changes(const std::vector<std::string>& texts);

/// --network, --nat, --publish and --resolv; Error{usage}.
jail::NetworkChoice network_choice(const Environment& environment);

/// A document as it is printed. Nothing but ASCII, so that no text of a stranger can steer a terminal.
std::string json_text(const Json& document);
/// The hint for a verb that there is not.
std::string no_such_command_hint(const std::string& name);
/// An Error as it stands in JSON.
Json error_json(const std::string& verb, const base::Error& error);

// One function for each command; the files cmd_*.cpp.
int cmd_update(Environment&);
int cmd_search(Environment&);
int cmd_avail(Environment&);
int cmd_info(Environment&);
int cmd_repo(Environment&);
int cmd_install(Environment&);
int cmd_remove(Environment&);
int cmd_autoremove(Environment&);
int cmd_hold(Environment&);
int cmd_unhold(Environment&);
int cmd_lock(Environment&);
int cmd_files(Environment&);
int cmd_which(Environment&);
int cmd_why(Environment&);
int cmd_verify(Environment&);
int cmd_upgrade(Environment&);
int cmd_config(Environment&);
int cmd_diff(Environment&);
int cmd_rollback(Environment&);
int cmd_history(Environment&);
int cmd_list(Environment&);
int cmd_status(Environment&);
int cmd_start(Environment&);
int cmd_stop(Environment&);
int cmd_restart(Environment&);
int cmd_reload(Environment&);
int cmd_reset_failed(Environment&);
int cmd_learned(Environment&);
int cmd_limits(Environment&);
int cmd_exec(Environment&);
int cmd_shell(Environment&);
int cmd_logs(Environment&);
int cmd_snapshot(Environment&);
int cmd_snapshots(Environment&);
int cmd_drop(Environment&);
int cmd_restore(Environment&);
int cmd_clone(Environment&);
int cmd_export(Environment&);
int cmd_import(Environment&);
int import_from(Environment&); ///< the same with --from
int cmd_rename(Environment&);
int cmd_destroy(Environment&);
int cmd_ps(Environment&);
int cmd_top(Environment&);
int cmd_metrics(Environment&);
int cmd_serve(Environment&);
int cmd_volume(Environment&);
int cmd_secret(Environment&);
int cmd_gc(Environment&);
int cmd_du(Environment&);
int cmd_catalog(Environment&);
int cmd_apply(Environment&);
int cmd_generate(Environment&);
int cmd_audit(Environment&);
int cmd_sbom(Environment&);
int cmd_doctor(Environment&);
int cmd_complete(Environment&);
int cmd_help(Environment&);
int cmd_version(Environment&);

} // namespace pkgjail::cli
