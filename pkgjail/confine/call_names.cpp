#include "pkgjail/confine/call_names.hpp"

#ifdef __linux__
#include "pkgjail/confine/call_table.hpp"
#endif

namespace pkgjail::confine {

const std::vector<std::string>& call_names() {
    static const std::vector<std::string> names = [] {
        std::vector<std::string> all;
#ifdef __linux__
        for (const CallName& call : call_table)
            all.emplace_back(call.name);
#endif
        return all;
    }();
    return names;
}

std::string call_name(long number) {
#ifdef __linux__
    for (const CallName& call : call_table)
        if (call.number == number)
            return call.name;
#endif
    return "call " + std::to_string(number);
}

} // namespace pkgjail::confine
