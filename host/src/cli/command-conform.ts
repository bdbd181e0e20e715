// `virtio-msg conform`: the conformance suite against a device and its bus, or against a driver.

import { type ExecException, exec } from "node:child_process"
import { writeFile } from "node:fs/promises"
import { release } from "node:os"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import { type Command, InvalidArgumentError, Option } from "commander"
import { systemClock, VirtualClock } from "../clock.js"
import { ChannelPort } from "../conformance/channel-port.js"
import { checkDevice } from "../conformance/check-device.js"
import { checkDriver } from "../conformance/check-driver.js"
import type { DevicePort } from "../conformance/device-port.js"
import { bridgeSubject } from "../conformance/driver/bridge-subject.js"
import { withLinuxSubject } from "../conformance/driver/linux-run.js"
import { processSubject } from "../conformance/driver/process-subject.js"
import { reportAsJson, reportAsJunit } from "../conformance/report-files.js"
import { formatReport } from "../conformance/report-text.js"
import { isConforming, type Report } from "../conformance/result.js"
import type { Row } from "../conformance/row.js"
import { TABLE } from "../conformance/table.js"
import { invalidArgument } from "../errors.js"
import { makeChannel } from "../node/open-channel.js"
import { makeLink } from "../node/open-link.js"
import { isPlainPort, PlainConnection } from "../node/plain-connection.js"
import { NATIVE_PORT } from "../node/port-forms.js"
import { isQemuMsgPort, QemuMsgConnection } from "../node/qemu-msg.js"
import { isSimPort } from "../node/sim-port.js"
import { collectList } from "./command-line.js"
import { bridgeRows, runBridgeKernel } from "./conform-bridge.js"
import { listBridgeRows, listRows, rowsWith } from "./conform-list.js"
import { colours, helpExamples, note, portOf, print } from "./context.js"
import { EXIT_FAILED } from "./exit-codes.js"
import { processTrace } from "./process-trace.js"
import { Progress } from "./progress.js"

/** Longest virtual time that a run may take. */
const VIRTUAL_LIMIT_MS = 3_600_000

/** How long the command of --hotplug may take. */
const HOTPLUG_LIMIT_MS = 30_000

interface ConformOptions {
  readonly json?: true
  readonly junit?: string
  readonly row?: string[]
  readonly list?: true
  readonly verbose?: true
  readonly device?: number
  readonly chip?: number
  readonly hotplug?: string
  readonly bridgeKernel?: true
  readonly linux?: true
  readonly bridge?: true
  readonly kernel?: string
  readonly window?: string
}

export function define(command: Command): void {
  addReportOptions(command.argument("[command...]", "with --bridge-kernel: what starts the device model"))
    .option(
      "--bridge-kernel",
      "play the kernel behind /dev/virtio-msg-bridge: check the device model that COMMAND starts, or ours (docs/bridge.md)",
    )
    .option("--device <number>", "only the device with this number", parseNumber)
    .option("--chip <address>", "an I2C chip that may be written to, as 0x54", parseNumber)
    .option("--hotplug <command>", "a shell command that plugs a device in or out, for the rows about that")
    .addHelpText(
      "after",
      helpExamples(
        "virtio-msg --port sim conform",
        "virtio-msg --port sim conform --row V57 --verbose",
        "virtio-msg --port sim conform --junit /tmp/conformance.xml",
        "virtio-msg conform --bridge-kernel",
        "virtio-msg conform --list",
      ) +
        "\n\nA device of your own: docs/conform-your-own.md.\n" +
        "Exit code 1: a MUST row failed, or could not be judged because of another failure.",
    )
    .action(async (words: string[], options: ConformOptions, command: Command) => {
      if (options.bridgeKernel) {
        if (options.list) listBridgeRows(bridgeRows(options.row), options.json === true)
        else await finish(await runBridgeKernel(words, options.row), options)
        return
      }
      if (words.length > 0)
        throw invalidArgument(`conform starts no ${words[0]}.`, {
          hint: "A driver's command is for conform driver, a device model's for --bridge-kernel.",
        })
      const rows = chosenRows(options.row, (row) => row.side !== "driver" && !(row.driver && !row.device))
      if (options.list) listRows(options.row ? rows : TABLE, options.json === true)
      else await finish(await runDevice(portOf(command), rows, options), options)
    })
  addDriverCommand(command)
}

