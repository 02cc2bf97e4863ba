#include "pkgjail/repo/fetch_transfer.hpp"

#include <algorithm>
#include <charconv>
#include <cstring>

#include <fmt/core.h>

#include "pkgjail/base/error.hpp"
#include "pkgjail/repo/fetch_url.hpp"
#include "pkgjail/repo/url.hpp"

namespace pkgjail::repo {

namespace {

using namespace std::chrono_literals;

constexpr std::uint64_t max_header_bytes = 256u << 10;
/// So much of an error page is read to keep the connection; for more a new connection is cheaper.
constexpr std::uint64_t max_unwanted_bytes = 64u << 10;

template <class Value>
void set(CURL* handle, CURLoption option, Value value) {
    const CURLcode code = curl().easy_setopt(handle, option, value);
    if (code != CURLE_OK)
        throw base::Error(base::ErrorKind::system, "libcurl", curl().easy_strerror(code));
}

std::string lower(std::string_view text) {
    std::string out(text);
    for (char& c : out)
        if (c >= 'A' && c <= 'Z')
            c = static_cast<char>(c - 'A' + 'a');
    return out;
}

std::string_view trim(std::string_view text) {
    while (!text.empty() && std::strchr(" \t\r\n", text.front()) != nullptr)
        text.remove_prefix(1);
    while (!text.empty() && std::strchr(" \t\r\n", text.back()) != nullptr)
        text.remove_suffix(1);
    return text;
}

std::optional<std::uint64_t> number(std::string_view text) {
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size() || text.empty())
        return std::nullopt;
    return value;
}

/// A validator as it can be kept in a line of text and sent back; anything else counts as none.
std::string validator(std::string_view text) {
    const bool fine = text.size() <= 512 && std::all_of(text.begin(), text.end(), [](char c) {
                          return static_cast<unsigned char>(c) >= 0x20 && c != 0x7f;
                      });
    return fine ? std::string(text) : std::string();
}

std::string span(std::chrono::milliseconds time) {
    return time % 1s == 0ms ? fmt::format("{} s", time / 1s) : fmt::format("{} ms", time.count());
}

} // namespace

std::string describe_status(int status, std::string_view reason) {
    struct Name {
        int status;
        const char* name;
    };
    static constexpr Name names[] = {
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {407, "Proxy Authentication Required"},
        {408, "Request Timeout"},
        {410, "Gone"},
        {416, "Range Not Satisfiable"},
        {429, "Too Many Requests"},
        {500, "Internal Server Error"},
        {502, "Bad Gateway"},
        {503, "Service Unavailable"},
        {504, "Gateway Timeout"},
    };
    for (const Name& known : names)
        if (known.status == status)
            return fmt::format("HTTP {} {}", status, known.name);
    return reason.empty() ? fmt::format("HTTP {}", status)
                          : fmt::format("HTTP {} {}", status, reason.substr(0, 64));
}

Transfer::Transfer(const Download& download, const jail::NetworkConfig& network)
    : download_(download), network_(network), handle_(curl().easy_init()) {
    if (handle_ == nullptr)
        throw base::Error(base::ErrorKind::system, "libcurl", "cannot make a handle");
}

Transfer::~Transfer() {
    curl().slist_free_all(headers_);
    curl().easy_cleanup(handle_);
}

CURL* Transfer::begin_request(base::SteadyTime now) {
    if (!part_) {
        part_.emplace(download_.part.empty() ? base::HostPath(download_.destination.string() + ".part")
                                             : download_.part,
                      download_.url);
        const UrlParts parts = split_url(download_.url);
        url_ = parts.url;
        origin_ = parts.origin;
        user_ = parts.user;
        password_ = parts.password;
    }
    if (!deadline_)
        deadline_ = now + network_.total_timeout;
    response_ = {};
    result_.http_status = 0;
    connected_ = activity_ = false;
    last_activity_ = now;
    present_ = part_->size();
    set_options();
    return handle_;
}

