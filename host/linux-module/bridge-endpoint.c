// SPDX-License-Identifier: MIT OR GPL-2.0-only
/*
 * Endpoints: loopback buses by name, each with a window of its own. One is made when a device model asks for it, and
 * stays, with its devices, when that one dies; so they come back with the next. Only who lets go of it on purpose
 * removes it.
 */
#include <linux/bitmap.h>
#include <linux/ctype.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "bridge.h"

#define BUS_NAME "loopback"
#define MOST_ENDPOINTS 8
/* larger ones would not fit between two of the offsets that lead to windows */
#define SMALLEST_WINDOW_KIB 64u
#define LARGEST_WINDOW_KIB 16384u

static unsigned int window_kib = 1024;
module_param(window_kib, uint, 0444);
MODULE_PARM_DESC(window_kib, "memory of an endpoint that its device model may map: 64 to 16384 KiB (1024)");

static DEFINE_MUTEX(table);
static LIST_HEAD(endpoints);
static unsigned int count;
static u32 last_handle;
/* removals, which wait for whoever has a device open */
static struct workqueue_struct *removals;

/* --- the bus --- */

/* The bridge itself knows which devices there are: the bitmap is what GET_DEVICES is answered with. */
static void answer_get_devices(struct bridge_endpoint *endpoint, const struct vmsg_header *header)
{
	const struct vmsg_get_devices *asked = (const void *)(header + 1);
	struct {
		struct vmsg_header header;
		struct vmsg_get_devices_response head;
		u8 bitmap[256];
	} __packed answer = { .header = *header };
	u32 offset = le16_to_cpu(asked->offset), most = 8 * sizeof(answer.bitmap), i, next;
	u32 size = min_t(u32, le16_to_cpu(asked->count), min_t(u32, most, BRIDGE_NUMBERS - offset));
	unsigned long flags;

	spin_lock_irqsave(&endpoint->lock, flags);
	for (i = 0; i < size; i++)
		if (test_bit(offset + i, endpoint->live))
			answer.bitmap[i / 8] |= BIT(i % 8);
	next = find_next_bit(endpoint->live, BRIDGE_NUMBERS, offset + size);
	spin_unlock_irqrestore(&endpoint->lock, flags);
	answer.head.offset = asked->offset;
	answer.head.count = cpu_to_le16(size);
	answer.head.next_offset = cpu_to_le16(next < BRIDGE_NUMBERS ? next : 0);
	size = offsetof(typeof(answer), bitmap) + DIV_ROUND_UP(size, 8);
	answer.header.type |= VMSG_RESPONSE;
	answer.header.msg_size = cpu_to_le16(size);
	virtio_msg_bus_receive(&endpoint->bus, &answer, size);
}

static int send(struct virtio_msg_bus *bus, const void *frame, size_t size)
{
	struct bridge_endpoint *endpoint = container_of(bus, struct bridge_endpoint, bus);
	const struct vmsg_header *header = frame;
	unsigned long flags;
	int error = -ENODEV;

	if (header->type & VMSG_BUS) {
		/* as all requests of the bus, it is made by who may wait, and holds no lock */
		if (header->msg_id == VMSG_GET_DEVICES && !(header->type & VMSG_RESPONSE))
			answer_get_devices(endpoint, header);
		return 0;
	}
	spin_lock_irqsave(&endpoint->lock, flags);
	if (endpoint->session)
		error = bridge_session_send(endpoint->session, frame, size);
	spin_unlock_irqrestore(&endpoint->lock, flags);
	return error;
}

static const struct virtio_msg_bus_ops bus_ops = { .send = send };

/* --- coming and going --- */

static void destroy(struct bridge_endpoint *endpoint)
{
	bitmap_free(endpoint->live);
	bitmap_free(endpoint->staged);
	vfree(endpoint->window);
	kfree(endpoint);
}

static void removal(struct work_struct *work)
{
	struct bridge_endpoint *endpoint = container_of(work, struct bridge_endpoint, removal);

	virtio_msg_bus_unregister(&endpoint->bus);
	destroy(endpoint);
}

/* With the table. */
static void remove(struct bridge_endpoint *endpoint)
{
	list_del(&endpoint->node);
	count--;
	queue_work(removals, &endpoint->removal);
}

static struct bridge_endpoint *create(const char *id)
{
	struct bridge_endpoint *endpoint = kzalloc(sizeof(*endpoint), GFP_KERNEL);
	int error = -ENOMEM;

