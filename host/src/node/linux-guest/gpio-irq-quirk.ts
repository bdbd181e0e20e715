// A module for the guest's kernel, against one fault of QEMU. QEMU's vhost-user-gpio device, up to 8.1, does not pass
// VIRTIO_GPIO_F_IRQ on to the guest, although the backend offers it and both queues are there. The module offers the
// bit in QEMU's place, before Linux's own driver, which stays as it is, asks for it. With a later QEMU it changes
// nothing.

export const GPIO_IRQ_QUIRK = `// SPDX-License-Identifier: GPL-2.0
#include <linux/device.h>
#include <linux/module.h>
#include <linux/virtio.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ids.h>

#define GPIO_F_IRQ 0

static const struct virtio_config_ops *original;
static struct virtio_config_ops with_irq;

static u64 get_features(struct virtio_device *device)
{
	return original->get_features(device) | BIT_ULL(GPIO_F_IRQ);
}

static int on_bus_event(struct notifier_block *block, unsigned long event, void *data)
{
	struct virtio_device *device = dev_to_virtio(data);

	if (event != BUS_NOTIFY_BIND_DRIVER || device->id.device != VIRTIO_ID_GPIO || device->config == &with_irq)
		return NOTIFY_DONE;
	original = device->config;
	with_irq = *original;
	with_irq.get_features = get_features;
	device->config = &with_irq;
	return NOTIFY_OK;
}

static struct notifier_block block = { .notifier_call = on_bus_event };

/* binds to nothing: only a driver knows the bus that it is on */
static const struct virtio_device_id no_ids[] = { { 0 } };
static int no_probe(struct virtio_device *device)
{
	return -ENODEV;
}

static void no_remove(struct virtio_device *device)
{
}

static struct virtio_driver nothing = {
	.driver.name = "virtio_gpio_irq",
	.driver.owner = THIS_MODULE,
	.id_table = no_ids,
	.probe = no_probe,
	.remove = no_remove,
};

static int __init begin(void)
{
	int error = register_virtio_driver(&nothing);

	return error ? error : bus_register_notifier(nothing.driver.bus, &block);
}

module_init(begin);
MODULE_DESCRIPTION("VIRTIO_GPIO_F_IRQ for QEMU's vhost-user-gpio");
MODULE_LICENSE("GPL");
`
