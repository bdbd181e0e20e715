// SPDX-License-Identifier: MIT OR GPL-2.0-only
/*
 * Carries virtio-msg frames between a byte stream, such as a virtio port, and /dev/virtio-msg-plain: on the stream each
 * record stands behind its length (u16, little-endian), on the misc device it is one write or read.
 *
 *   relay STREAM [DEVICE]
 *
 * When the stream ends the device is closed, which takes the bus offline; both are opened again until that works.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define RECORD_MOST 65535
/* milliseconds between two looks at a stream that has nobody at its other end */
#define IDLE_MS 5

static unsigned char in[2 * (RECORD_MOST + 2)];
static unsigned char out[RECORD_MOST + 2];

/* Writes all of it, or fails when the stream is at its end. */
static int write_all(int stream, size_t size)
{
	size_t done = 0;

	while (done < size) {
		ssize_t wrote = write(stream, out + done, size - done);

		if (wrote > 0) {
			done += wrote;
		} else if (wrote < 0 && errno == EAGAIN) {
			struct pollfd wait = { stream, POLLOUT, 0 };

			if (poll(&wait, 1, -1) < 0 || (wait.revents & (POLLHUP | POLLERR)))
				return -1;
		} else if (wrote == 0 || errno != EINTR) {
			return -1;
		}
	}
	return 0;
}

/* What ends the carrying: that the stream is at its end and all of it was read, or that the device takes no more. */
enum { GOES_ON, STREAM_ENDED, DEVICE_ENDED };

/* From the stream to the device. */
static int carry_in(int stream, int device, size_t *have)
{
	ssize_t got = read(stream, in + *have, sizeof(in) - *have);
	size_t at = 0;

	if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR))
		return STREAM_ENDED;
	if (got > 0)
		*have += got;
	while (*have - at >= 2) {
		size_t size = in[at] | in[at + 1] << 8;

		if (*have - at < 2 + size)
			break;
		if (write(device, in + at + 2, size) < 0) {
			perror("relay: the device does not take a record");
			return DEVICE_ENDED;
		}
		at += 2 + size;
	}
	memmove(in, in + at, *have - at);
	*have -= at;
	return GOES_ON;
}

/* From the device to the stream. That this one has ended is seen where it is read. */
static int carry_out(int stream, int device)
{
	for (;;) {
		ssize_t size = read(device, out + 2, RECORD_MOST);

		if (size < 0)
			return errno == EAGAIN || errno == EINTR ? GOES_ON : DEVICE_ENDED;
		out[0] = size;
		out[1] = size >> 8;
		if (write_all(stream, size + 2) < 0)
			return GOES_ON;
	}
}

static int carry(int stream, int device)
{
	size_t have = 0;
	int result = GOES_ON;

	while (result == GOES_ON) {
		struct pollfd both[] = { { stream, POLLIN, 0 }, { device, POLLIN, 0 } };

		if (poll(both, 2, -1) < 0)
			continue;
		if (both[0].revents)
			result = carry_in(stream, device, &have);
		if (result == GOES_ON && (both[1].revents & (POLLHUP | POLLERR)))
			result = DEVICE_ENDED;
		if (result == GOES_ON && (both[1].revents & POLLIN))
			result = carry_out(stream, device);
	}
	return result;
}

/* Waits until somebody is at the stream's other end. A port that nobody is at is readable, too: its end can be read. */
static void await(int stream)
{
	struct pollfd wait = { stream, POLLIN, 0 };

	while (poll(&wait, 1, -1) < 0 || (wait.revents & (POLLHUP | POLLERR)))
		poll(NULL, 0, IDLE_MS);
}

/* Drops what comes until the stream's end: the device has no use for it. */
static void drop_rest(int stream)
{
	ssize_t got = 1;

	while (got > 0 || (got < 0 && (errno == EAGAIN || errno == EINTR))) {
		struct pollfd wait = { stream, POLLIN, 0 };

		poll(&wait, 1, -1);
		got = read(stream, in, sizeof(in));
	}
}

int main(int argc, char **argv)
{
	const char *path = argc > 2 ? argv[2] : "/dev/virtio-msg-plain";
	int stream = argc > 1 ? open(argv[1], O_RDWR | O_NONBLOCK) : -1;

	if (stream < 0) {
		perror("relay: usage: relay STREAM [DEVICE]");
		return 1;
	}
	for (;;) {
		int device, result;

		await(stream);
		/* the module may not be there yet, or not any more */
		while ((device = open(path, O_RDWR | O_NONBLOCK)) < 0)
			poll(NULL, 0, IDLE_MS);
		result = carry(stream, device);
		close(device);
		if (result == DEVICE_ENDED)
			drop_rest(stream);
	}
}
