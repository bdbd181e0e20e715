// SPDX-License-Identifier: MIT OR GPL-2.0-only
/*
 * The bridge's own bus messages: which devices there are, which memory the device model may map, and whether the
 * endpoint is online. An online epoch goes: topology, MAP_ADD, up; and MAP_DEL, ENDPOINT_OFFLINE when it ends while
 * the device model stays. Everything is for one epoch: what is older is ignored, what cannot be known yet is a fault.
 */
#include <linux/bitmap.h>
#include <linux/jiffies.h>
#include <linux/module.h>

#include "bridge.h"

/* What a device model calls the window's first byte: an address that is no offset, so that none takes it for one. */
#define WINDOW_ADDRESS 0x10000000
/* There is one window. */
#define MAP_ID 1

static unsigned int map_timeout_ms = 2000;
module_param(map_timeout_ms, uint, 0644);
MODULE_PARM_DESC(map_timeout_ms, "how long a device model may take to map the window, or to let go of it (2000)");

/* --- what is said --- */

static int say(struct bridge_session *session, u8 type, u8 msg_id, u16 token, const void *payload, size_t size)
{
	struct {
		struct vmsg_header header;
		u8 payload[sizeof(struct vmsgb_map_add)];
	} __packed frame = {
		.header = {
			.type = type,
			.msg_id = msg_id,
			.token = cpu_to_le16(token),
			.msg_size = cpu_to_le16(sizeof(frame.header) + size),
		},
	};

	memcpy(frame.payload, payload, size);
	return bridge_session_post(session, &frame, sizeof(frame.header) + size);
}

static int say_map(struct bridge_session *session)
{
	struct bridge_endpoint *endpoint = session->endpoint;
	struct vmsgb_map_del del = {
		.epoch = cpu_to_le64(endpoint->epoch),
		.seq = cpu_to_le64(session->map_seq),
		.id = cpu_to_le64(MAP_ID),
		.address = cpu_to_le64(WINDOW_ADDRESS),
		.length = cpu_to_le64(endpoint->window_size),
	};
	struct vmsgb_map_add add = {
		.epoch = del.epoch,
		.seq = del.seq,
		.id = del.id,
		.address = del.address,
		.length = del.length,
		.mmap_offset = cpu_to_le64(session->view->offset),
		.mmap_length = del.length,
		.flags = cpu_to_le32(VMSGB_MAP_RETAIN),
	};

	if (session->state == BRIDGE_ADDING)
		return say(session, VMSG_BUS, VMSGB_MAP_ADD, session->map_token, &add, sizeof(add));
	return say(session, VMSG_BUS, VMSGB_MAP_DEL, session->map_token, &del, sizeof(del));
}

static int say_offline(struct bridge_session *session)
{
	struct vmsgb_endpoint_offline event = {
		.epoch = cpu_to_le64(session->endpoint->epoch),
		.reason = cpu_to_le32(session->offline_reason),
	};

	return say(session, VMSG_BUS, VMSGB_ENDPOINT_OFFLINE, 0, &event, sizeof(event));
}

static int say_online(struct bridge_session *session)
{
	struct vmsgb_endpoint_online event = {
		.epoch = cpu_to_le64(session->endpoint->epoch),
		.bus_name = "loopback",
		.max_msg_size = cpu_to_le32(session->max_msg_size),
	};

	return say(session, VMSG_BUS, VMSGB_ENDPOINT_ONLINE, 0, &event, sizeof(event));
}

/* --- from one state to the next --- */

static void ask_map(struct bridge_session *session, enum bridge_state state)
{
	unsigned long wait = msecs_to_jiffies(max(1u, READ_ONCE(map_timeout_ms)));

	session->state = state;
	/* never 0, which events have */
	session->map_token = session->map_token % 0x7fff + 1;
	session->owes_map = true;
	session->map_due = jiffies + wait;
	mod_delayed_work(bridge_works, &session->deadline, wait);
}

