#include "pkgjail/base/path.hpp"

#include <algorithm>

#include "pkgjail/base/error.hpp"

namespace pkgjail::base {

namespace {

[[noreturn]] void refuse(std::string_view text, std::string cause) {
    // A hostile name may be 64 KiB long; its beginning says enough.
    constexpr std::size_t shown = 200;
    std::string object(text.substr(0, shown));
    if (text.size() > shown)
        object += "...";
    throw Error(ErrorKind::corrupt, std::move(object), std::move(cause));
}

void check_component(std::string_view component, std::string_view whole) {
    if (component.empty())
        refuse(whole, "has an empty component");
    if (component == "." || component == "..")
        refuse(whole, "has the component \"" + std::string(component) + "\", which is not allowed in a path");
    if (component.size() > RootPath::max_component)
        refuse(whole, "has a component longer than " + std::to_string(RootPath::max_component) + " bytes");
    auto is_control = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; };
    if (std::any_of(component.begin(), component.end(), is_control))
        refuse(whole, "has a control character in its name");
}

} // namespace

RootPath RootPath::parse(std::string_view text) {
    if (text == "/")
        return {};
    if (text.empty())
        throw Error(ErrorKind::corrupt, "\"\"", "is an empty path");
    std::string_view rest = text.front() == '/' ? text.substr(1) : text;
    if (rest.size() + 1 > max_length)
        refuse(text, "is longer than " + std::to_string(max_length) + " bytes");
    for (std::size_t begin = 0;;) {
        std::size_t end = rest.find('/', begin);
        check_component(rest.substr(begin, end == std::string_view::npos ? end : end - begin), text);
        if (end == std::string_view::npos)
            break;
        begin = end + 1;
    }
    std::string absolute = "/";
    absolute += rest;
    return RootPath(std::move(absolute), 0);
}

std::vector<std::string> RootPath::components() const {
    std::vector<std::string> result;
    std::string_view rest = relative();
    while (!rest.empty()) {
        std::size_t end = std::min(rest.find('/'), rest.size());
        result.emplace_back(rest.substr(0, end));
        rest.remove_prefix(std::min(end + 1, rest.size()));
    }
    return result;
}

std::string RootPath::name() const {
    return text_.substr(text_.rfind('/') + 1);
}

RootPath RootPath::parent() const {
    std::size_t slash = text_.rfind('/');
    return slash == 0 ? RootPath() : RootPath(text_.substr(0, slash), 0);
}

RootPath RootPath::operator/(std::string_view below) const {
    if (below == "/")
        return *this;
    RootPath checked = parse(below);
    if (is_root())
        return checked;
    if (text_.size() + checked.text_.size() > max_length)
        refuse(text_ + checked.text_, "is longer than " + std::to_string(max_length) + " bytes");
    return RootPath(text_ + checked.text_, 0);
}

RootPath RootPath::entry(std::string_view name) const {
    std::string text = (is_root() ? "/" : text_ + "/") + std::string(name);
    if (name.empty() || name == "." || name == ".." || name.find('/') != name.npos ||
        name.find('\0') != name.npos)
        refuse(text, "is not a name of a directory entry");
    if (text.size() > max_length)
        refuse(text, "is longer than " + std::to_string(max_length) + " bytes");
    return RootPath(std::move(text), 0);
}

bool RootPath::is_within(const RootPath& ancestor) const {
    if (ancestor.is_root() || text_ == ancestor.text_)
        return true;
    return text_.size() > ancestor.text_.size() && text_.starts_with(ancestor.text_) &&
           text_[ancestor.text_.size()] == '/';
}

RootPath RootPath::below(const RootPath& ancestor) const {
    if (!is_within(ancestor))
        throw Error(ErrorKind::system, text_, "is not below " + ancestor.text_);
    if (ancestor.is_root())
        return *this;
    return text_ == ancestor.text_ ? RootPath() : RootPath(text_.substr(ancestor.text_.size()), 0);
}

} // namespace pkgjail::base
