// SPDX-License-Identifier: MIT OR GPL-2.0-only
/*
 * A device of a virtio-msg bus as Linux's virtio core sees it: virtio_config_ops over messages, and what becomes of
 * it when it wants a reset, stays silent, or comes back in another epoch.
 */
#include <linux/delay.h>
#include <linux/jiffies.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_ring.h>

#include "transport.h"

unsigned int vmsg_completion_timeout_ms = 1500;
module_param_named(completion_timeout_ms, vmsg_completion_timeout_ms, uint, 0644);
MODULE_PARM_DESC(completion_timeout_ms, "how long an I2C or GPIO request may take before it fails (1500)");

unsigned int vmsg_reset_timeout_ms = 3000;
module_param_named(reset_timeout_ms, vmsg_reset_timeout_ms, uint, 0644);
MODULE_PARM_DESC(reset_timeout_ms, "how long a device's reset may take (3000)");

#define RESET_POLL_MS 10
#define REQUEST_TRIES 3
/* between two tries to bring a device back */
#define RECOVERY_INTERVAL_MS 1000
/* reads of a configuration that changes meanwhile */
#define CONFIG_TRIES 5
/* changes of it that no event announced, and that a reader is made to begin again for */
#define MOST_UNANNOUNCED 16

static atomic_t serial = ATOMIC_INIT(0);

static const u8 status_of_setup = VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER;

/* What is up to the transport, and what of it this one knows. The rings of both sides are our own (queue.c). */
static const u64 transport_features = GENMASK_ULL(63, 28);
static const u64 known_features = BIT_ULL(VIRTIO_F_VERSION_1);

/* A request whose response has at least `least` bytes. One that fails makes the device a failed one. */
int vmsg_device_request(struct vmsg_device *dev, u8 msg_id, const void *payload, size_t size, void *response,
			size_t room, size_t least)
{
	int got;

	if (dev->failed || dev->dying)
		return -EIO;
	/* a write that came through, and whose response did not, must not be made again */
	got = vmsg_request(dev->core, 0, dev->dev_num, msg_id, payload, size, response, room,
			   msg_id == VMSG_SET_CONFIG ? 1 : REQUEST_TRIES);
	if (got >= 0 && got < (int)least)
		got = -EPROTO;
	if (got >= 0)
		return 0;
	if (got != -ENODEV)
		dev_err(&dev->dev, "request %#x failed: %d\n", msg_id, got);
	dev->failed = true;
	return got;
}

/* --- status --- */

/* Writes the status, and takes over what the device makes of it. */
static int write_status(struct vmsg_device *dev, u8 status)
{
	struct vmsg_status message = { .status = cpu_to_le32(status) }, answer;
	int error;

	if (dev->failed && !dev->dying && (status & VIRTIO_CONFIG_S_FAILED)) {
		/* it is told once, whether it listens or not */
		vmsg_request(dev->core, 0, dev->dev_num, VMSG_SET_DEVICE_STATUS, &message, sizeof(message), &answer,
			     sizeof(answer), 1);
		dev->status = status;
		return -EIO;
	}
	error = vmsg_device_request(dev, VMSG_SET_DEVICE_STATUS, &message, sizeof(message), &answer, sizeof(answer),
				    sizeof(answer));
	if (error)
		return error;
	/* no bit that nobody asked for, but the one that is the device's own */
	dev->status = le32_to_cpu(answer.status) & (status | VIRTIO_CONFIG_S_NEEDS_RESET);
	return 0;
}

