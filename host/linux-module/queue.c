// SPDX-License-Identifier: MIT OR GPL-2.0-only
/*
 * Virtqueues, twice: the driver's ring is private memory that the device side never sees, and the device's is in the
 * window. Chains are carried over when the driver notifies, and come back when they are used, each checked. So the
 * device side can change nothing that the driver relies on, nothing is made available before DRIVER_OK, and what was
 * under way when the device was lost can be given back, failed, by the transport itself.
 */
#include <linux/jiffies.h>
#include <linux/log2.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_ring.h>
#include <linux/wait.h>

#include "transport.h"

/* The largest part of a window for one queue's ring: 64 descriptors where the window has 32 KiB. */
#define RING_SHARE 16
#define MOST_DESCRIPTORS 1024
#define ALIGNMENT 64
/* beyond the limits after which the transport itself ends a request */
#define AWAIT_MARGIN_MS 1000

/* A chain in the window, by its first descriptor there. */
struct chain {
	bool busy;
	/* its driver has it back already; the bytes are in `room` */
	bool posted;
	void *room;
	size_t room_size;
	/* of the driver's ring */
	u16 head;
	/* bytes that the device may write */
	u32 writable;
};

struct queue {
	struct list_head node;
	struct vmsg_device *dev;
	struct virtqueue *vq;
	u32 index;
	u16 size;
	/* Guards all below; taken with interrupts off, within the device's lock or without it. */
	spinlock_t lock;
	enum vmsg_state state;
	/* the driver waits for each chain */
	bool is_request;
	/* the driver may spin until its chain is used: it has it back at once */
	bool is_posted;
	/* in the window */
	void *ring;
	size_t ring_size;
	struct vring_desc *desc;
	struct vring_avail *avail;
	struct vring_used *used;
	u16 avail_idx;
	u16 used_idx;
	struct chain *chains;
	/* descriptors of the window that follow each other in a chain, and those that are free */
	u16 *next;
	u16 *free;
	u16 free_count;
	/* of the driver's ring: what was taken from its available ring, what was put into its used ring */
	u16 taken;
	u16 given;
	/* heads that were under way when the device was lost, and go to it again */
	u16 *again;
	u16 again_count;
	u16 waiting;
	unsigned long progress;
	/* EVENT_AVAIL could not be sent */
	bool owes_event;
	/* the driver is made to wait in its notification until all that it made available was used */
	bool is_awaited;
	/* of `given`, what the driver's callback has been through with; `stops` counts resets */
	u16 told;
	u32 stops;
	wait_queue_head_t over;
};

u64 vmsg_request_queues(u32 device_id)
{
	switch (device_id) {
	case VIRTIO_ID_I2C_ADAPTER:
	case VIRTIO_ID_GPIO:
		return BIT_ULL(0);
	case VIRTIO_ID_CONSOLE:
		return 0xaaaaaaaaaaaaaaaaULL;
	case VIRTIO_ID_RNG:
		return 0;
	default:
		return ~0ULL;
	}
}

static bool has_bit(u64 bits, u32 index)
{
	return index < 64 && (bits & BIT_ULL(index));
}

static size_t ring_size(u16 size)
{
	return 16 * size + ALIGN(6 + 2 * size, 4) + 6 + 8 * size;
}

static const struct vring *driver_ring(struct queue *queue)
{
	return virtqueue_get_vring(queue->vq);
}

/* Puts a chain into the driver's used ring. It sees it when `publish_given` was called. */
static void give(struct queue *queue, u16 head, u32 length)
{
	const struct vring *ring = driver_ring(queue);
	struct vring_used_elem *element = &ring->used->ring[queue->given++ & (queue->size - 1)];

	element->id = (__force __virtio32)cpu_to_le32(head);
	element->len = (__force __virtio32)cpu_to_le32(length);
}

static void publish_given(struct queue *queue)
{
	smp_wmb();
	WRITE_ONCE(driver_ring(queue)->used->idx, (__force __virtio16)cpu_to_le16(queue->given));
}

