// +BUILD_INFO: VARIABLE=value lines.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace pkgjail::format {

class BuildInfo {
  public:
    BuildInfo() = default;
    explicit BuildInfo(std::multimap<std::string, std::string> values) : values_(std::move(values)) {}
    /// Lines without "=" are Error{corrupt} with the line number; one blank after "=" is dropped; repeated
    /// keys are several values.
    static BuildInfo parse(std::string_view text);
    /// First value; nullopt when the key is missing or empty.
    std::optional<std::string> get(const std::string& key) const;
    std::vector<std::string> all(const std::string& key) const;
    const std::multimap<std::string, std::string>& values() const { return values_; }

  private:
    std::multimap<std::string, std::string> values_;
};

/// BUILD_DATE as pkgsrc writes it, "2026-10-01 12:34:56 +0000", in Unix seconds; nullopt for anything else,
/// and before 1970.
std::optional<std::int64_t> parse_build_date(std::string_view text);

/// Whether a package built for this platform runs here: OPSYS and MACHINE_ARCH must be equal. OS_VERSION is
/// advice.
struct PlatformCheck {
    std::string problem; ///< empty: fine
    std::string advice;  ///< empty: none
};
PlatformCheck check_platform(const BuildInfo& info, std::string_view opsys, std::string_view os_version,
                             std::string_view machine_arch);

} // namespace pkgjail::format
