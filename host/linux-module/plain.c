// SPDX-License-Identifier: MIT OR GPL-2.0-only
/*
 * A virtio-msg bus for guests, in the manner of the plain profile: the window is the memory of an ivshmem card, and
 * frames go through /dev/virtio-msg-plain, one a read or write. Whoever has it open is the way to the device side:
 * the first it writes, and whatever it writes to begin anew, is the device side's greeting; closing ends the bus.
 */
#include <linux/io.h>
#include <linux/kref.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/poll.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "virtio_msg_bus.h"

#define IVSHMEM_VENDOR 0x1af4
#define IVSHMEM_DEVICE 0x1110
#define IVSHMEM_MEMORY 2

#define GREETING "virtio-msg-plain "
#define GREETING_MOST 8192
/* the mark of the shared file, which both sides leave alone */
#define RESERVED 16
#define FRAMES_MOST 512

static DEFINE_IDA(numbers);

struct frame {
	struct list_head node;
	size_t size;
	u8 bytes[];
};

struct plain_bus {
	struct virtio_msg_bus bus;
	struct miscdevice misc;
	struct kref kref;
	char name[24];
	int number;
	void *memory;
	size_t size;
	/* one who has it open, and one who writes */
	struct mutex mutex;
	bool is_open;
	bool is_greeted;
	/* the card is gone: what is open is of no use any more */
	bool is_gone;
	/* frames on their way out */
	spinlock_t lock;
	struct list_head frames;
	unsigned int count;
	wait_queue_head_t wait;
};

#define plain_of(which) container_of(which, struct plain_bus, bus)

static int send(struct virtio_msg_bus *bus, const void *bytes, size_t size)
{
	struct plain_bus *plain = plain_of(bus);
	struct frame *frame = kmalloc(sizeof(*frame) + size, GFP_ATOMIC);
	unsigned long flags;
	int error = 0;

	if (!frame)
		return -ENOMEM;
	frame->size = size;
	memcpy(frame->bytes, bytes, size);
	spin_lock_irqsave(&plain->lock, flags);
	if (!plain->is_open)
		error = -ENODEV;
	else if (plain->count >= FRAMES_MOST)
		error = -ENOBUFS;
	if (!error) {
		list_add_tail(&frame->node, &plain->frames);
		plain->count++;
	}
	spin_unlock_irqrestore(&plain->lock, flags);
	if (error)
		kfree(frame);
	else
		wake_up_interruptible(&plain->wait);
	return error;
}

static const struct virtio_msg_bus_ops bus_ops = { .send = send };

static void drop_frames(struct plain_bus *plain)
{
	struct frame *frame, *after;
	LIST_HEAD(frames);

	spin_lock_irq(&plain->lock);
	list_splice_init(&plain->frames, &frames);
	plain->count = 0;
	spin_unlock_irq(&plain->lock);
	list_for_each_entry_safe(frame, after, &frames, node)
		kfree(frame);
}

/* --- the greeting --- */

/* Reads ` KEY=NUMBER` at `text`, and moves behind it. */
static int take_number(char **text, const char *key, u32 *number)
{
	size_t length = strlen(key);
	char *value, *end;
	int error;

	if (**text != ' ' || strncmp(*text + 1, key, length) || (*text)[1 + length] != '=')
		return -EPROTO;
	value = *text + 2 + length;
	end = value + strcspn(value, " ");
	if (*end == ' ')
		*end = '\0';
	else
		return -EPROTO;
	error = kstrtou32(value, 0, number);
	*end = ' ';
	*text = end;
	return error ? -EPROTO : 0;
}

static int greet(struct plain_bus *plain, char *text)
{
	struct virtio_msg_params params = { .window = plain->memory, .window_reserved = RESERVED };
	u32 window, polling = 0;
	int error;

	text += strlen(GREETING);
	if (text[0] != '1' || text[1] != ' ')
		return -EPROTO;
	text++;
	error = take_number(&text, "revision", &params.revision);
	if (!error)
		error = take_number(&text, "max_msg_size", &params.max_msg_size);
	if (!error)
		error = take_number(&text, "features", &params.features);
	if (!error)
		error = take_number(&text, "window", &window);
	if (!error && !strncmp(text, " polling=", 9))
		error = take_number(&text, "polling", &polling);
	/* the file is the host's: here it is the card's memory */
	if (error || strncmp(text, " file=", 6))
		return -EPROTO;
	if (window > plain->size) {
		pr_err("%s: a window of %u bytes, but the card has %zu\n", plain->name, window, plain->size);
		return -EPROTO;
	}
	params.window_size = round_down(window, 16);
	params.polling = polling == 1;
	drop_frames(plain);
	error = virtio_msg_bus_online(&plain->bus, &params);
	plain->is_greeted = !error;
	return error == -EINVAL ? -EPROTO : error;
}

