// SPDX-License-Identifier: MIT
// Runs a test case of this program, or another program, in a process of its own with other
// environment variables. Header only.
#pragma once

#include "hs_test.hpp"

#include <fcntl.h>
#include <spawn.h>
#include <string>
#include <sys/wait.h>
#include <vector>

extern char **environ;

namespace hs_test
{

struct Ended {
    int status;         // as of waitpid()
    std::string output; // what it wrote to stdout and stderr
    bool well() const
    {
        return WIFEXITED(status) && WEXITSTATUS(status) == 0;
    }
};

// variables: "NAME=value", or "NAME" to take it out.
inline Ended run_program(const std::vector<std::string> &command,
                         const std::vector<std::string> &variables)
{
    std::vector<std::string> settings;
    const auto is_changed = [&](const std::string &old) {
        const std::string name = old.substr(0, old.find('='));
        for (const std::string &variable : variables)
            if (variable.substr(0, variable.find('=')) == name)
                return true;
        return false;
    };
    for (char **e = environ; *e != nullptr; e++)
        if (!is_changed(*e))
            settings.push_back(*e);
    for (const std::string &variable : variables)
        if (variable.find('=') != std::string::npos)
            settings.push_back(variable);
    std::vector<char *> environment, arguments;
    for (std::string &setting : settings)
        environment.push_back(setting.data());
    environment.push_back(nullptr);
    std::vector<std::string> words = command;
    for (std::string &word : words)
        arguments.push_back(word.data());
    arguments.push_back(nullptr);

    int ends[2];
    REQUIRE(pipe2(ends, O_CLOEXEC) == 0);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], 1);
    posix_spawn_file_actions_adddup2(&actions, ends[1], 2);
    pid_t child = 0;
    REQUIRE(posix_spawn(&child, words[0].c_str(), &actions, nullptr, arguments.data(),
                        environment.data()) == 0);
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    Ended ended{};
    char buffer[4096];
    for (ssize_t got; (got = read(ends[0], buffer, sizeof buffer)) > 0;)
        ended.output.append(buffer, static_cast<size_t>(got));
    close(ends[0]);
    REQUIRE(waitpid(child, &ended.status, 0) == child);
    return ended;
}

// A hidden test case by its name. Catch2 takes a comma for the end of a name: it is quoted here.
inline Ended run_case(const std::string &name, const std::vector<std::string> &variables)
{
    std::string quoted;
    for (const char c : name)
        quoted += c == ',' ? std::string("\\,") : std::string(1, c);
    return run_program({"/proc/self/exe", quoted}, variables);
}

} // namespace hs_test
