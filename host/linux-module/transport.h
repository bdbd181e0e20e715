/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* The parts of the transport, and what each is to the others. */
#ifndef VIRTIO_MSG_TRANSPORT_H
#define VIRTIO_MSG_TRANSPORT_H

#include <linux/completion.h>
#include <linux/device.h>
#include <linux/dma-mapping.h>
#include <linux/kref.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/spinlock.h>
#include <linux/version.h>
#include <linux/virtio.h>
#include <linux/virtio_config.h>
#include <linux/workqueue.h>

#include "virtio_msg_bus.h"
#include "wire.h"

/* --- the window (window.c) --- */

#define VMSG_UNIT 16

struct vmsg_device;

/* What a unit of the window that begins a bounce buffer stands for. */
struct vmsg_bounce {
	struct vmsg_device *owner;
	phys_addr_t origin;
	u32 size;
	/* the life of the device that it was made in */
	u32 life;
};

/* A window and what is taken of it. Outlives its epoch while a device still has room in it. */
struct vmsg_window {
	struct kref kref;
	u8 *memory;
	size_t size;
	u64 address;
	/* guards all below, and the memory against being touched once it is not there */
	spinlock_t lock;
	bool there;
	unsigned long *taken;
	struct vmsg_bounce *bounces;
};

struct vmsg_window *vmsg_window_create(const struct virtio_msg_params *params);
void vmsg_window_get(struct vmsg_window *window);
void vmsg_window_put(struct vmsg_window *window);
/* Room of `size` bytes, or NULL. Takes the lock. */
void *vmsg_window_take(struct vmsg_window *window, size_t size);
void vmsg_window_give(struct vmsg_window *window, const void *at, size_t size);
/* Makes it zeros, if the window is there. */
void vmsg_window_clear(struct vmsg_window *window, void *at, size_t size);
/* What the device side calls this place. */
u64 vmsg_window_address(const struct vmsg_window *window, const void *at);
/* The place of `size` bytes that the device side calls so; NULL if it is outside. */
void *vmsg_window_at(const struct vmsg_window *window, u64 address, size_t size);
/* Has the DMA API, or virtio's own, bounce all buffers of a device through its window. */
void vmsg_window_map_for(struct vmsg_device *dev);
/* Takes back the room of all that the device has mapped still, and copies nothing: its driver is done with it. */
void vmsg_window_forget(struct vmsg_device *dev);
/* Marks a mapping as one of the device's present life: it stays with the device over a reset. */
void vmsg_window_renew(struct vmsg_device *dev, u64 address);

/* --- requests (request.c) --- */

/* numbers of devices that were plugged in and not looked at yet */
#define VMSG_MOST_ADDED 16

struct virtio_msg_core {
	struct virtio_msg_bus *bus;
	/* of the bus, as it is online; guarded by lock */
	struct virtio_msg_params params;
	struct vmsg_window *window;
	/* raised whenever the bus goes online or offline */
	u32 epoch;
	bool online;
	spinlock_t lock;
	struct list_head requests;
	u16 token;
	/* of vmsg_device; removed ones are in it no more */
	struct list_head devices;
	/* runs one thing at a time: enumeration and taking devices up again */
	struct workqueue_struct *works;
	/* what may run beside it: removals, which wait for whoever has a device open, and what a driver waits for */
	struct workqueue_struct *side;
	struct work_struct scan;
	/* all devices have to be asked for; guarded by lock, as the numbers that EVENT_DEVICE added */
	bool rescan;
	/* nothing of that is left to do */
	bool scanned;
	u16 added[VMSG_MOST_ADDED];
	unsigned int added_count;
	struct delayed_work watch;
};

/*
 * Sends a request and waits for its response. Returns the length of the response's payload, of which at most `room`
 * bytes were copied, or -ETIMEDOUT, -ENODEV at the end of the epoch, -EMSGSIZE for what the bus cannot carry.
 */
int vmsg_request(struct virtio_msg_core *core, u8 type, u16 dev_num, u8 msg_id, const void *payload, size_t size,
		 void *response, size_t room, unsigned int tries);
/* A response came. */
void vmsg_response(struct virtio_msg_core *core, const struct vmsg_header *header, size_t size);
/* Ends all requests under way; with the lock held. */
void vmsg_requests_end(struct virtio_msg_core *core);
int vmsg_send(struct virtio_msg_core *core, u8 type, u16 dev_num, u8 msg_id, u16 token, const void *payload,
	      size_t size);

/* --- devices (device.c) --- */

