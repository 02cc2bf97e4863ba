// Doing the same to several jails, each when those it depends on are done, some of them at the same time.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "pkgjail/base/error.hpp"

namespace pkgjail::ops {

/// One jail's turn.
struct Turn {
    std::string jail;
    std::vector<std::string> after; ///< jails whose turns come first; those without a turn do not count
};

/// What a turn is. An Error out of `begin` or `is_over` ends the turn as failed.
struct TurnWork {
    std::function<void(const std::string& jail)> begin;   ///< does not wait
    std::function<bool(const std::string& jail)> is_over; ///< asked again and again after begin
    /// The turn does not come, because that of `other` failed with `why`: the Error that this one has then.
    std::function<base::Error(const std::string& jail, const std::string& other, const base::Error& why)>
        blocked;
    std::function<void(const std::string& jail, const base::Error& why)> failed; ///< told at once
    std::function<void()> pause; ///< between two rounds of asking
};

/// Begins turns in the given order, each when those that it comes after are over, at most `limit` at the same
/// time; returns when all are over. Turns that wait for each other in a circle are begun in the given order.
void take_turns(const std::vector<Turn>& turns, unsigned limit, const TurnWork& work);

} // namespace pkgjail::ops
