/* SPDX-License-Identifier: MIT */
/*
 * An interval tree: which of many [start, end) overlap a given one. Nodes are embedded in what they
 * stand for; the tree allocates nothing. No locking: the owner of a tree has a lock.
 */
#ifndef SGD_ITREE_H
#define SGD_ITREE_H

#include <stdbool.h>
#include <stdint.h>

struct sgd_inode {
    uint64_t start, end; /* [start, end) */
    uint64_t max_end;    /* of the subtree */
    uint64_t priority;   /* heap order; 0: not in a tree */
    struct sgd_inode *left, *right;
    void *owner;
};

struct sgd_itree {
    struct sgd_inode *root;
    uint64_t seed;
};

/* node->start, end and owner are set; the node is in no tree. */
void sgd_itree_insert(struct sgd_itree *tree, struct sgd_inode *node);
/* No effect if the node is in no tree. */
void sgd_itree_remove(struct sgd_itree *tree, struct sgd_inode *node);
/* The overlapping node with the lowest start (ties: any), or NULL. */
struct sgd_inode *sgd_itree_first(const struct sgd_itree *tree, uint64_t start, uint64_t end);
/* Calls fn for every overlapping node in ascending order of start. fn must not change the tree. */
void sgd_itree_each(const struct sgd_itree *tree, uint64_t start, uint64_t end,
                    void (*fn)(struct sgd_inode *node, void *context), void *context);

static inline bool sgd_inode_linked(const struct sgd_inode *node)
{
    return node->priority != 0;
}

#endif
