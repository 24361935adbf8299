// SPDX-License-Identifier: MIT
// What the library tells of itself: the log, by environment variable, and hip-scatter-info, for a
// person and as JSON.
#include "machine.hpp"
#include "scatter_memory.hpp"
#include "spawn_self.hpp"

#include <algorithm>
#include <fstream>
#include <regex>

using namespace hs_test;

namespace
{

constexpr const char *work = "child: registers, is refused, unregisters";

std::vector<std::string> lines_of(const std::string &text)
{
    std::vector<std::string> list;
    std::istringstream stream(text);
    for (std::string line; std::getline(stream, line);)
        if (line.rfind("hip_scatter:", 0) == 0)
            list.push_back(line);
    return list;
}

size_t count_of(const std::vector<std::string> &lines, const char *pattern)
{
    return static_cast<size_t>(
        std::count_if(lines.begin(), lines.end(), [&](const std::string &line) {
            return std::regex_search(line, std::regex(pattern));
        }));
}

size_t times_in(const std::string &text, const std::string &part)
{
    size_t count = 0;
    for (size_t at = 0; (at = text.find(part, at)) != std::string::npos; at += part.size())
        count++;
    return count;
}

// The numbers that the child prints: its ioctls by the library's own counters.
uint64_t ioctls_in(const std::string &output)
{
    std::smatch match;
    REQUIRE(std::regex_search(output, match, std::regex("ioctls: ([0-9]+)")));
    return std::stoull(match[1]);
}

} // namespace

TEST_CASE("child: registers, is refused, unregisters", "[.child]")
{
    HS_RANDOM(random);
    const Fragments memory({1, 2}, random);
    void *pointer = nullptr;
    REQUIRE(hipHostRegisterScatter(&pointer, memory.ranges().data(), 2, 0x40) ==
            hipErrorInvalidValue); // a flag that does not exist: before any pool
    std::vector<hipScatterRange> twice(2, memory.ranges()[0]);
    REQUIRE(hipHostRegisterScatter(&pointer, twice.data(), 2, 0) == hipErrorInvalidValue);
    REQUIRE_HIP(hipHostRegisterScatter(&pointer, memory.ranges().data(), 2, 0));
    REQUIRE_HIP(hipHostUnregisterScatter(pointer));
    hipScatterStats stats{};
    stats.structSize = sizeof stats;
    REQUIRE_HIP(hipScatterGetStats(&stats));
    std::printf("ioctls: %llu\n", static_cast<unsigned long long>(stats.ioctls));
}

TEST_CASE("without the variable the library writes nothing")
{
    for (const char *level :
         {"HIP_SCATTER_LOG_LEVEL", "HIP_SCATTER_LOG_LEVEL=", "HIP_SCATTER_LOG_LEVEL=0"}) {
        const Ended ended = run_case(work, {level});
        INFO(level << "\n" << ended.output);
        REQUIRE(ended.well());
        CHECK(ended.output.find("hip_scatter:") == std::string::npos);
    }
}

TEST_CASE("each log level adds to the one below")
{
    const std::string register_line =
        " register device=0x[0-9a-f]+ ranges=2 runs=2 bytes=12288 backing=" +
        std::string(has_batch() ? "batch" : "per-range") +
        " devices=1 ioctls=" + (has_batch() ? "2" : "4") + " ns=[0-9]+ reason=\".+\"";
    for (int level = 1; level <= 4; level++) {
        const Ended ended = run_case(work, {"HIP_SCATTER_LOG_LEVEL=" + std::to_string(level)});
        INFO("level " << level << "\n" << ended.output);
        REQUIRE(ended.well());
        const std::vector<std::string> lines = lines_of(ended.output);
        CHECK(count_of(lines, "^hip_scatter:[1-4] pid=[0-9]+ tid=[0-9]+ t=[0-9]+\\.[0-9]{6} ") ==
              lines.size());
        CHECK(count_of(lines, "^hip_scatter:1 .* register failed error=EINVAL text=\"range 1 .*"
                              "overlaps") == 1);
        CHECK(count_of(lines, "^hip_scatter:2 .* probe gpu_id=[0-9]+ wire=") == (level >= 2));
        CHECK(count_of(lines, ("^hip_scatter:3 .*" + register_line).c_str()) == (level >= 3));
        CHECK(count_of(lines, "^hip_scatter:3 .* unregister device=0x[0-9a-f]+$") == (level >= 3));
        CHECK(count_of(lines, "^hip_scatter:4 .* ioctl nr=0x[0-9a-f]+ result=[A-Z0]+ ns=[0-9]+$") ==
              (level >= 4 ? ioctls_in(ended.output) : 0));
    }
}

TEST_CASE("the log is appended to the file that a variable names")
{
    char path[] = "/tmp/hs_test_XXXXXX";
    const int fd = mkstemp(path);
    REQUIRE(fd >= 0);
    REQUIRE(write(fd, "before\n", 7) == 7);
    const Ended ended =
        run_case(work, {"HIP_SCATTER_LOG_LEVEL=3", "HIP_SCATTER_LOG_FILE=" + std::string(path)});
    INFO(ended.output);
    REQUIRE(ended.well());
    CHECK(lines_of(ended.output).empty());
    std::ifstream file(path);
    const std::string text((std::istreambuf_iterator<char>(file)), {});
    CHECK(text.rfind("before\n", 0) == 0);
    CHECK(count_of(lines_of(text), " register device=") == 1);
    close(fd);
    unlink(path);
}

TEST_CASE("hip-scatter-info tells of every GPU what the library can do with it")
{
    int count = 0;
    REQUIRE_HIP(hipGetDeviceCount(&count));
    const Ended text = run_program({HS_INFO}, {}), json = run_program({HS_INFO, "--json"}, {});
    INFO(text.output << json.output);
    REQUIRE(text.well());
    REQUIRE(json.well());
    CHECK(
        run_program({"/bin/sh", "-c", std::string(HS_INFO) + " --json | python3 -m json.tool"}, {})
            .well());
    for (int device = 0; device < count; device++) {
        hipScatterDeviceCapabilities c{};
        c.structSize = sizeof c;
        REQUIRE_HIP(hipScatterGetDeviceCapabilities(&c, device));
        CHECK_THAT(text.output, Catch::Contains(std::string(c.name) + " at " + c.pciBusId));
        CHECK_THAT(json.output, Catch::Contains("\"pci\": \"" + std::string(c.pciBusId) + "\""));
        for (const hipScatterBackingSupport &backing : c.backings)
            CHECK_THAT(json.output,
                       Catch::Contains("\"name\": \"" + std::string(backing.name) +
                                       "\", \"works\": " + (backing.works ? "true" : "false")));
    }
    CHECK(times_in(json.output, "\"pci\"") == static_cast<size_t>(count));
    CHECK(times_in(text.output, " at ") >= static_cast<size_t>(count));
    CHECK(WEXITSTATUS(run_program({HS_INFO, "--what"}, {}).status) == 2);
    CHECK(run_program({HS_INFO, "--help"}, {}).well());
}

TEST_CASE("hip-scatter-info without a GPU says so, in JSON too")
{
    const Ended text = run_program({HS_INFO}, {"ROCR_VISIBLE_DEVICES=-1"}),
                json = run_program({HS_INFO, "--json"}, {"ROCR_VISIBLE_DEVICES=-1"});
    INFO(text.output << json.output);
    CHECK(WEXITSTATUS(text.status) == 1);
    CHECK_THAT(text.output, Catch::Contains("no GPU"));
    CHECK(WEXITSTATUS(json.status) == 1);
    CHECK_THAT(json.output, Catch::Contains("\"error\": "));
}
