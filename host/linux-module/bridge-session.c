// SPDX-License-Identifier: MIT OR GPL-2.0-only
/*
 * A device model that is attached: its rings and eventfds, and frames on their way. Transport frames are taken right
 * where the kick arrives, with interrupts off and a few at a time; a bus message, or a long row of frames, waits for
 * the work, which may sleep. Frames are taken strictly in order by either.
 */
#include <linux/file.h>
#include <linux/jiffies.h>
#include <linux/mm.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "bridge.h"

/* frames in one go: with interrupts off, and by the work before others have their turn */
#define PULL_MOST 32
#define WORK_MOST 256

struct workqueue_struct *bridge_works;

void bridge_session_fault(struct bridge_session *session, const char *why)
{
	cmpxchg(&session->fault, NULL, why);
	queue_work(bridge_works, &session->work);
}

/* --- to the device model --- */

int bridge_session_send(struct bridge_session *session, const void *frame, size_t size)
{
	int error = bridge_ring_put(&session->rx, frame, size);

	if (error == -EPROTO) {
		bridge_session_fault(session, "its rx ring cannot be: the header changed, or cons went astray");
		return -ENODEV;
	}
	if (!error)
		irq_work_queue(&session->bell);
	return error;
}

int bridge_session_post(struct bridge_session *session, const void *frame, size_t size)
{
	unsigned long flags;
	int error;

	spin_lock_irqsave(&session->endpoint->lock, flags);
	error = bridge_session_send(session, frame, size);
	spin_unlock_irqrestore(&session->endpoint->lock, flags);
	return error;
}

static void ring_bell(struct irq_work *work)
{
	struct bridge_session *session = container_of(work, struct bridge_session, bell);

	/* a counter that is full stays full: this never waits */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 8, 0)
	eventfd_signal(session->call);
#else
	eventfd_signal(session->call, 1);
#endif
}

/* --- from the device model --- */

enum taken { TAKEN_NONE, TAKEN_FRAME, TAKEN_BUS, TAKEN_FAULT };

/* Takes the next frame if it is the transport's. A bus message stays where it is, in `frame` and in the ring. */
static enum taken take(struct bridge_session *session, size_t *size)
{
	int got = bridge_ring_look(&session->tx, session->frame, session->max_msg_size);
	const struct vmsg_header *header = (const void *)session->frame;

	if (got == 0)
		return TAKEN_NONE;
	if (got == -EPROTO) {
		bridge_session_fault(session, "its tx ring cannot be: the header changed, or prod went astray");
		return TAKEN_FAULT;
	}
	/* what is reserved in the type of a transport message is for its receiver to ignore */
	if (got < 0 || (header->type & VMSG_BUS && header->type & ~(VMSG_RESPONSE | VMSG_BUS))) {
		bridge_session_fault(session, "a frame with a header that cannot be");
		return TAKEN_FAULT;
	}
	*size = got;
	if (header->type & VMSG_BUS)
		return TAKEN_BUS;
	if (READ_ONCE(session->is_up))
		virtio_msg_bus_receive(&session->endpoint->bus, session->frame, got);
	if (bridge_ring_next(&session->tx))
		irq_work_queue(&session->bell);
	return TAKEN_FRAME;
}

static void pull(struct irq_work *work)
{
	struct bridge_session *session = container_of(work, struct bridge_session, pull);
	enum taken taken = TAKEN_FRAME;
	unsigned long flags;
	size_t size;
	int i;

	if (!READ_ONCE(session->is_ready))
		return;
	spin_lock_irqsave(&session->tx_lock, flags);
	for (i = 0; i < PULL_MOST && taken == TAKEN_FRAME && !session->is_held && !READ_ONCE(session->fault); i++)
		taken = take(session, &size);
	spin_unlock_irqrestore(&session->tx_lock, flags);
	/* room in the rx ring may be what it was waiting for */
	if (taken == TAKEN_FRAME || taken == TAKEN_BUS || READ_ONCE(session->owes))
		queue_work(bridge_works, &session->work);
}

