// How operations talk to the person at the terminal: progress, warnings, questions, errors.
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "pkgjail/base/error.hpp"
#include "pkgjail/cli/terminal.hpp"
#include "pkgjail/ops/context.hpp"

namespace pkgjail::cli {

struct ReportOptions {
    bool json = false;
    bool quiet = false;
    bool verbose = false;
    bool yes = false;
    bool progress = true;
};

/// Progress goes to standard error, and only when that is a terminal. With --json nothing but the document is
/// printed; warnings stand in it.
class Report : public ops::Reporter {
  public:
    explicit Report(ReportOptions options);
    ~Report() override;

    void doing(std::string_view what) override;
    void progress(std::string_view what, std::uint64_t done, std::uint64_t total) override;
    void warn(std::string_view text) override; ///< once, however often the same is said
    void message(std::string_view pkgname, std::string_view text) override;
    bool confirm(std::string_view question) override;

    /// Takes the progress line off the screen, before anything else is printed.
    void clear();
    const std::vector<std::string>& warnings() const { return warnings_; }
    const ReportOptions& options() const { return options_; }

  private:
    void draw(const std::string& line);

    ReportOptions options_;
    Screen screen_;
    bool shown_ = false;
    std::chrono::steady_clock::time_point last_draw_{};
    std::vector<std::string> warnings_;
};

/// "pkgjail: VERB: OBJECT: CAUSE" and "hint: …", control characters escaped and the middle of overlong lines
/// left out.
std::string error_text(std::string_view verb, const base::Error& error);

} // namespace pkgjail::cli
