#include "pkgjail/repo/fetch_library.hpp"

#include "pkgjail/base/error.hpp"
#include "pkgjail/base/shared_library.hpp"

namespace pkgjail::repo {

namespace {

using base::Error;
using base::ErrorKind;

constexpr const char* library_name = PKGJAIL_LIBCURL; ///< the SONAME of the one that pkgjail was built with

CurlLibrary load() {
    const base::SharedLibrary library(library_name, "downloads need it");
    CurlLibrary found{};
    library.look_up("curl_global_init", found.global_init);
    library.look_up("curl_free", found.free);
    library.look_up("curl_slist_append", found.slist_append);
    library.look_up("curl_slist_free_all", found.slist_free_all);
    library.look_up("curl_easy_init", found.easy_init);
    library.look_up("curl_easy_setopt", found.easy_setopt);
    library.look_up("curl_easy_getinfo", found.easy_getinfo);
    library.look_up("curl_easy_reset", found.easy_reset);
    library.look_up("curl_easy_cleanup", found.easy_cleanup);
    library.look_up("curl_easy_strerror", found.easy_strerror);
    library.look_up("curl_multi_init", found.multi_init);
    library.look_up("curl_multi_add_handle", found.multi_add_handle);
    library.look_up("curl_multi_remove_handle", found.multi_remove_handle);
    library.look_up("curl_multi_perform", found.multi_perform);
    library.look_up("curl_multi_poll", found.multi_poll);
    library.look_up("curl_multi_info_read", found.multi_info_read);
    library.look_up("curl_multi_cleanup", found.multi_cleanup);
    library.look_up("curl_multi_strerror", found.multi_strerror);
    library.look_up("curl_url", found.url);
    library.look_up("curl_url_set", found.url_set);
    library.look_up("curl_url_get", found.url_get);
    library.look_up("curl_url_cleanup", found.url_cleanup);
    const CURLcode code = found.global_init(CURL_GLOBAL_DEFAULT);
    if (code != CURLE_OK)
        throw Error(ErrorKind::system, library_name, found.easy_strerror(code));
    return found;
}

} // namespace

const CurlLibrary& curl() {
    static const CurlLibrary library = load();
    return library;
}

} // namespace pkgjail::repo
