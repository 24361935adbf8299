/* SPDX-License-Identifier: MIT */
/* The interval tree: a treap ordered by start, augmented with the largest end of each subtree. */
#include "itree.h"

#include <stddef.h>

static void update(struct sgd_inode *node)
{
    uint64_t max_end = node->end;
    if (node->left && node->left->max_end > max_end)
        max_end = node->left->max_end;
    if (node->right && node->right->max_end > max_end)
        max_end = node->right->max_end;
    node->max_end = max_end;
}

/* Nodes are ordered by (start, address), so that a node among equals can be found again. */
static bool before(const struct sgd_inode *a, const struct sgd_inode *b)
{
    return a->start != b->start ? a->start < b->start : (uintptr_t)a < (uintptr_t)b;
}

/* Split into nodes before `at` and the others. */
static void split(struct sgd_inode *node, const struct sgd_inode *at, struct sgd_inode **low,
                  struct sgd_inode **high)
{
    if (!node) {
        *low = *high = NULL;
    } else if (before(node, at)) {
        split(node->right, at, &node->right, high);
        *low = node;
        update(node);
    } else {
        split(node->left, at, low, &node->left);
        *high = node;
        update(node);
    }
}

static struct sgd_inode *merge(struct sgd_inode *low, struct sgd_inode *high)
{
    if (!low)
        return high;
    if (!high)
        return low;
    if (low->priority > high->priority) {
        low->right = merge(low->right, high);
        update(low);
        return low;
    }
    high->left = merge(low, high->left);
    update(high);
    return high;
}

static struct sgd_inode *insert(struct sgd_inode *root, struct sgd_inode *node)
{
    if (!root || node->priority > root->priority) {
        split(root, node, &node->left, &node->right);
        update(node);
        return node;
    }
    if (before(node, root))
        root->left = insert(root->left, node);
    else
        root->right = insert(root->right, node);
    update(root);
    return root;
}

static struct sgd_inode *erase(struct sgd_inode *root, const struct sgd_inode *node)
{
    if (!root)
        return NULL;
    if (root == node)
        return merge(root->left, root->right);
    if (before(node, root))
        root->left = erase(root->left, node);
    else
        root->right = erase(root->right, node);
    update(root);
    return root;
}

void sgd_itree_insert(struct sgd_itree *tree, struct sgd_inode *node)
{
    /* xorshift64*: any sequence without a pattern keeps the treap balanced. */
    uint64_t x = tree->seed ? tree->seed : 0x9e3779b97f4a7c15u;
    x ^= x >> 12;
    x ^= x << 25;
    x ^= x >> 27;
    tree->seed = x;
    node->priority = (x * 0x2545f4914f6cdd1du) | 1;
    node->left = node->right = NULL;
    tree->root = insert(tree->root, node);
}

void sgd_itree_remove(struct sgd_itree *tree, struct sgd_inode *node)
{
    if (!sgd_inode_linked(node))
        return;
    tree->root = erase(tree->root, node);
    node->priority = 0;
    node->left = node->right = NULL;
}

struct sgd_inode *sgd_itree_first(const struct sgd_itree *tree, uint64_t start, uint64_t end)
{
    struct sgd_inode *node = tree->root;
    while (node && node->max_end > start) {
        /* If the left subtree reaches beyond start, the answer is there or nowhere: what lies right
         * of it starts later, and left's node with that end starts before every node on the right.
         */
        if (node->left && node->left->max_end > start)
            node = node->left;
        else if (node->start >= end)
            return NULL;
        else if (node->end > start)
            return node;
        else
            node = node->right;
    }
    return NULL;
}

static void each(struct sgd_inode *node, uint64_t start, uint64_t end,
                 void (*fn)(struct sgd_inode *, void *), void *context)
{
    if (!node || node->max_end <= start)
        return;
    each(node->left, start, end, fn, context);
    if (node->start >= end)
        return;
    if (node->end > start)
        fn(node, context);
    each(node->right, start, end, fn, context);
}

void sgd_itree_each(const struct sgd_itree *tree, uint64_t start, uint64_t end,
                    void (*fn)(struct sgd_inode *, void *), void *context)
{
    each(tree->root, start, end, fn, context);
}
