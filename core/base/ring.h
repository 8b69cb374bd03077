/* Ring: pointers from one thread to one other, without a lock.
 *
 *        tail (taken up to)      head (put up to)
 *          v                       v
 *   [ . . | a | b | c | . . . ]              both count freely and are compared by their difference only
 *
 * One thread puts, one takes. 0 <= head - tail <= RING_CAPACITY. */
#ifndef LADDER_BASE_RING_H
#define LADDER_BASE_RING_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

enum { RING_CAPACITY = 1024 };

struct ring {
	_Alignas(64) _Atomic size_t head;
	_Alignas(64) _Atomic size_t tail;
	_Alignas(64) void *items[RING_CAPACITY];
};

/* The putting thread. False: the ring is full. */
static inline bool ring_put(struct ring *ring, void *item)
{
	size_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);
	/* acquire: the taker has read a slot before it gives it free */
	if (head - atomic_load_explicit(&ring->tail, memory_order_acquire) == RING_CAPACITY)
		return false;
	ring->items[head % RING_CAPACITY] = item;
	/* release: who sees the new head sees the item and all that it points to */
	atomic_store_explicit(&ring->head, head + 1, memory_order_release);
	return true;
}

/* The putting thread: whether ring_put would succeed. */
static inline bool ring_has_room(struct ring *ring)
{
	return atomic_load_explicit(&ring->head, memory_order_relaxed) -
		       atomic_load_explicit(&ring->tail, memory_order_acquire) <
	       RING_CAPACITY;
}

/* The taking thread. NULL: the ring is empty. */
static inline void *ring_take(struct ring *ring)
{
	size_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);
	if (atomic_load_explicit(&ring->head, memory_order_acquire) == tail)
		return NULL;
	void *item = ring->items[tail % RING_CAPACITY];
	/* release: the slot has been read and may be overwritten */
	atomic_store_explicit(&ring->tail, tail + 1, memory_order_release);
	return item;
}

#endif
