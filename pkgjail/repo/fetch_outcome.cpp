// What becomes of a download when one of its requests is over: done, failed, redirected, or tried again.

#include <cstring>

#include <fmt/core.h>

#include "pkgjail/repo/fetch_transfer.hpp"
#include "pkgjail/repo/fetch_url.hpp"
#include "pkgjail/repo/url.hpp"

namespace pkgjail::repo {

namespace {

using namespace std::chrono_literals;
using Result = Downloaded::Result;

constexpr unsigned max_redirects = 8;
constexpr unsigned max_tries = 3;

std::string decapitalized(std::string text) {
    // "Connection refused", but not "TLS …".
    if (text.size() > 1 && text[0] >= 'A' && text[0] <= 'Z' && !(text[1] >= 'A' && text[1] <= 'Z'))
        text[0] = static_cast<char>(text[0] - 'A' + 'a');
    return text;
}

/// The other side may be fine in a moment.
bool is_transient(CURLcode code) {
    switch (code) {
    case CURLE_GOT_NOTHING:
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM:
    case CURLE_PARTIAL_FILE:
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:
        return true;
    default:
        return false;
    }
}

bool is_transient_status(int status) {
    return status == 408 || status == 429 || status == 500 || status == 502 || status == 503 || status == 504;
}

} // namespace

bool Transfer::end_request(CURLcode code, const std::string& reason, base::SteadyTime now) {
    if (failure_)
        std::rethrow_exception(failure_);
    result_.http_status = response_.status;
    if (!response_.refusal.empty())
        return finish(response_.wrong_size ? Result::wrong_size : Result::failed, response_.refusal);
    if (!reason.empty())
        return now >= *deadline_ ? finish(Result::failed, reason) : try_again(now, reason);
    const bool other_status = response_.status != 0 && response_.status != 200 && response_.status != 206;
    if (response_.restart || response_.status == 416) {
        // Once: a server that cannot make up its mind must not keep us for ever.
        if (restarted_)
            return finish(Result::failed, "the server answers a request for a part with something else");
        restarted_ = true;
        part_->restart({});
        return false;
    }
    // An error page may have been cut off, by us or by the server; its status counts all the same.
    if (other_status && (code == CURLE_OK || code == CURLE_WRITE_ERROR || is_transient(code)))
        return classify_status(now);
    if (is_transient(code))
        return try_again(now, describe(code));
    if (code != CURLE_OK)
        return finish(Result::failed, describe(code));
    if (!response_.accepted)
        return finish(Result::failed, "the server's answer is no HTTP");
    if (announced_ != 0 && part_->size() < announced_)
        return try_again(now, describe(CURLE_PARTIAL_FILE));
    if (download_.expected_bytes && part_->size() != *download_.expected_bytes)
        return finish(Result::wrong_size,
                      fmt::format("size is {} instead of {}", part_->size(), *download_.expected_bytes));
    result_.etag = part_->validators().etag;
    result_.last_modified = part_->validators().last_modified;
    part_->commit(download_.destination);
    return finish(Result::complete);
}

bool Transfer::classify_status(base::SteadyTime now) {
    const int status = response_.status;
    const bool conditional = !download_.etag.empty() || !download_.last_modified.empty();
    if (status == 304 && conditional && !asked_range_) {
        result_.etag = download_.etag;
        result_.last_modified = download_.last_modified;
        return finish(Result::not_modified);
    }
    if (status == 301 || status == 302 || status == 303 || status == 307 || status == 308)
        return follow_redirect();
    const std::string cause = describe_status(status, response_.reason);
    if (status == 404 || status == 410)
        return finish(Result::missing, cause);
    return is_transient_status(status) ? try_again(now, cause) : finish(Result::failed, cause);
}

bool Transfer::follow_redirect() {
    const char* target = nullptr;
    curl().easy_getinfo(handle_, CURLINFO_REDIRECT_URL, &target);
    if (target == nullptr)
        return finish(Result::failed, "redirects to nowhere");
    if (++redirects_ > max_redirects)
        return finish(Result::failed, fmt::format("redirects more than {} times", max_redirects));
    const UrlParts from = split_url(url_);
    const UrlParts to = split_url(target);
    const bool allowed = to.scheme == "https" || (to.scheme == "http" && from.scheme == "http");
    if (!allowed)
        return finish(Result::failed, fmt::format("redirects from {} to {}, which is not followed",
                                                  from.scheme, shown_url(target)));
    url_ = to.url;
    return false;
}

bool Transfer::try_again(base::SteadyTime now, std::string cause) {
    if (++tries_ >= max_tries)
        return finish(Result::failed, std::move(cause));
    // Redirects may lead to another mirror the next time.
    url_ = split_url(download_.url).url;
    redirects_ = 0;
    not_before_ = now + (tries_ == 1 ? 300ms : 1500ms);
    return false;
}

bool Transfer::finish(Result result, std::string error) {
    result_.result = result;
    result_.error = std::move(error);
    // What is there is only worth keeping when time or connection gave out.
    if (result == Result::wrong_size || result == Result::missing || result == Result::not_modified ||
        !response_.refusal.empty())
        part_->restart({});
    present_ = part_->size();
    part_.reset();
    return true;
}

std::string Transfer::describe(CURLcode code) const {
    const std::string detail =
        error_text_[0] != '\0' ? std::string(error_text_) : std::string(curl().easy_strerror(code));
    switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST:
        return "no such host";
    case CURLE_COULDNT_RESOLVE_PROXY:
        return "no such host: the proxy's";
    case CURLE_COULDNT_CONNECT: {
        long number = 0;
        curl().easy_getinfo(handle_, CURLINFO_OS_ERRNO, &number);
        return number != 0 ? decapitalized(std::strerror(static_cast<int>(number))) : "cannot connect";
    }
    case CURLE_OPERATION_TIMEDOUT:
        return fmt::format("no connection after {} ms", network_.connect_timeout.count());
    case CURLE_GOT_NOTHING:
    case CURLE_PARTIAL_FILE:
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM:
        if (present_ == 0)
            return "connection lost before the first byte";
        return bytes_expected() != 0
                   ? fmt::format("connection lost after {} of {} bytes", present_, bytes_expected())
                   : fmt::format("connection lost after {} bytes", present_);
    case CURLE_PEER_FAILED_VERIFICATION:
        return "the server's certificate is not trusted: " + detail;
    case CURLE_SSL_CACERT_BADFILE:
        return "cannot read the certificates of the authorities: " + detail;
    default:
        return decapitalized(detail);
    }
}

} // namespace pkgjail::repo
