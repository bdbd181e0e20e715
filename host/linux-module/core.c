// SPDX-License-Identifier: MIT OR GPL-2.0-only
/*
 * The virtio-msg transport, transport revision 1: buses, what comes from them, and which devices they have.
 */
#include <linux/bitmap.h>
#include <linux/jiffies.h>
#include <linux/module.h>
#include <linux/slab.h>

#include "transport.h"

#define REVISION 1
/* of one bus: a device side that claims more has these */
#define MOST_DEVICES 256
#define NUMBERS 65536
/* where GET_DEVICES is not answered, these numbers are tried */
#define NUMBERS_TRIED 4
#define ENUMERATION_TRIES 3
#define WATCH_MS 100
#define POLL_MS 5
#define SMALLEST_WINDOW 4096

/* --- which devices there are --- */

/* Asks by GET_DEVICES for all numbers. An error where the bus does not answer it as it has to. */
static int enumerate(struct virtio_msg_core *core, unsigned long *numbers)
{
	u32 most = min_t(u32, 8 * (READ_ONCE(core->params.max_msg_size) - sizeof(struct vmsg_header) -
				   sizeof(struct vmsg_get_devices_response)), 2048);
	u32 offset = 0;
	struct {
		struct vmsg_get_devices_response head;
		u8 bitmap[256];
	} __packed *answer = kmalloc(sizeof(*answer), GFP_KERNEL);
	int error = 0;

	if (!answer)
		return -ENOMEM;
	do {
		struct vmsg_get_devices message = {
			.offset = cpu_to_le16(offset),
			.count = cpu_to_le16(min(most, NUMBERS - offset)),
		};
		int got = vmsg_request(core, VMSG_BUS, 0, VMSG_GET_DEVICES, &message, sizeof(message), answer,
				       sizeof(*answer), ENUMERATION_TRIES);
		u32 count, next, i;

		error = got < 0 ? got : -EPROTO;
		if (got < (int)sizeof(answer->head))
			break;
		count = le16_to_cpu(answer->head.count);
		next = le16_to_cpu(answer->head.next_offset);
		if (answer->head.offset != message.offset || count > le16_to_cpu(message.count) ||
		    got < (int)(sizeof(answer->head) + DIV_ROUND_UP(count, 8)) || (next && next <= offset))
			break;
		for (i = 0; i < count; i++)
			if (answer->bitmap[i / 8] & BIT(i % 8))
				__set_bit(offset + i, numbers);
		error = 0;
		offset = next;
	} while (offset);
	kfree(answer);
	return error;
}

static struct vmsg_device *find(struct virtio_msg_core *core, u16 dev_num)
{
	struct vmsg_device *dev;

	list_for_each_entry(dev, &core->devices, node)
		if (dev->dev_num == dev_num)
			return dev;
	return NULL;
}

/* A device that is there: an old one comes back, or a new one is added. */
static int meet(struct virtio_msg_core *core, u16 dev_num, unsigned int tries)
{
	struct vmsg_device *dev;
	bool is_lost;

	spin_lock_irq(&core->lock);
	dev = find(core, dev_num);
	is_lost = dev && dev->state == VMSG_LOST;
	/* it may be removed meanwhile, beside this */
	if (dev)
		get_device(&dev->dev);
	spin_unlock_irq(&core->lock);
	if (!dev)
		return vmsg_device_add(core, dev_num, tries);
	if (is_lost)
		vmsg_device_take_up(dev);
	put_device(&dev->dev);
	return 0;
}

static void drop_others(struct virtio_msg_core *core, const unsigned long *numbers)
{
	struct vmsg_device *dev, *after;

	spin_lock_irq(&core->lock);
	list_for_each_entry_safe(dev, after, &core->devices, node)
		if (!test_bit(dev->dev_num, numbers))
			vmsg_device_remove(dev);
	spin_unlock_irq(&core->lock);
}

/* All devices that GET_DEVICES names; where it is not answered, since it is optional, those with the usual numbers. */
static void scan_all(struct virtio_msg_core *core)
{
	unsigned long *numbers = bitmap_zalloc(NUMBERS, GFP_KERNEL);
	unsigned int count = 0, tries = ENUMERATION_TRIES;
	u32 number;
	int error;

	if (!numbers)
		return;
	error = enumerate(core, numbers);
	if (error == -ETIMEDOUT || error == -EPROTO) {
		bitmap_zero(numbers, NUMBERS);
		bitmap_set(numbers, 0, NUMBERS_TRIED);
		tries = 1;
	} else if (error) {
		goto out;
	}
	drop_others(core, numbers);
	for_each_set_bit(number, numbers, NUMBERS) {
		if (!READ_ONCE(core->online))
			break;
		if (++count > MOST_DEVICES) {
			pr_warn("%s: only the first %u devices are used\n", core->bus->name, MOST_DEVICES);
			break;
		}
		error = meet(core, number, tries);
		if (error && error != -ENODEV && tries > 1)
			pr_warn("%s: device %u cannot be used: %d\n", core->bus->name, number, error);
	}
out:
	bitmap_free(numbers);
}

