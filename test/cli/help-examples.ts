// Finds the examples in help texts, and runs them as a person would type them. What they need around them is
// played here: a board on a serial port by the simulator, QEMU by nobody.

import { writeFile } from "node:fs/promises"
import path from "node:path"
import { expect } from "vitest"
import { FAKE_C3, FakeEspRom } from "../support/fake-esp-rom.js"
import { FakePico } from "../support/fake-pico.js"
import { FakeRoot } from "../support/fake-root.js"
import { makeEspImage, makeUf2 } from "../support/firmware-files.js"
import { Simulator, startUntilLine, stdoutOf, virtioMsg, withFolder } from "./command.js"

/** The serial port in examples: a simulated board's is there instead. */
const A_BOARD = "/dev/ttyACM0"

/** The commands that run until somebody ends them: ready when they have printed a line. */
const LASTING = ["sim", "serve", "usbip", "dashboard"]
/** The options that make them end by themselves. */
const ENDING = ["--export"]

/** Commands whose examples want hardware that is played here; what plays it is set up before the example runs. */
const STAGED: Readonly<Record<string, (example: string, folder: string) => Promise<Stage>>> = {
  flash: stageFlash,
}

/** What an example finds around it. */
interface Stage {
  readonly env: Record<string, string>
  /** What stands in the example, and what is there instead. */
  readonly replace: readonly (readonly [string, string])[]
  end(): Promise<void>
}

/** A Pico in its boot loader, or an ESP32's ROM, and a firmware file for it. */
async function stageFlash(example: string, folder: string): Promise<Stage> {
  const root = new FakeRoot(folder)
  const [, file = ""] = /--file \/tmp\/(\S+)/.exec(example) ?? []
  const [, serialPort] = /--port (\S+)/.exec(example) ?? []
  const firmware = serialPort ? makeEspImage(5) : makeUf2(100)
  await writeFile(path.join(folder, file), firmware)
  if (!serialPort) {
    const pico = await FakePico.insert(root, firmware.length)
    return { env: root.env, replace: [], end: () => pico.end() }
  }
  const rom = await FakeEspRom.start(FAKE_C3)
  rom.becomesBoard = true
  return { env: root.env, replace: [[serialPort, rom.path]], end: async () => rom.close() }
}

/** The commands whose examples run elsewhere, since they need what not every machine has. */
export const RUN_ELSEWHERE: Readonly<Record<string, string>> = {
  attach: "test/linux/stock/attach.test.ts runs it in a guest, where it may be root",
  detach: "as attach",
  "conform driver": "test/conformance/command.test.ts runs it, with what the examples need around them",
  linux: "test/linux/commands.test.ts boots the guest with them",
  wireshark: "test/wireshark/install.test.ts gives them a home of their own",
}

/** Every command and subcommand, as typed behind virtio-msg, found by reading the help texts; "" is the tool. */
export async function allCommands(typed = ""): Promise<string[]> {
  const help = await stdoutOf(`${typed} --help`)
  const [, listed = ""] = /^Commands:\n((?: .*\n)+)/m.exec(help) ?? []
  const children = [...listed.matchAll(/^ {2}([^\s|]+)/gm)].flatMap(([, name]) => name ?? [])
  const found = [typed]
  for (const child of children)
    if (child !== "help") found.push(...(await allCommands(`${typed} ${child}`.trim())))
  return found
}

/** The lines of a help text that can be typed, without the prompt and the command's own name. */
export function examplesIn(help: string): string[] {
  return [...help.matchAll(/^ *\$ virtio-msg (.+)$/gm)].flatMap(([, line]) => line ?? [])
}

/** A line as a shell splits it: at spaces, except between quotes. */
export function words(line: string): string[] {
  return [...line.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain ?? "")
}

/** The first word that is neither an option nor the value of --port. */
function commandOf(args: readonly string[]): string {
  return args.find((word, at) => !word.startsWith("-") && args[at - 1] !== "--port") ?? ""
}

function isLasting(args: readonly string[]): boolean {
  return LASTING.includes(commandOf(args)) && !args.some((arg) => ENDING.includes(arg))
}

/**
 * Runs the lines in a folder of their own in place of /tmp. A line that ends in & runs until the others are done;
 * a serial port in a line is a simulated board's.
 */
export async function runExamples(lines: readonly string[]): Promise<void> {
  await withFolder(async (folder) => {
    const background: { stop(): Promise<{ code: number | null }> }[] = []
    let board: Simulator | undefined
    for (const typed of lines) {
      const stage = await STAGED[commandOf(words(typed))]?.(typed, folder)
      if (!stage && typed.includes(A_BOARD)) board ??= await Simulator.start("pty")
      const replacements = stage?.replace ?? [[A_BOARD, board?.port ?? ""] as const]
      const args = words(typed.replace(/ &$/, "")).map((word) =>
        replacements.reduce(
          (changed, [from, to]) => changed.replace(from, to),
          word.replaceAll("/tmp/", `${folder}${path.sep}`),
        ),
      )
      if (typed.endsWith(" &") || isLasting(args)) background.push(await startUntilLine(args))
      else {
        const { code, stderr } = await virtioMsg(args, stage?.env)
        expect({ typed, code, stderr: code === 0 ? "" : stderr }).toEqual({ typed, code: 0, stderr: "" })
      }
      await stage?.end()
    }
    // 130: it was ended while something ran in it
    for (const process of background) expect([0, 130]).toContain((await process.stop()).code)
    await board?.stop()
  })
}
