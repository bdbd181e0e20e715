// SPDX-License-Identifier: MIT OR GPL-2.0-only
/*
 * Requests and their responses: a response belongs to the request under way whose token, device number and msg_id it
 * has. One that comes late finds none, and is dropped: tokens come back after 65,535 requests, and epochs end all.
 */
#include <linux/jiffies.h>
#include <linux/module.h>
#include <linux/slab.h>

#include "transport.h"

static unsigned int request_timeout_ms = 600;
module_param(request_timeout_ms, uint, 0644);
MODULE_PARM_DESC(request_timeout_ms, "how long one try of a request waits for its response (600)");

struct request {
	struct list_head node;
	struct completion done;
	u8 type;
	u8 msg_id;
	u16 dev_num;
	u16 token;
	/* of the response's payload, or -errno */
	int result;
	void *response;
	size_t room;
	bool finished;
};

int vmsg_send(struct virtio_msg_core *core, u8 type, u16 dev_num, u8 msg_id, u16 token, const void *payload,
	      size_t size)
{
	u8 small[sizeof(struct vmsg_header) + 48], *frame = small;
	struct vmsg_header header = {
		.type = type,
		.msg_id = msg_id,
		.dev_num = cpu_to_le16(dev_num),
		.token = cpu_to_le16(token),
		.msg_size = cpu_to_le16(sizeof(header) + size),
	};
	int error;

	if (sizeof(header) + size > READ_ONCE(core->params.max_msg_size))
		return -EMSGSIZE;
	if (sizeof(header) + size > sizeof(small)) {
		frame = kmalloc(sizeof(header) + size, GFP_ATOMIC);
		if (!frame)
			return -ENOMEM;
	}
	memcpy(frame, &header, sizeof(header));
	if (size)
		memcpy(frame + sizeof(header), payload, size);
	error = core->bus->ops->send(core->bus, frame, sizeof(header) + size);
	if (frame != small)
		kfree(frame);
	return error;
}

/* A token that no request under way has, and not 0, which events have. With the lock. */
static u16 next_token(struct virtio_msg_core *core)
{
	struct request *other;
	bool used;

	do {
		if (++core->token == 0)
			core->token = 1;
		used = false;
		list_for_each_entry(other, &core->requests, node)
			used |= other->token == core->token;
	} while (used);
	return core->token;
}

int vmsg_request(struct virtio_msg_core *core, u8 type, u16 dev_num, u8 msg_id, const void *payload, size_t size,
		 void *response, size_t room, unsigned int tries)
{
	unsigned long wait = msecs_to_jiffies(max(1u, READ_ONCE(request_timeout_ms)));
	struct request request = {
		.type = type | VMSG_RESPONSE,
		.msg_id = msg_id,
		.dev_num = dev_num,
		.result = -ETIMEDOUT,
		.response = response,
		.room = room,
	};
	int error = 0;

	init_completion(&request.done);
	spin_lock_irq(&core->lock);
	if (!core->online) {
		spin_unlock_irq(&core->lock);
		return -ENODEV;
	}
	request.token = next_token(core);
	list_add_tail(&request.node, &core->requests);
	spin_unlock_irq(&core->lock);
	do {
		error = vmsg_send(core, type, dev_num, msg_id, request.token, payload, size);
		if (error == -EMSGSIZE)
			break;
		/* one that could not be sent is tried again as one that stayed unanswered */
	} while (!wait_for_completion_timeout(&request.done, wait) && --tries > 0);
	spin_lock_irq(&core->lock);
	list_del(&request.node);
	spin_unlock_irq(&core->lock);
	return error == -EMSGSIZE ? error : request.result;
}

/* The request under way to which an answer with these belongs; NULL if none. With the lock. */
static struct request *find_request(struct virtio_msg_core *core, u8 type, u16 dev_num, u8 msg_id, u16 token)
{
	struct request *request;

	list_for_each_entry(request, &core->requests, node)
		if (request->token == token && request->msg_id == msg_id && request->dev_num == dev_num &&
		    request->type == type && !request->finished)
			return request;
	return NULL;
}

static void finish(struct request *request, int result)
{
	request->finished = true;
	request->result = result;
	complete(&request->done);
}

void vmsg_response(struct virtio_msg_core *core, const struct vmsg_header *header, size_t size)
{
	struct request *request;
	unsigned long flags;

	spin_lock_irqsave(&core->lock, flags);
	request = find_request(core, header->type & (VMSG_RESPONSE | VMSG_BUS), le16_to_cpu(header->dev_num),
			       header->msg_id, le16_to_cpu(header->token));
	if (request) {
		memcpy(request->response, header + 1, min(size, request->room));
		finish(request, size);
	}
	spin_unlock_irqrestore(&core->lock, flags);
}

void virtio_msg_bus_refuse(struct virtio_msg_bus *bus, u16 dev_num, u8 msg_id, u16 token, int error)
{
	struct virtio_msg_core *core = bus->core;
	struct request *request;
	unsigned long flags;

	spin_lock_irqsave(&core->lock, flags);
	request = find_request(core, VMSG_RESPONSE, dev_num, msg_id, token);
	if (request)
		finish(request, error);
	spin_unlock_irqrestore(&core->lock, flags);
}
EXPORT_SYMBOL_GPL(virtio_msg_bus_refuse);

void vmsg_requests_end(struct virtio_msg_core *core)
{
	struct request *request;

	list_for_each_entry(request, &core->requests, node)
		if (!request->finished)
			finish(request, -ENODEV);
}
