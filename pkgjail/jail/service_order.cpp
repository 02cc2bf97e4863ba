#include "pkgjail/jail/service_order.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "pkgjail/base/error.hpp"

namespace pkgjail::jail {

namespace {

using Names = std::vector<std::string>;

class Order {
  public:
    Order(const std::vector<Service>& services, const std::map<std::string, Position>& where)
        : services_(services), where_(where) {}

    std::vector<Service> sorted() {
        check_names();
        for (const Service& service : services_)
            visit(service);
        return std::move(sorted_);
    }

  private:
    const Service* find(const std::string& name) const {
        const auto found = std::find_if(services_.begin(), services_.end(),
                                        [&](const Service& service) { return service.name == name; });
        return found == services_.end() ? nullptr : &*found;
    }

    [[noreturn]] void fail(const Service& service, const std::string& found,
                           const std::string& allowed) const {
        throw base::Error(base::ErrorKind::configuration, where_.at(service.name).str(),
                          fmt::format("found \"{}\", allowed: {}", found, allowed));
    }

    void check_names() const {
        for (const Service& service : services_)
            for (const std::string& other : service.after) {
                if (&service == &services_.front())
                    fail(service, other, "nothing in the first service, because the jail begins with it");
                if (find(other) == nullptr) {
                    Names names;
                    for (const Service& one : services_)
                        if (&one != &service)
                            names.push_back(one.name);
                    fail(service, other, fmt::format("another service: {}", fmt::join(names, ", ")));
                }
            }
    }

    void visit(const Service& service) {
        const auto is_done = [&](const Service& done) { return done.name == service.name; };
        if (std::any_of(sorted_.begin(), sorted_.end(), is_done))
            return;
        const auto above = std::find(path_.begin(), path_.end(), service.name);
        if (above != path_.end())
            fail(service, fmt::format("{} -> {}", fmt::join(above, path_.end(), " -> "), service.name),
                 "services that do not wait for themselves");
        path_.push_back(service.name);
        for (const std::string& other : service.after)
            visit(*find(other));
        path_.pop_back();
        sorted_.push_back(service);
    }

    const std::vector<Service>& services_;
    const std::map<std::string, Position>& where_;
    Names path_;
    std::vector<Service> sorted_;
};

} // namespace

std::vector<Service> order_services(std::vector<Service> services,
                                    const std::map<std::string, Position>& where) {
    for (std::size_t i = 1; i < services.size(); ++i)
        if (services[i].after.empty())
            services[i].after = {services[i - 1].name};
    return Order(services, where).sorted();
}

} // namespace pkgjail::jail