	if (!endpoint)
		return ERR_PTR(-ENOMEM);
	mutex_init(&endpoint->mutex);
	spin_lock_init(&endpoint->lock);
	INIT_WORK(&endpoint->removal, removal);
	endpoint->is_wanted = true;
	strscpy(endpoint->id, id, sizeof(endpoint->id));
	snprintf(endpoint->name, sizeof(endpoint->name), "%s%s%s", BUS_NAME, *id ? ":" : "", id);
	endpoint->window_size = PAGE_ALIGN(1024 * clamp(window_kib, SMALLEST_WINDOW_KIB, LARGEST_WINDOW_KIB));
	endpoint->window = vzalloc(endpoint->window_size);
	endpoint->live = bitmap_zalloc(BRIDGE_NUMBERS, GFP_KERNEL);
	endpoint->staged = bitmap_zalloc(BRIDGE_NUMBERS, GFP_KERNEL);
	endpoint->bus.name = endpoint->name;
	endpoint->bus.parent = bridge_device.this_device;
	endpoint->bus.ops = &bus_ops;
	if (endpoint->window && endpoint->live && endpoint->staged)
		error = virtio_msg_bus_register(&endpoint->bus);
	if (error) {
		destroy(endpoint);
		return ERR_PTR(error);
	}
	endpoint->handle = ++last_handle ?: ++last_handle;
	list_add_tail(&endpoint->node, &endpoints);
	count++;
	return endpoint;
}

/* Removes an endpoint that nobody holds any more, the oldest, to make room. With the table. */
static bool make_room(void)
{
	struct bridge_endpoint *endpoint;

	if (count < MOST_ENDPOINTS)
		return true;
	list_for_each_entry(endpoint, &endpoints, node) {
		if (endpoint->holders)
			continue;
		remove(endpoint);
		return true;
	}
	return false;
}

static bool is_id(const char *id)
{
	for (; *id; id++)
		if (!isascii(*id) || (!isalnum(*id) && !strchr("._-", *id)))
			return false;
	return true;
}

struct bridge_endpoint *bridge_endpoint_resolve(const char *bus_name, const char *bus_id, bool create_it)
{
	struct bridge_endpoint *endpoint, *found = NULL;

	if (strcmp(bus_name, BUS_NAME))
		return ERR_PTR(-ENOENT);
	if (!is_id(bus_id))
		return ERR_PTR(-EINVAL);
	mutex_lock(&table);
	list_for_each_entry(endpoint, &endpoints, node)
		if (!strcmp(endpoint->id, bus_id))
			found = endpoint;
	if (!found && !create_it)
		found = ERR_PTR(-ENODEV);
	else if (!found)
		found = make_room() ? create(bus_id) : ERR_PTR(-ENOSPC);
	if (!IS_ERR(found))
		found->holders++;
	mutex_unlock(&table);
	return found;
}

void bridge_endpoint_release(struct bridge_endpoint *endpoint, unsigned int holds, bool remove_it)
{
	mutex_lock(&table);
	endpoint->holders -= holds;
	if (!endpoint->holders && remove_it)
		remove(endpoint);
	mutex_unlock(&table);
}

/* --- what an administrator sees and does --- */

ssize_t bridge_endpoints_show(char *text)
{
	struct bridge_endpoint *endpoint;
	ssize_t size = 0;

	mutex_lock(&table);
	list_for_each_entry(endpoint, &endpoints, node) {
		mutex_lock(&endpoint->mutex);
		size += sysfs_emit_at(text, size, "%s %s %s %llu\n", endpoint->name,
				      endpoint->session ? "attached" : "detached",
				      virtio_msg_bus_state(&endpoint->bus), endpoint->epoch);
		mutex_unlock(&endpoint->mutex);
	}
	mutex_unlock(&table);
	return size;
}

int bridge_endpoints_command(const char *text)
{
	size_t length = strcspn(text, " ");
	const char *word = text[length] ? text + length + 1 : "";
	bool is_reset = sysfs_streq(word, "reset"), is_on = sysfs_streq(word, "1");
	struct bridge_endpoint *endpoint;
	int error = -ENODEV;

	if (!is_reset && !is_on && !sysfs_streq(word, "0"))
		return -EINVAL;
	mutex_lock(&table);
	list_for_each_entry(endpoint, &endpoints, node) {
		if (strlen(endpoint->name) != length || strncmp(endpoint->name, text, length))
			continue;
		mutex_lock(&endpoint->mutex);
		endpoint->is_wanted = is_reset ? endpoint->is_wanted : is_on;
		if (endpoint->session)
			bridge_session_want(endpoint->session, is_reset);
		mutex_unlock(&endpoint->mutex);
		error = 0;
	}
	mutex_unlock(&table);
	return error;
}

int bridge_endpoints_init(void)
{
	removals = alloc_workqueue("virtio-msg-bridge-removals", WQ_UNBOUND, 0);
	return removals ? 0 : -ENOMEM;
}

/* No file is open any more. */
void bridge_endpoints_exit(void)
{
	struct bridge_endpoint *endpoint, *after;

	mutex_lock(&table);
	list_for_each_entry_safe(endpoint, after, &endpoints, node)
		remove(endpoint);
	mutex_unlock(&table);
	destroy_workqueue(removals);
}
