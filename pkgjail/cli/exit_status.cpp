#include "pkgjail/cli/exit_status.hpp"

namespace pkgjail::cli {

using base::ErrorKind;

namespace {

struct Row {
    ErrorKind kind;
    int status;
    const char* name;
};
constexpr Row rows[] = {
    {ErrorKind::system, 1, "failed"},         {ErrorKind::finding, 2, "finding"},
    {ErrorKind::partial, 3, "partial"},       {ErrorKind::unhealthy, 4, "unhealthy"},
    {ErrorKind::not_found, 5, "not-found"},   {ErrorKind::conflict, 6, "conflict"},
    {ErrorKind::trust, 7, "trust"},           {ErrorKind::unsolvable, 8, "unsolvable"},
    {ErrorKind::usage, 64, "usage"},          {ErrorKind::corrupt, 65, "bad-data"},
    {ErrorKind::network, 69, "unreachable"},  {ErrorKind::busy, 75, "busy"},
    {ErrorKind::denied, 77, "not-permitted"}, {ErrorKind::configuration, 78, "bad-configuration"},
};

} // namespace

int exit_status(ErrorKind kind) {
    for (const Row& row : rows)
        if (row.kind == kind)
            return row.status;
    return 1;
}

const char* kind_name(ErrorKind kind) {
    for (const Row& row : rows)
        if (row.kind == kind)
            return row.name;
    return "failed";
}

} // namespace pkgjail::cli