static int reset_device(struct vmsg_device *dev)
{
	unsigned long end = jiffies + msecs_to_jiffies(READ_ONCE(vmsg_reset_timeout_ms));
	struct vmsg_status message = { 0 }, answer = { 0 };
	unsigned int tries = dev->failed ? 1 : REQUEST_TRIES;
	u8 msg_id = VMSG_SET_DEVICE_STATUS;
	size_t size = sizeof(message);
	int got;

	for (;;) {
		/* nobody is there to be asked */
		got = dev->dying ? -ENODEV :
				   vmsg_request(dev->core, 0, dev->dev_num, msg_id, &message, size, &answer, sizeof(answer), tries);
		if (got >= 0 && got < (int)sizeof(answer))
			got = -EPROTO;
		if (got < 0 || !answer.status)
			break;
		if (time_after(jiffies, end)) {
			got = -ETIMEDOUT;
			break;
		}
		msleep(RESET_POLL_MS);
		msg_id = VMSG_GET_DEVICE_STATUS;
		size = 0;
	}
	dev->status = 0;
	dev->failed = got < 0;
	if (dev->failed && got != -ENODEV)
		dev_err(&dev->dev, "the reset did not end: %d\n", got);
	return min(got, 0);
}

/* The device said DRIVER_OK, in an epoch that may be over by now. */
static bool go_live(struct vmsg_device *dev, u32 epoch)
{
	struct virtio_msg_core *core = dev->core;
	bool is_live;

	spin_lock_irq(&core->lock);
	spin_lock(&dev->lock);
	is_live = core->online && core->epoch == epoch && !dev->dying;
	if (is_live) {
		dev->state = VMSG_LIVE;
		vmsg_queues_start(dev);
	}
	spin_unlock(&dev->lock);
	spin_unlock_irq(&core->lock);
	return is_live;
}

void vmsg_device_lose(struct vmsg_device *dev)
{
	unsigned long flags;

	spin_lock_irqsave(&dev->lock, flags);
	WRITE_ONCE(dev->life, dev->life + 1);
	dev->state = VMSG_LOST;
	vmsg_queues_fail(dev);
	spin_unlock_irqrestore(&dev->lock, flags);
}

static void set_status_locked(struct vmsg_device *dev, u8 status)
{
	u32 epoch = READ_ONCE(dev->core->epoch);
	bool wants_io = (status & ~dev->status) & VIRTIO_CONFIG_S_DRIVER_OK;
	int error = write_status(dev, status);

	if (!wants_io)
		return;
	if (!error && (dev->status & VIRTIO_CONFIG_S_DRIVER_OK) && go_live(dev, epoch))
		return;
	if (!error && !(dev->status & VIRTIO_CONFIG_S_DRIVER_OK))
		dev_err(&dev->dev, "the device does not take DRIVER_OK\n");
	vmsg_device_lose(dev);
}

static u8 get_status(struct virtio_device *vdev)
{
	return vmsg_of(vdev)->status;
}

static void set_status(struct virtio_device *vdev, u8 status)
{
	struct vmsg_device *dev = vmsg_of(vdev);

	mutex_lock(&dev->mutex);
	set_status_locked(dev, status);
	mutex_unlock(&dev->mutex);
}

static void reset(struct virtio_device *vdev)
{
	struct vmsg_device *dev = vmsg_of(vdev);
	int error;

	mutex_lock(&dev->mutex);
	error = reset_device(dev);
	spin_lock_irq(&dev->lock);
	WRITE_ONCE(dev->life, dev->life + 1);
	dev->state = error ? VMSG_LOST : VMSG_IDLE;
	vmsg_queues_stop(dev);
	spin_unlock_irq(&dev->lock);
	mutex_unlock(&dev->mutex);
}

/* A driver that makes requests before it says DRIVER_OK: they wait for it, and so it may wait for them. */
static void early_work(struct work_struct *work)
{
	struct vmsg_device *dev = container_of(work, struct vmsg_device, early);
	u8 wanted = status_of_setup | VIRTIO_CONFIG_S_FEATURES_OK;

	mutex_lock(&dev->mutex);
	if (dev->state == VMSG_IDLE && (dev->status & wanted) == wanted && !(dev->status & VIRTIO_CONFIG_S_DRIVER_OK))
		set_status_locked(dev, dev->status | VIRTIO_CONFIG_S_DRIVER_OK);
	mutex_unlock(&dev->mutex);
}

