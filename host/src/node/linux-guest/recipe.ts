// What the Linux guest is made of. All of this goes into the name of the cached result: after a change, the next run
// prepares a new guest.

import { createHash } from "node:crypto"
import { GPIO_IRQ_QUIRK } from "./gpio-irq-quirk.js"
import { GUEST_INIT } from "./guest-init.js"
import { LINUX_MODULES, moduleSources } from "./linux-module.js"

export const RECIPE = {
  /** Raise it when the way of preparing changes, and not only the lists below. */
  revision: 5,
  /** The Debian release that was tested. A newer one on this machine can still take packages from it. */
  suite: "bookworm",
  architecture: "armhf",
  /** Depends on the newest kernel package; its flavour is for ARMv7 with virtio built as modules. */
  kernelPackage: "linux-image-armmp",
  /**
   * Packages whose files go into the guest. Not busybox-static: its shell takes its own i2cget, which is another
   * program, before the one of i2c-tools.
   */
  userPackages: ["busybox", "i2c-tools", "libi2c0", "gpiod", "libgpiod2", "libc6"],
  /** Files of these packages, by their place in the guest. */
  userFiles: {
    "bin/busybox": "bin/busybox",
    "usr/sbin/i2cdetect": "usr/sbin/i2cdetect",
    "usr/sbin/i2cget": "usr/sbin/i2cget",
    "usr/sbin/i2cset": "usr/sbin/i2cset",
    "usr/sbin/i2cdump": "usr/sbin/i2cdump",
    "usr/sbin/i2ctransfer": "usr/sbin/i2ctransfer",
    "usr/bin/gpiodetect": "usr/bin/gpiodetect",
    "usr/bin/gpioinfo": "usr/bin/gpioinfo",
    "usr/bin/gpioget": "usr/bin/gpioget",
    "usr/bin/gpioset": "usr/bin/gpioset",
    "usr/bin/gpiomon": "usr/bin/gpiomon",
    "lib/libi2c.so.0": "usr/lib/arm-linux-gnueabihf/libi2c.so.0",
    "lib/libgpiod.so.2": "usr/lib/arm-linux-gnueabihf/libgpiod.so.2",
    "lib/libresolv.so.2": "lib/arm-linux-gnueabihf/libresolv.so.2",
    "lib/libc.so.6": "lib/arm-linux-gnueabihf/libc.so.6",
    "lib/ld-linux-armhf.so.3": "lib/arm-linux-gnueabihf/ld-linux-armhf.so.3",
  },
  /** Linux's own drivers that no Debian kernel enables, by their source file in Linux's tree. */
  builtDrivers: ["drivers/i2c/busses/i2c-virtio.c", "drivers/gpio/gpio-virtio.c"],
  /** Modules of ours, by name: their source in C. */
  ownModules: { "virtio-gpio-irq": GPIO_IRQ_QUIRK },
  /** Modules that the guest loads when it boots, in this order. The modules that they depend on are added. */
  modules: [
    "virtio_mmio",
    "virtio_pci",
    "i2c-dev",
    "i2c-virtio",
    "virtio-gpio-irq",
    "gpio-virtio",
    "virtio-rng",
    "virtio_console",
    "lm75",
    "at24",
    "bmp280-i2c",
    ...LINUX_MODULES,
  ],
  init: GUEST_INIT,
} as const

/** Twelve hexadecimal digits that change with the recipe. */
export function recipeHash(): string {
  const all = { recipe: RECIPE, linuxModule: [...moduleSources()] }
  return createHash("sha256").update(JSON.stringify(all)).digest("hex").slice(0, 12)
}