static u16 driver_avail(struct queue *queue)
{
	u16 idx = le16_to_cpu((__force __le16)READ_ONCE(driver_ring(queue)->avail->idx));

	smp_rmb();
	return idx;
}

static u16 driver_head(struct queue *queue, u16 at)
{
	return le16_to_cpu((__force __le16)driver_ring(queue)->avail->ring[at & (queue->size - 1)]) & (queue->size - 1);
}

static struct virtqueue *create_vq(struct vmsg_device *dev, u32 index, u16 size, bool context,
					bool (*notify)(struct virtqueue *), vq_callback_t *callback, const char *name)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 18, 0)
	return vring_create_virtqueue_map(index, size, ALIGNMENT, &dev->vdev, true, false, context, notify, callback,
					  name, dev->vdev.vmap);
#else
	return vring_create_virtqueue(index, size, ALIGNMENT, &dev->vdev, true, false, context, notify, callback,
				      name);
#endif
}

struct part {
	u64 address;
	u32 length;
	bool writable;
	bool more;
	u16 next;
};

/* A descriptor of the driver's: ours, so nothing in it needs a check but its index. */
static struct part driver_part(struct queue *queue, u16 index)
{
	const struct vring_desc *desc = &driver_ring(queue)->desc[index & (queue->size - 1)];
	u16 flags = le16_to_cpu((__force __le16)desc->flags);

	return (struct part){
		.address = le64_to_cpu((__force __le64)desc->addr),
		.length = le32_to_cpu((__force __le32)desc->len),
		.writable = flags & VRING_DESC_F_WRITE,
		.more = flags & VRING_DESC_F_NEXT,
		.next = le16_to_cpu((__force __le16)desc->next),
	};
}

static void describe(struct queue *queue, u16 at, u64 address, u32 length, u16 flags, u16 next)
{
	queue->desc[at].addr = (__force __virtio64)cpu_to_le64(address);
	queue->desc[at].len = (__force __virtio32)cpu_to_le32(length);
	queue->desc[at].flags = (__force __virtio16)cpu_to_le16(flags);
	queue->desc[at].next = (__force __virtio16)cpu_to_le16(next);
}

static void offer(struct queue *queue, u16 head)
{
	queue->avail->ring[queue->avail_idx++ & (queue->size - 1)] = (__force __virtio16)cpu_to_le16(head);
}

/* Copies what a chain says into room of its own. False where there is none. */
static bool carry_posted(struct queue *queue, u16 head)
{
	struct vmsg_window *window = queue->dev->window;
	struct part part;
	size_t size = 0;
	u16 at = head;
	u8 *room;
	int i = 0;

	do {
		part = driver_part(queue, at);
		size += part.writable ? 0 : part.length;
		at = part.next;
	} while (part.more && ++i < queue->size);
	room = queue->free_count && size ? vmsg_window_take(window, size) : NULL;
	if (!room)
		return false;
	at = queue->free[--queue->free_count];
	queue->chains[at] = (struct chain){ .busy = true, .posted = true, .room = room, .room_size = size };
	queue->next[at] = at;
	describe(queue, at, vmsg_window_address(window, room), size, 0, 0);
	for (i = 0, part.next = head; i < queue->size; i++) {
		void *from;

		part = driver_part(queue, part.next);
		from = part.writable ? NULL : vmsg_window_at(window, part.address, part.length);
		if (from) {
			memcpy(room, from, part.length);
			room += part.length;
		}
		if (!part.more)
			break;
	}
	offer(queue, at);
	return true;
}

