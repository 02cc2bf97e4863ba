#include "jail/show.hpp"

#include "pkgjail/jail/quantity.hpp"
#include "pkgjail/jail/signal.hpp"
#include "support/catch.hpp"

namespace pkgjail::test {

std::string failure(const std::function<void()>& work, base::ErrorKind kind) {
    try {
        work();
    } catch (const base::Error& error) {
        CHECK(error.kind() == kind);
        return std::string(error.what()) + (error.hint().empty() ? "" : "\nhint: " + error.hint());
    }
    return "no error";
}

std::string show(const std::vector<jail::Section>& sections) {
    std::string text;
    for (const jail::Section& section : sections) {
        text += fmt::format("{} kind <{}> name <{}>\n", section.where.str(), section.kind, section.name);
        for (const jail::Setting& setting : section.settings)
            text += fmt::format("{} = <{}>\n", setting.where.str(), setting.value);
    }
    return text;
}

std::string show(const jail::Limits& limits) {
    std::string text;
    for (const auto& [kind, limit] : limits.wanted)
        text += fmt::format("{} {} ({})\n", jail::limit_name(kind), jail::format_limit(kind, limit.value),
                            limit.source);
    return text + (limits.require_enforced ? "require enforced\n" : "");
}

std::string show_words(const std::vector<std::string>& words) {
    std::string text;
    for (const std::string& word : words)
        text += (text.empty() ? "<" : " <") + word + ">";
    return text;
}

std::string show(const jail::RenderedRecipe& recipe) {
    using jail::format_span;
    std::string text =
        fmt::format("recipe {}: {}\npackages {}\nlimits {} profile {}\n", recipe.name, recipe.summary,
                    show_words(recipe.packages), recipe.limits, jail::profile_name(recipe.profile));
    for (const auto& [name, value] : recipe.limit_overrides)
        text += fmt::format("limit {} = {}\n", name, value);
    for (const auto& [name, value] : recipe.set)
        text += fmt::format("set {} = <{}>\n", name, value);
    for (const jail::Service& service : recipe.services) {
        text += fmt::format("service {}: {}\n", service.name, show_words(service.command));
        text += fmt::format("  as {}:{} in {}\n", service.user, service.group, service.working_directory);
        for (const auto& [name, value] : service.environment)
            text += fmt::format("  environment {} = <{}>\n", name, value);
        text += fmt::format("  stop {} {} reload {}\n", jail::signal_name(service.stop_signal),
                            format_span(service.stop_timeout), jail::signal_name(service.reload_signal));
        text += fmt::format("  restart {} backoff {} to {} budget {} in {}\n",
                            jail::restart_policy_name(service.restart.policy),
                            format_span(service.restart.backoff), format_span(service.restart.backoff_max),
                            service.restart.budget, format_span(service.restart.window));
    }
    text += fmt::format("network {}", jail::network_mode_name(recipe.network));
    for (const jail::PortClaim& claim : recipe.claims)
        text += " " + claim.str();
    for (const jail::PublishedPort& port : recipe.publish)
        text += " publish " + port.str();
    text += std::string(recipe.nat ? " nat" : "") +
            (recipe.resolv == jail::Resolv{} ? "" : " resolv " + recipe.resolv.str()) + "\n";
    if (const auto& probe = recipe.health.probe)
        text += fmt::format("health {} {}\n", jail::probe_kind_name(probe->kind),
                            probe->kind == jail::Probe::Kind::command ? show_words(probe->command)
                                                                      : probe->target);
    text += fmt::format("  grace {} interval {} timeout {} successes {} failures {} quiet {}\n",
                        format_span(recipe.health.grace), format_span(recipe.health.interval),
                        format_span(recipe.health.timeout), recipe.health.successes, recipe.health.failures,
                        format_span(recipe.health.quiet));
    for (const base::RootPath& path : recipe.data_paths)
        text += "data " + path.str() + "\n";
    if (!recipe.snapshot.before.empty())
        text += fmt::format("before a snapshot {}\nafter it {}\n  within {}{}\n",
                            show_words(recipe.snapshot.before), show_words(recipe.snapshot.after),
                            format_span(recipe.snapshot.timeout), recipe.snapshot.pause ? ", paused" : "");
    for (const std::string& jail : recipe.requires_)
        text += "requires " + jail + "\n";
    for (const jail::RenderedRecipe::File& file : recipe.files) {
        text += fmt::format("file {} {:04o} {}:{}\n", file.path.str(), file.mode, file.owner, file.group);
        std::istringstream lines(file.content);
        for (std::string line; std::getline(lines, line);)
            text += "  |" + line + "\n";
    }
    return text;
}

std::string show(const jail::RepositoryConfig& repository) {
    return fmt::format("{} {} {} priority {}{}\n", repository.name, repository.url,
                       jail::trust_name(repository.trust), repository.priority,
                       repository.enabled ? "" : " disabled");
}

std::string show(const jail::Config& config) {
    using jail::format_span;
    const std::string_view setid = config.setid == jail::SetidPolicy::strip  ? "strip"
                                   : config.setid == jail::SetidPolicy::keep ? "keep"
                                                                             : "refuse";
    std::string text = fmt::format("state {} prefix {} base {} runtime <{}>\n", config.state.string(),
                                   config.prefix, config.base, config.runtime);
    text += fmt::format("setid {} scripts {} {} script-timeout {}\n", setid, config.scripts,
                        config.run_known_scripts ? "run" : "native", format_span(config.script_timeout));
    text += fmt::format("log {} files {}\n", jail::format_size(config.log_max_bytes), config.log_files);
    text += fmt::format("generations {} for {} archives for {}\n", config.keeping.generations,
                        jail::format_span(config.keeping.generations_for),
                        jail::format_span(config.keeping.archives_for));
    text +=
        fmt::format("proxy <{}> ca-file <{}> connect {} stall {} total {} parallel {} max-index {}\n",
                    config.network.proxy, config.network.ca_file, format_span(config.network.connect_timeout),
                    format_span(config.network.stall_timeout), format_span(config.network.total_timeout),
                    config.network.parallel, jail::format_size(config.network.max_index_bytes));
    for (const jail::RepositoryConfig& repository : config.repositories)
        text += show(repository);
    return text;
}

std::string read_text(const std::filesystem::path& file) {
    std::ifstream stream(file, std::ios::binary);
    INFO(file.string());
    REQUIRE(stream);
    std::ostringstream text;
    text << stream.rdbuf();
    return text.str();
}

void write_text(const std::filesystem::path& file, const std::string& text) {
    std::filesystem::create_directories(file.parent_path());
    std::ofstream stream(file, std::ios::binary);
    stream << text;
    stream.close();
    INFO(file.string());
    REQUIRE(stream);
}

void check_golden(const std::string& name, const std::string& actual) {
    const std::filesystem::path file = std::filesystem::path(PKGJAIL_TEST_DATA) / "jail" / name;
    if (std::getenv("PKGJAIL_RENEW") != nullptr)
        write_text(file, actual);
    std::istringstream is(actual);
    std::istringstream should(read_text(file));
    std::string is_line;
    std::string should_line;
    for (unsigned number = 1;; ++number) {
        const bool is_there = static_cast<bool>(std::getline(is, is_line));
        const bool should_be_there = static_cast<bool>(std::getline(should, should_line));
        INFO("tests/data/jail/" + name + ":" + std::to_string(number));
        REQUIRE((is_there ? is_line : "end of text") == (should_be_there ? should_line : "end of text"));
        if (!is_there)
            return;
    }
}

} // namespace pkgjail::test
