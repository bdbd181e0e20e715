// `virtio-msg trace`: what crosses the link, a line for each message: of a command, of a running process, or out of a
// capture.

import { createReadStream } from "node:fs"
import type { Readable } from "node:stream"
import type { Command } from "commander"
import { invalidArgument, systemFailed, VirtioMsgError } from "../errors.js"
import { connectTrace, offeredTraces } from "../node/trace-socket.js"
import { PcapngReader } from "../trace/pcapng-reader.js"
import type { TraceEvent } from "../trace/trace-event.js"
import { TraceObserver } from "../trace/trace-observer.js"
import { visibleLines } from "../visible-text.js"
import { ByteFile } from "./byte-file.js"
import { collectList } from "./command-line.js"
import { helpExamples, note, print, type RunCommand, sendResultsTo, typedPort } from "./context.js"
import { EXIT_FAILED, EXIT_OK } from "./exit-codes.js"
import { LiveLines, readAtPaceOf } from "./live-lines.js"
import { EPOCH_OFFSET_MS, processTrace } from "./process-trace.js"
import { traceToFile } from "./trace-file.js"
import { makeTraceFilter, type TraceFilterOptions } from "./trace-filter.js"
import { packetJson, traceJson } from "./trace-json.js"
import { TraceLines } from "./trace-lines.js"
import { untilStopped } from "./until-stopped.js"
import { application } from "./version.js"

interface TraceOptions extends TraceFilterOptions {
  readonly json?: true
  readonly packets?: true
  readonly list?: true
  readonly write?: string
}

/** Returns whether there was something to show of the event. */
type Show = (event: TraceEvent) => boolean

export function define(command: Command, run: RunCommand): void {
  command
    .usage("[options] [capture or process]\n       virtio-msg trace [options] -- command...")
    .argument("[what...]", "a capture, or a process that runs (see --list)")
    .option("-d, --device <list>", 'only these devices, such as 0,bus; "bus" is the bus itself', collectList)
    .option("-m, --message <list>", "only these messages, such as GET_VQUEUE,SET_VQUEUE", collectList)
    .option("--from <seconds>", "only from then on, as the first column counts")
    .option("--to <seconds>", "only until then")
    .option("--no-spans", "without the changes of the shared window")
    .option("--packets", "also each packet with its header and acknowledgement")
    .option("--json", "one JSON object a line")
    .option("-w, --write <file>", 'write pcapng instead, for Wireshark; "-" is stdout')
    .option("--list", "list the running processes that can be traced")
    .addHelpText(
      "after",
      `${helpExamples(
        "virtio-msg --port sim trace -- i2c get 0x54 14",
        "virtio-msg --port sim --trace /tmp/read.pcapng i2c get 0x54 14",
        "virtio-msg trace --no-spans /tmp/read.pcapng",
        "virtio-msg trace --from 0.01 --to 0.5 /tmp/read.pcapng",
      )}\nOf a command, the trace is what stdout gets; the command's own results go to stderr.\n` +
        "serve, linux and sim can be traced while they run: without an argument, the one that runs.",
    )
    .action(async (what: string[], options: TraceOptions, command: Command) => {
      if (options.list) return list(options.json === true)
      const show = makeShow(options)
      const { traced } = command.optsWithGlobals<{ traced?: string[] }>()
      if (traced) process.exitCode = await traceCommand([...what, ...traced], options, show, command, run)
      else if (what.length > 1)
        throw invalidArgument(`One capture or process at a time, not ${what.length}.`, {
          hint: `To trace a command: virtio-msg trace -- ${what.join(" ")}`,
        })
      else await traceElsewhere(what[0], options, show)
    })
}

async function list(isJson: boolean): Promise<void> {
  const offered = await offeredTraces()
  if (isJson) {
    print(JSON.stringify(offered.map(({ name, path }) => ({ name, path }))))
    return
  }
  for (const { name } of offered) print(name)
  if (offered.length === 0) note("Nothing runs that can be traced. serve, linux and sim can, while they run.")
}

