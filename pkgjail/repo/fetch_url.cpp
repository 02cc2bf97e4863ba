#include "pkgjail/repo/fetch_url.hpp"

#include <memory>

#include "pkgjail/repo/fetch_library.hpp"

namespace pkgjail::repo {

namespace {

struct Cleanup {
    void operator()(CURLU* handle) const { curl().url_cleanup(handle); }
    void operator()(char* text) const { curl().free(text); }
};

std::string part(CURLU* handle, CURLUPart which, unsigned flags = 0) {
    char* text = nullptr;
    if (curl().url_get(handle, which, &text, flags) != CURLUE_OK)
        return {};
    const std::unique_ptr<char, Cleanup> owner(text);
    return text;
}

} // namespace

UrlParts split_url(const std::string& url) {
    const std::unique_ptr<CURLU, Cleanup> handle(curl().url());
    UrlParts parts;
    if (!handle ||
        curl().url_set(handle.get(), CURLUPART_URL, url.c_str(), CURLU_NON_SUPPORT_SCHEME) != CURLUE_OK) {
        parts.url = url; // libcurl will say what is wrong with it
        return parts;
    }
    parts.scheme = part(handle.get(), CURLUPART_SCHEME);
    parts.origin = parts.scheme + "://" + part(handle.get(), CURLUPART_HOST) + ":" +
                   part(handle.get(), CURLUPART_PORT, CURLU_DEFAULT_PORT);
    parts.user = part(handle.get(), CURLUPART_USER, CURLU_URLDECODE);
    parts.password = part(handle.get(), CURLUPART_PASSWORD, CURLU_URLDECODE);
    curl().url_set(handle.get(), CURLUPART_USER, nullptr, 0);
    curl().url_set(handle.get(), CURLUPART_PASSWORD, nullptr, 0);
    parts.url = part(handle.get(), CURLUPART_URL);
    return parts;
}

} // namespace pkgjail::repo