function addDriverCommand(parent: Command): void {
  addReportOptions(parent.command("driver [command...]"))
    .description(
      "Check a driver: run COMMAND once for each scenario, against a bus and devices that the suite plays.",
    )
    .option("--linux", "check our Linux module instead, in a guest that is booted once")
    .option(
      "--bridge",
      "check the driver of the Linux that this runs on, behind /dev/virtio-msg-bridge (docs/bridge.md)",
    )
    .option("--kernel <file>", "with --linux: another kernel, with its own driver (docs/conform-your-own.md)")
    .option("--window <file>", "keep the window in this file, and listen at FILE.sock, in every scenario")
    .addHelpText(
      "after",
      helpExamples(
        "virtio-msg conform driver",
        "virtio-msg conform driver --row D47 -- virtio-msg --port {port} i2c get 0x54 14",
        "virtio-msg conform driver --linux",
      ) +
        "\n\nCOMMAND finds the bus in VIRTIO_MSG_PORT, or where {port} stands in its arguments. It has to read register 14 of\n" +
        "the I2C chip at 0x54 and to end with exit code 0 if it is 0x66: docs/conform-your-own.md. Without COMMAND our own\n" +
        "driver is checked.",
    )
    .action(async (words: string[], _: unknown, command: Command) => {
      const options = command.optsWithGlobals<ConformOptions>()
      const rows = chosenRows(options.row, (row) => row.driver !== undefined || row.side === "driver")
      if (options.list) listRows(rows, options.json === true)
      else await finish(await runDriver(words, rows, options), options)
    })
}

async function runDriver(
  words: readonly string[],
  rows: readonly Row[],
  { linux, bridge, kernel, window }: ConformOptions,
): Promise<Report> {
  if (kernel !== undefined && !linux)
    throw invalidArgument("--kernel is for --linux.", {
      hint: `virtio-msg conform driver --linux --kernel ${kernel}`,
    })
  if (linux) {
    if (words.length > 0 || window !== undefined)
      throw invalidArgument("--linux brings its own driver and window.", {
        hint: "virtio-msg conform driver --linux",
      })
    const options = { ...(kernel === undefined ? {} : { kernelPath: kernel }), onNote: note }
    return withLinuxSubject(options, (subject, name) =>
      checkDriver(subject, { rows, name, clock: systemClock }),
    )
  }
  if (bridge) {
    if (words.length > 0 || window !== undefined)
      throw invalidArgument("--bridge brings its own driver and window.", {
        hint: "virtio-msg conform driver --bridge",
      })
    const name = `Linux ${release()} behind its bridge`
    return checkDriver(bridgeSubject(), { rows, name, clock: systemClock })
  }
  const own = fileURLToPath(new URL("../conformance/driver/own-driver-main.js", import.meta.url))
  const command = words.length > 0 ? words : [process.execPath, own]
  const name = words.length > 0 ? words.join(" ") : "our own driver"
  const subject = processSubject(command, window === undefined ? {} : { windowPath: window })
  const progress = new Progress("Checking", true)
  const onProgress = (done: number, total: number) => progress.show(done, total)
  return checkDriver(subject, { rows, name, clock: systemClock, onProgress }).finally(() => progress.clear())
}

/** Options that both commands have. */
export function addReportOptions(command: Command): Command {
  return command
    .option("--json", "as JSON")
    .option("--junit <file>", "write a JUnit report, too")
    .addOption(new Option("--row <id...>", "only these rows").argParser(collectList))
    .option("--list", "list the rows and what each is checked by")
    .option("-v, --verbose", "show the rows that pass, too")
}