static void scan_work(struct work_struct *work)
{
	struct virtio_msg_core *core = container_of(work, struct virtio_msg_core, scan);
	u16 added[VMSG_MOST_ADDED];
	unsigned int count, i;
	bool all;

	spin_lock_irq(&core->lock);
	all = core->rescan;
	core->rescan = false;
	count = core->added_count;
	core->added_count = 0;
	memcpy(added, core->added, sizeof(added));
	spin_unlock_irq(&core->lock);
	if (all)
		scan_all(core);
	for (i = 0; i < count; i++)
		meet(core, added[i], ENUMERATION_TRIES);
	spin_lock_irq(&core->lock);
	core->scanned = !core->rescan && !core->added_count;
	spin_unlock_irq(&core->lock);
}

static void watch_work(struct work_struct *work)
{
	struct virtio_msg_core *core = container_of(to_delayed_work(work), struct virtio_msg_core, watch);
	struct vmsg_device *dev;
	bool is_polling;

	spin_lock_irq(&core->lock);
	is_polling = core->params.polling;
	if (core->online) {
		list_for_each_entry(dev, &core->devices, node)
			vmsg_device_watch(dev, true);
		queue_delayed_work(system_wq, &core->watch, msecs_to_jiffies(is_polling ? POLL_MS : WATCH_MS));
	}
	spin_unlock_irq(&core->lock);
}

/* --- what comes in --- */

static void plug_event(struct virtio_msg_core *core, const struct vmsg_event_device *event)
{
	u16 number = le16_to_cpu(event->device_number);
	struct vmsg_device *dev = find(core, number);

	if (le16_to_cpu(event->state) == VMSG_DEVICE_REMOVED) {
		if (dev)
			vmsg_device_remove(dev);
	} else if (le16_to_cpu(event->state) == VMSG_DEVICE_ADDED && !dev) {
		if (core->added_count < VMSG_MOST_ADDED)
			core->added[core->added_count++] = number;
		else
			core->rescan = true;
		core->scanned = false;
		queue_work(core->works, &core->scan);
	}
}

static void take_event(struct virtio_msg_core *core, const struct vmsg_header *header, const u8 *payload, size_t size)
{
	struct vmsg_device *dev;
	unsigned long flags;

	spin_lock_irqsave(&core->lock, flags);
	if (core->online && header->type & VMSG_BUS) {
		if (header->msg_id == VMSG_EVENT_DEVICE && size >= sizeof(struct vmsg_event_device))
			plug_event(core, (const void *)payload);
	} else if (core->online && !(core->params.polling && header->msg_id == VMSG_EVENT_USED)) {
		dev = find(core, le16_to_cpu(header->dev_num));
		if (dev)
			vmsg_device_event(dev, header->msg_id, payload, size);
	}
	spin_unlock_irqrestore(&core->lock, flags);
}

void virtio_msg_bus_receive(struct virtio_msg_bus *bus, const void *frame, size_t size)
{
	struct virtio_msg_core *core = bus->core;
	const struct vmsg_header *header = frame;
	const u8 *payload = frame + sizeof(*header);
	size_t length;

	if (size < sizeof(*header))
		return;
	length = le16_to_cpu(header->msg_size);
	if (length < sizeof(*header) || length > size || length > READ_ONCE(core->params.max_msg_size))
		return;
	length -= sizeof(*header);
	if (header->type & VMSG_RESPONSE)
		vmsg_response(core, header, length);
	else if (header->msg_id & VMSG_EVENT)
		take_event(core, header, payload, length);
	else if ((header->type & VMSG_BUS) && header->msg_id == VMSG_PING && length == sizeof(__le32))
		vmsg_send(core, VMSG_BUS | VMSG_RESPONSE, 0, VMSG_PING, le16_to_cpu(header->token), payload, length);
}
EXPORT_SYMBOL_GPL(virtio_msg_bus_receive);

/* --- buses --- */

