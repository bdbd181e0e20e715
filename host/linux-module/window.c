// SPDX-License-Identifier: MIT OR GPL-2.0-only
/*
 * The window, the only memory that the device side reaches, and the bounce buffers in it: whatever a driver maps is
 * copied into it, and out of it when it is unmapped. What is unmapped after its device was lost reads as 0xff, so
 * that no status in it says "OK".
 */
#include <linux/bitmap.h>
#include <linux/dma-map-ops.h>
#include <linux/highmem.h>
#include <linux/scatterlist.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "transport.h"

/* Of a window, for all that one device has mapped, and for what of it the device writes. */
#define DEVICE_SHARE 4
#define DEVICE_IN_SHARE 8

static size_t units_of(size_t size)
{
	return DIV_ROUND_UP(max_t(size_t, size, 1), VMSG_UNIT);
}

struct vmsg_window *vmsg_window_create(const struct virtio_msg_params *params)
{
	size_t units = params->window_size / VMSG_UNIT;
	struct vmsg_window *window = kzalloc(sizeof(*window), GFP_KERNEL);

	if (!window)
		return NULL;
	kref_init(&window->kref);
	spin_lock_init(&window->lock);
	window->memory = params->window;
	window->size = units * VMSG_UNIT;
	window->address = params->window_address;
	window->there = true;
	window->taken = kvcalloc(BITS_TO_LONGS(units), sizeof(long), GFP_KERNEL);
	window->bounces = kvcalloc(units, sizeof(*window->bounces), GFP_KERNEL);
	if (!window->taken || !window->bounces) {
		vmsg_window_put(window);
		return NULL;
	}
	/* no ring at the address 0 */
	bitmap_set(window->taken, 0, min(units, units_of(params->window_reserved)));
	return window;
}

static void window_release(struct kref *kref)
{
	struct vmsg_window *window = container_of(kref, struct vmsg_window, kref);

	kvfree(window->taken);
	kvfree(window->bounces);
	kfree(window);
}

void vmsg_window_get(struct vmsg_window *window)
{
	kref_get(&window->kref);
}

void vmsg_window_put(struct vmsg_window *window)
{
	if (window)
		kref_put(&window->kref, window_release);
}

static void *take_locked(struct vmsg_window *window, size_t size)
{
	size_t units = units_of(size), total = window->size / VMSG_UNIT;
	unsigned long at;

	if (units > total)
		return NULL;
	at = bitmap_find_next_zero_area(window->taken, total, 0, units, 0);
	if (at >= total)
		return NULL;
	bitmap_set(window->taken, at, units);
	return window->memory + at * VMSG_UNIT;
}

static void give_locked(struct vmsg_window *window, const void *at, size_t size)
{
	bitmap_clear(window->taken, ((const u8 *)at - window->memory) / VMSG_UNIT, units_of(size));
}

void *vmsg_window_take(struct vmsg_window *window, size_t size)
{
	unsigned long flags;
	void *at;

	spin_lock_irqsave(&window->lock, flags);
	at = take_locked(window, size);
	spin_unlock_irqrestore(&window->lock, flags);
	return at;
}

void vmsg_window_give(struct vmsg_window *window, const void *at, size_t size)
{
	unsigned long flags;

	spin_lock_irqsave(&window->lock, flags);
	give_locked(window, at, size);
	spin_unlock_irqrestore(&window->lock, flags);
}

void vmsg_window_clear(struct vmsg_window *window, void *at, size_t size)
{
	unsigned long flags;

	spin_lock_irqsave(&window->lock, flags);
	if (window->there)
		memset(at, 0, size);
	spin_unlock_irqrestore(&window->lock, flags);
}

u64 vmsg_window_address(const struct vmsg_window *window, const void *at)
{
	return window->address + ((const u8 *)at - window->memory);
}

void *vmsg_window_at(const struct vmsg_window *window, u64 address, size_t size)
{
	if (address < window->address || address - window->address > window->size ||
	    size > window->size - (address - window->address))
		return NULL;
	return window->memory + (address - window->address);
}

/* The bounce buffer that this address is in; NULL if none. */
static struct vmsg_bounce *bounce_at(struct vmsg_window *window, u64 address, size_t *offset)
{
	size_t unit, first;

	if (!vmsg_window_at(window, address, 1))
		return NULL;
	unit = (address - window->address) / VMSG_UNIT;
	for (first = unit; first > 0 && !window->bounces[first].size; first--)
		;
	*offset = address - window->address - first * VMSG_UNIT;
	return *offset < window->bounces[first].size ? &window->bounces[first] : NULL;
}