enum vmsg_state {
	/* reset, or on the way to DRIVER_OK: what the driver makes available is kept back */
	VMSG_IDLE,
	VMSG_LIVE,
	/* what is under way has failed, and what comes fails, until the device is reset */
	VMSG_LOST,
};

struct vmsg_device {
	struct virtio_device vdev;
	/* parent of vdev, whose memory this is; DMA goes through it */
	struct device dev;
	struct virtio_msg_core *core;
	struct vmsg_window *window;
	struct list_head node;
	u16 dev_num;
	struct vmsg_device_info info;
	u32 max_virtqueues;
	u32 config_size;
	/* what vdev's features were before the transport added its own */
	u64 offered;
	u64 negotiated;
	/* guards what is asked of the device: status, reset, queues */
	struct mutex mutex;
	u8 status;
	/* a request stayed without an answer: nothing but a reset is asked any more */
	bool failed;
	/* is in sysfs, with a driver perhaps */
	bool registered;
	/* is in the core's list no more; nothing new begins */
	bool dying;
	/* is to be reset and set up again, though it is not lost */
	bool ill;
	/* the virtio core has registered it, or has not and will not */
	struct completion settled;
	/* Guards queues and state against callbacks. Taken with interrupts off. */
	spinlock_t lock;
	struct list_head queues;
	enum vmsg_state state;
	/* raised when what is mapped no longer belongs to what the device may answer */
	u32 life;
	/* of the configuration, as the device said it last; and how often it was seen to change */
	u32 generation;
	atomic_t config_changes;
	unsigned int config_unannounced;
	/* bytes of the window, guarded by its lock */
	size_t mapped;
	size_t mapped_in;
	/* in jiffies: earlier than this it is not tried again */
	unsigned long next_try;
	struct work_struct recover;
	struct work_struct early;
	struct work_struct fail;
	struct work_struct remove;
};

#define vmsg_of(device) container_of(device, struct vmsg_device, vdev)

/* Asks who the device is, and registers it. The errors of vmsg_request, or -ENXIO for what is no device. */
int vmsg_device_add(struct virtio_msg_core *core, u16 dev_num, unsigned int tries);
/* Removes it, without waiting: it is out of the list at once. With the core's lock. */
void vmsg_device_remove(struct vmsg_device *dev);
/* The epoch ended, or the device is not to be counted on: what is under way fails at once. In any context. */
void vmsg_device_lose(struct vmsg_device *dev);
/* Has it reset and set up again soon. In any context. */
void vmsg_device_renew(struct vmsg_device *dev);
/* Brings a lost device back to where its driver had it, or has it taken for another one, which is removed and added. */
void vmsg_device_take_up(struct vmsg_device *dev);
/* With the core's lock, as the next one. */
void vmsg_device_event(struct vmsg_device *dev, u8 msg_id, const u8 *payload, size_t size);
/* Looks whether something takes too long. With `look`, into the used rings, too. */
void vmsg_device_watch(struct vmsg_device *dev, bool look);
int vmsg_device_request(struct vmsg_device *dev, u8 msg_id, const void *payload, size_t size, void *response,
			size_t room, size_t least);

extern unsigned int vmsg_completion_timeout_ms;
extern unsigned int vmsg_reset_timeout_ms;

/* --- queues (queue.c) --- */

/* What is in a queue whose driver waits for each completion, by device type: a bit for each queue. */
u64 vmsg_request_queues(u32 device_id);

#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 11, 0)
int vmsg_find_vqs(struct virtio_device *vdev, unsigned int count, struct virtqueue *vqs[],
		  struct virtqueue_info infos[], struct irq_affinity *desc);
#else
int vmsg_find_vqs(struct virtio_device *vdev, unsigned int count, struct virtqueue *vqs[],
		  vq_callback_t *callbacks[], const char *const names[], const bool *contexts,
		  struct irq_affinity *desc);
#endif
void vmsg_del_vqs(struct virtio_device *vdev);
/* Configures the device's queues anew, over rings that are empty again. With the mutex. */
int vmsg_queues_lay(struct vmsg_device *dev);
/* The following are called with the device's lock. */
void vmsg_queues_start(struct vmsg_device *dev);
void vmsg_queues_fail(struct vmsg_device *dev);
/* The device is reset: nothing is under way, and its driver will take its buffers back. */
void vmsg_queues_stop(struct vmsg_device *dev);
void vmsg_queue_used(struct vmsg_device *dev, u32 index);
void vmsg_queues_look(struct vmsg_device *dev);
/* Whether a request has been under way for too long. */
bool vmsg_queues_stuck(struct vmsg_device *dev);

#endif
