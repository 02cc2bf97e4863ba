#include "pkgjail/base/error.hpp"

#include <cerrno>
#include <system_error>

namespace pkgjail::base {

Error::Error(ErrorKind kind, std::string object, std::string cause, std::string hint)
    : kind_(kind), object_(std::move(object)), cause_(std::move(cause)), hint_(std::move(hint)) {
    compose();
}

void Error::add_context(std::string what) {
    context_.insert(context_.begin(), std::move(what));
    compose();
}

void Error::compose() {
    text_.clear();
    for (const std::string& line : context_)
        text_ += line + ": ";
    if (!object_.empty())
        text_ += object_ + ": ";
    text_ += cause_;
}

Error system_error(int error_number, std::string object, std::string_view call) {
    ErrorKind kind = ErrorKind::system;
    if (error_number == ENOENT)
        kind = ErrorKind::not_found;
    else if (error_number == EACCES || error_number == EPERM)
        kind = ErrorKind::denied;
    // generic_category().message is strerror without its shared buffer.
    std::string cause(call);
    cause += ": " + std::generic_category().message(error_number);
    std::string hint;
    if (error_number == ENOSPC)
        hint = "make room on the file system that holds " + object;
    else if (error_number == EDQUOT)
        hint = "raise the quota, or make room, on the file system that holds " + object;
    else if (error_number == EROFS)
        hint = "mount the file system that holds it for writing";
    return Error(kind, std::move(object), std::move(cause), std::move(hint));
}

} // namespace pkgjail::base
