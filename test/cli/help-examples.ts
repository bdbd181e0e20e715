// Finds the examples in help texts, and runs them as a person would type them. What they need around them is
// played here: a board on a serial port by the simulator, QEMU by nobody.

import path from "node:path"
import { expect } from "vitest"
import { Simulator, startUntilLine, stdoutOf, virtioMsg, withFolder } from "./command.js"

/** The commands that run until somebody ends them: ready when they have printed a line. */
const LASTING = ["sim", "serve"]

/** The commands whose examples run elsewhere, since they need what not every machine has. */
export const RUN_ELSEWHERE: Readonly<Record<string, string>> = {
  linux: "test/linux/commands.test.ts boots the guest with them",
}

/** Every command and subcommand, as typed behind virtio-msg, found by reading the help texts; "" is the tool. */
export async function allCommands(typed = ""): Promise<string[]> {
  const help = await stdoutOf(`${typed} --help`)
  const [, listed = ""] = /^Commands:\n((?: .*\n)+)/m.exec(help) ?? []
  const children = [...listed.matchAll(/^ {2}(\S+)/gm)].flatMap(([, name]) => name ?? [])
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

/**
 * Runs the lines in a folder of their own in place of /tmp. A line that ends in & runs until the others are done;
 * a serial port in a line is a simulated board's.
 */
export async function runExamples(lines: readonly string[]): Promise<void> {
  await withFolder(async (folder) => {
    const background: { stop(): Promise<{ code: number | null }> }[] = []
    const start = async (args: readonly string[]) => background.push(await startUntilLine(args))
    let board: Simulator | undefined
    for (const typed of lines) {
      if (typed.includes("/dev/ttyACM0")) board ??= await Simulator.start("pty")
      const args = words(typed.replace(/ &$/, "")).map((word) =>
        word.replaceAll("/tmp/", `${folder}${path.sep}`).replace("/dev/ttyACM0", board?.port ?? ""),
      )
      if (typed.endsWith(" &") || LASTING.includes(commandOf(args))) await start(args)
      else {
        const { code, stderr } = await virtioMsg(args)
        expect({ typed, code, stderr: code === 0 ? "" : stderr }).toEqual({ typed, code: 0, stderr: "" })
      }
    }
    for (const process of background) expect((await process.stop()).code).toBe(0)
    await board?.stop()
  })
}