/* Copies between the driver's memory, page by page, and the window. With `window` NULL the memory becomes 0xff. */
static void copy(phys_addr_t origin, u8 *window, size_t size, bool out_of_window)
{
	while (size > 0) {
		size_t offset = offset_in_page(origin), piece = min_t(size_t, size, PAGE_SIZE - offset);
		u8 *page = kmap_local_page(pfn_to_page(PHYS_PFN(origin)));

		if (!window)
			memset(page + offset, 0xff, piece);
		else if (out_of_window)
			memcpy(page + offset, window, piece);
		else
			memcpy(window, page + offset, piece);
		kunmap_local(page);
		origin += piece;
		size -= piece;
		if (window)
			window += piece;
	}
}

static u64 map(struct vmsg_device *dev, phys_addr_t origin, size_t size, enum dma_data_direction dir,
	       unsigned long attrs)
{
	struct vmsg_window *window = dev->window;
	size_t in = dir == DMA_TO_DEVICE ? 0 : size;
	u64 address = DMA_MAPPING_ERROR;
	struct vmsg_bounce *bounce;
	unsigned long flags;
	u8 *at = NULL;

	spin_lock_irqsave(&window->lock, flags);
	/* one device must not take the room of all the others */
	if (dev->mapped + size <= window->size / DEVICE_SHARE && dev->mapped_in + in <= window->size / DEVICE_IN_SHARE)
		at = take_locked(window, size);
	if (at) {
		bounce = &window->bounces[(at - window->memory) / VMSG_UNIT];
		bounce->owner = dev;
		bounce->origin = origin;
		bounce->size = size;
		bounce->life = READ_ONCE(dev->life);
		dev->mapped += size;
		dev->mapped_in += in;
		if (window->there) {
			if (dir == DMA_FROM_DEVICE)
				memset(at, 0, size);
			else if (!(attrs & DMA_ATTR_SKIP_CPU_SYNC))
				copy(origin, at, size, false);
		}
		address = vmsg_window_address(window, at);
	}
	spin_unlock_irqrestore(&window->lock, flags);
	return address;
}

static void drop_locked(struct vmsg_window *window, struct vmsg_bounce *bounce)
{
	give_locked(window, window->memory + (bounce - window->bounces) * VMSG_UNIT, bounce->size);
	bounce->size = 0;
	bounce->owner = NULL;
}

static void unmap(struct vmsg_device *dev, u64 address, enum dma_data_direction dir, unsigned long attrs)
{
	struct vmsg_window *window = dev->window;
	struct vmsg_bounce *bounce;
	unsigned long flags;
	size_t offset;

	spin_lock_irqsave(&window->lock, flags);
	bounce = bounce_at(window, address, &offset);
	if (bounce && offset == 0) {
		u8 *at = vmsg_window_at(window, address, 1);
		bool counts = window->there && bounce->life == READ_ONCE(dev->life);

		if (dir != DMA_TO_DEVICE && !(attrs & DMA_ATTR_SKIP_CPU_SYNC))
			copy(bounce->origin, counts ? at : NULL, bounce->size, true);
		dev->mapped -= bounce->size;
		dev->mapped_in -= dir == DMA_TO_DEVICE ? 0 : bounce->size;
		drop_locked(window, bounce);
	}
	spin_unlock_irqrestore(&window->lock, flags);
}

void vmsg_window_forget(struct vmsg_device *dev)
{
	struct vmsg_window *window = dev->window;
	size_t unit, units = window->size / VMSG_UNIT;
	unsigned long flags;

	spin_lock_irqsave(&window->lock, flags);
	for (unit = 0; unit < units; unit++)
		if (window->bounces[unit].size && window->bounces[unit].owner == dev)
			drop_locked(window, &window->bounces[unit]);
	dev->mapped = 0;
	dev->mapped_in = 0;
	spin_unlock_irqrestore(&window->lock, flags);
}

static void sync(struct vmsg_device *dev, u64 address, size_t size, bool for_cpu)
{
	struct vmsg_window *window = dev->window;
	struct vmsg_bounce *bounce;
	unsigned long flags;
	size_t offset;

	spin_lock_irqsave(&window->lock, flags);
	bounce = bounce_at(window, address, &offset);
	if (bounce && window->there && bounce->life == READ_ONCE(dev->life))
		copy(bounce->origin + offset, vmsg_window_at(window, address, 1),
		     min_t(size_t, size, bounce->size - offset), for_cpu);
	spin_unlock_irqrestore(&window->lock, flags);
}

void vmsg_window_renew(struct vmsg_device *dev, u64 address)
{
	struct vmsg_bounce *bounce;
	unsigned long flags;
	size_t offset;

	spin_lock_irqsave(&dev->window->lock, flags);
	bounce = bounce_at(dev->window, address, &offset);
	if (bounce)
		bounce->life = READ_ONCE(dev->life);
	spin_unlock_irqrestore(&dev->window->lock, flags);
}

