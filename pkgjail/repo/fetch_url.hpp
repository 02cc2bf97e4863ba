// URLs taken apart by libcurl's own parser, so that what is checked is what is asked for.
#pragma once

#include <string>

namespace pkgjail::repo {

struct UrlParts {
    std::string scheme;         ///< "http"; empty: it cannot be parsed
    std::string origin;         ///< scheme, host and port
    std::string user, password; ///< decoded
    std::string url;            ///< without user and password
};
UrlParts split_url(const std::string& url);

} // namespace pkgjail::repo
