// SPDX-License-Identifier: MIT OR GPL-2.0-only
/*
 * What a device model sees of the window: the bounce buffers, and no other memory, while it is attached. Pages are put
 * into its mappings one by one as it touches them, as bare frame numbers that nobody can take a reference of, and all
 * are taken out at once when the window is hidden. What is touched after that is a page of nothing: a device model
 * that was slow reads zeros, and is not killed.
 */
#include <linux/mm.h>
#include <linux/vmalloc.h>

#include "bridge.h"

/* Offsets lie apart, and on a 32-bit machine below 4 GiB. */
#define OFFSET_STEP SZ_16M
#define OFFSETS 128

int bridge_view_init(struct bridge_view *view, struct file *file)
{
	mutex_init(&view->mutex);
	view->space = file->f_mapping;
	view->window = NULL;
	view->nothing = alloc_page(GFP_KERNEL_ACCOUNT | __GFP_ZERO);
	return view->nothing ? 0 : -ENOMEM;
}

/* No mapping is left by now: each holds the file. */
void bridge_view_destroy(struct bridge_view *view)
{
	__free_page(view->nothing);
}

u64 bridge_view_show(struct bridge_view *view, void *window, size_t size, u64 number)
{
	u64 offset = (1 + number % (OFFSETS - 1)) * OFFSET_STEP;

	mutex_lock(&view->mutex);
	view->window = window;
	view->size = size;
	view->offset = offset;
	mutex_unlock(&view->mutex);
	/* an older mapping of the same offset still has nothing in it */
	unmap_mapping_range(view->space, offset, size, 1);
	return offset;
}

void bridge_view_hide(struct bridge_view *view)
{
	mutex_lock(&view->mutex);
	view->window = NULL;
	mutex_unlock(&view->mutex);
	/* not within the mutex, which is taken below the file's locks; a size of 0 would be all there is */
	if (view->size)
		unmap_mapping_range(view->space, view->offset, view->size, 1);
}

static vm_fault_t fault(struct vm_fault *fault)
{
	struct bridge_view *view = fault->vma->vm_private_data;
	u64 offset = (u64)fault->pgoff << PAGE_SHIFT;
	unsigned long pfn = page_to_pfn(view->nothing);
	vm_fault_t result;

	mutex_lock(&view->mutex);
	if (view->window && offset >= view->offset && offset - view->offset < view->size)
		pfn = vmalloc_to_pfn(view->window + (offset - view->offset));
	/* within the mutex: hiding it finds what is put here */
	result = vmf_insert_pfn(fault->vma, fault->address, pfn);
	mutex_unlock(&view->mutex);
	return result;
}

static const struct vm_operations_struct area_ops = { .fault = fault };

int bridge_view_mmap(struct bridge_view *view, struct vm_area_struct *area)
{
	u64 offset = (u64)area->vm_pgoff << PAGE_SHIFT, size = area->vm_end - area->vm_start;
	const unsigned long flags = VM_IO | VM_PFNMAP | VM_DONTEXPAND | VM_DONTDUMP | VM_DONTCOPY;
	int error = 0;

	if (!(area->vm_flags & VM_SHARED) || (area->vm_flags & VM_EXEC))
		return -EINVAL;
	mutex_lock(&view->mutex);
	if (!view->window)
		error = -ENODEV;
	else if (offset < view->offset || offset - view->offset > view->size ||
		 size > view->size - (offset - view->offset))
		error = -EINVAL;
	mutex_unlock(&view->mutex);
	if (error)
		return error;
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 3, 0)
	vm_flags_mod(area, flags, VM_MAYEXEC);
#else
	area->vm_flags = (area->vm_flags | flags) & ~VM_MAYEXEC;
#endif
	area->vm_private_data = view;
	area->vm_ops = &area_ops;
	return 0;
}
