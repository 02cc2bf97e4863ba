// What no operator can accept, whatever he is asked about unsigned packages.
#pragma once

#include "pkgjail/base/error.hpp"

namespace pkgjail::format {

/// Error{trust}: there is a signature, and it is over something else than this package.
class ChangedAfterSigning : public base::Error {
  public:
    ChangedAfterSigning(std::string object, std::string cause, std::string hint)
        : Error(base::ErrorKind::trust, std::move(object), std::move(cause), std::move(hint)) {}
};

} // namespace pkgjail::format