/* --- the misc device --- */

static struct plain_bus *plain_of_file(struct file *file)
{
	return container_of(file->private_data, struct plain_bus, misc);
}

static void plain_release(struct kref *kref)
{
	struct plain_bus *plain = container_of(kref, struct plain_bus, kref);

	ida_free(&numbers, plain->number);
	kfree(plain);
}

static int plain_open(struct inode *inode, struct file *file)
{
	struct plain_bus *plain = plain_of_file(file);
	int error = 0;

	mutex_lock(&plain->mutex);
	if (plain->is_gone)
		error = -ENODEV;
	else if (plain->is_open)
		error = -EBUSY;
	if (!error) {
		spin_lock_irq(&plain->lock);
		plain->is_open = true;
		spin_unlock_irq(&plain->lock);
		plain->is_greeted = false;
		kref_get(&plain->kref);
	}
	mutex_unlock(&plain->mutex);
	return error ? error : stream_open(inode, file);
}

static int plain_close(struct inode *inode, struct file *file)
{
	struct plain_bus *plain = plain_of_file(file);

	mutex_lock(&plain->mutex);
	if (!plain->is_gone)
		virtio_msg_bus_offline(&plain->bus);
	spin_lock_irq(&plain->lock);
	plain->is_open = false;
	spin_unlock_irq(&plain->lock);
	drop_frames(plain);
	mutex_unlock(&plain->mutex);
	kref_put(&plain->kref, plain_release);
	return 0;
}

static ssize_t plain_read(struct file *file, char __user *to, size_t size, loff_t *offset)
{
	struct plain_bus *plain = plain_of_file(file);
	struct frame *frame = NULL;
	ssize_t got;

	for (;;) {
		bool too_big = false;

		spin_lock_irq(&plain->lock);
		frame = list_first_entry_or_null(&plain->frames, struct frame, node);
		too_big = frame && frame->size > size;
		if (frame && !too_big) {
			list_del(&frame->node);
			plain->count--;
		}
		spin_unlock_irq(&plain->lock);
		if (too_big)
			return -EMSGSIZE;
		if (frame)
			break;
		if (READ_ONCE(plain->is_gone))
			return -ENODEV;
		if (file->f_flags & O_NONBLOCK)
			return -EAGAIN;
		if (wait_event_interruptible(plain->wait, READ_ONCE(plain->count) || READ_ONCE(plain->is_gone)))
			return -ERESTARTSYS;
	}
	got = copy_to_user(to, frame->bytes, frame->size) ? -EFAULT : frame->size;
	kfree(frame);
	return got;
}

static ssize_t plain_write(struct file *file, const char __user *from, size_t size, loff_t *offset)
{
	struct plain_bus *plain = plain_of_file(file);
	size_t prefix = strlen(GREETING);
	char *bytes;
	int error = 0;

	if (size > VIRTIO_MSG_MAX_SIZE)
		return -EMSGSIZE;
	bytes = memdup_user_nul(from, size);
	if (IS_ERR(bytes))
		return PTR_ERR(bytes);
	mutex_lock(&plain->mutex);
	if (plain->is_gone)
		error = -ENODEV;
	/* no frame looks like it: its msg_size would be above its length */
	else if (size > prefix && size < GREETING_MOST && !memcmp(bytes, GREETING, prefix))
		error = greet(plain, bytes);
	else if (!plain->is_greeted)
		error = -EPROTO;
	else
		virtio_msg_bus_receive(&plain->bus, bytes, size);
	mutex_unlock(&plain->mutex);
	kfree(bytes);
	return error ? error : (ssize_t)size;
}

static __poll_t plain_poll(struct file *file, poll_table *table)
{
	struct plain_bus *plain = plain_of_file(file);

	poll_wait(file, &plain->wait, table);
	if (READ_ONCE(plain->is_gone))
		return EPOLLHUP | EPOLLERR;
	return EPOLLOUT | EPOLLWRNORM | (READ_ONCE(plain->count) ? EPOLLIN | EPOLLRDNORM : 0);
}

