#include "pkgjail/ops/metrics.hpp"

#include <algorithm>
#include <map>
#include <mutex>
#include <set>

#include <fmt/core.h>

#include "pkgjail/base/error.hpp"
#include "pkgjail/base/parallel.hpp"
#include "pkgjail/catalog/packages.hpp"
#include "pkgjail/catalog/snapshots.hpp"
#include "pkgjail/confine/disk_limit.hpp"
#include "pkgjail/ops/service.hpp"
#include "pkgjail/ops/session.hpp"
#include "pkgjail/ops/start_jail.hpp"
#include "pkgjail/ops/upgradable.hpp"
#include "pkgjail/ops/vulnerable.hpp"
#include "pkgjail/supervise/state_file.hpp"

namespace pkgjail::ops {

namespace {

using Kind = MetricFamily::Kind;
using supervise::ServiceState;
using Labels = std::vector<std::pair<std::string, std::string>>;

constexpr ServiceState all_states[] = {
    ServiceState::stopped, ServiceState::starting, ServiceState::ready,  ServiceState::unhealthy,
    ServiceState::backoff, ServiceState::stopping, ServiceState::failed, ServiceState::unsupervised};

/// Families in the order in which they were first named.
class Families {
  public:
    void add(const char* name, Kind kind, const char* help, Labels labels, std::string value) {
        const auto [place, is_new] = places_.try_emplace(name, families_.size());
        if (is_new)
            families_.push_back({name, kind, help, {}});
        families_[place->second].samples.push_back({std::move(labels), std::move(value)});
    }
    std::vector<MetricFamily> take() { return std::move(families_); }

  private:
    std::map<std::string, std::size_t> places_;
    std::vector<MetricFamily> families_;
};

std::string seconds(std::uint64_t microseconds) {
    return fmt::format("{}.{:06}", microseconds / 1'000'000, microseconds % 1'000'000);
}

/// All that is told of one jail.
class JailMetrics {
  public:
    JailMetrics(Families& families, const JailView& view) : families_(families), view_(view) {}

    void add_state(const std::string& package) {
        gauge("pkgjail_jail_info", "What the jail is; always 1.", "1",
              {{"id", view_.jail.id},
               {"recipe", view_.jail.recipe},
               {"profile", view_.jail.profile},
               {"network", view_.jail.network},
               {"image", view_.generation.image_id},
               {"package", package}});
        gauge("pkgjail_jail_up", "Whether the jail's service runs.", view_.status.service ? "1" : "0");
        gauge("pkgjail_jail_healthy", "Whether the service runs and answers its probe.",
              view_.status.state == ServiceState::ready ? "1" : "0");
        gauge("pkgjail_jail_wanted", "Whether the operator wants the service to run.",
              view_.jail.wanted_running ? "1" : "0");
        gauge("pkgjail_jail_learning", "Whether the jail runs without its system-call filter, to learn.",
              view_.status.learning && is_running(view_.status) ? "1" : "0");
        for (const ServiceState state : all_states)
            gauge("pkgjail_jail_state", "1 for the state that the service is in, 0 for the others.",
                  state == view_.status.state ? "1" : "0",
                  {{"state", std::string(supervise::state_name(state))}});
        if (view_.status.service && view_.status.started_at)
            gauge("pkgjail_jail_start_time_seconds", "When the service was started, in Unix time.",
                  std::to_string(base::to_unix(*view_.status.started_at)));
    }

    void add_further() {
        for (const supervise::ServicePart& part : view_.status.further) {
            const auto labels = [&part] { return Labels{{"service", part.name}}; };
            gauge("pkgjail_service_up", "Whether a further service of the jail runs.",
                  part.process ? "1" : "0", labels());
            gauge("pkgjail_service_healthy", "Whether a further service runs and answers its probe.",
                  part.state == ServiceState::ready ? "1" : "0", labels());
            for (const ServiceState state : all_states) {
                if (state == ServiceState::unsupervised)
                    continue; // then nothing is known of them
                Labels with_state = labels();
                with_state.emplace_back("state", supervise::state_name(state));
                gauge("pkgjail_service_state",
                      "1 for the state that a further service of the jail is in, 0 for the others.",
                      state == part.state ? "1" : "0", std::move(with_state));
            }
            counter("pkgjail_service_restarts_total",
                    "Restarts of a further service since its supervisor was launched.",
                    std::to_string(part.restarts), labels());
        }
    }

