// serve: metrics, status and a page over HTTP, until it is told to end.
#include <fmt/core.h>

#include "pkgjail/base/host.hpp"
#include "pkgjail/cli/command.hpp"
#include "pkgjail/cli/exit_status.hpp"
#include "pkgjail/cli/http_server.hpp"
#include "pkgjail/cli/prometheus_text.hpp"
#include "pkgjail/cli/status_document.hpp"
#include "pkgjail/cli/status_page.hpp"
#include "pkgjail/cli/status_words.hpp"
#include "pkgjail/cli/usage_rates.hpp"
#include "pkgjail/jail/address.hpp"
#include "pkgjail/supervise/signals.hpp"

namespace pkgjail::cli {

using base::Error;
using base::ErrorKind;

namespace {

struct Address {
    std::string host;
    std::uint16_t port = 9750;
    bool loopback = true;
};

Address listen_option(Environment& environment) {
    const std::string text = environment.has("listen") ? environment.text("listen") : "127.0.0.1:9750";
    // Port 0 is no port to connect to, but one to listen on.
    const bool any_port = text.ends_with(":0");
    const auto endpoint = jail::parse_endpoint(any_port ? text.substr(0, text.size() - 1) + "1" : text);
    if (!endpoint)
        throw Error(ErrorKind::usage, "--listen",
                    fmt::format("found \"{}\", allowed: a numeric address and a port, such as "
                                "127.0.0.1:9750 or [::1]:9750",
                                text));
    Address address;
    address.host = endpoint->host == "localhost" ? "127.0.0.1" : endpoint->host;
    address.port = any_port ? std::uint16_t{0} : endpoint->port;
    address.loopback = address.host.starts_with("127.") || address.host == "::1";
    return address;
}

/// Notes stand in the document that they belong to.
class QuietReporter : public ops::Reporter {
  public:
    void doing(std::string_view) override {}
    void progress(std::string_view, std::uint64_t, std::uint64_t) override {}
    void warn(std::string_view text) override { warnings.emplace_back(text); }
    void message(std::string_view, std::string_view) override {}
    bool confirm(std::string_view question) override {
        throw Error(ErrorKind::usage, "serve", std::string(question));
    }
    std::vector<std::string> warnings;
};

/// The answers, each made of one look at the host that is at most a second old.
class Answers {
  public:
    explicit Answers(const ops::Context& context)
        : context_{context.config,   context.layout,  reporter_,           context.supervisor,
                   context.patience, context.dry_run, context.command_line} {}

    HttpAnswer answer(const std::string& path) {
        if (path != "/" && path != "/metrics" && path != "/api/status" && path != "/healthz")
            return {404, "text/plain; charset=utf-8", "there are /, /metrics, /api/status and /healthz\n"};
        try {
            refresh();
        } catch (const Error& error) {
            return {503, "text/plain; charset=utf-8", error_text("serve", error)};
        }
        if (path == "/healthz")
            return {200, "text/plain; charset=utf-8", "ok\n"};
        if (path == "/metrics")
            return {200, prometheus_content_type, prometheus_text(families_)};
        if (path == "/api/status")
            return {200, "application/json", status_document(now_.views, warnings_)};
        return {200, "text/html; charset=utf-8", page()};
    }

  private:
    void refresh() {
        constexpr std::chrono::seconds fresh(1);
        if (looked_ && base::steady_now() - now_.at < fresh)
            return;
        reporter_.warnings.clear();
        UsageLook look = look_at_usage(context_);
        warnings_ = reporter_.warnings;
        families_ = ops::metrics(context_, PKGJAIL_VERSION);
        before_ = std::exchange(now_, std::move(look));
        looked_ = true;
    }
    std::string page() const {
        Page page{base::host_name(), PKGJAIL_VERSION, base::wall_now(), {}, warnings_};
        for (const UsageLine& line : usage_lines(before_, now_))
            page.jails.push_back({line.view, line.rates.cpu_percent, upgradable(line.view->jail.name)});
        return status_page(page);
    }
    std::size_t upgradable(const std::string& jail) const {
        for (const ops::MetricFamily& family : families_)
            if (family.name == "pkgjail_jail_packages_upgradable")
                for (const ops::MetricSample& sample : family.samples)
                    if (sample.labels.front().second == jail)
                        return std::stoul(sample.value);
        return 0;
    }

    QuietReporter reporter_;
    ops::Context context_;
    bool looked_ = false;
    UsageLook before_;
    UsageLook now_;
    std::vector<ops::MetricFamily> families_;
    std::vector<std::string> warnings_;
};

} // namespace

int cmd_serve(Environment& environment) {
    const Address address = listen_option(environment);
    if (!address.loopback) {
        if (!environment.has("public"))
            throw Error(ErrorKind::usage, "--listen", fmt::format("{} is not the loopback's", address.host),
                        "with --public everybody who reaches it may read the state of all jails");
        environment.report().warn(
            fmt::format("whoever reaches {} reads the state of all jails, without a password", address.host));
    }
    Answers answers(environment.context());
    supervise::SignalPipe signals;
    HttpServer server(address.host, address.port, address.loopback,
                      [&](const std::string& path) { return answers.answer(path); });
    if (environment.json())
        environment.print_json({{"url", server.url()}});
    else
        print("listening on " + server.url() + "\n");
    // A child's end (of a program that was asked about the host) wakes it as well.
    server.run(signals.fd(), [&] { return signals.take() != 0; });
    return exit_done;
}

} // namespace pkgjail::cli