function parseNumber(text: string): number {
  const value = Number(text)
  if (!/^(0x[0-9a-f]+|\d+)$/i.test(text) || value > 0xffff)
    throw new InvalidArgumentError("It is a number from 0 to 65535, as 7 or 0x54.")
  return value
}

/**
 * The rows with these ids, or, without ids, those that concern the subject. Throws INVALID_ARGUMENT for an unknown id.
 */
export function chosenRows(
  ids: readonly string[] | undefined,
  isConcerned: (row: Row) => boolean,
): readonly Row[] {
  return ids
    ? rowsWith(ids, TABLE, "", "List the rows: virtio-msg conform --list")
    : TABLE.filter(isConcerned)
}

/** Prints the report as asked for, and sets the exit code. */
export async function finish(report: Report, options: ConformOptions): Promise<void> {
  if (options.junit !== undefined) await writeJunit(options.junit, report)
  if (options.json) print(JSON.stringify(reportAsJson(report), undefined, 2))
  else {
    const paint = { good: colours.green, bad: colours.red, dim: colours.dim, strong: colours.bold }
    const columns = process.stdout.columns ?? 110
    for (const line of formatReport(report, { paint, columns, isVerbose: options.verbose === true }))
      print(line)
  }
  if (!isConforming(report)) process.exitCode = EXIT_FAILED
}

async function writeJunit(file: string, report: Report): Promise<void> {
  try {
    await writeFile(file, reportAsJunit(report))
  } catch (cause) {
    throw invalidArgument(`Cannot write ${file}: ${cause instanceof Error ? cause.message : cause}`, {
      hint: "Choose a file in a folder that exists and that you may write to.",
      cause,
    })
  }
}

async function runDevice(portName: string, rows: readonly Row[], options: ConformOptions): Promise<Report> {
  const progress = new Progress("Checking", true)
  let done = 0
  const check = (port: DevicePort) =>
    checkDevice(port, {
      rows,
      onResult: () => progress.show(++done, rows.length),
      ...(options.device === undefined ? {} : { devNum: options.device }),
      ...(options.chip === undefined ? {} : { chipAddress: options.chip }),
      ...(options.hotplug === undefined ? {} : { hotplug: () => runShellCommand(options.hotplug ?? "") }),
    }).finally(() => progress.clear())
  if (isSimPort(portName)) {
    if (options.hotplug !== undefined)
      throw invalidArgument("No command reaches the simulated board in this process.", {
        hint: "Leave --hotplug out: its shell plugs devices in and out. Or use virtio-msg sim --listen unix:PATH.",
      })
    // a simulated board need not be waited for in real time
    const clock = new VirtualClock(1000)
    const link = await makeLink(portName, { clock })
    const port = await clock.run(ChannelPort.overLink(link, { clock, trace: processTrace }))
    try {
      return await clock.run(check(port), VIRTUAL_LIMIT_MS)
    } finally {
      await port.close()
    }
  }
  const port =
    portName === NATIVE_PORT
      ? await ChannelPort.over(await makeChannel(portName, processTrace), { trace: processTrace })
      : isPlainPort(portName)
        ? await ChannelPort.overPlain(portName, (events) => PlainConnection.open(portName, events))
        : isQemuMsgPort(portName)
          ? await ChannelPort.overPlain(portName, (events) => QemuMsgConnection.open(portName, events))
          : await ChannelPort.overLink(await makeLink(portName, { onChoice: note }), { trace: processTrace })
  try {
    return await check(port)
  } finally {
    await port.close()
  }
}

/** Rejects with INVALID_ARGUMENT when the command fails. */
async function runShellCommand(command: string): Promise<void> {
  try {
    await promisify(exec)(command, { timeout: HOTPLUG_LIMIT_MS })
  } catch (cause) {
    const { stderr = "" } = cause as ExecException
    throw invalidArgument(`The command of --hotplug failed: ${command}`, {
      hint: stderr.trim().split("\n").at(-1) || "It has to end with exit code 0, within 30 s.",
      cause,
    })
  }
}