    void add_usage(const supervise::Counters& counters) {
        const auto count = [&](const char* name, const char* help, const auto& value, Labels labels = {}) {
            if (value)
                counter(name, help, std::to_string(*value), std::move(labels));
        };
        if (counters.cpu_usec)
            counter("pkgjail_jail_cpu_seconds_total", "Processor time that the jail has used.",
                    seconds(*counters.cpu_usec));
        if (counters.throttled_usec)
            counter("pkgjail_jail_cpu_throttled_seconds_total",
                    "Time for which the jail was held back by its cpu limit.",
                    seconds(*counters.throttled_usec));
        count("pkgjail_jail_io_read_bytes_total", "Bytes that the jail has read from disks.",
              counters.io_read_bytes);
        count("pkgjail_jail_io_written_bytes_total", "Bytes that the jail has written to disks.",
              counters.io_write_bytes);
        count("pkgjail_jail_network_received_bytes_total",
              "Bytes that the jail has received over its private network.", counters.net_in_bytes);
        count("pkgjail_jail_network_sent_bytes_total",
              "Bytes that the jail has sent over its private network.", counters.net_out_bytes);
        constexpr const char* hits = "How often the jail has run into a limit.";
        count("pkgjail_jail_limit_hits_total", hits, counters.memory_limit_hits, {{"limit", "memory"}});
        count("pkgjail_jail_limit_hits_total", hits, counters.process_limit_hits, {{"limit", "processes"}});
        count("pkgjail_jail_memory_kills_total",
              "Processes of the jail that the kernel ended because of its memory limit.",
              counters.memory_kills);
        counter("pkgjail_jail_restarts_total", "Restarts of the service by its supervisor.",
                std::to_string(counters.restarts));
        counter("pkgjail_jail_log_records_dropped_total", "Records that the jail's log could not keep.",
                std::to_string(counters.log_records_dropped));
        counter("pkgjail_jail_syslog_records_dropped_total",
                "Records that the host's log did not take; the jail's own log has them.",
                std::to_string(counters.syslog_records_dropped));
        const auto measure = [&](const char* name, const char* help, const auto& value) {
            if (value)
                gauge(name, help, std::to_string(*value));
        };
        measure("pkgjail_jail_memory_bytes", "Memory that the jail uses.", view_.usage.memory_bytes);
        measure("pkgjail_jail_memory_peak_bytes", "The most memory that the jail has used since its start.",
                view_.usage.memory_peak_bytes);
        measure("pkgjail_jail_processes", "Processes and threads in the jail.", view_.usage.processes);
    }

    void add_limits() {
        for (const jail::LimitReading& limit : view_.status.limits) {
            gauge("pkgjail_jail_limit_enforced", "Whether the kernel enforces the limit.",
                  limit.enforcement == jail::Enforcement::enforced ? "1" : "0",
                  {{"limit", std::string(jail::limit_name(limit.kind))}});
            if (!limit.effective)
                continue;
            const std::string value = std::to_string(*limit.effective);
            switch (limit.kind) {
            case jail::LimitKind::cpu:
                gauge("pkgjail_jail_cpu_limit_ratio", "Ceiling on processor time; 1 is one processor.",
                      fmt::format("{}.{:02}", *limit.effective / 100, *limit.effective % 100));
                break;
            case jail::LimitKind::memory:
                gauge("pkgjail_jail_memory_limit_bytes", "Ceiling on memory.", value);
                break;
            case jail::LimitKind::processes:
                gauge("pkgjail_jail_processes_limit", "Ceiling on processes and threads.", value);
                break;
            case jail::LimitKind::files:
                gauge("pkgjail_jail_files_limit", "Ceiling on open files of a process.", value);
                break;
            case jail::LimitKind::disk:
                gauge("pkgjail_jail_disk_limit_bytes",
                      "Ceiling on the jail's configuration and data on disk.", value);
                break;
            case jail::LimitKind::io_read:
                gauge("pkgjail_jail_io_read_limit_bytes_per_second", "Ceiling on reading from disk.", value);
                break;
            case jail::LimitKind::net_in:
                gauge("pkgjail_jail_network_receive_limit_bytes_per_second",
                      "Ceiling on receiving over the private network.", value);
                break;
            case jail::LimitKind::net_out:
                gauge("pkgjail_jail_network_send_limit_bytes_per_second",
                      "Ceiling on sending over the private network.", value);
                break;
            case jail::LimitKind::io_write:
                gauge("pkgjail_jail_io_write_limit_bytes_per_second", "Ceiling on writing to disk.", value);
                break;
            default:
                break;
            }
        }
    }

