#include "pkgjail/repo/fetch_library.hpp"

#include <dlfcn.h>

#include "pkgjail/base/error.hpp"

namespace pkgjail::repo {

namespace {

using base::Error;
using base::ErrorKind;

constexpr const char* library_name = PKGJAIL_LIBCURL; ///< the SONAME of the one that pkgjail was built with

template <class Function>
void look_up(void* library, const char* name, Function& function) {
    void* const address = ::dlsym(library, name);
    if (address == nullptr)
        throw Error(ErrorKind::system, library_name, std::string("has no function ") + name,
                    "install the libcurl that pkgjail was built with, or build pkgjail again");
    // As POSIX has it for dlsym: a pointer to an object that is one to a function.
    function = reinterpret_cast<Function>(address);
}

CurlLibrary load() {
    void* const library = ::dlopen(library_name, RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr)
        throw Error(ErrorKind::system, library_name,
                    std::string("cannot be loaded, and downloads need it: ") + ::dlerror(),
                    "install libcurl");
    CurlLibrary found{};
    look_up(library, "curl_global_init", found.global_init);
    look_up(library, "curl_free", found.free);
    look_up(library, "curl_slist_append", found.slist_append);
    look_up(library, "curl_slist_free_all", found.slist_free_all);
    look_up(library, "curl_easy_init", found.easy_init);
    look_up(library, "curl_easy_setopt", found.easy_setopt);
    look_up(library, "curl_easy_getinfo", found.easy_getinfo);
    look_up(library, "curl_easy_reset", found.easy_reset);
    look_up(library, "curl_easy_cleanup", found.easy_cleanup);
    look_up(library, "curl_easy_strerror", found.easy_strerror);
    look_up(library, "curl_multi_init", found.multi_init);
    look_up(library, "curl_multi_add_handle", found.multi_add_handle);
    look_up(library, "curl_multi_remove_handle", found.multi_remove_handle);
    look_up(library, "curl_multi_perform", found.multi_perform);
    look_up(library, "curl_multi_poll", found.multi_poll);
    look_up(library, "curl_multi_info_read", found.multi_info_read);
    look_up(library, "curl_multi_cleanup", found.multi_cleanup);
    look_up(library, "curl_multi_strerror", found.multi_strerror);
    look_up(library, "curl_url", found.url);
    look_up(library, "curl_url_set", found.url_set);
    look_up(library, "curl_url_get", found.url_get);
    look_up(library, "curl_url_cleanup", found.url_cleanup);
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
