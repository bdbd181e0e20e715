// SPDX-License-Identifier: MIT OR GPL-2.0-only
/*
 * /dev/virtio-msg-bridge: how a device model in user space offers virtio-msg devices to this kernel. One open file has
 * one session at most, with one endpoint; what is done with it is in the rings from then on.
 */
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "bridge.h"

#define MOST_HOLDS 8
/* A mapping that stays keeps its file open, and no limit of a process counts it. */
#define MOST_FILES 64

/* An endpoint that was resolved, and how often. */
struct hold {
	struct bridge_endpoint *endpoint;
	unsigned int count;
};

struct bridge_file {
	/* one ioctl at a time */
	struct mutex mutex;
	struct hold holds[MOST_HOLDS];
	struct bridge_session *session;
	struct bridge_view view;
	wait_queue_head_t pollers;
};

static atomic_t open_files = ATOMIC_INIT(0);

static struct hold *find_hold(struct bridge_file *bridge, u32 handle)
{
	int i;

	for (i = 0; i < MOST_HOLDS; i++)
		if (bridge->holds[i].count && bridge->holds[i].endpoint->handle == handle)
			return &bridge->holds[i];
	return NULL;
}

static int take_hold(struct bridge_file *bridge, struct bridge_endpoint *endpoint)
{
	struct hold *hold = find_hold(bridge, endpoint->handle);
	int i;

	for (i = 0; !hold && i < MOST_HOLDS; i++)
		if (!bridge->holds[i].count)
			hold = &bridge->holds[i];
	if (!hold || hold->count == INT_MAX)
		return -ENOSPC;
	hold->endpoint = endpoint;
	hold->count++;
	return 0;
}

static bool is_padded(const char *text, size_t size)
{
	size_t length = strnlen(text, size);

	return length < size && !memchr_inv(text + length, 0, size - length);
}

static long resolve(struct bridge_file *bridge, void __user *user)
{
	struct vmsgb_resolve request;
	struct bridge_endpoint *endpoint;
	int error;

	if (copy_from_user(&request, user, sizeof(request)))
		return -EFAULT;
	if (!is_padded(request.bus_name, sizeof(request.bus_name)) || !request.bus_name[0] ||
	    !is_padded(request.bus_id, sizeof(request.bus_id)) || request.flags & ~VMSGB_RESOLVE_CREATE ||
	    request.reserved[0] || request.reserved[1])
		return -EINVAL;
	endpoint = bridge_endpoint_resolve(request.bus_name, request.bus_id, request.flags & VMSGB_RESOLVE_CREATE);
	if (IS_ERR(endpoint))
		return PTR_ERR(endpoint);
	error = take_hold(bridge, endpoint);
	if (error) {
		bridge_endpoint_release(endpoint, 1, false);
		return error;
	}
	request.handle = endpoint->handle;
	/* whoever cannot be told the handle lets go of it by closing the file */
	return copy_to_user(user, &request, sizeof(request)) ? -EFAULT : 0;
}

static long release(struct bridge_file *bridge, const void __user *user)
{
	struct vmsgb_release request;
	struct hold *hold;

	if (copy_from_user(&request, user, sizeof(request)))
		return -EFAULT;
	if (request.flags || request.reserved)
		return -EINVAL;
	hold = find_hold(bridge, request.handle);
	if (!hold)
		return -ENOENT;
	if (hold->count == 1 && bridge->session && bridge->session->endpoint == hold->endpoint)
		return -EBUSY;
	hold->count--;
	bridge_endpoint_release(hold->endpoint, 1, true);
	return 0;
}

static long attach(struct bridge_file *bridge, struct vmsgb_attach __user *user)
{
	struct bridge_session *session;
	struct vmsgb_attach request;
	struct hold *hold;

	if (copy_from_user(&request, user, sizeof(request)))
		return -EFAULT;
	if (request.flags || memchr_inv(request.reserved, 0, sizeof(request.reserved)) ||
	    memchr_inv(&request.caps, 0, sizeof(request.caps)) || request.max_msg_size < VMSGB_MIN_MESSAGE ||
	    request.max_msg_size > VMSGB_MAX_MESSAGE)
		return -EINVAL;
	if (bridge->session)
		return READ_ONCE(bridge->session->fault) ? -ENOTCONN : -EBUSY;
	hold = find_hold(bridge, request.endpoint);
	if (!hold)
		return -ENOENT;
	session = bridge_session_attach(hold->endpoint, &bridge->view, &bridge->pollers, &request);
	if (IS_ERR(session))
		return PTR_ERR(session);
	if (copy_to_user(&user->caps, &request.caps, sizeof(request.caps))) {
		bridge_session_detach(session);
		return -EFAULT;
	}
	bridge->session = session;
	return 0;
}

