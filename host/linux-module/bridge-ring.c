// SPDX-License-Identifier: MIT OR GPL-2.0-only
/*
 * One of the two rings, in a file of the device model's. Its pages are pinned, so that what becomes of the file is
 * nothing to this side; its words are looked at once each, and believed as far as they can be true: a cursor moves
 * forward, and never past the other one.
 */
#include <linux/magic.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "bridge.h"

static size_t ring_bytes(const struct vmsgb_ring_info *info)
{
	return sizeof(struct vmsgb_ring_header) + (size_t)VMSGB_RING_ENTRIES * info->entry_size;
}

static bool header_is_right(const struct bridge_ring *ring)
{
	const struct vmsgb_ring_header *header = ring->header;

	return READ_ONCE(header->entries) == VMSGB_RING_ENTRIES && READ_ONCE(header->entry_size) == ring->entry_size &&
	       !READ_ONCE(header->flags) && !READ_ONCE(header->reserved);
}

static void *slot(const struct bridge_ring *ring, u32 cursor)
{
	return (u8 *)(ring->header + 1) + (size_t)(cursor % VMSGB_RING_ENTRIES) * ring->entry_size;
}

/*
 * Pins pages of a file for as long as it takes, writable. What the file's memory is moved out of first, and whether
 * it may be pinned at all, is known to the kernel for mappings of a process only: so the caller has one for a moment.
 * Whatever other threads of it do to that mapping meanwhile, only memory that they may write is pinned; the check at
 * the end is for them.
 */
static int pin(struct file *file, loff_t offset, unsigned int count, struct page **pages)
{
	unsigned long at = vm_mmap(file, 0, (unsigned long)count * PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED,
				   offset);
	unsigned int i;
	int got;

	if (IS_ERR_VALUE(at))
		return at;
	got = pin_user_pages_fast(at, count, FOLL_WRITE | FOLL_LONGTERM, pages);
	vm_munmap(at, (unsigned long)count * PAGE_SIZE);
	for (i = 0; got == (int)count && i < count; i++)
		if (page_folio(pages[i])->mapping != file->f_mapping)
			break;
	if (got == (int)count && i == count)
		return 0;
	if (got > 0)
		unpin_user_pages(pages, got);
	return got < 0 ? got : -EFAULT;
}

static int check_info(struct file *file, const struct vmsgb_ring_info *info, u32 max_msg_size)
{
	u64 size = i_size_read(file_inode(file));

	if (info->entries != VMSGB_RING_ENTRIES || info->reserved ||
	    info->entry_size != ALIGN(max_msg_size, VMSGB_RING_ENTRY_ALIGN) || info->offset % sizeof(u64) ||
	    info->bytes < ring_bytes(info))
		return -EINVAL;
	/* also one that was truncated */
	if (info->offset > size || info->bytes > size - info->offset)
		return -EINVAL;
	return 0;
}

int bridge_ring_open(struct bridge_ring *ring, struct file *file, const struct vmsgb_ring_info *info,
		     u32 max_msg_size, bool is_rx)
{
	size_t into = info->offset & ~PAGE_MASK;
	int error;

	/* memory that stays where it is; what hugetlbfs has would be pinned by the megabyte */
	if (file_inode(file)->i_sb->s_magic != TMPFS_MAGIC || !S_ISREG(file_inode(file)->i_mode))
		return -EINVAL;
	error = check_info(file, info, max_msg_size);
	if (error)
		return error;
	ring->page_count = PFN_UP(into + ring_bytes(info));
	ring->pages = kvcalloc(ring->page_count, sizeof(*ring->pages), GFP_KERNEL_ACCOUNT);
	if (!ring->pages)
		return -ENOMEM;
	/* what the kernel has for sockets does for any pages: of a user, and nothing of who may lock all memory */
	error = -ENOMEM;
	if (!mm_account_pinned_pages(&ring->pinned, (size_t)ring->page_count * PAGE_SIZE))
		error = pin(file, info->offset - into, ring->page_count, ring->pages);
	if (error) {
		mm_unaccount_pinned_pages(&ring->pinned);
		ring->pinned = (struct mmpin){ 0 };
		kvfree(ring->pages);
		ring->pages = NULL;
		return error;
	}
	ring->mapping = vmap(ring->pages, ring->page_count, VM_MAP, PAGE_KERNEL);
	error = -ENOMEM;
	if (!ring->mapping)
		goto close;
	ring->header = ring->mapping + into;
	ring->entry_size = info->entry_size;
	ring->own = is_rx ? READ_ONCE(ring->header->prod) : READ_ONCE(ring->header->cons);
	/* where the other side begins is what the first look at it finds */
	ring->seen = is_rx ? ring->own - VMSGB_RING_ENTRIES : ring->own;
	error = -EPROTO;
	if (header_is_right(ring) && READ_ONCE(ring->header->prod) - READ_ONCE(ring->header->cons) <= VMSGB_RING_ENTRIES)
		return 0;
close:
	bridge_ring_close(ring);
	return error;
}

void bridge_ring_close(struct bridge_ring *ring)
{
	if (ring->mapping)
		vunmap(ring->mapping);
	if (ring->pages) {
		unpin_user_pages_dirty_lock(ring->pages, ring->page_count, true);
		mm_unaccount_pinned_pages(&ring->pinned);
		kvfree(ring->pages);
	}
	ring->pinned = (struct mmpin){ 0 };
	ring->mapping = NULL;
	ring->pages = NULL;
}

int bridge_ring_put(struct bridge_ring *ring, const void *frame, size_t size)
{
	/* what the other side has done with the slot is done before it says so */
	u32 cons = smp_load_acquire(&ring->header->cons);

	if (!header_is_right(ring) || cons - ring->seen > ring->own - ring->seen)
		return -EPROTO;
	/* one that was made for the session before, whose messages were larger */
	if (size > ring->entry_size)
		return -EMSGSIZE;
	ring->seen = cons;
	if (ring->own - cons >= VMSGB_RING_ENTRIES)
		return -ENOBUFS;
	memcpy(slot(ring, ring->own), frame, size);
	smp_store_release(&ring->header->prod, ++ring->own);
	return 0;
}

int bridge_ring_look(struct bridge_ring *ring, void *frame, size_t most)
{
	u32 prod = smp_load_acquire(&ring->header->prod);
	const u8 *from = slot(ring, ring->own);
	struct vmsg_header *header = frame;
	size_t size;

	if (!header_is_right(ring) || prod - ring->seen > ring->own + VMSGB_RING_ENTRIES - ring->seen)
		return -EPROTO;
	ring->seen = prod;
	if (prod == ring->own)
		return 0;
	/* once: the device model may go on to write it */
	*(u64 *)frame = READ_ONCE(*(const u64 *)from);
	size = le16_to_cpu(header->msg_size);
	if (size < sizeof(*header) || size > most)
		return -EMSGSIZE;
	memcpy(header + 1, from + sizeof(*header), size - sizeof(*header));
	return size;
}

bool bridge_ring_next(struct bridge_ring *ring)
{
	bool was_full = ring->seen - ring->own == VMSGB_RING_ENTRIES;

	smp_store_release(&ring->header->cons, ++ring->own);
	return was_full;
}