/* Describes a chain of the driver's in the window. False while descriptors are lacking. */
static bool carry(struct queue *queue, u16 head)
{
	u16 count = 0, from = head, first = 0, before = 0, i;
	struct part part;
	u32 writable = 0;

	do {
		part = driver_part(queue, from);
		from = part.next;
	} while (++count < queue->size && part.more);
	if (count > queue->free_count)
		return false;
	for (i = 0, from = head; i < count; i++) {
		u16 at = queue->free[--queue->free_count];
		bool is_last = i + 1 == count;

		part = driver_part(queue, from);
		from = part.next;
		describe(queue, at, part.address, part.length,
			 (part.writable ? VRING_DESC_F_WRITE : 0) | (is_last ? 0 : VRING_DESC_F_NEXT), 0);
		writable += part.writable ? part.length : 0;
		queue->next[at] = at;
		if (i == 0) {
			first = at;
		} else {
			queue->next[before] = at;
			queue->desc[before].next = (__force __virtio16)cpu_to_le16(at);
		}
		before = at;
	}
	queue->chains[first] = (struct chain){ .busy = true, .head = head, .writable = writable };
	offer(queue, first);
	if (queue->waiting++ == 0)
		queue->progress = jiffies;
	return true;
}

/* A chain is over: its descriptors and its room are free. */
static void forget(struct queue *queue, u16 first)
{
	struct chain *chain = &queue->chains[first];
	u16 at = first, next;

	if (chain->posted)
		vmsg_window_give(queue->dev->window, chain->room, chain->room_size);
	else
		queue->waiting--;
	chain->busy = false;
	for (;; at = next) {
		next = queue->next[at];
		queue->free[queue->free_count++] = at;
		if (next == at)
			break;
	}
}

/*
 * Carries what the driver made available, as far as there is room. Returns whether the device side is to be told.
 * What the driver notifies of while nobody is there comes back failed, from `fail_work` or at once.
 */
static bool carry_all(struct queue *queue)
{
	u16 before = queue->avail_idx, avail = driver_avail(queue);
	bool given = false;

	/* nobody may spin until DRIVER_OK */
	if (queue->state == VMSG_IDLE && !queue->is_posted)
		return false;
	while (queue->again_count > 0 && queue->state == VMSG_LIVE) {
		if (!carry(queue, queue->again[queue->again_count - 1]))
			break;
		queue->again_count--;
	}
	while (queue->taken != avail) {
		u16 head = driver_head(queue, queue->taken);

		if (queue->is_posted) {
			/* output that finds no room is lost, as on a serial line: its writer may be spinning */
			if (queue->state != VMSG_LIVE || !carry_posted(queue, head))
				pr_warn_ratelimited("%s: output was dropped\n", dev_name(&queue->dev->dev));
			give(queue, head, 0);
			given = true;
		} else if (queue->state != VMSG_LIVE || !carry(queue, head)) {
			break;
		}
		queue->taken++;
	}
	if (given)
		publish_given(queue);
	if (queue->avail_idx == before)
		return false;
	smp_wmb();
	WRITE_ONCE(queue->avail->idx, (__force __virtio16)cpu_to_le16(queue->avail_idx));
	smp_mb();
	return !(le16_to_cpu((__force __le16)READ_ONCE(queue->used->flags)) & VRING_USED_F_NO_NOTIFY);
}

static void send_avail(struct queue *queue)
{
	struct vmsg_event_avail event = { .index = cpu_to_le32(queue->index) };
	struct virtio_msg_core *core = queue->dev->core;

	if (READ_ONCE(core->params.polling))
		return;
	queue->owes_event = vmsg_send(core, 0, queue->dev->dev_num, VMSG_EVENT_AVAIL, 0, &event, sizeof(event)) != 0;
}

/* The driver's callback takes what was given to it; with the device's lock, without the queue's. */
static void tell(struct queue *queue)
{
	u16 given = READ_ONCE(queue->given);

	vring_interrupt(0, queue->vq);
	WRITE_ONCE(queue->told, given);
	wake_up_all(&queue->over);
}

static bool is_over(struct queue *queue, u32 stops)
{
	unsigned long flags;
	bool over;

	spin_lock_irqsave(&queue->lock, flags);
	over = queue->stops != stops || (queue->waiting == 0 && queue->taken == driver_avail(queue) &&
					 READ_ONCE(queue->told) == queue->given);
	spin_unlock_irqrestore(&queue->lock, flags);
	return over;
}