static void fail_work(struct work_struct *work)
{
	struct vmsg_device *dev = container_of(work, struct vmsg_device, fail);

	spin_lock_irq(&dev->lock);
	if (dev->state == VMSG_LOST) {
		WRITE_ONCE(dev->life, dev->life + 1);
		vmsg_queues_fail(dev);
	}
	spin_unlock_irq(&dev->lock);
}

static void synchronize_cbs(struct virtio_device *vdev)
{
	struct vmsg_device *dev = vmsg_of(vdev);

	spin_lock_irq(&dev->lock);
	spin_unlock_irq(&dev->lock);
}

/* --- features --- */

static int read_features(struct vmsg_device *dev, u64 *features)
{
	struct {
		struct vmsg_features head;
		__le32 blocks[2];
	} __packed answer = { 0 };
	u32 count = min_t(u32, le32_to_cpu(dev->info.num_feature_blocks), 2), i;
	struct vmsg_features message = { .num_blocks = cpu_to_le32(count) };
	int error;

	*features = 0;
	if (!count)
		return 0;
	error = vmsg_device_request(dev, VMSG_GET_DEVICE_FEATURES, &message, sizeof(message), &answer, sizeof(answer),
				    sizeof(message) + 4 * count);
	if (error)
		return error;
	if (answer.head.block_index || answer.head.num_blocks != message.num_blocks)
		return -EPROTO;
	for (i = 0; i < count; i++)
		*features |= (u64)le32_to_cpu(answer.blocks[i]) << (32 * i);
	return 0;
}

static int write_features(struct vmsg_device *dev)
{
	struct {
		struct vmsg_features head;
		__le32 blocks[2];
	} __packed message = {
		.blocks = { cpu_to_le32(lower_32_bits(dev->negotiated)), cpu_to_le32(upper_32_bits(dev->negotiated)) },
	};
	u32 count = min_t(u32, le32_to_cpu(dev->info.num_feature_blocks), 2);

	message.head.num_blocks = cpu_to_le32(count);
	return vmsg_device_request(dev, VMSG_SET_DRIVER_FEATURES, &message, sizeof(message.head) + 4 * count, NULL, 0,
				   0);
}

static u64 get_features(struct virtio_device *vdev)
{
	struct vmsg_device *dev = vmsg_of(vdev);

	mutex_lock(&dev->mutex);
	if (read_features(dev, &dev->offered))
		dev->offered = 0;
	mutex_unlock(&dev->mutex);
	/* not the device's word: it has Linux go through the DMA API, and so through the window */
	return (dev->offered & (~transport_features | known_features)) | BIT_ULL(VIRTIO_F_ACCESS_PLATFORM);
}

static int finalize_features(struct virtio_device *vdev)
{
	struct vmsg_device *dev = vmsg_of(vdev);
	int error;

	vring_transport_features(vdev);
	if (!__virtio_test_bit(vdev, VIRTIO_F_VERSION_1)) {
		dev_err(&dev->dev, "the device does not offer VIRTIO_F_VERSION_1\n");
		return -EINVAL;
	}
	mutex_lock(&dev->mutex);
	dev->negotiated = vdev->features & dev->offered;
	error = write_features(dev);
	mutex_unlock(&dev->mutex);
	return error;
}

/* --- configuration --- */

static void note_generation(struct vmsg_device *dev, u32 generation)
{
	if (dev->generation == generation)
		return;
	dev->generation = generation;
	/* a device whose configuration never stands still must not keep a reader for ever */
	if (dev->config_unannounced < MOST_UNANNOUNCED) {
		dev->config_unannounced++;
		atomic_inc(&dev->config_changes);
	}
}

/* Reads one piece of the configuration, which fits into a message. */
static int read_piece(struct vmsg_device *dev, u32 offset, u8 *into, u32 length, struct vmsg_config *answer)
{
	struct vmsg_get_config message = { .offset = cpu_to_le32(offset), .length = cpu_to_le32(length) };
	int error = vmsg_device_request(dev, VMSG_GET_CONFIG, &message, sizeof(message), answer,
					sizeof(*answer) + length, sizeof(*answer) + length);

	if (error)
		return error;
	if (answer->offset != message.offset || answer->length != message.length)
		return -EPROTO;
	memcpy(into, answer->data, length);
	return 0;
}