static void begin_mapping(struct bridge_session *session)
{
	struct bridge_endpoint *endpoint = session->endpoint;

	session->map_seq = ++endpoint->map_seq;
	bridge_view_show(session->view, endpoint->window, endpoint->window_size, session->map_seq);
	ask_map(session, BRIDGE_ADDING);
}

static void go_up(struct bridge_session *session)
{
	struct bridge_endpoint *endpoint = session->endpoint;
	const struct virtio_msg_params params = {
		.revision = BRIDGE_REVISION,
		.max_msg_size = session->max_msg_size,
		.window = endpoint->window,
		.window_size = endpoint->window_size,
		.window_address = WINDOW_ADDRESS,
	};

	session->state = BRIDGE_UP;
	WRITE_ONCE(session->is_up, true);
	if (virtio_msg_bus_online(&endpoint->bus, &params))
		bridge_session_fault(session, "the kernel has no memory for its devices");
}

void bridge_control_stop(struct bridge_session *session)
{
	WRITE_ONCE(session->is_up, false);
	if (session->state == BRIDGE_UP)
		virtio_msg_bus_offline(&session->endpoint->bus);
	bridge_view_hide(session->view);
}

/* The endpoint leaves the epoch: at once, or when the device model has let go of the window. */
static void leave(struct bridge_session *session)
{
	session->is_staging = false;
	if (session->state == BRIDGE_UP) {
		WRITE_ONCE(session->is_up, false);
		virtio_msg_bus_offline(&session->endpoint->bus);
		ask_map(session, BRIDGE_DELETING);
	} else {
		session->state = BRIDGE_OFFLINE;
		session->owes_offline = true;
	}
}

static void enter(struct bridge_session *session)
{
	session->endpoint->epoch++;
	session->state = BRIDGE_NEW;
	session->owes_online = true;
}

/* Says what is owed, in order. Whether all of it is said. */
static bool pay(struct bridge_session *session)
{
	if (session->owes_map && !say_map(session))
		session->owes_map = false;
	if (!session->owes_map && session->owes_offline && !say_offline(session))
		session->owes_offline = false;
	if (!session->owes_map && !session->owes_offline && session->owes_online && !say_online(session))
		session->owes_online = false;
	return !session->owes_map && !session->owes_offline && !session->owes_online;
}

void bridge_control_advance(struct bridge_session *session)
{
	struct bridge_endpoint *endpoint = session->endpoint;

	/* Whoever makes room kicks behind it: so the mark comes before the look at the room. */
	WRITE_ONCE(session->owes, true);
	smp_mb();
	while (pay(session)) {
		/* a map request under way comes to its end first */
		if ((session->state == BRIDGE_NEW || session->state == BRIDGE_UP) &&
		    (!endpoint->is_wanted || session->wants_reset)) {
			session->offline_reason = session->wants_reset && endpoint->is_wanted ? VMSGB_OFFLINE_RESET :
												 VMSGB_OFFLINE_REMOVED;
			session->wants_reset = false;
			leave(session);
		} else if (session->state == BRIDGE_OFFLINE && endpoint->is_wanted) {
			session->wants_reset = false;
			enter(session);
		} else {
			WRITE_ONCE(session->owes, false);
			return;
		}
	}
}

/* --- what is heard --- */