/*
 * Linux's i2c-virtio frees a transfer's requests when the first of them failed, or when its process gets a signal,
 * also while the device has the others: the answer would go to memory that is somebody else's by then. So nothing of
 * a transfer may be left to come when it looks at the first request.
 */
static void wait_until_over(struct queue *queue, u32 stops)
{
	unsigned long limit = msecs_to_jiffies(READ_ONCE(vmsg_completion_timeout_ms) +
					       READ_ONCE(vmsg_reset_timeout_ms) + AWAIT_MARGIN_MS);

	if (!wait_event_timeout(queue->over, is_over(queue, stops), limit))
		dev_err_ratelimited(&queue->dev->dev, "a transfer did not end\n");
}

/* The driver notifies. But for one that is made to wait, it may hold any lock, and interrupts may be off. */
static bool notify(struct virtqueue *vq)
{
	struct queue *queue = vq->priv;
	struct vmsg_device *dev = queue->dev;
	unsigned long flags;
	u32 stops;

	spin_lock_irqsave(&queue->lock, flags);
	stops = queue->stops;
	if (carry_all(queue))
		send_avail(queue);
	if (queue->state == VMSG_IDLE)
		queue_work(dev->core->side, &dev->early);
	else if (queue->state == VMSG_LOST && queue->is_request && queue->taken != driver_avail(queue))
		queue_work(dev->core->side, &dev->fail);
	spin_unlock_irqrestore(&queue->lock, flags);
	if (queue->is_awaited && !irqs_disabled())
		wait_until_over(queue, stops);
	/* false would break the virtqueue for good */
	return true;
}

/* What a device says that it did not write reads as 0xff: in a request's status that is no success. */
static void spoil(struct queue *queue, u16 head, u32 written)
{
	struct part part;
	u16 at = head;
	int i = 0;

	do {
		part = driver_part(queue, at);
		at = part.next;
		if (!part.writable)
			continue;
		if (written < part.length) {
			u8 *bytes = vmsg_window_at(queue->dev->window, part.address, part.length);

			if (bytes)
				memset(bytes + written, 0xff, part.length - written);
		}
		written -= min(written, part.length);
	} while (++i < queue->size && part.more);
}

/* Takes back what was used; `any` says if there was something. An error is a device side that breaks the rules. */
static int collect(struct queue *queue, bool *any)
{
	u16 idx = le16_to_cpu((__force __le16)READ_ONCE(queue->used->idx));
	int error = 0;

	*any = false;
	if (queue->state != VMSG_LIVE)
		return 0;
	if ((u16)(idx - queue->used_idx) > queue->size)
		return -EPROTO;
	smp_rmb();
	while (queue->used_idx != idx) {
		struct vring_used_elem *element = &queue->used->ring[queue->used_idx & (queue->size - 1)];
		u32 id = le32_to_cpu((__force __le32)READ_ONCE(element->id));
		u32 length = le32_to_cpu((__force __le32)READ_ONCE(element->len));
		struct chain *chain;

		if (id >= queue->size || !queue->chains[id].busy) {
			error = -EPROTO;
			break;
		}
		chain = &queue->chains[id];
		queue->used_idx++;
		if (!chain->posted) {
			length = min(length, chain->writable);
			if (queue->is_request)
				spoil(queue, chain->head, length);
			give(queue, chain->head, length);
		}
		forget(queue, id);
		*any = true;
	}
	if (*any) {
		publish_given(queue);
		queue->progress = jiffies;
	}
	return error;
}

static void look(struct queue *queue)
{
	bool any;
	int error;

	spin_lock(&queue->lock);
	error = collect(queue, &any);
	if (carry_all(queue) || (queue->owes_event && queue->state == VMSG_LIVE))
		send_avail(queue);
	spin_unlock(&queue->lock);
	if (any)
		tell(queue);
	if (error) {
		dev_warn_ratelimited(&queue->dev->dev, "queue %u: a used ring that cannot be\n", queue->index);
		vmsg_device_renew(queue->dev);
	}
}