static int read_config(struct vmsg_device *dev, u32 offset, u8 *into, u32 length)
{
	u32 piece = READ_ONCE(dev->core->params.max_msg_size) - sizeof(struct vmsg_header) - sizeof(struct vmsg_config);
	struct vmsg_config *answer;
	int tries, error = 0;

	piece = min_t(u32, piece, 1024);
	if (offset > dev->config_size || length > dev->config_size - offset)
		return -EINVAL;
	answer = kmalloc(sizeof(*answer) + piece, GFP_KERNEL);
	if (!answer)
		return -ENOMEM;
	for (tries = 0; tries < CONFIG_TRIES; tries++) {
		bool is_stable = true;
		u32 at, size;

		for (at = 0; at < length && !error; at += size) {
			size = min(piece, length - at);
			error = read_piece(dev, offset + at, into + at, size, answer);
			if (error)
				break;
			is_stable &= at == 0 || le32_to_cpu(answer->generation) == dev->generation;
			note_generation(dev, le32_to_cpu(answer->generation));
		}
		if (error || is_stable)
			break;
	}
	kfree(answer);
	return error;
}

static void get_config(struct virtio_device *vdev, unsigned int offset, void *into, unsigned int length)
{
	struct vmsg_device *dev = vmsg_of(vdev);
	int error;

	mutex_lock(&dev->mutex);
	error = read_config(dev, offset, into, length);
	mutex_unlock(&dev->mutex);
	if (!error)
		return;
	dev_err_ratelimited(&dev->dev, "%u bytes of the configuration at %u cannot be read: %d\n", length, offset,
			    error);
	memset(into, 0, length);
}

static int write_piece(struct vmsg_device *dev, u32 offset, const u8 *from, u32 length)
{
	bool is_strict = READ_ONCE(dev->core->params.features) & VIRTIO_MSG_F_STRICT_CONFIG_GENERATION;
	struct vmsg_config *message, *answer;
	int error = -ENOMEM, tries;

	message = kmalloc(sizeof(*message) + length, GFP_KERNEL);
	answer = kmalloc(sizeof(*answer) + length, GFP_KERNEL);
	for (tries = 0; message && answer && tries < CONFIG_TRIES; tries++) {
		message->generation = is_strict ? cpu_to_le32(dev->generation) : 0;
		message->offset = cpu_to_le32(offset);
		message->length = cpu_to_le32(length);
		memcpy(message->data, from, length);
		error = vmsg_device_request(dev, VMSG_SET_CONFIG, message, sizeof(*message) + length, answer,
					    sizeof(*answer) + length, sizeof(*answer));
		if (error)
			break;
		note_generation(dev, le32_to_cpu(answer->generation));
		if (answer->length == message->length && answer->offset == message->offset)
			break;
		error = -EAGAIN;
		if (answer->length) {
			/* neither all nor nothing: nobody knows what the device has */
			dev->failed = true;
			error = -EPROTO;
			break;
		}
		if (!is_strict)
			break;
		/* what is refused was written for an older configuration: look at the new one, and try again */
		if (read_piece(dev, offset, answer->data, length, answer))
			break;
		note_generation(dev, le32_to_cpu(answer->generation));
	}
	kfree(message);
	kfree(answer);
	return error;
}

static void set_config(struct virtio_device *vdev, unsigned int offset, const void *from, unsigned int length)
{
	struct vmsg_device *dev = vmsg_of(vdev);
	u32 piece = READ_ONCE(dev->core->params.max_msg_size) - sizeof(struct vmsg_header) - sizeof(struct vmsg_config);
	u32 at, size;
	int error = 0;

	piece = min_t(u32, piece, 1024);
	mutex_lock(&dev->mutex);
	if (offset > dev->config_size || length > dev->config_size - offset)
		error = -EINVAL;
	for (at = 0; at < length && !error; at += size) {
		size = min(piece, length - at);
		error = write_piece(dev, offset + at, from + at, size);
	}
	mutex_unlock(&dev->mutex);
	if (error)
		dev_err_ratelimited(&dev->dev, "%u bytes of the configuration at %u were not written: %d\n", length,
				    offset, error);
}