void Transfer::set_options() {
    curl().easy_reset(handle_);
    set(handle_, CURLOPT_PRIVATE, static_cast<void*>(this));
    set(handle_, CURLOPT_URL, url_.c_str());
#if LIBCURL_VERSION_NUM >= 0x075500
    set(handle_, CURLOPT_PROTOCOLS_STR, "http,https");
#else
    set(handle_, CURLOPT_PROTOCOLS, static_cast<long>(CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
    set(handle_, CURLOPT_FOLLOWLOCATION, 0L); // followed in follow_redirect, which knows where from
    set(handle_, CURLOPT_PROXY, network_.proxy.c_str()); // empty: none, whatever the environment says
    set(handle_, CURLOPT_NOPROXY, "");
    set(handle_, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    set(handle_, CURLOPT_NETRC, static_cast<long>(CURL_NETRC_IGNORED));
    set(handle_, CURLOPT_SSL_VERIFYPEER, 1L);
    set(handle_, CURLOPT_SSL_VERIFYHOST, 2L);
    set(handle_, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
    if (!network_.ca_file.empty())
        set(handle_, CURLOPT_CAINFO, network_.ca_file.c_str());
    set(handle_, CURLOPT_USERAGENT, "pkgjail/" PKGJAIL_VERSION);
    set(handle_, CURLOPT_NOSIGNAL, 1L);
    set(handle_, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(network_.connect_timeout.count()));
    set(handle_, CURLOPT_BUFFERSIZE, 256L << 10);
    error_text_[0] = '\0';
    set(handle_, CURLOPT_ERRORBUFFER, error_text_);
    set(handle_, CURLOPT_HEADERFUNCTION, &Transfer::on_header);
    set(handle_, CURLOPT_HEADERDATA, static_cast<void*>(this));
    set(handle_, CURLOPT_WRITEFUNCTION, &Transfer::on_body);
    set(handle_, CURLOPT_WRITEDATA, static_cast<void*>(this));
    set_credentials();

    curl().slist_free_all(headers_);
    headers_ = nullptr;
    const auto add = [this](const std::string& line) {
        curl_slist* longer = curl().slist_append(headers_, line.c_str());
        if (longer == nullptr)
            throw base::Error(base::ErrorKind::system, "libcurl", "out of memory");
        headers_ = longer;
    };
    // A part of what is asked for only under a condition would answer two questions at once; the part is
    // dropped.
    const bool conditional = !download_.etag.empty() || !download_.last_modified.empty();
    if (conditional && tries_ == 0 && !restarted_ && redirects_ == 0 && part_->size() > 0)
        part_->restart({});
    asked_range_ = part_->can_be_resumed();
    if (!asked_range_ && part_->size() > 0)
        part_->restart({});
    present_ = part_->size();
    if (asked_range_) {
        set(handle_, CURLOPT_RANGE, fmt::format("{}-", part_->size()).c_str());
        add("If-Range: " + part_->validators().for_resuming());
    } else {
        if (!download_.etag.empty())
            add("If-None-Match: " + download_.etag);
        if (!download_.last_modified.empty())
            add("If-Modified-Since: " + download_.last_modified);
    }
    set(handle_, CURLOPT_HTTPHEADER, headers_);
}

void Transfer::set_credentials() {
    // They are for the server that the operator named, not for wherever it sends us.
    if (user_.empty() || split_url(url_).origin != origin_)
        return;
    set(handle_, CURLOPT_USERNAME, user_.c_str());
    set(handle_, CURLOPT_PASSWORD, password_.c_str());
}

std::string Transfer::overdue(base::SteadyTime now) {
    if (!connected_) {
        curl_off_t time = 0;
        curl().easy_getinfo(handle_, CURLINFO_PRETRANSFER_TIME_T, &time);
        connected_ = time > 0;
        activity_ = activity_ || connected_;
    }
    if (activity_) {
        activity_ = false;
        last_activity_ = now;
    }
    if (now >= *deadline_)
        return fmt::format("not complete after {}", span(network_.total_timeout));
    // Until there is a connection, libcurl's own limit counts.
    if (connected_ && now - last_activity_ >= network_.stall_timeout)
        return fmt::format("no byte for {}", span(network_.stall_timeout));
    return {};
}

std::size_t Transfer::on_header(char* bytes, std::size_t size, std::size_t count, void* self) noexcept {
    auto& transfer = *static_cast<Transfer*>(self);
    try {
        return transfer.take_header({bytes, size * count}) ? size * count : 0;
    } catch (...) {
        transfer.failure_ = std::current_exception();
        return 0;
    }
}

std::size_t Transfer::on_body(char* bytes, std::size_t size, std::size_t count, void* self) noexcept {
    auto& transfer = *static_cast<Transfer*>(self);
    try {
        return transfer.take_body({bytes, size * count}) ? size * count : 0;
    } catch (...) {
        transfer.failure_ = std::current_exception();
        return 0;
    }
}

bool Transfer::take_header(std::string_view line) {
    activity_ = true;
    const std::uint64_t header_bytes = response_.header_bytes + line.size();
    if (header_bytes > max_header_bytes) {
        response_.refusal = fmt::format("sends more than {} bytes of headers", max_header_bytes);
        return false;
    }
    if (response_.accepted) { // a trailer
        response_.header_bytes = header_bytes;
        return true;
    }
    if (line.substr(0, 5) == "HTTP/") {
        response_ = {};
        const std::size_t space = line.find(' ');
        const std::string_view rest = space == std::string_view::npos ? "" : trim(line.substr(space));
        response_.status = static_cast<int>(number(rest.substr(0, 3)).value_or(0));
        response_.reason = rest.size() > 4 ? std::string(rest.substr(4)) : std::string();
    }
    response_.header_bytes = header_bytes;
    const std::size_t colon = line.find(':');
    if (colon != std::string_view::npos) {
        const std::string name = lower(line.substr(0, colon));
        const std::string_view value = trim(line.substr(colon + 1));
        if (name == "etag")
            response_.validators.etag = validator(value);
        else if (name == "last-modified")
            response_.validators.last_modified = validator(value);
        else if (name == "content-length")
            response_.length = number(value);
        else if (name == "content-range")
            response_.range = std::string(value);
    }
    if (!trim(line).empty() || (response_.status != 200 && response_.status != 206))
        return true;
    return accept();
}

/// The end of the headers of a response with a file in it.
bool Transfer::accept() {
    if (response_.status == 206)
        return accept_range();
    if (response_.length && !check_length(*response_.length))
        return false;
    part_->restart(response_.validators);
    present_ = 0;
    announced_ = response_.length.value_or(0);
    response_.accepted = true;
    return true;
}

/// A part of a file: only if it is the rest of ours. Content-Range is "bytes FIRST-LAST/TOTAL", TOTAL may be
/// "*".
bool Transfer::accept_range() {
    const std::string_view range = response_.range;
    const std::size_t dash = range.find('-');
    const std::size_t slash = range.find('/');
    const bool whole = asked_range_ && range.substr(0, 6) == "bytes " && dash != std::string_view::npos &&
                       slash != std::string_view::npos && dash < slash;
    const auto part_of_range = [&](std::size_t from, std::size_t to) {
        return whole ? number(trim(range.substr(from, to - from))) : std::nullopt;
    };
    const std::optional<std::uint64_t> first = part_of_range(6, dash);
    const std::optional<std::uint64_t> total = part_of_range(slash + 1, range.size());
    const Validators& ours = part_->validators();
    const Validators& theirs = response_.validators;
    const bool same = (theirs.etag.empty() || ours.etag.empty() || theirs.etag == ours.etag) &&
                      (theirs.last_modified.empty() || ours.last_modified.empty() ||
                       theirs.last_modified == ours.last_modified);
    if (!first || *first != part_->size() || !same) {
        response_.restart = true;
        return false;
    }
    if (total && !check_length(*total))
        return false;
    announced_ = total.value_or(0);
    response_.accepted = true;
    return true;
}

bool Transfer::check_length(std::uint64_t length) {
    if (download_.expected_bytes && length != *download_.expected_bytes) {
        response_.wrong_size = true;
        response_.refusal = fmt::format("size is {} instead of {}", length, *download_.expected_bytes);
    } else if (length > download_.max_bytes) {
        response_.refusal = fmt::format("is {} bytes long, more than the {} that are allowed here", length,
                                        download_.max_bytes);
    }
    return response_.refusal.empty();
}

bool Transfer::take_body(std::string_view bytes) {
    activity_ = true;
    if (!response_.accepted) {
        response_.unwanted_bytes += bytes.size();
        return response_.unwanted_bytes <= max_unwanted_bytes;
    }
    result_.bytes += bytes.size();
    const std::uint64_t size = part_->size() + bytes.size();
    if (download_.expected_bytes && size > *download_.expected_bytes) {
        response_.wrong_size = true;
        response_.refusal = fmt::format("size is more than {}", *download_.expected_bytes);
        return false;
    }
    if (size > download_.max_bytes) {
        response_.refusal =
            fmt::format("is longer than the {} bytes that are allowed here", download_.max_bytes);
        return false;
    }
    part_->append(bytes);
    present_ = size;
    return true;
}

} // namespace pkgjail::repo