void vmsg_queue_used(struct vmsg_device *dev, u32 index)
{
	struct queue *queue;

	list_for_each_entry(queue, &dev->queues, node)
		if (queue->index == index)
			look(queue);
}

void vmsg_queues_look(struct vmsg_device *dev)
{
	struct queue *queue;

	list_for_each_entry(queue, &dev->queues, node)
		look(queue);
}

void vmsg_queues_start(struct vmsg_device *dev)
{
	struct queue *queue;

	list_for_each_entry(queue, &dev->queues, node) {
		spin_lock(&queue->lock);
		queue->state = VMSG_LIVE;
		if (carry_all(queue))
			send_avail(queue);
		spin_unlock(&queue->lock);
	}
}

/* Gives back what the driver waits for, and keeps what it only has standing by for the device's next life. */
void vmsg_queues_fail(struct vmsg_device *dev)
{
	struct queue *queue;

	list_for_each_entry(queue, &dev->queues, node) {
		bool any = false;
		u16 at;

		spin_lock(&queue->lock);
		queue->state = VMSG_LOST;
		for (at = 0; at < queue->size; at++) {
			struct chain *chain = &queue->chains[at];

			if (!chain->busy)
				continue;
			if (!chain->posted && queue->is_request) {
				give(queue, chain->head, 0);
				any = true;
			} else if (!chain->posted) {
				queue->again[queue->again_count++] = chain->head;
			}
			forget(queue, at);
		}
		if (queue->is_request && !queue->is_posted) {
			u16 avail = driver_avail(queue);

			for (; queue->taken != avail; queue->taken++) {
				give(queue, driver_head(queue, queue->taken), 0);
				any = true;
			}
		}
		if (any)
			publish_given(queue);
		spin_unlock(&queue->lock);
		if (any)
			tell(queue);
	}
}

void vmsg_queues_stop(struct vmsg_device *dev)
{
	struct queue *queue;
	u16 at;

	list_for_each_entry(queue, &dev->queues, node) {
		spin_lock(&queue->lock);
		queue->state = dev->state;
		queue->stops++;
		queue->again_count = 0;
		for (at = 0; at < queue->size; at++)
			if (queue->chains[at].busy)
				forget(queue, at);
		spin_unlock(&queue->lock);
		wake_up_all(&queue->over);
	}
}

bool vmsg_queues_stuck(struct vmsg_device *dev)
{
	unsigned long limit = msecs_to_jiffies(READ_ONCE(vmsg_completion_timeout_ms));
	u32 type = dev->vdev.id.device;
	struct queue *queue;
	bool stuck = false;

	/* of the others a request may take as long as it likes */
	if (type != VIRTIO_ID_I2C_ADAPTER && type != VIRTIO_ID_GPIO)
		return false;
	list_for_each_entry(queue, &dev->queues, node) {
		spin_lock(&queue->lock);
		stuck |= queue->is_request && queue->waiting > 0 && time_after(jiffies, queue->progress + limit);
		spin_unlock(&queue->lock);
	}
	return stuck;
}

/* Makes the window's ring an empty one. */
static void clear(struct queue *queue)
{
	u16 i;

	vmsg_window_clear(queue->dev->window, queue->ring, queue->ring_size);
	queue->avail_idx = 0;
	queue->used_idx = 0;
	queue->waiting = 0;
	queue->owes_event = false;
	queue->free_count = 0;
	for (i = queue->size; i > 0; i--) {
		queue->chains[i - 1].busy = false;
		queue->free[queue->free_count++] = i - 1;
	}
}

/* What the device says of a queue. */
static int ask(struct vmsg_device *dev, u32 index, struct vmsg_vqueue *got)
{
	struct vmsg_vqueue_index asked = { .index = cpu_to_le32(index) };
	int error = vmsg_device_request(dev, VMSG_GET_VQUEUE, &asked, sizeof(asked), got, sizeof(*got), sizeof(*got));

	return !error && got->index != asked.index ? -EPROTO : error;
}

