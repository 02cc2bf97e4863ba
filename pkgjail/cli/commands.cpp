// The table of commands. A new verb is a row here, a file cmd_VERB.cpp and a manual page.
#include "pkgjail/cli/cmd_recipe.hpp"
#include "pkgjail/cli/command.hpp"

namespace pkgjail::cli {

namespace po = boost::program_options;

namespace {

void no_options(po::options_description&) {}

void jail_option(po::options_description& options) {
    options.add_options()("jail,j", po::value<std::string>()->value_name("JAIL"), "the jail");
}
void network_options(po::options_description& options) {
    options.add_options()("network", po::value<std::string>()->value_name("MODE"),
                          "host, none or private; default: the recipe's")(
        "publish", po::value<std::vector<std::string>>()->value_name("PORT"),
        "port of the host that leads into a private network, for example tcp:8080:80; may be repeated; none: "
        "not even the recipe's")("nat", po::value<std::string>()->value_name("YES|NO"),
                                 "whether a private network reaches what the host reaches")(
        "resolv", po::value<std::string>()->value_name("WHICH"),
        "name servers: host, none, or servers=ADDRESS,…");
}
void install_options(po::options_description& options) {
    jail_option(options);
    network_options(options);
    options.add_options()("recipe", po::value<std::string>()->value_name("RECIPE"),
                          "how to run it; default: the recipe named like the package")(
        "limits", po::value<std::string>()->value_name("TEMPLATE"), "limit template; default: the recipe's")(
        "limit", po::value<std::vector<std::string>>()->value_name("LIMIT=VALUE"),
        "one limit of its own, for example memory=256M; may be repeated")(
        "set", po::value<std::vector<std::string>>()->value_name("KEY=VALUE"),
        "value of the recipe, for example port=8081; may be repeated")(
        "volume", po::value<std::vector<std::string>>()->value_name("VOLUME:PATH[:ro]"),
        "a volume and where the jail has it; made where there is none; may be repeated")(
        "mount", po::value<std::vector<std::string>>()->value_name("HOSTPATH:PATH[:rw]"),
        "a directory of the host, if pkgjail.conf allows it; may be repeated")(
        "secret", po::value<std::vector<std::string>>()->value_name("NAME=FILE"),
        "a secret of the service, read from FILE; may be repeated")("no-start", "install only")(
        "locked", po::value<std::string>()->value_name("FILE"),
        "exactly the packages that pkgjail lock wrote down");
}
void hold_options(po::options_description& options) {
    jail_option(options);
    options.add_options()("reason", po::value<std::string>()->value_name("TEXT"),
                          "why, for people")("until", po::value<std::string>()->value_name("DATE"),
                                             "when it ends: 2027-01-15, or 2027-01-15T06:00:00Z");
}
void clone_options(po::options_description& options) {
    options.add_options()("set", po::value<std::vector<std::string>>()->value_name("KEY=VALUE"),
                          "another value of the recipe, for example port=8081; may be repeated")(
        "no-start", "make it only");
    network_options(options);
}
void import_options(po::options_description& options) {
    options.add_options()("from", po::value<std::string>()->value_name("KIND"),
                          "what FILE is: dir, a directory with installed packages, or sailor, a ship's "
                          "configuration; default: what export made")(
        "recipe", po::value<std::string>()->value_name("RECIPE"),
        "with --from: how to run it; default: the recipe that fits the packages")(
        "replace", po::value<std::vector<std::string>>()->value_name("NAME=PATTERN"),
        "with --from: another package for one of there, or none; may be repeated")(
        "data", po::value<std::vector<std::string>>()->value_name("THERE[=HERE]"),
        "with --from dir: data besides the recipe's paths; may be repeated");
    clone_options(options);
}
void copy_options(po::options_description& options) {
    clone_options(options);
    options.add_options()("with-secrets", "with the secrets of SRC");
}
void export_options(po::options_description& options) {
    options.add_options()("format", po::value<std::string>()->value_name("FORMAT"),
                          "tar: for import; oci: an OCI image layout; default: tar")(
        "with-base", "with the base's own directories, for an image that runs anywhere")(
        "force", "replace FILE when it exists");
}
void all_option(po::options_description& options) {
    options.add_options()("all", "every jail");
}
void learn_option(po::options_description& options) {
    options.add_options()("learn", "deny no system call, and write down what a profile would deny")(
        "profile", po::value<std::string>()->value_name("PROFILE"),
        "with --learn: which; default: the one stricter than the jail's own");
}
void restart_options(po::options_description& options) {
    all_option(options);
    learn_option(options);
}
void start_options(po::options_description& options) {
    all_option(options);
    learn_option(options);
    options.add_options()("wanted", "every jail that is meant to run, as when the host is started")(
        "prepare", "begin anew where the directory of its data is empty, although it had data");
}
void stop_options(po::options_description& options) {
    all_option(options);
    options.add_options()("dependents", "also the jails that require them")(
        "keep-wanted", "they are meant to run all the same, as when the host is shut down");
}
void apply_options(po::options_description& options) {
    options.add_options()("orphans", "also tell of jails that no file declares")(
        "remove-orphans",
        "destroy those; asks first, their data stays")("export", "print a jail as it is as a declaration");
}
void generate_options(po::options_description& options) {
    options.add_options()("output", po::value<std::string>()->value_name("DIR"),
                          "where they go; default: where the service manager looks")("force",
                                                                                     "edited files too");
}
void upgrade_options(po::options_description& options) {
    all_option(options);
    options.add_options()("package", po::value<std::vector<std::string>>()->value_name("PKG"),
                          "only this package and what it needs; may be repeated")(
        "check", "only say what there is to do; exit status 2 when there is something");
}
void recipe_options(po::options_description& options) {
    options.add_options()("set", po::value<std::vector<std::string>>()->value_name("KEY=VALUE"),
                          "show: with another value; may be repeated")(
        "from-package", po::value<std::string>()->value_name("PKG"),
        "show: the beginning of a recipe, from the rc.d script of an installed package");
}
void history_options(po::options_description& options) {
    options.add_options()("acts", "who did what to the jail, instead of its generations")(
        "lines", po::value<std::string>()->value_name("N"), "the last N acts; default 50, 0 for all");
}
void config_options(po::options_description& options) {
    using Paths = std::vector<std::string>;
    options.add_options()("diff", "the differences line by line")(
        "take", po::value<Paths>()->value_name("PATH"),
        "put what image and recipe have in its place; may be repeated")(
        "keep", po::value<Paths>()->value_name("PATH"), "the conflict is settled as it is; may be repeated");
}
void diff_options(po::options_description& options) {
    options.add_options()("check", "exit status 2 when something differs");
}
void destroy_options(po::options_description& options) {
    all_option(options);
    options.add_options()("with-data", "its data as well; asks first");
}
void verify_options(po::options_description& options) {
    options.add_options()("veriexec", "print fingerprints for NetBSD's veriexecctl instead");
}
void audit_options(po::options_description& options) {
    all_option(options);
    options.add_options()("fetch", "ask for a fresh list first")(
        "current", "what jails run, without older generations and snapshots")(
        "ignored", "also show what the configuration says to ignore");
}
void sbom_options(po::options_description& options) {
    options.add_options()("format", po::value<std::string>()->value_name("FORMAT"),
                          "cyclonedx or spdx; default: cyclonedx");
}
void catalog_options(po::options_description& options) {
    options.add_options()("force", "replace a file that is there");
}
void update_options(po::options_description& options) {
    options.add_options()("allow-older", po::value<std::vector<std::string>>()->value_name("REPOSITORY"),
                          "take an index of this repository that is older than one that was seen; may be "
                          "repeated");
}
void repo_options(po::options_description& options) {
    options.add_options()("sign", "sign the index")(
        "key", po::value<std::vector<std::string>>()->value_name("FILE"),
        "a key to sign with; may be repeated; default: your own ones in ETC/keys")(
        "expires", po::value<std::string>()->value_name("TIME"),
        "how long the signed index may be used; default 30d")(
        "id", po::value<std::string>()->value_name("NAME"),
        "what the repository calls itself; default: as before")(
        "reason", po::value<std::string>()->value_name("TEXT"), "why a key is revoked, for people");
}
void search_options(po::options_description& options) {
    options.add_options()("limit", po::value<std::string>()->value_name("N"),
                          "at most so many packages; default 100");
}
void exec_options(po::options_description& options) {
    options.add_options()("user,u", po::value<std::string>()->value_name("USER"),
                          "a user of the jail; default root");
}
void limits_options(po::options_description& options) {
    options.add_options()("limits", po::value<std::string>()->value_name("TEMPLATE"), "another template");
}
void logs_options(po::options_description& options) {
    options.add_options()("follow,f", "go on as it grows")("lines", po::value<std::string>()->value_name("N"),
                                                           "the last N records; default 100, 0 for all")(
        "since", po::value<std::string>()->value_name("TIME"),
        "records after a time (2026-11-21T23:40:00Z) or of the last 10m, 2h, 1d")(
        "until", po::value<std::string>()->value_name("TIME"),
        "records up to such a time")("grep", po::value<std::string>()->value_name("RE"),
                                     "records whose text matches an extended regular expression")(
        "raw", "text as the service wrote it, without time and stream");
}

void top_options(po::options_description& options) {
    options.add_options()("once", "print one table and end")(
        "interval", po::value<std::string>()->value_name("TIME"), "time between two looks; default 2s");
}
void serve_options(po::options_description& options) {
    options.add_options()("listen", po::value<std::string>()->value_name("ADDRESS:PORT"),
                          "where to listen; default 127.0.0.1:9750")(
        "public", "allow an address that is not the loopback's");
}
void doctor_options(po::options_description& options) {
    options.add_options()("escape", "try to get out of throw-away jails, without harm")(
        "profile", po::value<std::string>()->value_name("PROFILE"),
        "with --escape: only low, medium or high; default: each");
}
void metrics_options(po::options_description& options) {
    options.add_options()("textfile", po::value<std::string>()->value_name("FILE"),
                          "write them into a file, in one step");
}

} // namespace

const std::vector<Command>& commands() {
    static const std::vector<Command> table = {
        {"update",
         "[--allow-older REPOSITORY]",
         "refresh the index of every repository",
         update_options,
         {},
         false,
         cmd_update},
        {"repo",
         "list | index DIR [--sign] | key new|list|revoke [NAME]",
         "repositories; index and sign one of your own",
         repo_options,
         {"action…"},
         false,
         cmd_repo},
        {"search",
         "WORD…",
         "packages whose name or comment holds every word",
         search_options,
         {"word…"},
         false,
         cmd_search},
        {"avail", "[PATTERN]", "what the repositories offer", no_options, {"pattern"}, false, cmd_avail},
        {"info", "PKG", "everything about one package on offer", no_options, {"package"}, false, cmd_info},
        {"files",
         "PKG|JAIL [-j JAIL]",
         "the files of a package, or of a jail's image",
         jail_option,
         {"package"},
         false,
         cmd_files},
        {"which", "PATH", "whose file it is, in each jail", no_options, {"path"}, false, cmd_which},
        {"why", "JAIL PKG", "why a package is there", no_options, {"jail", "package"}, false, cmd_why},
        {"install",
         "PKG|FILE…|--locked FILE [-j JAIL] [--recipe R] [--limits TEMPLATE] [--limit L=V]… [--set K=V]… "
         "[--network MODE] [--publish PORT]… [--nat YES|NO] [--resolv WHICH] "
         "[--volume V:PATH]… [--mount HOSTPATH:PATH]… [--secret NAME=FILE]… [--no-start]",
         "packages into a jail, and its service running",
         install_options,
         {"package…"},
         false,
         cmd_install,
         true},
        {"remove",
         "PKG… -j JAIL",
         "packages out of a jail",
         jail_option,
         {"package…"},
         false,
         cmd_remove,
         true},
        {"autoremove",
         "-j JAIL",
         "what nothing needs any more out of a jail",
         jail_option,
         {},
         false,
         cmd_autoremove,
         true},
        {"hold",
         "PKG… -j JAIL [--reason TEXT] [--until DATE]",
         "keep packages of a jail as they are",
         hold_options,
         {"package…"},
         false,
         cmd_hold,
         true},
        {"unhold",
         "PKG… -j JAIL",
         "let held packages be changed again",
         jail_option,
         {"package…"},
         false,
         cmd_unhold,
         true},
        {"lock",
         "JAIL [FILE]",
         "write down a jail's exact packages",
         no_options,
         {"jail", "file"},
         false,
         cmd_lock},
        {"upgrade",
         "JAIL…|--all [--package PKG]… [--check]",
         "newer packages, one restart, and back if it fails",
         upgrade_options,
         {"jail…"},
         false,
         cmd_upgrade,
         true},
        {"rollback",
         "JAIL [GENERATION]",
         "an older generation's packages and configuration",
         no_options,
         {"jail", "generation"},
         false,
         cmd_rollback,
         true},
        {"history",
         "[JAIL]",
         "a jail's generations; without JAIL, who did what on this host",
         history_options,
         {"jail"},
         false,
         cmd_history},
        {"config",
         "JAIL [--diff] [--take PATH]… [--keep PATH]…",
         "changed configuration, and conflicts with a new version",
         config_options,
         {"jail"},
         false,
         cmd_config},
        {"diff",
         "JAIL [A [B]] [--check]",
         "generations, snapshots and the jail as it is, compared",
         diff_options,
         {"jail", "a", "b"},
         false,
         cmd_diff},
        {"list", "", "jails, a line each", no_options, {}, false, cmd_list},
        {"status",
         "[JAIL…]",
         "everything about jails: state, image, limits, ports",
         no_options,
         {"jail…"},
         false,
         cmd_status},
        {"start",
         "JAIL[/SERVICE]…|--all|--wanted [--learn]",
         "start and wait until ready",
         start_options,
         {"jail…"},
         false,
         cmd_start,
         true},
        {"stop",
         "JAIL[/SERVICE]…|--all [--dependents] [--keep-wanted]",
         "stop",
         stop_options,
         {"jail…"},
         false,
         cmd_stop,
         true},
        {"restart",
         "JAIL[/SERVICE]…|--all [--learn]",
         "stop and start",
         restart_options,
         {"jail…"},
         false,
         cmd_restart,
         true},
        {"reload",
         "JAIL[/SERVICE]…|--all",
         "have the service read its configuration again",
         all_option,
         {"jail…"},
         false,
         cmd_reload,
         true},
        {"reset-failed",
         "JAIL…|--all",
         "take notice of services that have failed",
         all_option,
         {"jail…"},
         false,
         cmd_reset_failed,
         true},
        {"limits",
         "JAIL [LIMIT=VALUE…] [--limits TEMPLATE]",
         "a jail's limits, what is used of them, and other ones at once",
         limits_options,
         {"jail", "limit=value…"},
         false,
         cmd_limits},
        {"learned",
         "JAIL",
         "what a jail did that a profile would have denied",
         no_options,
         {"jail"},
         false,
         cmd_learned},
        {"exec",
         "[-u USER] JAIL COMMAND…",
         "run a command in a jail",
         exec_options,
         {"jail", "command…"},
         true,
         cmd_exec},
        {"shell", "[-u USER] JAIL", "a shell in a jail", exec_options, {"jail"}, false, cmd_shell},
        {"logs",
         "[JAIL…] [-f] [--lines N] [--since TIME] [--until TIME] [--grep RE]",
         "what services wrote",
         logs_options,
         {"jail…"},
         false,
         cmd_logs},
        {"snapshot",
         "JAIL [NAME]",
         "freeze a jail's configuration and data under a name",
         no_options,
         {"jail", "name"},
         false,
         cmd_snapshot,
         true},
        {"snapshots", "[JAIL]", "snapshots, a line each", no_options, {"jail"}, false, cmd_snapshots},
        {"restore",
         "JAIL NAME",
         "a jail as a snapshot has it, data too; asks first",
         no_options,
         {"jail", "name"},
         false,
         cmd_restore,
         true},
        {"drop",
         "JAIL NAME",
         "remove a snapshot; asks first",
         no_options,
         {"jail", "name"},
         false,
         cmd_drop,
         true},
        {"clone",
         "SRC[@SNAPSHOT] DST [--set K=V]… [--with-secrets] [--no-start]",
         "a new jail with a copy of another one's data",
         copy_options,
         {"source", "jail"},
         false,
         cmd_clone,
         true},
        {"export",
         "JAIL[@SNAPSHOT] FILE [--format tar|oci] [--force]",
         "a jail as one file, or its image for other programs",
         export_options,
         {"jail", "file"},
         false,
         cmd_export},
        {"import",
         "[--from dir|sailor] FILE JAIL [--set K=V]… [--no-start]",
         "a jail from what export made, or from a root or a ship",
         import_options,
         {"file", "jail"},
         false,
         cmd_import,
         true},
        {"rename",
         "JAIL NAME",
         "another name for a jail",
         no_options,
         {"jail", "name"},
         false,
         cmd_rename,
         true},
        {"destroy",
         "JAIL…|--all [--with-data]",
         "remove jails; their data stays unless told",
         destroy_options,
         {"jail…"},
         false,
         cmd_destroy,
         true},
        {"apply",
         "[JAIL…] [--orphans [--remove-orphans]] | --export JAIL",
         "make jails as they are declared in jails.d",
         apply_options,
         {"jail…"},
         false,
         cmd_apply,
         true},
        {"generate",
         "rc.d|systemd [--output DIR] [--force]",
         "scripts or units for the host's service manager",
         generate_options,
         {"manager"},
         false,
         cmd_generate},
        {"verify",
         "[JAIL…] [--veriexec]",
         "files against what is recorded of them",
         verify_options,
         {"jail…"},
         false,
         cmd_verify},
        {"audit",
         "[JAIL…|--all] [--fetch] [--current] [--ignored]",
         "packages of jails with known vulnerabilities",
         audit_options,
         {"jail…"},
         false,
         cmd_audit},
        {"sbom",
         "JAIL [--format cyclonedx|spdx]",
         "what a jail is made of, for other programs",
         sbom_options,
         {"jail"},
         false,
         cmd_sbom},
        {"ps", "JAIL", "the processes of a jail", no_options, {"jail"}, false, cmd_ps},
        {"top", "[--once]", "what jails use, again and again", top_options, {}, false, cmd_top},
        {"metrics", "[--textfile FILE]", "figures for Prometheus", metrics_options, {}, false, cmd_metrics},
        {"serve",
         "[--listen ADDRESS:PORT] [--public]",
         "a status page and metrics over HTTP",
         serve_options,
         {},
         false,
         cmd_serve},
        {"volume",
         "list [VOLUME…] | create VOLUME | destroy VOLUME | attach JAIL VOLUME:PATH[:ro] | detach JAIL PATH",
         "directories that outlive jails, and who has them",
         no_options,
         {"action", "argument…"},
         false,
         cmd_volume},
        {"secret",
         "list JAIL | set JAIL NAME < FILE | remove JAIL NAME",
         "files for the eyes of one jail's service",
         no_options,
         {"action", "jail", "name"},
         false,
         cmd_secret},
        {"gc", "[-n]", "remove what nothing needs any more", no_options, {}, false, cmd_gc, true},
        {"du",
         "[JAIL…]",
         "how much disk jails take, and what they share",
         no_options,
         {"jail…"},
         false,
         cmd_du},
        {"catalog",
         "check | backup FILE [--force] | rebuild",
         "prove, copy or make again what pkgjail knows",
         catalog_options,
         {"action", "file"},
         false,
         cmd_catalog},
        {"recipe",
         "list | show NAME [--set KEY=VALUE]… | check [NAME|FILE…]",
         "recipes: which there are, what they come to, if they are good",
         recipe_options,
         {"action", "recipe…"},
         false,
         cmd_recipe},
        {"doctor",
         "[--escape [--profile P]]",
         "check this host and the state",
         doctor_options,
         {},
         false,
         cmd_doctor},
        {"complete",
         "-- [WORD…]",
         "what may stand next on a command line, for shells",
         no_options,
         {"word…"},
         false,
         cmd_complete},
        {"help", "[COMMAND]", "this overview, or one command", no_options, {"command"}, false, cmd_help},
        {"version", "", "version of pkgjail", no_options, {}, false, cmd_version},
    };
    return table;
}

const Command* find_command(const std::string& name) {
    for (const Command& command : commands())
        if (name == command.name)
            return &command;
    return nullptr;
}

} // namespace pkgjail::cli