static u32 generation(struct virtio_device *vdev)
{
	return atomic_read(&vmsg_of(vdev)->config_changes);
}

static const char *bus_name(struct virtio_device *vdev)
{
	return dev_name(&vmsg_of(vdev)->dev);
}

static const struct virtio_config_ops config_ops = {
	.get = get_config,
	.set = set_config,
	.generation = generation,
	.get_status = get_status,
	.set_status = set_status,
	.reset = reset,
	.find_vqs = vmsg_find_vqs,
	.del_vqs = vmsg_del_vqs,
	.synchronize_cbs = synchronize_cbs,
	.get_features = get_features,
	.finalize_features = finalize_features,
	.bus_name = bus_name,
};

/* --- events --- */

/* Tries soon to bring a lost device back. */
static void recover_soon(struct vmsg_device *dev)
{
	if (!dev->dying)
		queue_work(dev->core->works, &dev->recover);
}

/* Has a device reset and set up again soon, though it is not lost; what is under way fails first. */
void vmsg_device_renew(struct vmsg_device *dev)
{
	WRITE_ONCE(dev->ill, true);
	recover_soon(dev);
}

static void config_event(struct vmsg_device *dev, const u8 *payload, size_t size)
{
	const struct vmsg_event_config *event = (const void *)payload;
	u32 offset, length;

	if (size < sizeof(*event))
		return;
	offset = le32_to_cpu(event->offset);
	length = le32_to_cpu(event->length);
	if (offset > dev->config_size || length > dev->config_size - offset)
		return;
	if (dev->state == VMSG_LIVE && (le32_to_cpu(event->status) & VIRTIO_CONFIG_S_NEEDS_RESET)) {
		vmsg_device_renew(dev);
		return;
	}
	dev->config_unannounced = 0;
	atomic_inc(&dev->config_changes);
	/* its driver reads what it wants to know: the device's word here may be part of it only */
	if (dev->registered)
		virtio_config_changed(&dev->vdev);
}

void vmsg_device_event(struct vmsg_device *dev, u8 msg_id, const u8 *payload, size_t size)
{
	const struct vmsg_vqueue_index *used = (const void *)payload;

	if (msg_id == VMSG_EVENT_CONFIG) {
		config_event(dev, payload, size);
	} else if (msg_id == VMSG_EVENT_USED && size >= sizeof(*used)) {
		spin_lock(&dev->lock);
		vmsg_queue_used(dev, le32_to_cpu(used->index));
		spin_unlock(&dev->lock);
	}
}

void vmsg_device_watch(struct vmsg_device *dev, bool look)
{
	bool stuck;

	spin_lock(&dev->lock);
	if (look)
		vmsg_queues_look(dev);
	stuck = dev->state == VMSG_LIVE && vmsg_queues_stuck(dev);
	spin_unlock(&dev->lock);
	if (stuck) {
		dev_err_ratelimited(&dev->dev, "a request took longer than %u ms\n", vmsg_completion_timeout_ms);
		/* at once: a driver's probe may wait for it, and the device's own work for the probe */
		vmsg_device_lose(dev);
		recover_soon(dev);
	} else if (dev->state == VMSG_LOST && (dev->status & VIRTIO_CONFIG_S_DRIVER_OK) &&
		   time_after(jiffies, dev->next_try)) {
		recover_soon(dev);
	}
}

/* --- coming and going --- */

/* Whether a device of this type that was reset is as good to its driver as before: it has no state of its own. */
static bool survives_reset(u32 type)
{
	return type == VIRTIO_ID_I2C_ADAPTER || type == VIRTIO_ID_RNG || type == VIRTIO_ID_CONSOLE;
}

