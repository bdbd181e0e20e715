/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* The parts of the bridge, and what each is to the others. */
#ifndef VIRTIO_MSG_BRIDGE_H
#define VIRTIO_MSG_BRIDGE_H

#include <linux/eventfd.h>
#include <linux/fs.h>
#include <linux/irq_work.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/poll.h>
#include <linux/skbuff.h>
#include <linux/spinlock.h>
#include <linux/version.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include "bridge-uapi.h"
#include "virtio_msg_bus.h"
#include "wire.h"

/* of a message, as this side of the bridge has it */
#define BRIDGE_MAX_MESSAGE 4096
#define BRIDGE_REVISION 1

/* --- a ring in the device model's file (bridge-ring.c) --- */

struct bridge_ring {
	struct page **pages;
	unsigned int page_count;
	/* whose limit of locked memory they count against */
	struct mmpin pinned;
	void *mapping;
	struct vmsgb_ring_header *header;
	u32 entry_size;
	/* Where this side is, and where the other was seen last. The ring's own words are the other side's to spoil. */
	u32 own;
	u32 seen;
};

/* Pins what `info` says of `file`, and looks at its header. `is_rx`: this side produces. May sleep; takes mmap_lock. */
int bridge_ring_open(struct bridge_ring *ring, struct file *file, const struct vmsgb_ring_info *info,
		     u32 max_msg_size, bool is_rx);
void bridge_ring_close(struct bridge_ring *ring);
/* Publishes a frame. 0, -ENOBUFS when the ring is full, -EMSGSIZE for no slot's size, -EPROTO for what is no ring. */
int bridge_ring_put(struct bridge_ring *ring, const void *frame, size_t size);
/* Copies the next frame, of at most `most` bytes. Its size, 0 when there is none, -EPROTO, -EMSGSIZE for no frame. */
int bridge_ring_look(struct bridge_ring *ring, void *frame, size_t most);
/* Gives the slot of the frame that was looked at back. Returns whether the ring was full. */
bool bridge_ring_next(struct bridge_ring *ring);

/* --- the window, as a device model maps it (bridge-window.c) --- */

/* Of one open file. */
struct bridge_view {
	struct mutex mutex;
	struct address_space *space;
	/* what is read where there is no window any more: nobody's, and zeros at first */
	struct page *nothing;
	/* NULL while nothing is to be mapped */
	void *window;
	size_t size;
	/* of the mapping that was announced last, whether it is still there or not */
	u64 offset;
};

int bridge_view_init(struct bridge_view *view, struct file *file);
void bridge_view_destroy(struct bridge_view *view);
/* `number` is another one for each window of a file. Returns the offset that leads to it. */
u64 bridge_view_show(struct bridge_view *view, void *window, size_t size, u64 number);
/* Whoever has it mapped sees nothing of it from here on. */
void bridge_view_hide(struct bridge_view *view);
int bridge_view_mmap(struct bridge_view *view, struct vm_area_struct *area);

/* --- endpoints (bridge-endpoint.c) --- */

struct bridge_session;

/* One loopback bus: what a device model attaches to. Its devices outlive sessions. */
struct bridge_endpoint {
	struct virtio_msg_bus bus;
	struct list_head node;
	u32 handle;
	char id[VMSGB_BUS_ID_SIZE];
	/* "loopback" or "loopback:ID" */
	char name[VMSGB_BUS_ID_SIZE + 12];
	/* references of open files, guarded by the table's mutex */
	unsigned int holders;
	void *window;
	size_t window_size;
	u64 epoch;
	u64 map_seq;
	/* serialises attaching, detaching, and the bus's going on and off */
	struct mutex mutex;
	/* an administrator wants it to be online */
	bool is_wanted;
	/* guards the following, and the rx ring of the session; in any context */
	spinlock_t lock;
	/* of whoever is attached, NULL once that session has faulted */
	struct bridge_session *session;
	/* the devices of the topology that holds, and of the one that is being published; the first guarded by lock */
	unsigned long *live;
	unsigned long *staged;
	struct work_struct removal;
};

#define BRIDGE_NUMBERS 65536

