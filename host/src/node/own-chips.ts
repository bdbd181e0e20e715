// Chips of one's own for the simulated board, from TypeScript or JavaScript files: `sim --chip FILE@ADDRESS` and
// `sim --chips FILE` (docs/own-chips.md).

import { stat } from "node:fs/promises"
import { register } from "node:module"
import path from "node:path"
import { pathToFileURL } from "node:url"
import { invalidArgument, missingDependency, type VirtioMsgError } from "../errors.js"
import { hex } from "../hex.js"
import { type BusChip, type OwnChip, toBusChip } from "../vm/bus-chip.js"
import { findCompiler } from "./typescript-hooks.js"

const EXAMPLE = "virtio-msg sim --chip ./my-chip.ts@0x40"
/** A chip has one of these at least: what has none is another thing, or is misspelt. */
const MEMBERS = ["registers", "start", "address", "write", "read", "stop"] as const
/** Addresses below and above have a meaning of their own. */
const FIRST_ADDRESS = 0x08
const LAST_ADDRESS = 0x77

/**
 * The chips that the command line names, by address. `single` are FILE@ADDRESS, whose default export is a chip or a function
 * that makes one; `many` are files whose default export has a chip at each address. Rejects with INVALID_ARGUMENT,
 * NOT_FOUND or MISSING_DEPENDENCY.
 */
export async function loadChips(
  single: readonly string[],
  many: readonly string[],
): Promise<Map<number, BusChip>> {
  const chips = new Map<number, BusChip>()
  const add = (text: string, address: number, exported: unknown) => {
    if (!(address >= FIRST_ADDRESS && address <= LAST_ADDRESS))
      throw wrong(`${text}: an I2C address is from 0x08 to 0x77.`)
    if (chips.has(address)) throw wrong(`${text}: two chips are at ${hex(address)}.`)
    chips.set(address, makeChip(text, address, exported))
  }
  for (const text of single) {
    const match = /^(.+)@(0x[0-9a-f]{1,2}|\d{1,3})$/i.exec(text)
    if (!match) throw wrong(`"${text}" names no chip and address.`)
    add(text, Number(match[2]), await importDefault(match[1] as string))
  }
  for (const file of many) {
    const table = await importDefault(file)
    if (typeof table !== "object" || table === null)
      throw wrong(`The default export of ${file} is no table of chips by address.`)
    for (const [address, exported] of Object.entries(table))
      add(`${file}, ${address}`, Number(address), exported)
  }
  return chips
}

function makeChip(text: string, address: number, exported: unknown): BusChip {
  const chip = typeof exported === "function" ? exported(address) : exported
  if (typeof chip !== "object" || chip === null)
    throw wrong(`${text} exports no chip: its default export is ${chip === null ? "null" : typeof chip}.`)
  if (!MEMBERS.some((member) => member in chip))
    throw wrong(`${text} exports no chip: it has none of ${MEMBERS.join(", ")}.`)
  try {
    return toBusChip(chip as OwnChip)
  } catch (error) {
    throw wrong(`${text}: ${(error as Error).message}.`)
  }
}

async function importDefault(file: string): Promise<unknown> {
  const fullPath = path.resolve(file)
  const found = await stat(fullPath).catch(() => undefined)
  if (!found?.isFile())
    throw invalidArgument(`There is no file ${file}.`, {
      hint: `Name the file of a chip and its address: ${EXAMPLE}`,
    })
  if (/\.m?ts$/.test(file)) learnTypeScript(fullPath)
  try {
    return (await import(pathToFileURL(fullPath).href)).default
  } catch (error) {
    throw invalidArgument(`${file} cannot be loaded: ${whereItFailed(error)}`, {
      hint: "It has to be an ES module: export default { ... }",
      cause: error,
    })
  }
}

/** The place in the file where it knows one. Of an error with a code the place is in Node.js itself. */
function whereItFailed(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return "code" in error ? error.message : firstLines(error.stack ?? error.message)
}

let isTypeScriptKnown = "typescript" in process.features && Boolean(process.features.typescript)

/** Node.js from 22.18 on reads TypeScript by itself; before, by the package typescript. */
function learnTypeScript(fileName: string): void {
  if (isTypeScriptKnown) return
  try {
    findCompiler(fileName)
  } catch (cause) {
    throw missingDependency(`Node.js ${process.versions.node} does not read TypeScript by itself.`, {
      hint: "npm install typescript, or use Node.js 22.18 or newer, or a chip in JavaScript",
      cause,
    })
  }
  register(new URL("./typescript-hooks.js", import.meta.url))
  isTypeScriptKnown = true
}

/** The part of an error's stack that a person needs: the message and the first place. */
export function firstLines(stack: string): string {
  return stack
    .split("\n")
    .slice(0, 2)
    .map((line) => line.trim())
    .join(" ")
}

function wrong(message: string): VirtioMsgError {
  return invalidArgument(message, { hint: `For example: ${EXAMPLE}` })
}