/* Does what a driver does at first, without it. -ENXIO when it is another device by now. */
static int begin_again(struct vmsg_device *dev)
{
	u32 epoch = READ_ONCE(dev->core->epoch);
	struct vmsg_device_info info;
	u64 offered;
	u8 status;
	int error;

	/* the only request that may come before a reset */
	dev->failed = false;
	error = vmsg_device_request(dev, VMSG_GET_DEVICE_INFO, NULL, 0, &info, sizeof(info), sizeof(info));
	if (error)
		return error;
	if (memcmp(&info, &dev->info, sizeof(info)))
		return -ENXIO;
	error = reset_device(dev);
	if (error)
		return error;
	status = VIRTIO_CONFIG_S_ACKNOWLEDGE;
	error = write_status(dev, status);
	status |= VIRTIO_CONFIG_S_DRIVER;
	if (!error)
		error = write_status(dev, status);
	if (!error)
		error = read_features(dev, &offered);
	if (error)
		return error;
	if (dev->negotiated & ~offered)
		return -ENXIO;
	error = write_features(dev);
	status |= VIRTIO_CONFIG_S_FEATURES_OK;
	if (!error)
		error = write_status(dev, status);
	if (error)
		return error;
	if (!(dev->status & VIRTIO_CONFIG_S_FEATURES_OK))
		return -ENXIO;
	error = vmsg_queues_lay(dev);
	status |= VIRTIO_CONFIG_S_DRIVER_OK;
	if (!error)
		error = write_status(dev, status);
	if (error)
		return error;
	if (!(dev->status & VIRTIO_CONFIG_S_DRIVER_OK))
		return -ENXIO;
	return go_live(dev, epoch) ? 0 : -ENODEV;
}

void vmsg_device_take_up(struct vmsg_device *dev)
{
	struct virtio_msg_core *core = dev->core;
	u16 dev_num = dev->dev_num;
	bool was_live;
	int error;

	mutex_lock(&dev->mutex);
	WRITE_ONCE(dev->ill, false);
	was_live = dev->status & VIRTIO_CONFIG_S_DRIVER_OK;
	error = was_live && survives_reset(dev->vdev.id.device) && dev->window == core->window ? begin_again(dev) :
												  -ENXIO;
	dev->next_try = jiffies + msecs_to_jiffies(RECOVERY_INTERVAL_MS);
	if (error) {
		vmsg_device_lose(dev);
		/* whoever looks for what to bring back looks at this */
		dev->status |= was_live ? VIRTIO_CONFIG_S_DRIVER_OK : 0;
	}
	mutex_unlock(&dev->mutex);
	if (!error) {
		dev_info(&dev->dev, "is back\n");
		spin_lock_irq(&core->lock);
		if (dev->registered && !dev->dying) {
			atomic_inc(&dev->config_changes);
			virtio_config_changed(&dev->vdev);
		}
		spin_unlock_irq(&core->lock);
	} else if (error == -ENXIO) {
		spin_lock_irq(&core->lock);
		if (!dev->dying)
			vmsg_device_remove(dev);
		spin_unlock_irq(&core->lock);
		vmsg_device_add(core, dev_num, REQUEST_TRIES);
	}
}

static void recover_work(struct work_struct *work)
{
	struct vmsg_device *dev = container_of(work, struct vmsg_device, recover);

	/* one that fails again and again is tried again by the watch; one that a scan brought back is left alone */
	if (dev->dying || !READ_ONCE(dev->core->online) ||
	    (dev->state == VMSG_LOST ? time_before(jiffies, dev->next_try) : !READ_ONCE(dev->ill)))
		return;
	vmsg_device_lose(dev);
	vmsg_device_take_up(dev);
}

static void release_parent(struct device *parent)
{
	struct vmsg_device *dev = container_of(parent, struct vmsg_device, dev);

	vmsg_window_put(dev->window);
	kfree(dev);
}

static void release_virtio(struct device *device)
{
	put_device(&vmsg_of(dev_to_virtio(device))->dev);
}

static void remove_work(struct work_struct *work)
{
	struct vmsg_device *dev = container_of(work, struct vmsg_device, remove);

	wait_for_completion(&dev->settled);
	if (dev->registered)
		unregister_virtio_device(&dev->vdev);
	cancel_work_sync(&dev->recover);
	cancel_work_sync(&dev->early);
	cancel_work_sync(&dev->fail);
	device_unregister(&dev->dev);
}