/* Configures the device's queue over the window's ring, and asks whether it took. */
static int configure(struct queue *queue)
{
	struct vmsg_device *dev = queue->dev;
	struct vmsg_window *window = dev->window;
	struct vmsg_set_vqueue set = {
		.index = cpu_to_le32(queue->index),
		.flags = cpu_to_le32(VMSG_VQUEUE_ENABLE),
		.size = cpu_to_le32(queue->size),
		.desc = cpu_to_le64(vmsg_window_address(window, queue->desc)),
		.driver = cpu_to_le64(vmsg_window_address(window, queue->avail)),
		.device = cpu_to_le64(vmsg_window_address(window, queue->used)),
	};
	struct vmsg_vqueue got;
	int error;

	if (dev->failed || dev->dying)
		return -EIO;
	/* once: a queue that is enabled must not be set again, and its state tells whether the response was lost */
	error = vmsg_request(dev->core, 0, dev->dev_num, VMSG_SET_VQUEUE, &set, sizeof(set), NULL, 0, 1);
	if (error < 0 && error != -ETIMEDOUT)
		return error;
	error = ask(dev, queue->index, &got);
	if (error)
		return error;
	if (got.size != set.size || !(got.flags & cpu_to_le32(VMSG_VQUEUE_ENABLE)) ||
	    got.desc != set.desc || got.driver != set.driver || got.device != set.device) {
		dev_err(&dev->dev, "queue %u: the device did not take it\n", queue->index);
		return -EIO;
	}
	return 0;
}

int vmsg_queues_lay(struct vmsg_device *dev)
{
	struct vmsg_vqueue got;
	struct queue *queue;
	unsigned long flags;

	/* only with the mutex does the list change */
	list_for_each_entry(queue, &dev->queues, node) {
		int error = ask(dev, queue->index, &got), i;

		if (error)
			return error;
		/* not the queue that its driver was given */
		if (le32_to_cpu(got.max_size) < queue->size)
			return -ENXIO;

		spin_lock_irqsave(&queue->lock, flags);
		clear(queue);
		for (i = 0; i < queue->again_count; i++) {
			struct part part = { .next = queue->again[i] };
			int limit = queue->size;

			do {
				part = driver_part(queue, part.next);
				vmsg_window_renew(dev, part.address);
			} while (part.more && --limit > 0);
		}
		spin_unlock_irqrestore(&queue->lock, flags);
		error = configure(queue);
		if (error)
			return error;
	}
	return 0;
}

static void release(struct queue *queue)
{
	if (queue->ring)
		vmsg_window_give(queue->dev->window, queue->ring, queue->ring_size);
	kfree(queue->chains);
	kfree(queue->next);
	kfree(queue->free);
	kfree(queue->again);
	kfree(queue);
}

/* The largest size that the device takes and the window has room for. */
static int choose_size(struct queue *queue)
{
	struct vmsg_device *dev = queue->dev;
	struct vmsg_vqueue got;
	u32 size;
	int error;

	error = ask(dev, queue->index, &got);
	if (error)
		return error;
	if (got.max_size == 0)
		return -ENOENT;
	size = rounddown_pow_of_two(min_t(u32, le32_to_cpu(got.max_size), MOST_DESCRIPTORS));
	while (size > 2 && ring_size(size) > dev->window->size / RING_SHARE)
		size /= 2;
	for (; size > 0; size /= 2) {
		queue->ring = vmsg_window_take(dev->window, ring_size(size));
		if (queue->ring)
			break;
	}
	if (!queue->ring)
		return -ENOMEM;
	queue->size = size;
	queue->ring_size = ring_size(size);
	queue->desc = queue->ring;
	queue->avail = queue->ring + 16 * size;
	queue->used = queue->ring + 16 * size + ALIGN(6 + 2 * size, 4);
	return 0;
}

