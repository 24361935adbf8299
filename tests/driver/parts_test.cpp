// SPDX-License-Identifier: MIT
// The interval tree and the arena against simple models, with random operations.
#include <catch2/catch.hpp>

#include <map>
#include <memory>
#include <random>
#include <set>

#include "kfd.hpp"
extern "C" {
#include "arena.h"
#include "itree.h"
}

TEST_CASE("the interval tree answers like a list")
{
    const unsigned seed = 20261122;
    CAPTURE(seed);
    std::mt19937 random(seed);
    sgd_itree tree = {};
    std::vector<std::unique_ptr<sgd_inode>> nodes;
    for (int step = 0; step < 4000; step++) {
        if (nodes.size() < 10 || random() % 3) {
            auto node = std::make_unique<sgd_inode>();
            node->start = random() % 1000;
            node->end = node->start + 1 + random() % 50;
            sgd_itree_insert(&tree, node.get());
            nodes.push_back(std::move(node));
        } else {
            size_t i = random() % nodes.size();
            sgd_itree_remove(&tree, nodes[i].get());
            nodes.erase(nodes.begin() + static_cast<long>(i));
        }
        uint64_t start = random() % 1050, end = start + 1 + random() % 20;
        std::set<sgd_inode *> expected, found;
        uint64_t lowest = UINT64_MAX;
        for (const auto &node : nodes)
            if (node->start < end && node->end > start) {
                expected.insert(node.get());
                lowest = std::min(lowest, node->start);
            }
        sgd_itree_each(
            &tree, start, end,
            [](sgd_inode *node, void *context) {
                static_cast<std::set<sgd_inode *> *>(context)->insert(node);
            },
            &found);
        REQUIRE(found == expected);
        const sgd_inode *first = sgd_itree_first(&tree, start, end);
        REQUIRE((first != nullptr) == !expected.empty());
        if (first)
            REQUIRE(first->start == lowest);
    }
}

TEST_CASE("the arena never hands out a byte twice and takes all of them back")
{
    const unsigned seed = 7;
    CAPTURE(seed);
    std::mt19937 random(seed);
    sgd_arena arena;
    const uint64_t size = 1024 * page;
    REQUIRE(sgd_arena_init(&arena, "test", size) == 0);
    std::map<uint64_t, uint64_t> live;
    for (int step = 0; step < 3000; step++) {
        if (live.empty() || random() % 2) {
            uint64_t bytes = (1 + random() % 40) * page, align = page << random() % 4, offset = 0;
            if (sgd_arena_alloc(&arena, bytes, align, &offset))
                continue;
            REQUIRE(offset % align == 0);
            REQUIRE(offset + bytes <= size);
            auto next = live.lower_bound(offset);
            REQUIRE((next == live.end() || next->first >= offset + bytes));
            REQUIRE((next == live.begin() ||
                     std::prev(next)->first + std::prev(next)->second <= offset));
            REQUIRE(arena.base[offset] == 0); // wiped
            arena.base[offset] = 1;
            live[offset] = bytes;
        } else {
            auto it = std::next(live.begin(), static_cast<long>(random() % live.size()));
            sgd_arena_free(&arena, it->first, it->second);
            live.erase(it);
        }
    }
    for (const auto &[offset, bytes] : live)
        sgd_arena_free(&arena, offset, bytes);
    uint64_t offset;
    CHECK(sgd_arena_alloc(&arena, size, page, &offset) == 0); // one hole again
    sgd_arena_fini(&arena);
}