void vmsg_device_remove(struct vmsg_device *dev)
{
	dev->dying = true;
	list_del_init(&dev->node);
	vmsg_device_lose(dev);
	queue_work(dev->core->side, &dev->remove);
}

static struct vmsg_device *create(struct virtio_msg_core *core, u16 dev_num, const struct vmsg_device_info *info)
{
	struct vmsg_device *dev = kzalloc(sizeof(*dev), GFP_KERNEL);
	int error;

	if (!dev)
		return ERR_PTR(-ENOMEM);
	dev->core = core;
	dev->dev_num = dev_num;
	dev->info = *info;
	dev->config_size = le32_to_cpu(info->config_size);
	dev->max_virtqueues = min_t(u32, le32_to_cpu(info->max_virtqueues), 65536);
	mutex_init(&dev->mutex);
	init_completion(&dev->settled);
	spin_lock_init(&dev->lock);
	INIT_LIST_HEAD(&dev->queues);
	INIT_LIST_HEAD(&dev->node);
	INIT_WORK(&dev->recover, recover_work);
	INIT_WORK(&dev->early, early_work);
	INIT_WORK(&dev->fail, fail_work);
	INIT_WORK(&dev->remove, remove_work);
	dev->next_try = jiffies;
	dev->vdev.id.device = le32_to_cpu(info->device_id);
	dev->vdev.id.vendor = le32_to_cpu(info->vendor_id);
	dev->vdev.config = &config_ops;
	dev->vdev.dev.parent = &dev->dev;
	dev->vdev.dev.release = release_virtio;
	device_initialize(&dev->dev);
	dev->dev.parent = core->bus->parent;
	dev->dev.release = release_parent;
	dev->dev.coherent_dma_mask = DMA_BIT_MASK(64);
	dev->dev.dma_mask = &dev->dev.coherent_dma_mask;
	spin_lock_irq(&core->lock);
	dev->window = core->window;
	if (dev->window)
		vmsg_window_get(dev->window);
	spin_unlock_irq(&core->lock);
	error = dev->window ? dev_set_name(&dev->dev, "%s.%u.%u", core->bus->name, dev_num,
					   (u32)atomic_inc_return(&serial)) :
			      -ENODEV;
	if (!error) {
		vmsg_window_map_for(dev);
		error = device_add(&dev->dev);
	}
	if (error) {
		put_device(&dev->dev);
		return ERR_PTR(error);
	}
	return dev;
}

int vmsg_device_add(struct virtio_msg_core *core, u16 dev_num, unsigned int tries)
{
	u32 epoch = READ_ONCE(core->epoch);
	struct vmsg_device_info info;
	struct vmsg_device *dev;
	int got;

	got = vmsg_request(core, 0, dev_num, VMSG_GET_DEVICE_INFO, NULL, 0, &info, sizeof(info), tries);
	if (got >= 0 && got < (int)sizeof(info))
		got = -EPROTO;
	if (got >= 0 && !info.device_id)
		got = -ENXIO;
	if (got < 0)
		return got;
	dev = create(core, dev_num, &info);
	if (IS_ERR(dev))
		return PTR_ERR(dev);
	/* events find it from here on */
	spin_lock_irq(&core->lock);
	if (!core->online || core->epoch != epoch) {
		spin_unlock_irq(&core->lock);
		device_unregister(&dev->dev);
		return -ENODEV;
	}
	list_add_tail(&dev->node, &core->devices);
	spin_unlock_irq(&core->lock);
	/* what release_virtio gives back */
	get_device(&dev->dev);
	got = register_virtio_device(&dev->vdev);
	spin_lock_irq(&core->lock);
	if (got) {
		if (!dev->dying)
			vmsg_device_remove(dev);
	} else {
		dev->registered = true;
	}
	spin_unlock_irq(&core->lock);
	if (got)
		put_device(&dev->vdev.dev);
	complete_all(&dev->settled);
	return got;
}