/* Makes the staged topology the one that holds, and tells the transport what is different. */
static void apply_topology(struct bridge_session *session)
{
	struct bridge_endpoint *endpoint = session->endpoint;
	struct {
		struct vmsg_header header;
		struct vmsg_event_device event;
	} __packed frame = {
		.header = {
			.type = VMSG_BUS,
			.msg_id = VMSG_EVENT_DEVICE,
			.msg_size = cpu_to_le16(sizeof(frame)),
		},
	};
	u32 i, number;

	for (i = 0; i < BITS_TO_LONGS(BRIDGE_NUMBERS); i++) {
		unsigned long different = endpoint->staged[i] ^ endpoint->live[i];

		while (different) {
			number = i * BITS_PER_LONG + __ffs(different);
			different &= different - 1;
			spin_lock_irq(&endpoint->lock);
			__change_bit(number, endpoint->live);
			spin_unlock_irq(&endpoint->lock);
			if (session->state != BRIDGE_UP)
				continue;
			frame.event.device_number = cpu_to_le16(number);
			frame.event.state = cpu_to_le16(test_bit(number, endpoint->live) ? VMSG_DEVICE_ADDED :
											  VMSG_DEVICE_REMOVED);
			virtio_msg_bus_receive(&endpoint->bus, &frame, sizeof(frame));
		}
	}
}

static const char *hear_reset(struct bridge_session *session, const struct vmsgb_topology_reset *reset)
{
	if (reset->reserved)
		return "TOPOLOGY_RESET with reserved bytes that are not 0";
	session->is_staging = true;
	session->staged_count = 0;
	bitmap_zero(session->endpoint->staged, BRIDGE_NUMBERS);
	return NULL;
}

static const char *hear_dev_add(struct bridge_session *session, const struct vmsgb_topology_dev_add *add)
{
	if (memchr_inv(add->reserved, 0, sizeof(add->reserved)))
		return "TOPOLOGY_DEV_ADD with reserved bytes that are not 0";
	if (!session->is_staging)
		return "TOPOLOGY_DEV_ADD without TOPOLOGY_RESET";
	if (__test_and_set_bit(le16_to_cpu(add->dev_num), session->endpoint->staged))
		return "TOPOLOGY_DEV_ADD of the same device twice";
	session->staged_count++;
	return NULL;
}

static const char *hear_commit(struct bridge_session *session, const struct vmsgb_topology_commit *commit)
{
	if (memchr_inv(commit->reserved, 0, sizeof(commit->reserved)))
		return "TOPOLOGY_COMMIT with reserved bytes that are not 0";
	if (!session->is_staging)
		return "TOPOLOGY_COMMIT without TOPOLOGY_RESET";
	/* the count of all 65,536 cannot be said */
	if (le16_to_cpu(commit->count) != session->staged_count)
		return "TOPOLOGY_COMMIT with another count than there were TOPOLOGY_DEV_ADD";
	session->is_staging = false;
	apply_topology(session);
	if (session->state == BRIDGE_NEW)
		begin_mapping(session);
	return NULL;
}

static const char *hear_answer(struct bridge_session *session, const struct vmsg_header *header,
			       const struct vmsgb_map_answer *answer)
{
	u8 asked = session->state == BRIDGE_ADDING ? VMSGB_MAP_ADD : VMSGB_MAP_DEL;
	s32 status = (s32)le32_to_cpu(answer->status);

	if (answer->reserved || status > 0)
		return "an answer to a map request that cannot be";
	if (le64_to_cpu(answer->seq) > session->map_seq || le64_to_cpu(answer->id) != MAP_ID)
		return "an answer to a map request that nobody made";
	/* an older one, or one that was answered */
	if (le64_to_cpu(answer->seq) < session->map_seq ||
	    (session->state != BRIDGE_ADDING && session->state != BRIDGE_DELETING) ||
	    (asked == VMSGB_MAP_DEL && header->msg_id == VMSGB_MAP_ADD))
		return NULL;
	if (session->owes_map || header->msg_id != asked || le16_to_cpu(header->token) != session->map_token)
		return "an answer to a map request that nobody made";
	if (status)
		return "it cannot map the window";
	cancel_delayed_work(&session->deadline);
	if (asked == VMSGB_MAP_ADD) {
		go_up(session);
	} else {
		bridge_view_hide(session->view);
		session->state = BRIDGE_OFFLINE;
		session->owes_offline = true;
	}
	return NULL;
}

