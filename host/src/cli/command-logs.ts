// `virtio-msg logs`: the board's console, what its runtime and its program print.

import { type Command, InvalidArgumentError } from "commander"
import { linkGone } from "../bus/failures.js"
import { farEndOf } from "../link/far-end.js"
import type { FramePort } from "../link/jacdac-link.js"
import { resolvePort } from "../node/choose-board.js"
import { makeFramePort } from "../node/open-link.js"
import { isSimPort, makeSimPort } from "../node/sim-port.js"
import { helpExamples, note, portOf, printLive } from "./context.js"
import { untilStopped } from "./until-stopped.js"

interface Options {
  readonly lines?: number
  readonly json?: true
}

export function define(command: Command): void {
  command
    .option("-n, --lines <count>", "end after so many lines; without it, when you press Ctrl-C", parseCount)
    .option("--json", "each line as JSON, with the time in ms since the Unix epoch")
    .addHelpText(
      "after",
      `${helpExamples("virtio-msg --port sim logs --lines 3")}\n` +
        "A board keeps the last lines that nobody read, and prints them first.",
    )
    .action(async (options: Options, command: Command) => {
      const port = portOf(command)
      await follow(
        isSimPort(port) ? makeSimPort(port) : makeFramePort(await resolvePort(port, note)),
        options,
      )
    })
}

/**
 * Prints until there were enough lines, or somebody ends it, or the board has gone: then it rejects with LINK_CLOSED.
 */
async function follow(port: FramePort, { lines, json }: Options): Promise<void> {
  const stopped = untilStopped()
  let count = 0
  let finish: () => void = () => {}
  let fail: (error: Error) => void = () => {}
  const ended = new Promise<void>((resolve, reject) => {
    finish = resolve
    fail = reject
  })
  ended.catch(() => {}) // it may reject before anybody waits for it
  await port.open({
    onPacket: () => {},
    onLog: (line) => {
      if (lines !== undefined && count >= lines) return
      count++
      printLive(json ? JSON.stringify({ time: Date.now(), line }) : line)
      if (count === lines) finish()
    },
    onClose: (cause) => fail(linkGone({ name: port.name, farEnd: farEndOf(port) }, cause)),
  })
  try {
    if (lines === undefined) note(`Listening on ${port.name}; Ctrl-C ends it.`)
    await Promise.race([ended, stopped])
  } finally {
    await port.close()
  }
}

function parseCount(text: string): number {
  const count = Number(text)
  if (!/^\d+$/.test(text) || count < 1) throw new InvalidArgumentError("It is 1 or more.")
  return count
}