    /// Only where the kernel counts: a walk through everything is not for each scrape.
    void add_disk(const base::HostPath& storage) {
        const bool limited =
            std::any_of(view_.status.limits.begin(), view_.status.limits.end(), [](const auto& one) {
                return one.kind == jail::LimitKind::disk && one.enforcement == jail::Enforcement::enforced;
            });
        if (const auto used = limited ? confine::counted_disk_use(storage) : std::nullopt)
            gauge("pkgjail_jail_disk_bytes", "What the jail's configuration and data take on disk.",
                  std::to_string(*used));
    }

    void add_contents(std::size_t upgradable) {
        gauge("pkgjail_jail_generation", "Number of the current generation.",
              std::to_string(view_.generation.number));
        gauge("pkgjail_jail_generation_created_timestamp_seconds",
              "When the current generation was made, in Unix time.",
              std::to_string(view_.generation.created_at));
        gauge("pkgjail_jail_config_conflicts",
              "Files of the configuration that operator and new version changed and nobody decided about.",
              std::to_string(
                  std::count_if(view_.generation.conflicts.begin(), view_.generation.conflicts.end(),
                                [](const catalog::ConfigConflict& conflict) { return conflict.is_open(); })));
        if (!view_.image)
            return;
        gauge("pkgjail_jail_packages", "Packages in the jail's image.",
              std::to_string(view_.image->packages.size()));
        gauge("pkgjail_jail_packages_upgradable",
              "Packages of which a repository offers a newer version or build.", std::to_string(upgradable));
        if (view_.vulnerable)
            gauge("pkgjail_jail_packages_vulnerable",
                  "Packages in the jail's image with known vulnerabilities that are not ignored.",
                  std::to_string(*view_.vulnerable));
        gauge("pkgjail_jail_image_bytes", "Size of the jail's image; jails on the same image share it.",
              std::to_string(view_.image->size_bytes));
    }

    void add_snapshots(const std::vector<catalog::Snapshot>& snapshots) {
        std::uint64_t bytes = 0;
        for (const catalog::Snapshot& snapshot : snapshots)
            bytes += snapshot.size_bytes;
        gauge("pkgjail_jail_snapshots", "Snapshots of the jail.", std::to_string(snapshots.size()));
        gauge("pkgjail_jail_snapshot_bytes",
              "Sum of the snapshots' sizes; what they share on disk counts in each.", std::to_string(bytes));
        if (snapshots.empty())
            return;
        // Measuring data means walking through them, which a snapshot does in any case.
        gauge("pkgjail_jail_data_bytes",
              "Size of configuration and data when they were last measured, by a snapshot.",
              std::to_string(snapshots.back().size_bytes));
        gauge("pkgjail_jail_data_measured_timestamp_seconds",
              "When configuration and data were last measured, in Unix time.",
              std::to_string(snapshots.back().created_at));
    }

  private:
    void gauge(const char* name, const char* help, std::string value, Labels labels = {}) {
        add(name, Kind::gauge, help, std::move(value), std::move(labels));
    }
    void counter(const char* name, const char* help, std::string value, Labels labels = {}) {
        add(name, Kind::counter, help, std::move(value), std::move(labels));
    }
    void add(const char* name, Kind kind, const char* help, std::string value, Labels labels) {
        labels.insert(labels.begin(), {"jail", view_.jail.name});
        families_.add(name, kind, help, std::move(labels), std::move(value));
    }

