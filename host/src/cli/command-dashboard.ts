// `virtio-msg dashboard`: the page on this computer, with a live view of what other commands and Linux guests do.

import type { Command } from "commander"
import { invalidArgument, VirtioMsgError } from "../errors.js"
import {
  type DashboardServer,
  type DashboardServerOptions,
  startDashboard,
} from "../node/dashboard/dashboard-server.js"
import { LiveFeed } from "../node/dashboard/live-feed.js"
import { exportPage } from "../node/dashboard/page-files.js"
import { replayCapture } from "../node/dashboard/replay-capture.js"
import { watchOffered } from "../node/dashboard/watch-offered.js"
import { helpExamples, note, print, type RunCommand, typedPort } from "./context.js"
import { processTrace } from "./process-trace.js"
import { untilStopped } from "./until-stopped.js"

const DEFAULT_HOST = "127.0.0.1"
const DEFAULT_PORT = 8741

interface DashboardOptions {
  readonly listen?: string
  readonly export?: string
  readonly expose?: true
  readonly replay?: string
}

export function define(command: Command, run: RunCommand): void {
  command
    .usage("[options]\n       virtio-msg dashboard [options] -- command...")
    .option(
      "-l, --listen <where>",
      "HOST:PORT; 127.0.0.1:8741 when absent, or any free port if that is taken",
    )
    .option("--expose", "allow an address that other computers can reach: they see what the bus carries, too")
    .option("--replay <file>", "step through a capture, as if it were live")
    .option("--export <folder>", "write the page's files for any web server to host, and end")
    .addHelpText(
      "after",
      `${helpExamples(
        "virtio-msg dashboard",
        "virtio-msg dashboard --export /tmp/page",
        "virtio-msg --port sim dashboard -- i2c detect",
        "virtio-msg --port sim --trace /tmp/read.pcapng i2c get 0x54 14",
        "virtio-msg dashboard --replay /tmp/read.pcapng",
      )}\nThe page runs a simulated board by itself, or drives a real one by Web Serial.\n` +
        "Live, it shows the command behind --, and every serve, linux and sim that runs on this computer.",
    )
    .action(async (options: DashboardOptions, command: Command) => {
      const { traced } = command.optsWithGlobals<{ traced?: string[] }>()
      if (options.export !== undefined) await exportTo(options.export)
      else await serve(options, typedPort(command), traced, run)
    })
}

async function exportTo(folder: string): Promise<void> {
  try {
    const bytes = await exportPage(folder)
    note(`The page is in ${folder}: ${Math.round(bytes / 1000)} kB. Any web server can host it.`)
  } catch (cause) {
    if (cause instanceof VirtioMsgError) throw cause
    throw invalidArgument(`Cannot write the page to ${folder}: ${(cause as Error).message}.`, {
      hint: "Name a folder that you may write to.",
      cause,
    })
  }
}

async function serve(
  options: DashboardOptions,
  port: readonly string[],
  words: readonly string[] | undefined,
  run: RunCommand,
): Promise<void> {
  const feed = new LiveFeed()
  if (options.replay !== undefined) {
    if (words)
      throw invalidArgument("A capture and a command are two things to show.", {
        hint: `One at a time: virtio-msg dashboard --replay ${options.replay}`,
      })
    await replayCapture(options.replay, feed)
  }
  const stopped = untilStopped() // before anybody learns the address, and so could stop us
  const shows = words ? "command" : options.replay === undefined ? undefined : "replay"
  const server = await startServer(options, feed, shows)
  // beside a capture, the live view of other processes would only disturb
  const endWatching = options.replay === undefined ? watchOffered(feed) : () => {}
  try {
    print(server.url) // scripts read this line
    note(`Open ${server.url} in a browser; end with Ctrl-C.`)
    if (words)
      process.exitCode = await Promise.race([runShown(feed, port, words, run), stopped.then(() => 130)])
    await stopped
  } finally {
    endWatching()
    await server.close()
  }
}

async function startServer(
  options: DashboardOptions,
  feed: LiveFeed,
  shows: DashboardServerOptions["shows"],
): Promise<DashboardServer> {
  const { listen, expose: isExposed = false } = options
  if (listen !== undefined) return startDashboard({ ...parseListen(listen), isExposed, feed, shows })
  try {
    return await startDashboard({ host: DEFAULT_HOST, port: DEFAULT_PORT, feed, shows })
  } catch (error) {
    if (!(error instanceof VirtioMsgError) || error.code !== "SYSTEM_FAILED") throw error
    return startDashboard({ host: DEFAULT_HOST, port: 0, feed, shows })
  }
}

/** Runs a command, and shows on the page what it does. */
async function runShown(
  feed: LiveFeed,
  port: readonly string[],
  words: readonly string[],
  run: RunCommand,
): Promise<number> {
  if (words.length === 0 || words[0] === "dashboard")
    throw invalidArgument("No command to show stands behind --.", {
      hint: "For example: virtio-msg dashboard -- i2c detect",
    })
  const session = feed.begin(`virtio-msg ${words.join(" ")}`)
  const off = processTrace.onPacket.on((direction, packet) =>
    session.packet(processTrace.clock.now(), direction, packet),
  )
  try {
    const code = await run([...port, ...words])
    note(`The command has ended with ${code}. The page still shows what it did; end with Ctrl-C.`)
    return code
  } finally {
    off()
    session.end()
  }
}

function parseListen(text: string): { host: string; port: number } {
  const [, host, digits] = /^(?:(.+):)?(\d{1,5})$/.exec(text) ?? []
  const port = Number(digits)
  if (digits === undefined || port > 0xffff)
    throw invalidArgument(`"${text}" is no place to listen on.`, {
      hint: "For example: 127.0.0.1:8741, or a port alone.",
    })
  return { host: (host ?? DEFAULT_HOST).replace(/^\[(.*)\]$/, "$1"), port }
}
