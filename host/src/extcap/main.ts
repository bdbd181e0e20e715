#!/usr/bin/env node
// `virtio-msg-extcap`: Wireshark's extcap interface (Wireshark Developer's Guide, "Extcap"), so that boards, the
// simulated board and running virtio-msg processes appear as interfaces to capture from. Wireshark calls it.

import { parseArgs } from "node:util"
import { printError } from "../cli/context.js"
import { EXIT_OK, exitCodeOf } from "../cli/exit-codes.js"
import { systemError } from "../cli/system-error.js"
import { packageVersion } from "../cli/version.js"
import { invalidArgument, VirtioMsgError } from "../errors.js"
import { LINKTYPE_USER0 } from "../trace/pcapng-writer.js"
import { captureInterface } from "./capture-interface.js"
import { DEFAULT_COMMAND, DEFAULT_INTERVAL_S, findInterface, listInterfaces } from "./interfaces.js"

const HELP = `virtio-msg-extcap ${packageVersion()}: captures virtio-msg in Wireshark.

Wireshark calls it. To install it there: virtio-msg wireshark
See docs/wireshark.md.`

/** The text stands in braces, so it must not have one that ends them early. */
function plain(text: string): string {
  return text.replace(/[{}\n]/g, " ")
}

function say(lines: readonly string[]): number {
  for (const line of lines) process.stdout.write(`${line}\n`)
  return EXIT_OK
}

async function run(options: ReturnType<typeof parse>): Promise<number> {
  if (options["extcap-interfaces"])
    return say([
      `extcap {version=${packageVersion()}}{display=virtio-msg}`,
      ...(await listInterfaces()).map(
        ({ value, display }) => `interface {value=${value}}{display=${plain(display)}}`,
      ),
    ])
  const value = options["extcap-interface"]
  if (value === undefined) return say([HELP])
  const chosen = await findInterface(value)
  if (options["extcap-dlts"])
    return say([`dlt {number=${LINKTYPE_USER0}}{name=USER0}{display=virtio-msg mailbox packets}`])
  if (options["extcap-config"])
    return say(
      chosen.kind === "process"
        ? []
        : [
            `arg {number=0}{call=--command}{display=Command}{tooltip=What virtio-msg is to do on the board}{type=string}{default=${DEFAULT_COMMAND}}`,
            `arg {number=1}{call=--interval}{display=Repeat every (seconds)}{tooltip=0: once}{type=unsigned}{default=${DEFAULT_INTERVAL_S}}{range=0,3600}`,
          ],
    )
  // Wireshark asks whether a capture filter is valid: all are, and none has an effect
  if (!options.capture) return EXIT_OK
  if (options.fifo === undefined)
    throw invalidArgument("--capture needs --fifo.", {
      hint: "Wireshark calls this program; see docs/wireshark.md.",
    })
  return captureInterface(chosen, {
    fifo: options.fifo,
    command: options.command ?? DEFAULT_COMMAND,
    intervalS: parseInterval(options.interval ?? String(DEFAULT_INTERVAL_S)),
  })
}

function parseInterval(text: string): number {
  const seconds = Number(text)
  if (text.trim() !== "" && Number.isFinite(seconds) && seconds >= 0 && seconds <= 3600) return seconds
  throw invalidArgument(`"${text}" is no interval.`, {
    hint: "It is a number of seconds from 0 (once) to 3600.",
  })
}

function parse() {
  try {
    const { values } = parseArgs({
      options: {
        "extcap-interfaces": { type: "boolean" },
        "extcap-version": { type: "string" },
        "extcap-interface": { type: "string" },
        "extcap-dlts": { type: "boolean" },
        "extcap-config": { type: "boolean" },
        "extcap-capture-filter": { type: "string" },
        "extcap-reload-option": { type: "string" },
        "extcap-control-in": { type: "string" },
        "extcap-control-out": { type: "string" },
        capture: { type: "boolean" },
        fifo: { type: "string" },
        command: { type: "string" },
        interval: { type: "string" },
        help: { type: "boolean" },
      },
    })
    return values
  } catch (error) {
    throw invalidArgument(error instanceof Error ? error.message : String(error), {
      hint: "See virtio-msg-extcap --help",
    })
  }
}

async function main(): Promise<number> {
  try {
    return await run(parse())
  } catch (error) {
    const told = error instanceof VirtioMsgError ? error : systemError(error)
    if (!told) throw error
    printError(told)
    return exitCodeOf(told.code)
  }
}

process.exitCode = await main()
