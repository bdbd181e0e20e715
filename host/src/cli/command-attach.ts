// `virtio-msg attach`: the board's devices in the Linux that this runs on, through its stock USB drivers.

import { spawn } from "node:child_process"
import { once } from "node:events"
import { type Command, Option } from "commander"
import { invalidArgument, missingDependency } from "../errors.js"
import { BoardForwarder } from "../node/board-forwarder.js"
import { usersHint } from "../node/port-permission.js"
import { type AttachedGadget, attachGadget } from "../node/usbip/attached-gadget.js"
import { BoardGadgets, type GadgetKind, parseGadgetKinds } from "../node/usbip/board-gadgets.js"
import {
  ADAPTERS,
  type AdapterKind,
  CDC_ACM,
  CHAOSKEY,
  chooseAdapter,
  loadI2cDev,
  requireDriver,
  requireVhci,
} from "../node/usbip/kernel-drivers.js"
import { awaitFree, awaitNode } from "../node/usbip/vhci.js"
import { openBus } from "../open-bus.js"
import { runAttachBridge } from "./attach-bridge.js"
import { helpExamples, note, portOf, print } from "./context.js"
import { EXIT_FAILED, EXIT_OK } from "./exit-codes.js"
import { offerProcessTrace } from "./offer-process-trace.js"
import { processTrace } from "./process-trace.js"
import { untilStopped } from "./until-stopped.js"

interface AttachOptions {
  readonly bus: (typeof BUSES)[number]
  readonly endpoint?: string
  readonly devices: string
  readonly adapter?: AdapterKind
  readonly detach?: true
}

/** How the kernel gets the devices: as USB devices, or as the virtio devices that they are. */
const BUSES = ["usb", "virtio-msg"] as const

/** For each kind, what the kernel's driver makes in its folder in sysfs. */
const NODES: Readonly<Record<GadgetKind, RegExp>> = {
  i2c: /^i2c-\d+$/,
  rng: /^chaoskey\d+$/,
  console: /^ttyACM\d+$/,
}
/** Far above what a kernel needs, which is a tenth of a second. */
const NODE_LIMIT_MS = 30_000
const LEAVE_LIMIT_MS = 10_000
const NOT_GONE =
  "The kernel waits for a program that still has the adapter open; end it. Which one? sudo fuser -v /dev/i2c-*"
/** The last line on stderr when all is attached. */
const READY = "Ctrl-C ends it."

export function define(command: Command): void {
  command
    .addOption(
      new Option(
        "--bus <bus>",
        "usb: stock USB drivers, by USB/IP; virtio-msg: Linux's virtio drivers, through /dev/virtio-msg-bridge",
      )
        .choices(BUSES)
        .default(BUSES[0]),
    )
    .option("--endpoint <name>", "with --bus virtio-msg: another than loopback, as loopback:second")
    .option("--devices <list>", "with --bus usb: some of i2c,rng,console", "i2c")
    .addOption(
      new Option(
        "--adapter <kind>",
        "with --bus usb: the USB I2C adapter to be; the first that the kernel has a driver for when absent",
      ).choices(Object.keys(ADAPTERS)),
    )
    .option("--detach", "with --bus usb: go on in the background; virtio-msg detach ends it")
    .addHelpText(
      "after",
      `${helpExamples(
        "virtio-msg --port /dev/ttyACM0 attach",
        "virtio-msg --port sim attach --devices i2c,console --detach",
        "virtio-msg --port /dev/ttyACM0 attach --bus virtio-msg",
      )}
As root, for two files of the kernel; docs/linux.md says how to give them to a group, and has a systemd unit.`,
    )
    .action(async (options: AttachOptions, command: Command) => {
      checkBus(options, command)
      const kinds = parseGadgetKinds(options.devices)
      if (options.detach) process.exitCode = await runInBackground()
      else if (options.bus === "virtio-msg")
        process.exitCode = await runAttachBridge(portOf(command), options.endpoint ?? "loopback", READY)
      else process.exitCode = await runAttach(portOf(command), kinds, options.adapter)
    })
}

/** Each bus has its own options. Throws INVALID_ARGUMENT. */
function checkBus({ bus, detach }: AttachOptions, command: Command): void {
  if (bus === "virtio-msg" && detach)
    throw invalidArgument("--detach is not for --bus virtio-msg: nothing would end it.", {
      hint: "Run it as a service, or leave it to your shell: put & behind it, and end it with kill.",
    })
  const others = bus === "usb" ? ["endpoint"] : ["devices", "adapter"]
  const wrong = others.find((name) => command.getOptionValueSource(name) === "cli")
  if (wrong === undefined) return
  throw invalidArgument(`--${wrong} is not for --bus ${bus}.`, {
    hint: bus === "usb" ? "Add --bus virtio-msg." : "All the board's devices are attached: leave it out.",
  })
}

