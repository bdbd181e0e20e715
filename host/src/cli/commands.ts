// All commands, one line each: the module of a command is loaded when it is used or its help is asked for, so that
// `virtio-msg --help` and every other command start without it.

import type { CommandEntry } from "./command-entry.js"

const entry = (name: string, description: string, load: CommandEntry["load"]): CommandEntry => ({
  name,
  description,
  load,
})

/** In the order of the help text. */
export const COMMANDS: readonly CommandEntry[] = [
  entry(
    "demo",
    "Show the whole flow between the A7 and the M4, step by step.",
    () => import("./command-demo.js"),
  ),
  entry(
    "info",
    "Show the bus parameters and the devices with their features and queues.",
    () => import("./command-info.js"),
  ),
  entry(
    "i2c",
    "Use the microcontroller's I2C bus: i2c-tools' commands without the bus number.",
    () => import("./command-i2c.js"),
  ),
  entry(
    "conform",
    "Check a device and its bus, or a driver, against every requirement of virtio-msg.",
    () => import("./command-conform.js"),
  ),
  entry(
    "gpio",
    "Use the microcontroller's GPIO lines: libgpiod 2's tools without the chip's name.",
    () => import("./command-gpio.js"),
  ),
  entry("sensor", "Read the sensors on the I2C bus.", () => import("./command-sensor.js")),
  entry("rng", "Write the microcontroller's random bytes to stdout.", () => import("./command-rng.js")),
  entry("rtc", "Show what the microcontroller's clocks show, or set them.", () => import("./command-rtc.js")),
  entry("console", "Talk to the microcontroller's log and shell.", () => import("./command-console.js")),
  entry("sim", "Run the simulated board for other processes to use.", () => import("./command-sim.js")),
  entry(
    "serve",
    "Give the microcontroller's I2C bus to a Linux guest in QEMU (vhost-user).",
    () => import("./command-serve.js"),
  ),
  entry(
    "linux",
    "Boot a real Linux on an emulated Cortex-A7, with the microcontroller's I2C bus as i2c-0.",
    () => import("./command-linux.js"),
  ),
  entry(
    "attach",
    "Make the microcontroller's I2C bus an adapter of the Linux you sit at, with its stock kernel.",
    () => import("./command-attach.js"),
  ),
  entry("detach", "Take it away again.", () => import("./command-detach.js")),
  entry(
    "usbip",
    "The same for another Linux: USB devices that it attaches over the network.",
    () => import("./command-usbip.js"),
  ),
  entry(
    "trace",
    "Show what crosses the link, message by message: of a command, of a running process, of a capture.",
    () => import("./command-trace.js"),
  ),
  entry(
    "dashboard",
    "Serve a page on which the A7 and the M4 talk before your eyes.",
    () => import("./command-dashboard.js"),
  ),
  entry(
    "wireshark",
    "Give Wireshark our dissector, and boards as interfaces to capture from.",
    () => import("./command-wireshark.js"),
  ),
  entry("boards", "List the boards that we know.", () => import("./command-boards.js")),
  entry(
    "ports",
    "List the serial ports, what is missing to use them, and the simulated boards that run.",
    () => import("./command-ports.js"),
  ),
  entry("flash", "Put the DeviceScript runtime on a board.", () => import("./command-flash.js")),
  entry(
    "deploy",
    "Put our firmware on a board, with its pins and its I2C speed.",
    () => import("./command-deploy.js"),
  ),
  entry(
    "doctor",
    "Find what is wrong on the way to the chips, and the next step.",
    () => import("./command-doctor.js"),
  ),
  entry("logs", "Show the board's console.", () => import("./command-logs.js")),
  entry(
    "completion",
    "Print what bash, zsh or fish needs to complete these commands.",
    () => import("./command-completion.js"),
  ),
  entry("man", "Show the man page, with all commands.", () => import("./command-man.js")),
]