/* In order, with what sleeps. Returns whether there may be more. */
static bool take_all(struct bridge_session *session)
{
	enum taken taken = TAKEN_FRAME;
	unsigned long flags;
	size_t size;
	bool goes_on;
	int i;

	for (i = 0; i < WORK_MOST && !READ_ONCE(session->fault); i++) {
		spin_lock_irqsave(&session->tx_lock, flags);
		taken = take(session, &size);
		session->is_held = taken == TAKEN_BUS;
		spin_unlock_irqrestore(&session->tx_lock, flags);
		if (taken == TAKEN_NONE || taken == TAKEN_FAULT)
			return false;
		if (taken == TAKEN_BUS) {
			goes_on = bridge_control_take(session, session->frame, size);
			spin_lock_irqsave(&session->tx_lock, flags);
			session->is_held = false;
			if (bridge_ring_next(&session->tx))
				irq_work_queue(&session->bell);
			spin_unlock_irqrestore(&session->tx_lock, flags);
			if (!goes_on)
				return false;
		}
		cond_resched();
	}
	return true;
}

/* The session is over, and the endpoint free for another one. With the endpoint's mutex. */
static void end(struct bridge_session *session)
{
	struct bridge_endpoint *endpoint = session->endpoint;

	bridge_control_stop(session);
	session->state = BRIDGE_FAULTED;
	spin_lock_irq(&endpoint->lock);
	if (endpoint->session == session)
		endpoint->session = NULL;
	spin_unlock_irq(&endpoint->lock);
}

static void work(struct work_struct *work)
{
	struct bridge_session *session = container_of(work, struct bridge_session, work);
	struct bridge_endpoint *endpoint = session->endpoint;

	mutex_lock(&endpoint->mutex);
	if (session->state != BRIDGE_FAULTED) {
		bool more = take_all(session);

		if (!READ_ONCE(session->fault))
			bridge_control_advance(session);
		if (READ_ONCE(session->fault)) {
			pr_warn_ratelimited("virtio_msg_bridge: %s: the device model is let go: %s\n", endpoint->name,
					    session->fault);
			end(session);
			irq_work_queue(&session->bell);
			wake_up_interruptible_poll(session->pollers, EPOLLERR | EPOLLHUP);
		} else if (more) {
			queue_work(bridge_works, &session->work);
		}
	}
	mutex_unlock(&endpoint->mutex);
}

static void deadline(struct work_struct *work)
{
	struct bridge_session *session = container_of(to_delayed_work(work), struct bridge_session, deadline);
	struct bridge_endpoint *endpoint = session->endpoint;

	mutex_lock(&endpoint->mutex);
	/* it may have waited for the mutex while a request was answered, and another one made */
	if ((session->state == BRIDGE_ADDING || session->state == BRIDGE_DELETING) &&
	    time_after_eq(jiffies, session->map_due))
		bridge_session_fault(session, "a map request was not answered in time");
	mutex_unlock(&endpoint->mutex);
}

void bridge_session_want(struct bridge_session *session, bool reset)
{
	session->wants_reset |= reset;
	queue_work(bridge_works, &session->work);
}

/* --- kicks --- */

static int kicked(wait_queue_entry_t *entry, unsigned int mode, int sync, void *key)
{
	struct bridge_session *session = container_of(entry, struct bridge_session, kicked);
	u64 count;

	/* its lock is held, as its waking is */
	if (key_to_poll(key) & EPOLLIN) {
		eventfd_ctx_do_read(session->kick, &count);
		irq_work_queue(&session->pull);
	}
	return 0;
}

static void listen(struct file *file, wait_queue_head_t *head, poll_table *table)
{
	struct bridge_session *session = container_of(table, struct bridge_session, kick_table);

	add_wait_queue(head, &session->kicked);
}

static int open_eventfds(struct bridge_session *session, const struct vmsgb_attach *attach)
{
	struct file *kick = eventfd_fget(attach->kick_fd);
	int error;

	if (IS_ERR(kick))
		return PTR_ERR(kick);
	session->kick = eventfd_ctx_fileget(kick);
	session->call = eventfd_ctx_fdget(attach->call_fd);
	if (IS_ERR(session->call)) {
		error = PTR_ERR(session->call);
		goto put_kick;
	}
	error = -EINVAL;
	if (session->call == session->kick)
		goto put_call;
	init_waitqueue_func_entry(&session->kicked, kicked);
	init_poll_funcptr(&session->kick_table, listen);
	vfs_poll(kick, &session->kick_table);
	fput(kick);
	return 0;
put_call:
	eventfd_ctx_put(session->call);
put_kick:
	eventfd_ctx_put(session->kick);
	fput(kick);
	session->kick = NULL;
	return error;
}

