// Values as bytes, between pkgjail and a confined process of the same program: numbers in the host's order,
// texts and lists with their length in front. What is read back is a stranger's word: it is never more than
// the bytes that there are, and what the values mean is for others to check (wire_values.hpp).
#pragma once

#include <concepts>
#include <cstdint>
#include <cstring>
#include <ctime>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace pkgjail::format {

/// `Value` is `Type`, const or not: one list of fields serves both directions.
template <class Value, class Type>
concept Field = std::same_as<std::remove_const_t<Value>, Type>;

class WireWriter {
  public:
    template <class... Values>
    void operator()(const Values&... values) {
        (put(values), ...);
    }
    std::string take() { return std::move(bytes_); }

  private:
    template <class Value>
    void put(const Value& value) {
        if constexpr (std::is_arithmetic_v<Value> || std::is_enum_v<Value>) {
            char raw[sizeof value];
            std::memcpy(raw, &value, sizeof value);
            bytes_.append(raw, sizeof raw);
        } else {
            fields(*this, value);
        }
    }
    void put(const std::string& text) {
        put(static_cast<std::uint32_t>(text.size()));
        bytes_ += text;
    }
    void put(const struct timespec& time) {
        put(static_cast<std::int64_t>(time.tv_sec));
        put(static_cast<std::int64_t>(time.tv_nsec));
    }
    template <class Value>
    void put(const std::optional<Value>& value) {
        put(static_cast<std::uint8_t>(value ? 1 : 0));
        if (value)
            put(*value);
    }
    template <class Value>
    void put(const std::vector<Value>& values) {
        put(static_cast<std::uint32_t>(values.size()));
        for (const Value& value : values)
            put(value);
    }
    void put(const std::map<std::string, std::string>& values) { put_pairs(values); }
    void put(const std::multimap<std::string, std::string>& values) { put_pairs(values); }
    template <class Pairs>
    void put_pairs(const Pairs& values) {
        put(static_cast<std::uint32_t>(values.size()));
        for (const auto& [key, value] : values) {
            put(key);
            put(value);
        }
    }

    std::string bytes_;
};

/// Throws std::length_error where there are fewer bytes than a value needs, or something is left at the end.
class WireReader {
  public:
    explicit WireReader(std::string_view bytes) : rest_(bytes) {}
    template <class... Values>
    void operator()(Values&... values) {
        (get(values), ...);
    }
    void end() const {
        if (!rest_.empty())
            throw std::length_error("something behind the last value");
    }

  private:
    std::string_view bytes(std::size_t count) {
        if (count > rest_.size())
            throw std::length_error("a value ends early");
        const std::string_view result = rest_.substr(0, count);
        rest_.remove_prefix(count);
        return result;
    }
    template <class Value>
    void get(Value& value) {
        if constexpr (std::is_same_v<Value, bool>) {
            std::uint8_t number = 0;
            get(number);
            value = number != 0; // a bool of another value would be none
        } else if constexpr (std::is_arithmetic_v<Value> || std::is_enum_v<Value>) {
            std::memcpy(&value, bytes(sizeof value).data(), sizeof value);
        } else {
            fields(*this, value);
        }
    }
    std::uint32_t count() {
        std::uint32_t number = 0;
        get(number);
        return number;
    }
    void get(std::string& text) { text = bytes(count()); }
    void get(struct timespec& time) {
        std::int64_t seconds = 0, nanoseconds = 0;
        get(seconds);
        get(nanoseconds);
        time.tv_sec = static_cast<time_t>(seconds);
        time.tv_nsec = static_cast<long>(nanoseconds);
    }
    template <class Value>
    void get(std::optional<Value>& value) {
        bool is_there = false;
        get(is_there);
        value.reset();
        if (is_there)
            get(value.emplace());
    }
    template <class Value>
    void get(std::vector<Value>& values) {
        // No room is made for what is only said to come.
        values.clear();
        for (std::uint32_t left = count(); left > 0; --left)
            get(values.emplace_back());
    }
    void get(std::map<std::string, std::string>& values) { get_pairs(values); }
    void get(std::multimap<std::string, std::string>& values) { get_pairs(values); }
    template <class Pairs>
    void get_pairs(Pairs& values) {
        values.clear();
        for (std::uint32_t left = count(); left > 0; --left) {
            std::string key, value;
            get(key);
            get(value);
            values.emplace(std::move(key), std::move(value));
        }
    }

    std::string_view rest_;
};

} // namespace pkgjail::format