/* Rings are private memory: queue.c carries what is in them to the window and back. */
static void *ring_alloc(size_t size, dma_addr_t *handle, gfp_t gfp)
{
	void *ring = alloc_pages_exact(PAGE_ALIGN(size), gfp | __GFP_ZERO);

	if (ring)
		*handle = virt_to_phys(ring);
	return ring;
}

static void ring_free(size_t size, void *ring)
{
	free_pages_exact(ring, PAGE_ALIGN(size));
}

/* What Linux names a device by when it has something mapped. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 18, 0)

typedef union virtio_map mapper;

static struct vmsg_device *device_of(mapper map)
{
	return container_of(map.dma_dev, struct vmsg_device, dev);
}

#else

typedef struct device *mapper;

static struct vmsg_device *device_of(mapper dev)
{
	return container_of(dev, struct vmsg_device, dev);
}

#endif

static dma_addr_t map_page(mapper to, struct page *page, unsigned long offset, size_t size,
			   enum dma_data_direction dir, unsigned long attrs)
{
	return map(device_of(to), page_to_phys(page) + offset, size, dir, attrs);
}

static void unmap_page(mapper to, dma_addr_t address, size_t size, enum dma_data_direction dir,
		       unsigned long attrs)
{
	unmap(device_of(to), address, dir, attrs);
}

static void sync_for_cpu(mapper to, dma_addr_t address, size_t size, enum dma_data_direction dir)
{
	sync(device_of(to), address, size, true);
}

static void sync_for_device(mapper to, dma_addr_t address, size_t size, enum dma_data_direction dir)
{
	sync(device_of(to), address, size, false);
}

static size_t max_mapping_size(mapper to)
{
	return device_of(to)->window->size / DEVICE_IN_SHARE;
}

#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 18, 0)

static void *map_alloc(union virtio_map to, size_t size, dma_addr_t *handle, gfp_t gfp)
{
	return ring_alloc(size, handle, gfp);
}

static void map_free(union virtio_map to, size_t size, void *ring, dma_addr_t handle, unsigned long attrs)
{
	ring_free(size, ring);
}

static bool need_sync(union virtio_map to, dma_addr_t address)
{
	return true;
}

static int mapping_error(union virtio_map to, dma_addr_t address)
{
	return address == DMA_MAPPING_ERROR ? -ENOMEM : 0;
}

static const struct virtio_map_ops map_ops = {
	.map_page = map_page,
	.unmap_page = unmap_page,
	.sync_single_for_cpu = sync_for_cpu,
	.sync_single_for_device = sync_for_device,
	.alloc = map_alloc,
	.free = map_free,
	.need_sync = need_sync,
	.mapping_error = mapping_error,
	.max_mapping_size = max_mapping_size,
};

void vmsg_window_map_for(struct vmsg_device *dev)
{
	dev->vdev.map = &map_ops;
	dev->vdev.vmap.dma_dev = &dev->dev;
}

#else

static void unmap_sg(struct device *dev, struct scatterlist *list, int count, enum dma_data_direction dir,
		     unsigned long attrs)
{
	struct scatterlist *entry;
	int i;

	for_each_sg(list, entry, count, i)
		unmap(device_of(dev), sg_dma_address(entry), dir, attrs);
}

static int map_sg(struct device *dev, struct scatterlist *list, int count, enum dma_data_direction dir,
		  unsigned long attrs)
{
	struct scatterlist *entry;
	int i;

	for_each_sg(list, entry, count, i) {
		entry->dma_address = map(device_of(dev), sg_phys(entry), entry->length, dir, attrs);
		if (entry->dma_address == DMA_MAPPING_ERROR) {
			unmap_sg(dev, list, i, dir, attrs);
			return -ENOMEM;
		}
		sg_dma_len(entry) = entry->length;
	}
	return count;
}

static void *dma_alloc(struct device *dev, size_t size, dma_addr_t *handle, gfp_t gfp, unsigned long attrs)
{
	return ring_alloc(size, handle, gfp);
}

static void dma_free(struct device *dev, size_t size, void *ring, dma_addr_t handle, unsigned long attrs)
{
	ring_free(size, ring);
}

static int dma_any(struct device *dev, u64 mask)
{
	return 1;
}

static const struct dma_map_ops map_ops = {
	.alloc = dma_alloc,
	.free = dma_free,
	.map_page = map_page,
	.unmap_page = unmap_page,
	.map_sg = map_sg,
	.unmap_sg = unmap_sg,
	.sync_single_for_cpu = sync_for_cpu,
	.sync_single_for_device = sync_for_device,
	.dma_supported = dma_any,
	.max_mapping_size = max_mapping_size,
};

void vmsg_window_map_for(struct vmsg_device *dev)
{
	set_dma_ops(&dev->dev, &map_ops);
}

#endif
