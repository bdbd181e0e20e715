/*
 * Stands between a device model and a kernel that is not there: for a program that is started with this in LD_PRELOAD,
 * /dev/virtio-msg-bridge is a socket of the conformance suite (virtio-msg conform --bridge-kernel, docs/bridge.md).
 *
 * VIRTIO_MSG_BRIDGE_SOCKET is that socket, VIRTIO_MSG_BRIDGE_WINDOW the file whose parts are the windows. An open node is a
 * connection. Each call on it is a record of 32 bytes, with the descriptors of ATTACH beside it, and waits for its answer:
 *
 *   to the suite    u32 what (1 ioctl, 2 mmap, 3 munmap), u32 request, u64 offset, u64 length, u32 bytes of argument, u32 0;
 *                   the argument
 *   from the suite  s32 errno or 0, u32 bytes of argument; the argument. The first one answers open.
 *
 * What it cannot reach: programs that are linked statically, and those that make system calls by themselves (Go, io_uring).
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#define NODE "/dev/virtio-msg-bridge"
#define ATTACH 0xc0a8b900u
#define MOST_NODES 16
#define MOST_WINDOWS 4096
#define MOST_ARGUMENT 256

struct record {
	uint32_t what, request;
	uint64_t offset, length;
	uint32_t bytes, zero;
};

struct answer {
	int32_t error;
	uint32_t bytes;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int nodes[MOST_NODES];
static int node_count;
static struct { void *at; size_t length; uint64_t offset; int node; } windows[MOST_WINDOWS];
static int window_count;

static int is_node(int fd)
{
	for (int i = 0; i < node_count; i++)
		if (nodes[i] == fd)
			return 1;
	return 0;
}

static int read_all(int fd, void *into, size_t length)
{
	char *at = into;
	while (length > 0) {
		ssize_t got = recv(fd, at, length, 0);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return -1;
		at += got;
		length -= got;
	}
	return 0;
}

/* Sends a record with its argument and descriptors, and waits for the answer. Returns the errno. */
static int ask(int fd, struct record *record, void *argument, const int *fds, int fd_count)
{
	struct iovec parts[2] = { { record, sizeof *record }, { argument, record->bytes } };
	char control[CMSG_SPACE(3 * sizeof(int))];
	struct msghdr message = { .msg_iov = parts, .msg_iovlen = record->bytes ? 2 : 1 };
	struct answer answer;

	if (fd_count > 0) {
		memset(control, 0, sizeof control);
		message.msg_control = control;
		message.msg_controllen = CMSG_SPACE(fd_count * sizeof(int));
		struct cmsghdr *header = CMSG_FIRSTHDR(&message);
		header->cmsg_level = SOL_SOCKET;
		header->cmsg_type = SCM_RIGHTS;
		header->cmsg_len = CMSG_LEN(fd_count * sizeof(int));
		memcpy(CMSG_DATA(header), fds, fd_count * sizeof(int));
	}
	/* the suite is gone, or has ended the session */
	if (sendmsg(fd, &message, MSG_NOSIGNAL) != (ssize_t)(sizeof *record + record->bytes))
		return ENOTCONN;
	if (read_all(fd, &answer, sizeof answer) || answer.bytes > record->bytes)
		return ENOTCONN;
	if (answer.bytes > 0 && read_all(fd, argument, answer.bytes))
		return ENOTCONN;
	return answer.error;
}

static int open_node(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	const char *path = getenv("VIRTIO_MSG_BRIDGE_SOCKET");
	struct answer answer;

	if (!path || strlen(path) >= sizeof address.sun_path || node_count == MOST_NODES) {
		errno = ENXIO;
		return -1;
	}
	strcpy(address.sun_path, path);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	if (connect(fd, (struct sockaddr *)&address, sizeof address) || read_all(fd, &answer, sizeof answer)) {
		syscall(SYS_close, fd);
		errno = ENXIO;
		return -1;
	}
	if (answer.error) {
		syscall(SYS_close, fd);
		errno = answer.error;
		return -1;
	}
	pthread_mutex_lock(&lock);
	nodes[node_count++] = fd;
	pthread_mutex_unlock(&lock);
	return fd;
}

static int any_open(int folder, const char *path, int flags, mode_t mode)
{
	if (strcmp(path, NODE) == 0)
		return open_node();
	return syscall(SYS_openat, folder, path, flags, mode);
}

#define WITH_MODE(flags)                          \
	mode_t mode = 0;                          \
	if ((flags) & (O_CREAT | O_TMPFILE)) {    \
		va_list rest;                     \
		va_start(rest, flags);            \
		mode = va_arg(rest, int);         \
		va_end(rest);                     \
	}