static const char *hear_released(struct bridge_session *session, const struct vmsgb_map_released *released)
{
	if (le64_to_cpu(released->seq) > session->map_seq || le64_to_cpu(released->id) != MAP_ID)
		return "MAP_RELEASED of what was never mapped";
	/* all devices lose their memory with it: they begin anew, in another epoch */
	if (le64_to_cpu(released->seq) == session->map_seq && session->state == BRIDGE_UP)
		session->wants_reset = true;
	return NULL;
}

static const char *hear_error(struct bridge_session *session, const struct vmsg_header *header,
			      const struct vmsgb_error *error)
{
	s32 code = (s32)le32_to_cpu(error->error);

	if (error->reserved || code >= 0 || code < -MAX_ERRNO)
		return "an ERROR that cannot be";
	virtio_msg_bus_refuse(&session->endpoint->bus, le16_to_cpu(error->dev_num), error->msg_id,
			      le16_to_cpu(header->token), code);
	return NULL;
}

static size_t size_of(u8 msg_id)
{
	switch (msg_id) {
	case VMSGB_ERROR:
		return sizeof(struct vmsgb_error);
	case VMSGB_MAP_ADD:
	case VMSGB_MAP_DEL:
		return sizeof(struct vmsgb_map_answer);
	case VMSGB_TOPOLOGY_RESET:
		return sizeof(struct vmsgb_topology_reset);
	case VMSGB_TOPOLOGY_DEV_ADD:
		return sizeof(struct vmsgb_topology_dev_add);
	case VMSGB_TOPOLOGY_COMMIT:
		return sizeof(struct vmsgb_topology_commit);
	case VMSGB_MAP_RELEASED:
		return sizeof(struct vmsgb_map_released);
	default:
		return 0;
	}
}

static const char *hear(struct bridge_session *session, const struct vmsg_header *header, size_t size)
{
	bool is_event = header->msg_id & VMSG_EVENT, is_response = header->type & VMSG_RESPONSE;
	const void *payload = header + 1;
	u64 epoch;

	if (header->msg_id == VMSGB_ENDPOINT_ONLINE || header->msg_id == VMSGB_ENDPOINT_OFFLINE)
		return "an event that is the kernel's to send";
	/* the standard's bus messages, and reserved ones, are nothing to the bridge */
	if (!size_of(header->msg_id))
		return NULL;
	if (size != sizeof(*header) + size_of(header->msg_id))
		return "a bus message of another size than it has";
	if (header->dev_num || is_event == is_response || (is_event && header->token))
		return "a bus message with a header that cannot be";
	if (header->msg_id == VMSGB_ERROR)
		return session->state == BRIDGE_UP ? hear_error(session, header, payload) : NULL;
	epoch = le64_to_cpu(*(const __le64 *)payload);
	if (epoch > session->endpoint->epoch)
		return "a message for an epoch that is yet to come";
	if (epoch < session->endpoint->epoch || session->state == BRIDGE_OFFLINE)
		return NULL;
	switch (header->msg_id) {
	case VMSGB_MAP_ADD:
	case VMSGB_MAP_DEL:
		return hear_answer(session, header, payload);
	case VMSGB_MAP_RELEASED:
		return hear_released(session, payload);
	}
	/* nothing of a topology counts any more while the epoch is being left */
	if (session->state == BRIDGE_DELETING)
		return NULL;
	switch (header->msg_id) {
	case VMSGB_TOPOLOGY_RESET:
		return hear_reset(session, payload);
	case VMSGB_TOPOLOGY_DEV_ADD:
		return hear_dev_add(session, payload);
	default:
		return hear_commit(session, payload);
	}
}

bool bridge_control_take(struct bridge_session *session, const void *frame, size_t size)
{
	const char *problem = hear(session, frame, size);

	if (problem)
		bridge_session_fault(session, problem);
	else
		bridge_control_advance(session);
	return !READ_ONCE(session->fault);
}