async function runAttach(
  port: string,
  kinds: readonly GadgetKind[],
  wanted: AdapterKind | undefined,
): Promise<number> {
  if (process.platform !== "linux")
    throw missingDependency(`attach needs Linux, and this is ${process.platform}.`, {
      hint: "Another Linux, such as a virtual machine's, attaches it over the network: virtio-msg usbip --help",
    })
  const stopped = untilStopped()
  process.stderr.on("error", () => {}) // in the background nobody reads it, once all is attached
  const forwarder = new BoardForwarder(() => openBus({ port, onChoice: note, trace: processTrace }))
  const attached: AttachedGadget[] = []
  let board: BoardGadgets | undefined
  const endOffer = await offerProcessTrace("attach")
  try {
    const [adapter] = await Promise.all([loadDrivers(kinds, wanted), forwarder.start()])
    forwarder.onBoard.on((isThere) =>
      note(isThere ? "The board is back." : "The board is gone; looking for it."),
    )
    board = await BoardGadgets.of(forwarder, kinds, { adapter, onNote: note })
    for (const [at, gadget] of [...board.gadgets.values()].entries())
      attached.push(await attachGadget(gadget, at + 1, (sentence) => note(`error: ${sentence}`)))
    const ended = Promise.all(attached.map((each) => each.ended))
    for (const [at, kind] of [...board.gadgets.keys()].entries())
      await tell(kind, await awaitNode((attached[at] as AttachedGadget).port, NODES[kind], NODE_LIMIT_MS))
    note(READY)
    const isStopped = await Promise.race([stopped.then(() => true), ended.then(() => false)])
    if (!isStopped) note("The kernel has detached the board.")
    return EXIT_OK
  } finally {
    await Promise.all(attached.map((each) => each.close()))
    const isGone = await awaitFree(
      attached.map((each) => each.port),
      LEAVE_LIMIT_MS,
    )
    if (!isGone) note(`warning: ${NOT_GONE}`)
    board?.close()
    await forwarder.close()
    await endOffer()
  }
}

/** Loads what `kinds` need. Resolves with the adapter that will be used. */
async function loadDrivers(
  kinds: readonly GadgetKind[],
  wanted: AdapterKind | undefined,
): Promise<AdapterKind> {
  await requireVhci()
  if (kinds.includes("rng")) await requireDriver(CHAOSKEY)
  if (kinds.includes("console")) await requireDriver(CDC_ACM)
  if (!kinds.includes("i2c")) return wanted ?? "i2c-tiny-usb"
  const adapter = await chooseAdapter(wanted)
  if (!(await loadI2cDev()))
    note(
      "warning: This kernel has no i2c-dev, so there is no /dev/i2c-N: only the kernel's own drivers see the bus.",
    )
  if (adapter !== "i2c-tiny-usb")
    note(
      `warning: As ${adapter}, every message is a bus transaction of its own: a register read has a stop inside.`,
    )
  return adapter
}

/** Prints what a device became, and what to try with it. */
async function tell(kind: GadgetKind, node: string): Promise<void> {
  const path = kind === "rng" ? "/dev/hwrng" : `/dev/${node}`
  print(path)
  const number = /\d+$/.exec(node)?.[0]
  switch (kind) {
    case "i2c":
      note(`Try: i2cdetect -y ${number}`)
      break
    case "rng":
      note("Try: head -c 16 /dev/hwrng | hexdump -C")
      break
    case "console":
      note(`Try: stty -F ${path} raw -echo; cat ${path} & echo help > ${path}`)
  }
  if (kind !== "rng") note(await usersHint(path, kind === "i2c" ? "i2c-dev" : "tty"))
}

/** Runs the same command line without --detach in a process of its own, and returns when that is ready or has ended. */
async function runInBackground(): Promise<number> {
  const words = process.argv.slice(1).filter((word) => word !== "--detach")
  const child = spawn(process.execPath, [...process.execArgv, ...words], {
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
  })
  child.stdout.on("data", (bytes: Uint8Array) => process.stdout.write(bytes))
  let said = ""
  const ready = new Promise<"ready">((resolve) => {
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      const before = said
      said = (said + text).slice(-4000)
      process.stderr.write(text.replace(`${READY}\n`, "It ends with: virtio-msg detach\n"))
      if (!before.includes(READY) && said.includes(READY)) resolve("ready")
    })
  })
  const how = await Promise.race([
    ready,
    once(child, "close").then(([code]) => (code as number | null) ?? EXIT_FAILED),
  ])
  if (how !== "ready") return how
  child.stdout.destroy()
  child.stderr.destroy()
  child.unref()
  return EXIT_OK
}
