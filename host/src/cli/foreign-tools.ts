// The tools of i2c-tools and libgpiod that people type from habit, and which of our commands each one is.

/** By the program's name in Debian's packages: our words for it. */
export const FOREIGN_TOOLS: Readonly<Record<string, readonly [group: "i2c" | "gpio", command: string]>> = {
  i2cdetect: ["i2c", "detect"],
  i2cget: ["i2c", "get"],
  i2cset: ["i2c", "set"],
  i2cdump: ["i2c", "dump"],
  i2ctransfer: ["i2c", "transfer"],
  gpiodetect: ["gpio", "detect"],
  gpioinfo: ["gpio", "info"],
  gpiofind: ["gpio", "info"],
  gpioget: ["gpio", "get"],
  gpioset: ["gpio", "set"],
  gpiomon: ["gpio", "monitor"],
  gpionotify: ["gpio", "notify"],
}