static long detach(struct bridge_file *bridge)
{
	if (!bridge->session)
		return -ENOTCONN;
	bridge_session_detach(bridge->session);
	bridge->session = NULL;
	return 0;
}

static long bridge_ioctl(struct file *file, unsigned int command, unsigned long argument)
{
	struct bridge_file *bridge = file->private_data;
	void __user *user = (void __user *)argument;
	long result;

	mutex_lock(&bridge->mutex);
	switch (command) {
	case VMSGB_RESOLVE:
		result = resolve(bridge, user);
		break;
	case VMSGB_RELEASE:
		result = release(bridge, user);
		break;
	case VMSGB_ATTACH:
		result = attach(bridge, user);
		break;
	case VMSGB_DETACH:
		result = detach(bridge);
		break;
	default:
		result = -ENOTTY;
	}
	mutex_unlock(&bridge->mutex);
	return result;
}

static __poll_t bridge_poll(struct file *file, poll_table *poll)
{
	struct bridge_file *bridge = file->private_data;
	__poll_t result = 0;

	poll_wait(file, &bridge->pollers, poll);
	mutex_lock(&bridge->mutex);
	if (bridge->session && READ_ONCE(bridge->session->fault))
		result = EPOLLERR | EPOLLHUP;
	mutex_unlock(&bridge->mutex);
	return result;
}

static int bridge_mmap(struct file *file, struct vm_area_struct *area)
{
	struct bridge_file *bridge = file->private_data;

	return bridge_view_mmap(&bridge->view, area);
}

static int bridge_open(struct inode *inode, struct file *file)
{
	struct bridge_file *bridge;
	int error = -ENOMEM;

	if (!atomic_add_unless(&open_files, 1, MOST_FILES))
		return -ENFILE;
	bridge = kzalloc(sizeof(*bridge), GFP_KERNEL_ACCOUNT);
	if (!bridge)
		goto uncount;
	mutex_init(&bridge->mutex);
	init_waitqueue_head(&bridge->pollers);
	error = bridge_view_init(&bridge->view, file);
	if (error)
		goto free;
	file->private_data = bridge;
	return nonseekable_open(inode, file);
free:
	kfree(bridge);
uncount:
	atomic_dec(&open_files);
	return error;
}

static int bridge_close(struct inode *inode, struct file *file)
{
	struct bridge_file *bridge = file->private_data;
	int i;

	if (bridge->session)
		bridge_session_detach(bridge->session);
	for (i = 0; i < MOST_HOLDS; i++)
		if (bridge->holds[i].count)
			bridge_endpoint_release(bridge->holds[i].endpoint, bridge->holds[i].count, false);
	bridge_view_destroy(&bridge->view);
	kfree(bridge);
	atomic_dec(&open_files);
	return 0;
}

static const struct file_operations bridge_ops = {
	.owner = THIS_MODULE,
	.open = bridge_open,
	.release = bridge_close,
	.unlocked_ioctl = bridge_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.mmap = bridge_mmap,
	.poll = bridge_poll,
};

/* --- what an administrator sees --- */

static ssize_t endpoints_show(struct device *device, struct device_attribute *attribute, char *text)
{
	return bridge_endpoints_show(text);
}
static DEVICE_ATTR_RO(endpoints);

static ssize_t online_store(struct device *device, struct device_attribute *attribute, const char *text, size_t size)
{
	int error = bridge_endpoints_command(text);

	return error ? error : (ssize_t)size;
}
static DEVICE_ATTR_WO(online);

static struct attribute *bridge_attrs[] = { &dev_attr_endpoints.attr, &dev_attr_online.attr, NULL };
ATTRIBUTE_GROUPS(bridge);

struct miscdevice bridge_device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "virtio-msg-bridge",
	.fops = &bridge_ops,
	.mode = 0600,
	.groups = bridge_groups,
};

static int __init bridge_init(void)
{
	int error;

	bridge_works = alloc_workqueue("virtio-msg-bridge", WQ_UNBOUND | WQ_HIGHPRI, 0);
	if (!bridge_works)
		return -ENOMEM;
	error = bridge_endpoints_init();
	if (error)
		goto works;
	error = misc_register(&bridge_device);
	if (error)
		goto endpoints;
	return 0;
endpoints:
	bridge_endpoints_exit();
works:
	destroy_workqueue(bridge_works);
	return error;
}
module_init(bridge_init);

static void __exit bridge_exit(void)
{
	bridge_endpoints_exit();
	misc_deregister(&bridge_device);
	destroy_workqueue(bridge_works);
}
module_exit(bridge_exit);

MODULE_DESCRIPTION("/dev/virtio-msg-bridge: virtio-msg devices out of user space");
MODULE_LICENSE("Dual MIT/GPL");