    Families& families_;
    const JailView& view_;
};

void add_repositories(Families& families, catalog::Catalog& catalog) {
    for (const catalog::RepositoryState& repository : catalog::Packages(catalog).repositories()) {
        const Labels labels = {{"repository", repository.name}};
        families.add("pkgjail_repository_packages", Kind::gauge, "Packages that the repository offers.",
                     labels, std::to_string(repository.packages));
        families.add("pkgjail_repository_checked_timestamp_seconds", Kind::gauge,
                     "When the repository was last asked, in Unix time.", labels,
                     std::to_string(repository.checked_at));
        families.add("pkgjail_repository_refreshed_timestamp_seconds", Kind::gauge,
                     "When the repository last had a new index, in Unix time.", labels,
                     std::to_string(repository.refreshed_at));
        if (repository.newest_build)
            families.add("pkgjail_repository_newest_build_timestamp_seconds", Kind::gauge,
                         "When the newest package of the repository was built, in Unix time.", labels,
                         std::to_string(*repository.newest_build));
    }
}

void add_vulnerabilities(Families& families, const Context& context, catalog::Catalog& catalog,
                         const std::vector<JailView>& views) {
    VulnerabilityCheck check(context.config.vulnerabilities, catalog);
    if (!check.list())
        return;
    families.add("pkgjail_vulnerability_list_entries", Kind::gauge,
                 "Entries of the list of known vulnerabilities.", {}, std::to_string(check.list()->entries));
    families.add("pkgjail_vulnerability_list_checked_timestamp_seconds", Kind::gauge,
                 "When the list was last asked for, in Unix time.", {},
                 std::to_string(check.list()->checked_at));
    if (check.list()->written_at)
        families.add("pkgjail_vulnerability_list_written_timestamp_seconds", Kind::gauge,
                     "When the list was written, as it says itself, in Unix time.", {},
                     std::to_string(*check.list()->written_at));
    std::set<std::string> vulnerable;
    for (const JailView& view : views)
        if (view.image && view.vulnerable.value_or(0) > 0)
            for (const catalog::ImagePackage& package : view.image->packages)
                if (check.is_vulnerable(package.pkgname))
                    vulnerable.insert(package.pkgname);
    families.add(
        "pkgjail_vulnerable_packages", Kind::gauge,
        "Different packages with known vulnerabilities in what jails run; ignored ones do not count.", {},
        std::to_string(vulnerable.size()));
}

struct MeasuredJail {
    supervise::Counters counters;
    std::string failure; ///< why the kernel did not tell
};

/// Counters, and the usage in each view. Several jails at once, as this takes longer than everything else.
std::vector<MeasuredJail> measure(const Context& context, std::vector<JailView>& views) {
    std::vector<MeasuredJail> measured(views.size());
    std::mutex opening;
    std::unique_ptr<confine::Driver> driver;
    const auto opened = [&]() -> const confine::Driver& {
        const std::lock_guard guard(opening);
        if (!driver)
            driver = confine::open_driver(context.layout.state(), context.config.runtime);
        return *driver;
    };
    base::in_parallel(views.size(), [&](std::size_t i) {
        const base::HostPath run = context.layout.run(views[i].jail.id);
        std::string& failure = measured[i].failure;
        measured[i].counters = supervise::read_counters(run, views[i].state, [&] {
            try {
                views[i].usage = opened().usage(jail_handle(views[i].jail), run);
                failure.clear();
            } catch (const base::Error& error) {
                failure = error.what();
                throw;
            }
            return views[i].usage;
        });
    });
    return measured;
}

} // namespace

std::vector<MetricFamily> metrics(const Context& context, const std::string& version) {
    Families families;
    families.add("pkgjail_build_info", Kind::gauge, "The pkgjail that tells this; always 1.",
                 {{"version", version}}, "1");
    auto catalog = open_for_reading(context);
    std::vector<JailView> views = jails(context, {}, Measured::no);
    families.add("pkgjail_jails", Kind::gauge, "Jails of this host.", {}, std::to_string(views.size()));
    if (!catalog)
        return families.take();
    add_repositories(families, *catalog);
    add_vulnerabilities(families, context, *catalog, views);

    std::set<std::string> drivers;
    for (const JailView& view : views)
        if (view.status.service && drivers.insert(view.status.driver).second)
            families.add("pkgjail_driver_info", Kind::gauge, "What confines running jails; always 1.",
                         {{"driver", view.status.driver}}, "1");

    const std::vector<MeasuredJail> measured = measure(context, views);
    std::map<std::string, std::size_t> upgradable; // by image: jails often share one
    catalog::Snapshots snapshots(*catalog);
    for (std::size_t i = 0; i < views.size(); ++i) {
        const JailView& view = views[i];
        JailMetrics jail(families, view);
        jail.add_state(service_package(view));
        jail.add_further();
        jail.add_usage(measured[i].counters);
        if (!measured[i].failure.empty() && has_process(view.status))
            context.reporter.warn(fmt::format("usage of jail {}: {}", view.jail.name, measured[i].failure));
        jail.add_limits();
        jail.add_disk(context.layout.jail(view.jail.id));
        if (view.image && !upgradable.contains(view.image->id))
            upgradable[view.image->id] = count_upgradable(*catalog, *view.image);
        jail.add_contents(view.image ? upgradable[view.image->id] : 0);
        jail.add_snapshots(snapshots.of_jail(view.jail.id));
    }
    return families.take();
}

} // namespace pkgjail::ops