int virtio_msg_bus_register(struct virtio_msg_bus *bus)
{
	struct virtio_msg_core *core = kzalloc(sizeof(*core), GFP_KERNEL);

	if (!core)
		return -ENOMEM;
	core->bus = bus;
	spin_lock_init(&core->lock);
	INIT_LIST_HEAD(&core->requests);
	INIT_LIST_HEAD(&core->devices);
	INIT_WORK(&core->scan, scan_work);
	INIT_DELAYED_WORK(&core->watch, watch_work);
	core->works = alloc_ordered_workqueue("%s", 0, bus->name);
	core->side = alloc_workqueue("%s-side", WQ_UNBOUND, 0, bus->name);
	if (!core->works || !core->side) {
		if (core->works)
			destroy_workqueue(core->works);
		if (core->side)
			destroy_workqueue(core->side);
		kfree(core);
		return -ENOMEM;
	}
	bus->core = core;
	return 0;
}
EXPORT_SYMBOL_GPL(virtio_msg_bus_register);

void virtio_msg_bus_offline(struct virtio_msg_bus *bus)
{
	struct virtio_msg_core *core = bus->core;
	struct vmsg_device *dev;

	spin_lock_irq(&core->lock);
	if (core->online) {
		core->online = false;
		core->epoch++;
		core->added_count = 0;
		vmsg_requests_end(core);
		spin_lock(&core->window->lock);
		core->window->there = false;
		spin_unlock(&core->window->lock);
		list_for_each_entry(dev, &core->devices, node)
			vmsg_device_lose(dev);
	}
	spin_unlock_irq(&core->lock);
}
EXPORT_SYMBOL_GPL(virtio_msg_bus_offline);

int virtio_msg_bus_online(struct virtio_msg_bus *bus, const struct virtio_msg_params *params)
{
	struct virtio_msg_core *core = bus->core;
	struct vmsg_window *window = NULL, *old;

	if (params->revision < REVISION || params->max_msg_size < VIRTIO_MSG_MIN_SIZE ||
	    params->max_msg_size > VIRTIO_MSG_MAX_SIZE || params->window_size < SMALLEST_WINDOW ||
	    params->window_address % VMSG_UNIT || params->window_reserved >= params->window_size ||
	    (params->window_address == 0 && params->window_reserved == 0))
		return -EINVAL;
	virtio_msg_bus_offline(bus);
	/* the same window keeps what devices have standing by in it */
	if (!core->window || params->window != core->params.window ||
	    params->window_size != core->params.window_size || params->window_address != core->params.window_address ||
	    params->window_reserved != core->params.window_reserved) {
		window = vmsg_window_create(params);
		if (!window)
			return -ENOMEM;
	}
	spin_lock_irq(&core->lock);
	old = window ? core->window : NULL;
	if (window)
		core->window = window;
	spin_lock(&core->window->lock);
	core->window->there = true;
	spin_unlock(&core->window->lock);
	core->params = *params;
	core->params.features &= VIRTIO_MSG_F_STRICT_CONFIG_GENERATION;
	core->epoch++;
	core->online = true;
	core->rescan = true;
	core->scanned = false;
	queue_work(core->works, &core->scan);
	queue_delayed_work(system_wq, &core->watch, 0);
	spin_unlock_irq(&core->lock);
	vmsg_window_put(old);
	return 0;
}
EXPORT_SYMBOL_GPL(virtio_msg_bus_online);

void virtio_msg_bus_unregister(struct virtio_msg_bus *bus)
{
	struct virtio_msg_core *core = bus->core;
	struct vmsg_device *dev, *after;

	virtio_msg_bus_offline(bus);
	cancel_delayed_work_sync(&core->watch);
	cancel_work_sync(&core->scan);
	spin_lock_irq(&core->lock);
	list_for_each_entry_safe(dev, after, &core->devices, node)
		vmsg_device_remove(dev);
	spin_unlock_irq(&core->lock);
	destroy_workqueue(core->works);
	destroy_workqueue(core->side);
	vmsg_window_put(core->window);
	kfree(core);
	bus->core = NULL;
}
EXPORT_SYMBOL_GPL(virtio_msg_bus_unregister);

const char *virtio_msg_bus_state(struct virtio_msg_bus *bus)
{
	struct virtio_msg_core *core = bus->core;
	const char *state = "offline";

	spin_lock_irq(&core->lock);
	if (core->online)
		state = core->scanned ? "online" : "scanning";
	spin_unlock_irq(&core->lock);
	return state;
}
EXPORT_SYMBOL_GPL(virtio_msg_bus_state);

MODULE_DESCRIPTION("virtio-msg transport");
MODULE_LICENSE("Dual MIT/GPL");