function makeShow(options: TraceOptions): Show {
  if (options.write !== undefined && (options.from ?? options.to) !== undefined)
    throw invalidArgument("A capture is written whole: --from and --to are for what is shown.", {
      hint: "Write it without them, then: virtio-msg trace --from 1.5 FILE",
    })
  const filter = makeTraceFilter(options)
  const lines = new TraceLines()
  return (event) => {
    lines.begin(event.timeMs)
    const wanted = filter(event)
    if (!wanted) return false
    const shown: string[] = []
    if (options.packets && wanted.kind === "packet")
      shown.push(options.json ? packetJson(wanted) : lines.packetLine(wanted))
    shown.push(...(options.json ? traceJson(wanted) : lines.format(wanted)))
    for (const line of shown) traceLines.write(visibleLines(line))
    return shown.length > 0
  }
}

/** This command prints the trace, also while the command that it runs prints to stderr. */
const traceLines = new LiveLines(process.stdout, note)

async function traceCommand(
  words: readonly string[],
  options: TraceOptions,
  show: Show,
  command: Command,
  run: RunCommand,
): Promise<number> {
  if (words.length === 0)
    throw invalidArgument("No command stands behind --.", {
      hint: "For example: virtio-msg trace -- i2c detect",
    })
  if (words[0] === "trace")
    throw invalidArgument("A trace cannot be traced.", {
      hint: "Name another command behind --.",
    })
  sendResultsTo(process.stderr)
  const end = options.write === undefined ? watchTrace(show) : traceToFile(options.write, application())
  let isWhole = false
  const code = await run([...typedPort(command), ...words]).finally(() => {
    isWhole = end()
  })
  return code === EXIT_OK && !isWhole ? EXIT_FAILED : code
}

/** As `traceToFile`, on the screen. No line is left out. */
function watchTrace(show: Show): () => boolean {
  const end = processTrace.watch((event) => show({ ...event, timeMs: event.timeMs + EPOCH_OFFSET_MS }))
  return () => {
    end()
    return true
  }
}

/** A capture, or a process that runs. */
async function traceElsewhere(what: string | undefined, options: TraceOptions, show: Show): Promise<void> {
  const offered = await offeredTraces()
  const named =
    what === undefined ? undefined : offered.find(({ name, path }) => name === what || path === what)
  if (what !== undefined && !named) return readCapture(createReadStream(what), what, options, show)
  const chosen = named ?? onlyOne(offered)
  const socket = await connectTrace(chosen.path)
  void untilStopped().then(() => socket.destroy()) // before anybody is told how to stop us
  note(`Tracing ${chosen.name}; end with Ctrl-C.`)
  await readCapture(socket, chosen.name, options, show)
}

function onlyOne(offered: readonly { name: string; path: string }[]): { name: string; path: string } {
  const [first, second] = offered
  if (!first)
    throw systemFailed("Nothing runs that can be traced.", {
      hint: "serve, linux and sim can be traced while they run; others with: virtio-msg trace -- COMMAND",
    })
  if (second)
    throw invalidArgument(
      `More than one process can be traced: ${offered.map(({ name }) => name).join(", ")}.`,
      { hint: `Say which: virtio-msg trace ${first.name}` },
    )
  return first
}

async function readCapture(stream: Readable, name: string, options: TraceOptions, show: Show): Promise<void> {
  const observer = new TraceObserver()
  let firstMs: number | undefined
  let lastMs = 0
  let isShown = false
  const take = (event: TraceEvent) => {
    firstMs ??= event.timeMs
    lastMs = event.timeMs
    if (show(event)) isShown = true
  }
  const reader = new PcapngReader(
    (packet) => take(observer.observe(packet.timeMs, packet.direction, packet.bytes, packet)),
    take,
  )
  const copy = options.write === undefined ? undefined : new ByteFile(options.write)
  try {
    await readAtPaceOf(process.stdout, stream, (piece) => (copy ? copy.write(piece) : reader.push(piece)))
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (code === "ERR_STREAM_PREMATURE_CLOSE") return // Ctrl-C
    if (error instanceof VirtioMsgError || code === undefined) throw error
    throw invalidArgument(`Cannot read ${name}: ${message}.`, {
      hint: "Name a capture, or a process of virtio-msg trace --list.",
      cause: error,
    })
  } finally {
    copy?.close()
  }
  if (copy?.hasFailed) process.exitCode = EXIT_FAILED
  if (copy) return
  reader.end()
  if (firstMs === undefined) note(`Nothing passed in ${name}.`)
  else if (!isShown)
    note(`Nothing of ${name} is asked for; its times go to ${((lastMs - firstMs) / 1000).toFixed(4)} s.`)
}