static int open_rings(struct bridge_session *session, const struct vmsgb_attach *attach)
{
	const struct vmsgb_ring_info *tx = &attach->tx, *rx = &attach->rx;
	struct file *file;
	int error;

	/* one that begins within the other */
	if (rx->offset - tx->offset < tx->bytes || tx->offset - rx->offset < rx->bytes)
		return -EINVAL;
	file = fget(attach->ring_fd);
	if (!file)
		return -EBADF;
	error = bridge_ring_open(&session->tx, file, tx, attach->max_msg_size, false);
	if (!error)
		error = bridge_ring_open(&session->rx, file, rx, attach->max_msg_size, true);
	fput(file);
	return error;
}

/* --- attaching --- */

static int settle(struct bridge_session *session, struct vmsgb_attach *attach)
{
	struct bridge_endpoint *endpoint = session->endpoint;
	int error = 0;

	attach->caps = (struct vmsgb_caps){ .version = VMSGB_VERSION };
	mutex_lock(&endpoint->mutex);
	spin_lock_irq(&endpoint->lock);
	if (endpoint->session)
		error = -EBUSY;
	else
		endpoint->session = session;
	spin_unlock_irq(&endpoint->lock);
	if (!error) {
		session->state = endpoint->is_wanted ? BRIDGE_NEW : BRIDGE_OFFLINE;
		WRITE_ONCE(session->is_ready, true);
	}
	if (!error && endpoint->is_wanted) {
		attach->caps.flags = VMSGB_CAPS_ONLINE;
		attach->caps.revision = BRIDGE_REVISION;
		attach->caps.max_msg_size = session->max_msg_size;
		attach->caps.online_epoch = ++endpoint->epoch;
	}
	mutex_unlock(&endpoint->mutex);
	return error;
}

/*
 * Waits for a work that nobody queues any more. irq_work_sync alone is not enough for one that is queued on several
 * processors: one that ends on the first takes the busy mark away from the one that just began on the second.
 */
static void end_irq_work(struct irq_work *work)
{
	irq_work_sync(work);
	/* what still runs does so with interrupts off, which this waits for */
	synchronize_rcu();
}

static void close_all(struct bridge_session *session)
{
	u64 count;

	if (session->kick) {
		eventfd_ctx_remove_wait_queue(session->kick, &session->kicked, &count);
		end_irq_work(&session->pull);
		cancel_delayed_work_sync(&session->deadline);
		cancel_work_sync(&session->work);
		end_irq_work(&session->bell);
		eventfd_ctx_put(session->kick);
		eventfd_ctx_put(session->call);
	}
	bridge_ring_close(&session->tx);
	bridge_ring_close(&session->rx);
	kvfree(session);
}

struct bridge_session *bridge_session_attach(struct bridge_endpoint *endpoint, struct bridge_view *view,
					     wait_queue_head_t *pollers, struct vmsgb_attach *attach)
{
	struct bridge_session *session = kvzalloc(sizeof(*session), GFP_KERNEL_ACCOUNT);
	int error;

	if (!session)
		return ERR_PTR(-ENOMEM);
	session->endpoint = endpoint;
	session->view = view;
	session->pollers = pollers;
	session->max_msg_size = min_t(u32, attach->max_msg_size, BRIDGE_MAX_MESSAGE);
	/* until it is settled */
	session->state = BRIDGE_FAULTED;
	spin_lock_init(&session->tx_lock);
	init_irq_work(&session->pull, pull);
	init_irq_work(&session->bell, ring_bell);
	INIT_WORK(&session->work, work);
	INIT_DELAYED_WORK(&session->deadline, deadline);
	error = open_rings(session, attach);
	if (!error)
		error = open_eventfds(session, attach);
	if (!error)
		error = settle(session, attach);
	if (error) {
		close_all(session);
		return ERR_PTR(error);
	}
	/* what was put into the ring before nobody was kicked for */
	queue_work(bridge_works, &session->work);
	return session;
}

void bridge_session_detach(struct bridge_session *session)
{
	mutex_lock(&session->endpoint->mutex);
	if (session->state != BRIDGE_FAULTED)
		end(session);
	mutex_unlock(&session->endpoint->mutex);
	close_all(session);
}
