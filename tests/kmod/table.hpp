// The policy as a table: every question to kauth(9) by profile, asked of the module.
#pragma once

#include "kernel.hpp"

#include <array>
#include <sstream>

namespace kmod_test {

struct Profile {
    const char* name;
    std::uint64_t mask;
};
inline constexpr std::array<Profile, 3> profiles{Profile{"high", PKGJAIL_PROFILE_HIGH},
                                                 Profile{"medium", PKGJAIL_PROFILE_MEDIUM},
                                                 Profile{"low", PKGJAIL_PROFILE_LOW}};

// A jail under one profile, another jail, and a process of root and of a user in each place.
struct Scene {
    explicit Scene(std::uint64_t policy) {
        Spec spec;
        spec.name = "own";
        spec.policy = policy;
        spec.ports = {tcp(8080), tcp(80)};
        pkgjail_device null{};
        null.type = PKGJAIL_DEV_CHR;
        null.dev = world_dev(2, 2);
        null.access = PKGJAIL_DEV_READ | PKGJAIL_DEV_WRITE;
        spec.devices = {null};
        const Jail own = kernel.create(spec), other = kernel.create("other", policy);
        for (const unsigned uid : {0U, 1U}) {
            subject[uid] = kernel.enter(own, uid * 1000);
            target[0][uid] = kernel.enter(own, uid * 1000);
            target[1][uid] = kernel.enter(other, uid * 1000);
            target[2][uid] = world_process(uid * 1000);
            host[uid] = world_process(uid * 1000);
        }
    }

    Kernel kernel;
    proc* subject[2]{};   // in the jail: root, user
    proc* host[2]{};      // on the host: root, user
    proc* target[3][2]{}; // of the own jail, of another, of the host: root's, the user's
};

inline std::string word(enum world_verdict verdict) {
    return verdict == WORLD_DENY ? "deny" : verdict == WORLD_ALLOW ? "ALLOW" : "-";
}

// What the module says to root and to a user inside; it does not tell them apart, so one word for both.
inline std::string verdict_of(Scene& scene, std::size_t question, std::size_t place) {
    std::string words[2];
    for (const unsigned uid : {0U, 1U}) {
        const As as(scene.subject[uid]);
        words[uid] = word(world_ask(question, scene.target[place][uid]).module);
    }
    return words[0] == words[1] ? words[0] : words[0] + "/" + words[1];
}

inline std::string row(const std::string& question, const std::string& place,
                       const std::array<std::string, 3>& cells) {
    std::ostringstream line;
    line << question << std::string(question.size() < 34 ? 34 - question.size() : 1, ' ') << place
         << std::string(8 - place.size(), ' ');
    for (std::size_t i = 0; i < cells.size(); ++i)
        line << cells[i]
             << (i + 1 < cells.size() ? std::string(cells[i].size() < 8 ? 8 - cells[i].size() : 1, ' ') : "");
    return line.str() + "\n";
}

// The whole table. A process or socket that is asked about is of the own jail, of another jail or of the
// host; rows that are alike are one.
inline std::string policy_table() {
    const std::array<const char*, 3> places{"own", "other", "host"};
    std::vector<std::array<std::array<std::string, 3>, 3>> cells(
        world_questions()); // [question][place][profile]
    std::vector<std::string> names;
    std::vector<bool> targeted;
    for (std::size_t p = 0; p < profiles.size(); ++p) {
        Scene scene(profiles[p].mask);
        for (std::size_t q = 0; q < world_questions(); ++q) {
            if (p == 0) {
                names.emplace_back(world_question(q));
                targeted.push_back(world_question_target(q) != WORLD_NOTHING);
            }
            for (std::size_t place = 0; place < 3; ++place)
                cells[q][place][p] = verdict_of(scene, q, targeted[q] ? place : 0);
        }
    }
    std::string text = row("action", "of", {"high", "medium", "low"});
    for (std::size_t q = 0; q < names.size(); ++q) {
        const auto& c = cells[q];
        if (!targeted[q])
            text += row(names[q], "", c[0]);
        else if (c[0] == c[1] && c[1] == c[2])
            text += row(names[q], "any", c[0]);
        else if (c[1] == c[2]) {
            text += row(names[q], "own", c[0]);
            text += row(names[q], "others", c[1]);
        } else
            for (std::size_t place = 0; place < 3; ++place)
                text += row(names[q], places[place], c[place]);
    }
    return text;
}

} // namespace kmod_test