int open(const char *path, int flags, ...) { WITH_MODE(flags) return any_open(AT_FDCWD, path, flags, mode); }
int open64(const char *path, int flags, ...) { WITH_MODE(flags) return any_open(AT_FDCWD, path, flags | O_LARGEFILE, mode); }
int openat(int at, const char *path, int flags, ...) { WITH_MODE(flags) return any_open(at, path, flags, mode); }
int openat64(int at, const char *path, int flags, ...) { WITH_MODE(flags) return any_open(at, path, flags | O_LARGEFILE, mode); }
int __open_2(const char *path, int flags) { return any_open(AT_FDCWD, path, flags, 0); }
int __open64_2(const char *path, int flags) { return any_open(AT_FDCWD, path, flags | O_LARGEFILE, 0); }

int ioctl(int fd, unsigned long request, ...)
{
	va_list rest;
	va_start(rest, request);
	void *argument = va_arg(rest, void *);
	va_end(rest);
	if (!is_node(fd))
		return syscall(SYS_ioctl, fd, request, argument);

	struct record record = { .what = 1, .request = request, .bytes = (request >> 16) & 0x3fff };
	if (record.bytes > MOST_ARGUMENT || (record.bytes && !argument)) {
		errno = EFAULT;
		return -1;
	}
	int fds[3], fd_count = 0;
	if ((uint32_t)request == ATTACH) {
		memcpy(fds, (char *)argument + 8, sizeof fds);
		/* what is no descriptor cannot be sent: the suite sees that none came */
		fd_count = 3;
		for (int i = 0; i < 3; i++)
			if (fcntl(fds[i], F_GETFD) < 0)
				fd_count = 0;
	}
	pthread_mutex_lock(&lock);
	int error = ask(fd, &record, argument, fds, fd_count);
	pthread_mutex_unlock(&lock);
	if (error == 0)
		return 0;
	errno = error;
	return -1;
}

static void *real_mmap(void *at, size_t length, int prot, int flags, int fd, off64_t offset)
{
#ifdef SYS_mmap2
	return (void *)syscall(SYS_mmap2, at, length, prot, flags, fd, (long)(offset >> 12));
#else
	return (void *)syscall(SYS_mmap, at, length, prot, flags, fd, offset);
#endif
}

static void *any_mmap(void *at, size_t length, int prot, int flags, int fd, off64_t offset)
{
	if (fd < 0 || !is_node(fd))
		return real_mmap(at, length, prot, flags, fd, offset);

	struct record record = { .what = 2, .offset = offset, .length = length };
	const char *path = getenv("VIRTIO_MSG_BRIDGE_WINDOW");
	pthread_mutex_lock(&lock);
	int error = window_count == MOST_WINDOWS || !path ? ENOMEM : ask(fd, &record, 0, 0, 0);
	void *mapped = MAP_FAILED;
	if (error == 0) {
		int file = syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC, 0);
		if (file >= 0) {
			mapped = real_mmap(at, length, prot, flags, file, offset);
			error = errno;
			syscall(SYS_close, file);
		} else
			error = errno;
		if (mapped != MAP_FAILED) {
			windows[window_count].at = mapped;
			windows[window_count].length = length;
			windows[window_count].offset = offset;
			windows[window_count++].node = fd;
		}
	}
	pthread_mutex_unlock(&lock);
	if (mapped == MAP_FAILED)
		errno = error;
	return mapped;
}

void *mmap(void *at, size_t length, int prot, int flags, int fd, off_t offset) { return any_mmap(at, length, prot, flags, fd, offset); }
void *mmap64(void *at, size_t length, int prot, int flags, int fd, off64_t offset) { return any_mmap(at, length, prot, flags, fd, offset); }

int munmap(void *at, size_t length)
{
	int result = syscall(SYS_munmap, at, length);
	if (window_count == 0)
		return result;
	pthread_mutex_lock(&lock);
	for (int i = 0; i < window_count; i++) {
		if (windows[i].at != at)
			continue;
		struct record record = { .what = 3, .offset = windows[i].offset, .length = windows[i].length };
		if (is_node(windows[i].node))
			ask(windows[i].node, &record, 0, 0, 0);
		windows[i] = windows[--window_count];
		break;
	}
	pthread_mutex_unlock(&lock);
	return result;
}

int close(int fd)
{
	if (node_count > 0) {
		pthread_mutex_lock(&lock);
		for (int i = 0; i < node_count; i++)
			if (nodes[i] == fd)
				nodes[i] = nodes[--node_count];
		pthread_mutex_unlock(&lock);
	}
	return syscall(SYS_close, fd);
}
