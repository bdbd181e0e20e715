// All commands: the module of a command is loaded when it is used or its help is asked for, so that `virtio-msg --help`
// and every other command start without it.

import type { CommandEntry } from "./command-entry.js"

/** In the order of the help text. */
const MODULES = {
  demo: () => import("./command-demo.js"),
  info: () => import("./command-info.js"),
  i2c: () => import("./command-i2c.js"),
  conform: () => import("./command-conform.js"),
  gpio: () => import("./command-gpio.js"),
  sensor: () => import("./command-sensor.js"),
  rng: () => import("./command-rng.js"),
  rtc: () => import("./command-rtc.js"),
  console: () => import("./command-console.js"),
  sim: () => import("./command-sim.js"),
  serve: () => import("./command-serve.js"),
  linux: () => import("./command-linux.js"),
  attach: () => import("./command-attach.js"),
  detach: () => import("./command-detach.js"),
  usbip: () => import("./command-usbip.js"),
  trace: () => import("./command-trace.js"),
  dashboard: () => import("./command-dashboard.js"),
  wireshark: () => import("./command-wireshark.js"),
  boards: () => import("./command-boards.js"),
  ports: () => import("./command-ports.js"),
  flash: () => import("./command-flash.js"),
  deploy: () => import("./command-deploy.js"),
  doctor: () => import("./command-doctor.js"),
  logs: () => import("./command-logs.js"),
  completion: () => import("./command-completion.js"),
  man: () => import("./command-man.js"),
} satisfies Record<string, CommandEntry["load"]>

const DESCRIPTIONS: Readonly<Record<keyof typeof MODULES, string>> = {
  demo: "Show the whole flow between the A7 and the M4, step by step.",
  info: "Show the bus parameters and the devices with their features and queues.",
  i2c: "Use the microcontroller's I2C bus: i2c-tools' commands without the bus number.",
  conform: "Check a device and its bus, or a driver, against every requirement of virtio-msg.",
  gpio: "Use the microcontroller's GPIO lines: libgpiod 2's tools without the chip's name.",
  sensor: "Read the sensors on the I2C bus.",
  rng: "Write the microcontroller's random bytes to stdout.",
  rtc: "Show what the microcontroller's clocks show, or set them.",
  console: "Talk to the microcontroller's log and shell.",
  sim: "Run the simulated board for other processes to use.",
  serve: "Give the microcontroller's I2C bus to a Linux guest in QEMU (vhost-user).",
  linux: "Boot a real Linux on an emulated Cortex-A7, with the microcontroller's I2C bus as i2c-0.",
  attach: "Make the microcontroller's I2C bus an adapter of the Linux you sit at, with its stock kernel.",
  detach: "Take it away again.",
  usbip: "The same for another Linux: USB devices that it attaches over the network.",
  trace: "Show what crosses the link, message by message: of a command, of a running process, of a capture.",
  dashboard: "Serve a page on which the A7 and the M4 talk before your eyes.",
  wireshark: "Give Wireshark our dissector, and boards as interfaces to capture from.",
  boards: "List the boards that we know.",
  ports: "List the serial ports, what is missing to use them, and the simulated boards that run.",
  flash: "Put the DeviceScript runtime on a board.",
  deploy: "Put our firmware on a board, with its pins and its I2C speed.",
  doctor: "Find what is wrong on the way to the chips, and the next step.",
  logs: "Show the board's console.",
  completion: "Print what bash, zsh or fish needs to complete these commands.",
  man: "Show the man page, with all commands.",
}

export const COMMANDS: readonly CommandEntry[] = Object.entries(MODULES).map(([name, load]) => ({
  name,
  description: DESCRIPTIONS[name as keyof typeof MODULES],
  load,
}))