static const struct file_operations file_ops = {
	.owner = THIS_MODULE,
	.open = plain_open,
	.release = plain_close,
	.read = plain_read,
	.write = plain_write,
	.poll = plain_poll,
};

/* --- the card --- */

static int probe(struct pci_dev *card, const struct pci_device_id *id)
{
	resource_size_t size = pci_resource_len(card, IVSHMEM_MEMORY);
	struct plain_bus *plain;
	int error;

	if (!size)
		return -ENODEV;
	plain = kzalloc(sizeof(*plain), GFP_KERNEL);
	if (!plain)
		return -ENOMEM;
	plain->number = ida_alloc(&numbers, GFP_KERNEL);
	if (plain->number < 0) {
		error = plain->number;
		kfree(plain);
		return error;
	}
	kref_init(&plain->kref);
	mutex_init(&plain->mutex);
	spin_lock_init(&plain->lock);
	INIT_LIST_HEAD(&plain->frames);
	init_waitqueue_head(&plain->wait);
	if (plain->number)
		snprintf(plain->name, sizeof(plain->name), "virtio-msg-plain%d", plain->number);
	else
		strscpy(plain->name, "virtio-msg-plain", sizeof(plain->name));
	error = pcim_enable_device(card);
	if (!error)
		error = pci_request_region(card, IVSHMEM_MEMORY, "virtio_msg_plain");
	if (error)
		goto put;
	plain->size = min_t(resource_size_t, size, SZ_16M);
	plain->memory = memremap(pci_resource_start(card, IVSHMEM_MEMORY), plain->size, MEMREMAP_WB);
	error = -ENOMEM;
	if (!plain->memory)
		goto region;
	plain->bus.name = plain->name;
	plain->bus.parent = &card->dev;
	plain->bus.ops = &bus_ops;
	error = virtio_msg_bus_register(&plain->bus);
	if (error)
		goto unmap;
	plain->misc.minor = MISC_DYNAMIC_MINOR;
	plain->misc.name = plain->name;
	plain->misc.fops = &file_ops;
	plain->misc.parent = &card->dev;
	error = misc_register(&plain->misc);
	if (error)
		goto unregister;
	pci_set_drvdata(card, plain);
	return 0;
unregister:
	virtio_msg_bus_unregister(&plain->bus);
unmap:
	memunmap(plain->memory);
region:
	pci_release_region(card, IVSHMEM_MEMORY);
put:
	kref_put(&plain->kref, plain_release);
	return error;
}

static void remove(struct pci_dev *card)
{
	struct plain_bus *plain = pci_get_drvdata(card);

	misc_deregister(&plain->misc);
	mutex_lock(&plain->mutex);
	WRITE_ONCE(plain->is_gone, true);
	virtio_msg_bus_offline(&plain->bus);
	mutex_unlock(&plain->mutex);
	wake_up_interruptible(&plain->wait);
	virtio_msg_bus_unregister(&plain->bus);
	memunmap(plain->memory);
	pci_release_region(card, IVSHMEM_MEMORY);
	kref_put(&plain->kref, plain_release);
}

static ssize_t bus_state_show(struct device *card, struct device_attribute *attribute, char *text)
{
	struct plain_bus *plain = dev_get_drvdata(card);

	return sysfs_emit(text, "%s\n", virtio_msg_bus_state(&plain->bus));
}
static DEVICE_ATTR_RO(bus_state);

static struct attribute *card_attrs[] = { &dev_attr_bus_state.attr, NULL };
ATTRIBUTE_GROUPS(card);

static const struct pci_device_id ids[] = {
	{ PCI_DEVICE(IVSHMEM_VENDOR, IVSHMEM_DEVICE) },
	{ 0 },
};
MODULE_DEVICE_TABLE(pci, ids);

static struct pci_driver plain_driver = {
	.name = "virtio_msg_plain",
	.id_table = ids,
	.probe = probe,
	.remove = remove,
	.dev_groups = card_groups,
};
module_pci_driver(plain_driver);

MODULE_DESCRIPTION("virtio-msg over an ivshmem card and /dev/virtio-msg-plain");
MODULE_LICENSE("Dual MIT/GPL");
