/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * What a virtio-msg bus and the transport are to each other, all of it.
 *
 * A bus carries frames between this kernel and one device side, and has a window: memory that both can reach.
 * It registers once, goes online when a device side is there, and offline when it is gone. Each time that it
 * goes online is a new epoch: the transport enumerates the devices, takes up again those that are the same, and
 * removes the others. All that was under way in the epoch before has ended with an error by then.
 */
#ifndef VIRTIO_MSG_BUS_H
#define VIRTIO_MSG_BUS_H

#include <linux/device.h>
#include <linux/types.h>

struct virtio_msg_bus;
struct virtio_msg_core;

#define VIRTIO_MSG_MIN_SIZE 52
#define VIRTIO_MSG_MAX_SIZE 65535

/* Transport feature bits, as the bus advertises them. */
#define VIRTIO_MSG_F_STRICT_CONFIG_GENERATION BIT(0)

/* The bus parameters of an epoch; they do not change within it. */
struct virtio_msg_params {
	/* at least 1 */
	u32 revision;
	/* of one frame with its header, in bytes: VIRTIO_MSG_MIN_SIZE to VIRTIO_MSG_MAX_SIZE */
	u32 max_msg_size;
	/* VIRTIO_MSG_F_...; unknown bits are ignored */
	u32 features;
	/* neither EVENT_AVAIL nor EVENT_USED: both sides look into the queues by themselves */
	bool polling;
	/* The window. It stays mapped until virtio_msg_bus_offline has returned. */
	void *window;
	/* bytes, a multiple of 16, at least 4096 */
	size_t window_size;
	/* what the device side calls the window's first byte, a multiple of 16 */
	u64 window_address;
	/* bytes at the start that nobody may use; no ring gets the address 0 */
	size_t window_reserved;
};

struct virtio_msg_bus_ops {
	/*
	 * Sends one frame of `size` bytes, which is the caller's again on return. Called in any context, also with
	 * interrupts off, so it must not sleep. Returns 0, -ENOBUFS when the way is full for the moment, -ENOMEM, or
	 * -ENODEV when nobody is there. Frames arrive in the order of the calls.
	 */
	int (*send)(struct virtio_msg_bus *bus, const void *frame, size_t size);
};

struct virtio_msg_bus {
	/* shown in the names of the devices: NAME.DEV_NUM */
	const char *name;
	/* the devices' parent in sysfs */
	struct device *parent;
	const struct virtio_msg_bus_ops *ops;
	/* the transport's own */
	struct virtio_msg_core *core;
};

/* Adds a bus, offline. Returns 0 or -ENOMEM. May sleep. */
int virtio_msg_bus_register(struct virtio_msg_bus *bus);

/* Takes it offline, removes its devices and forgets it. May sleep. */
void virtio_msg_bus_unregister(struct virtio_msg_bus *bus);

/*
 * A device side is there: a new epoch begins, and the one before ends if it has not yet. Devices appear some time
 * later. Returns 0, -EINVAL for parameters that cannot be, or -ENOMEM. May sleep. `params` is copied.
 */
int virtio_msg_bus_online(struct virtio_msg_bus *bus, const struct virtio_msg_params *params);

/*
 * The device side is gone: requests under way end with an error before this returns, and nothing touches the window
 * any more. The devices stay for the next epoch. May sleep. Calls of online, offline and unregister are the bus's to
 * serialise.
 */
void virtio_msg_bus_offline(struct virtio_msg_bus *bus);

/*
 * A frame came in. It may be anything: what is malformed, late or unknown is dropped. Not to be called from an
 * interrupt handler's context other than with the bus online; drivers are called back with interrupts off.
 */
void virtio_msg_bus_receive(struct virtio_msg_bus *bus, const void *frame, size_t size);

/*
 * A transport request will get no response, and its sender says so: it ends with `error`, which is negative, and is not
 * tried again. One that is unknown is ignored. In any context.
 */
void virtio_msg_bus_refuse(struct virtio_msg_bus *bus, u16 dev_num, u8 msg_id, u16 token, int error);

/* "offline", "scanning" while devices are asked for and probed, "online". May sleep. */
const char *virtio_msg_bus_state(struct virtio_msg_bus *bus);

#endif