int bridge_endpoints_init(void);
void bridge_endpoints_exit(void);
/* Finds the endpoint, or makes it, and holds it once more. */
struct bridge_endpoint *bridge_endpoint_resolve(const char *bus_name, const char *bus_id, bool create);
/* Lets go of it `count` times. Whoever does so with `remove`, and is the last one, removes it and its devices. */
void bridge_endpoint_release(struct bridge_endpoint *endpoint, unsigned int count, bool remove);
ssize_t bridge_endpoints_show(char *text);
/* What an administrator writes: `NAME 0`, `NAME 1` or `NAME reset`. */
int bridge_endpoints_command(const char *text);

/* --- sessions (bridge-session.c) --- */

enum bridge_state {
	/* the device model has to say which devices there are */
	BRIDGE_NEW,
	/* it has to map the window */
	BRIDGE_ADDING,
	BRIDGE_UP,
	/* it has to let go of it */
	BRIDGE_DELETING,
	BRIDGE_OFFLINE,
	/* over: one side broke the rules, or took too long */
	BRIDGE_FAULTED,
};

struct bridge_session {
	struct bridge_endpoint *endpoint;
	struct bridge_view *view;
	/* of the file: those who poll */
	wait_queue_head_t *pollers;
	u32 max_msg_size;
	/* all of the following is the endpoint's mutex's */
	enum bridge_state state;
	/* what is to be put into the rx ring, and found no room yet */
	bool owes_map;
	bool owes_offline;
	bool owes_online;
	u32 offline_reason;
	bool wants_reset;
	/* a topology is being published, with so many devices */
	bool is_staging;
	u32 staged_count;
	/* the map request under way, or the last one */
	u64 map_seq;
	u16 map_token;
	unsigned long map_due;
	/* what runs with interrupts off looks at these alone */
	bool is_ready;
	bool is_up;
	bool owes;
	/* why the session has to end; NULL while it does not */
	const char *fault;
	/* guards the tx ring and `frame` */
	spinlock_t tx_lock;
	/* the frame is a bus message, which the work is at */
	bool is_held;
	struct bridge_ring tx;
	struct bridge_ring rx;
	struct eventfd_ctx *kick;
	struct eventfd_ctx *call;
	wait_queue_entry_t kicked;
	poll_table kick_table;
	/* takes frames when it is kicked */
	struct irq_work pull;
	/* signals `call`: from nowhere else, so that no eventfd's lock is taken within another's */
	struct irq_work bell;
	/* applies bus messages, and the rest of a long row */
	struct work_struct work;
	struct delayed_work deadline;
	u8 frame[BRIDGE_MAX_MESSAGE] __aligned(8);
};

/* Attaches the device model behind `file` to the endpoint, with `attach` as it came. Fills attach->caps. */
struct bridge_session *bridge_session_attach(struct bridge_endpoint *endpoint, struct bridge_view *view,
					     wait_queue_head_t *pollers, struct vmsgb_attach *attach);
/* Ends it, faulted or not; nothing of it is left. */
void bridge_session_detach(struct bridge_session *session);
/* With the endpoint's lock: a frame of the transport for the device model. */
int bridge_session_send(struct bridge_session *session, const void *frame, size_t size);
/* With the endpoint's mutex: online or offline, as the endpoint is wanted now; `reset`: off, and on again. */
void bridge_session_want(struct bridge_session *session, bool reset);

extern struct workqueue_struct *bridge_works;
/* the node, and the parent of all devices */
extern struct miscdevice bridge_device;

/* --- what bus messages do (bridge-control.c); all with the endpoint's mutex --- */

/* A bus message came. False when the session has faulted. */
bool bridge_control_take(struct bridge_session *session, const void *frame, size_t size);
/* Goes on to what comes next, as far as the rx ring has room. */
void bridge_control_advance(struct bridge_session *session);
/* The bus goes offline, and nobody sees the window. */
void bridge_control_stop(struct bridge_session *session);
/* The first reason counts. In any context; the work ends the session. */
void bridge_session_fault(struct bridge_session *session, const char *why);
/* Puts a frame into the rx ring, and calls. In any context, without the endpoint's lock. */
int bridge_session_post(struct bridge_session *session, const void *frame, size_t size);

#endif
