#include "support/metrics_text.hpp"

#include <set>
#include <sstream>

namespace pkgjail::test {

namespace {

bool is_name_character(char c, bool first) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == ':' ||
           (!first && c >= '0' && c <= '9');
}

class Reader {
  public:
    MetricsText read(const std::string& text) {
        if (!text.empty() && text.back() != '\n')
            fault("the last line does not end");
        std::istringstream lines(text);
        for (std::string line; std::getline(lines, line);) {
            line_ = line;
            at_ = 0;
            if (line.starts_with("# HELP "))
                read_help(line.substr(7));
            else if (line.starts_with("# TYPE "))
                read_type(line.substr(7));
            else if (!line.empty() && line[0] == '#')
                fault("a comment that is neither HELP nor TYPE");
            else
                read_sample();
        }
        return result_;
    }

  private:
    void fault(const std::string& why) { result_.faults.push_back(why + ": " + line_); }

    void read_help(const std::string& rest) {
        const std::string name = rest.substr(0, rest.find(' '));
        if (!helps_.insert(name).second)
            fault("a second HELP");
        if (rest.size() < name.size() + 2)
            fault("an empty HELP");
    }
    void read_type(const std::string& rest) {
        const std::string name = rest.substr(0, rest.find(' '));
        const std::string type = rest.size() > name.size() ? rest.substr(name.size() + 1) : "";
        if (type != "gauge" && type != "counter")
            fault("an unknown TYPE");
        if (!helps_.contains(name))
            fault("TYPE before HELP");
        if (!result_.types.emplace(name, type).second)
            fault("a second TYPE");
        if ((type == "counter") != name.ends_with("_total"))
            fault("a counter's name and no other ends in _total");
        current_ = name;
    }
    std::string read_name() {
        const std::size_t begin = at_;
        while (at_ < line_.size() && is_name_character(line_[at_], at_ == begin))
            ++at_;
        if (at_ == begin)
            fault("a name is missing");
        return line_.substr(begin, at_ - begin);
    }
    bool take(char c) {
        if (at_ >= line_.size() || line_[at_] != c)
            return false;
        ++at_;
        return true;
    }
    std::string read_value() {
        std::string value;
        if (!take('"'))
            fault("a label's value is not quoted");
        while (at_ < line_.size() && line_[at_] != '"') {
            char c = line_[at_++];
            if (static_cast<unsigned char>(c) < 0x20)
                fault("a control character");
            if (c == '\\') {
                const char escaped = at_ < line_.size() ? line_[at_++] : ' ';
                if (escaped != '\\' && escaped != '"' && escaped != 'n')
                    fault("an unknown escape");
                c = escaped == 'n' ? '\n' : escaped;
            }
            value += c;
        }
        if (!take('"'))
            fault("a label's value does not end");
        return value;
    }
    void read_sample() {
        const std::string name = read_name();
        if (name != current_)
            fault("a sample outside its family");
        std::string key = name;
        std::set<std::string> labels;
        if (take('{')) {
            key += '{';
            do {
                const std::string label = read_name();
                if (!labels.insert(label).second)
                    fault("a label twice");
                if (!take('='))
                    fault("= is missing");
                key += (key.back() == '{' ? "" : ",") + label + "=\"" + read_value() + "\"";
            } while (take(','));
            if (!take('}'))
                fault("} is missing");
            key += '}';
        }
        if (!take(' '))
            fault("a blank is missing before the value");
        const std::string number = line_.substr(at_);
        char* end = nullptr;
        const double value = std::strtod(number.c_str(), &end);
        if (number.empty() || *end != '\0')
            fault("the value is no number");
        if (!result_.samples.emplace(key, value).second)
            fault("a sample twice");
    }

    MetricsText result_;
    std::set<std::string> helps_;
    std::string current_;
    std::string line_;
    std::size_t at_ = 0;
};

} // namespace

MetricsText read_metrics(const std::string& text) {
    return Reader().read(text);
}

} // namespace pkgjail::test