static struct virtqueue *find_vq(struct vmsg_device *dev, u32 index, vq_callback_t *callback, const char *name,
				 bool context)
{
	struct queue *queue;
	int error;

	if (index >= dev->max_virtqueues)
		return ERR_PTR(-ENOENT);
	queue = kzalloc(sizeof(*queue), GFP_KERNEL);
	if (!queue)
		return ERR_PTR(-ENOMEM);
	spin_lock_init(&queue->lock);
	queue->dev = dev;
	queue->index = index;
	queue->is_request = has_bit(vmsg_request_queues(dev->vdev.id.device), index);
	queue->is_posted = queue->is_request && dev->vdev.id.device == VIRTIO_ID_CONSOLE;
	queue->is_awaited = queue->is_request && dev->vdev.id.device == VIRTIO_ID_I2C_ADAPTER;
	init_waitqueue_head(&queue->over);
	error = choose_size(queue);
	if (error)
		goto fail;
	queue->chains = kcalloc(queue->size, sizeof(*queue->chains), GFP_KERNEL);
	queue->next = kcalloc(queue->size, sizeof(u16), GFP_KERNEL);
	queue->free = kcalloc(queue->size, sizeof(u16), GFP_KERNEL);
	queue->again = kcalloc(queue->size, sizeof(u16), GFP_KERNEL);
	error = -ENOMEM;
	if (!queue->chains || !queue->next || !queue->free || !queue->again)
		goto fail;
	clear(queue);
	queue->vq = create_vq(dev, index, queue->size, context, notify, callback, name);
	if (!queue->vq)
		goto fail;
	queue->vq->priv = queue;
	error = configure(queue);
	if (error) {
		vring_del_virtqueue(queue->vq);
		goto fail;
	}
	spin_lock_irq(&dev->lock);
	list_add_tail(&queue->node, &dev->queues);
	spin_unlock_irq(&dev->lock);
	return queue->vq;
fail:
	release(queue);
	return ERR_PTR(error);
}

static void del_vqs(struct vmsg_device *dev)
{
	struct queue *queue, *after;
	LIST_HEAD(queues);
	u16 at;

	spin_lock_irq(&dev->lock);
	list_splice_init(&dev->queues, &queues);
	spin_unlock_irq(&dev->lock);
	list_for_each_entry_safe(queue, after, &queues, node) {
		for (at = 0; at < queue->size; at++)
			if (queue->chains[at].busy)
				forget(queue, at);
		vring_del_virtqueue(queue->vq);
		release(queue);
	}
	vmsg_window_forget(dev);
}

void vmsg_del_vqs(struct virtio_device *vdev)
{
	struct vmsg_device *dev = vmsg_of(vdev);

	mutex_lock(&dev->mutex);
	del_vqs(dev);
	mutex_unlock(&dev->mutex);
}

#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 11, 0)
int vmsg_find_vqs(struct virtio_device *vdev, unsigned int count, struct virtqueue *vqs[],
		  struct virtqueue_info infos[], struct irq_affinity *desc)
#else
int vmsg_find_vqs(struct virtio_device *vdev, unsigned int count, struct virtqueue *vqs[],
		  vq_callback_t *callbacks[], const char *const names[], const bool *contexts,
		  struct irq_affinity *desc)
#endif
{
	struct vmsg_device *dev = vmsg_of(vdev);
	unsigned int i, index = 0;
	int error = 0;

	mutex_lock(&dev->mutex);
	for (i = 0; i < count && !error; i++) {
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 11, 0)
		vq_callback_t *callback = infos[i].callback;
		const char *name = infos[i].name;
		bool context = infos[i].ctx;
#else
		vq_callback_t *callback = callbacks[i];
		const char *name = names[i];
		bool context = contexts && contexts[i];
#endif
		vqs[i] = NULL;
		if (!name)
			continue;
		vqs[i] = find_vq(dev, index++, callback, name, context);
		error = PTR_ERR_OR_ZERO(vqs[i]);
	}
	if (error)
		del_vqs(dev);
	mutex_unlock(&dev->mutex);
	return error;
}
