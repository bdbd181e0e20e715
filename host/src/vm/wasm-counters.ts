// Puts counters into a WebAssembly module. Each time a function that is named in its name section is entered, an
// exported global goes up. So the real DeviceScript VM says how often it called, allocated and collected: exactly, and
// the same on every machine. (WebAssembly core specification 5.5 "Modules".)

const SECTION_IMPORT = 2
const SECTION_GLOBAL = 6
const SECTION_EXPORT = 7
const SECTION_CODE = 10
const SECTION_CUSTOM = 0
const NAMES_OF_FUNCTIONS = 1
const IMPORT_FUNCTION = 0
const IMPORT_TABLE = 1
const IMPORT_MEMORY = 2
const EXPORT_GLOBAL = 3
const TYPE_I32 = 0x7f

const OP_END = 0x0b
const OP_SELECT = 0x1b
const OP_LOCAL_GET = 0x20
const OP_GLOBAL_GET = 0x23
const OP_GLOBAL_SET = 0x24
const OP_I32_CONST = 0x41
const OP_I32_EQ = 0x46
const OP_I32_ADD = 0x6a

/** What to count, under the name that the module then exports. */
export interface Counter {
  readonly exportName: string
  /** Whether entering the function of this name counts. */
  counts(functionName: string): boolean
  /** Adds this parameter instead of 1, and only while parameter `ifParameter` has the value `is`. */
  readonly sum?: { readonly parameter: number; readonly ifParameter: number; readonly is: number }
}

/** The same module with the counters in it. Throws when a counter counts no function at all. */
export function addCounters(module: Uint8Array, counters: readonly Counter[]): Uint8Array {
  const sections = readSections(module)
  const imports = countImports(sectionOf(sections, SECTION_IMPORT))
  const names = readFunctionNames(sections)
  for (const counter of counters)
    if (![...names.values()].some((name) => counter.counts(name)))
      throw new Error(`the module has no function for ${counter.exportName}: it is another version`)

  const globals = new Reader(sectionOf(sections, SECTION_GLOBAL))
  const globalCount = globals.u32()
  const firstGlobal = imports.globals + globalCount
  const parts = sections.map(({ id, body }) => {
    if (id === SECTION_GLOBAL)
      return section(id, [
        ...leb(globalCount + counters.length),
        ...body.subarray(globals.at),
        ...counters.flatMap(() => [TYPE_I32, 1, OP_I32_CONST, 0, OP_END]),
      ])
    if (id === SECTION_EXPORT) {
      const exports = new Reader(body)
      const count = exports.u32()
      return section(id, [
        ...leb(count + counters.length),
        ...body.subarray(exports.at),
        ...counters.flatMap(({ exportName }, at) => [
          ...leb(exportName.length),
          ...Buffer.from(exportName),
          EXPORT_GLOBAL,
          ...leb(firstGlobal + at),
        ]),
      ])
    }
    if (id !== SECTION_CODE) return section(id, body)
    const code = new Reader(body)
    const functions: Uint8Array[] = []
    const count = code.u32()
    for (let at = 0; at < count; at++) {
      const name = names.get(imports.functions + at) ?? ""
      const entry = counters.flatMap((counter, index) =>
        counter.counts(name) ? instructions(counter, firstGlobal + index) : [],
      )
      functions.push(prefixed(code.bytes(code.u32()), entry))
    }
    return section(id, Buffer.concat([Uint8Array.from(leb(count)), ...functions]))
  })
  return Buffer.concat([module.subarray(0, 8), ...parts])
}

/** The instructions that make a counter go up. */
function instructions({ sum }: Counter, global: number): number[] {
  const added = sum
    ? [
        ...[OP_LOCAL_GET, ...leb(sum.parameter), OP_I32_CONST, 0],
        ...[OP_LOCAL_GET, ...leb(sum.ifParameter), OP_I32_CONST, ...leb(sum.is), OP_I32_EQ, OP_SELECT],
      ]
    : [OP_I32_CONST, 1]
  return [OP_GLOBAL_GET, ...leb(global), ...added, OP_I32_ADD, OP_GLOBAL_SET, ...leb(global)]
}

/** A function's entry of the code section, with `entry` in front of its first instruction. */
function prefixed(body: Uint8Array, entry: readonly number[]): Uint8Array {
  const reader = new Reader(body)
  const localGroups = reader.u32()
  for (let group = 0; group < localGroups; group++) {
    reader.u32()
    reader.bytes(1)
  }
  const locals = body.subarray(0, reader.at)
  const size = leb(body.length + entry.length)
  return Buffer.concat([Uint8Array.from(size), locals, Uint8Array.from(entry), body.subarray(reader.at)])
}

class Reader {
  readonly #bytes: Uint8Array
  at = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  get isAtEnd(): boolean {
    return this.at >= this.#bytes.length
  }

  /** An unsigned number in LEB128. */
  u32(): number {
    let value = 0
    for (let shift = 0; ; shift += 7) {
      const byte = this.#bytes[this.at++]
      if (byte === undefined) throw new Error("the WebAssembly module is cut off")
      value |= (byte & 0x7f) << shift
      if (byte < 0x80) return value >>> 0
    }
  }

  bytes(length: number): Uint8Array {
    this.at += length
    return this.#bytes.subarray(this.at - length, this.at)
  }

  text(): string {
    return Buffer.from(this.bytes(this.u32())).toString()
  }
}

interface Section {
  readonly id: number
  readonly body: Uint8Array
}

function readSections(module: Uint8Array): Section[] {
  const sections: Section[] = []
  const reader = new Reader(module)
  for (reader.at = 8; !reader.isAtEnd; ) {
    const [id] = reader.bytes(1) as unknown as [number]
    sections.push({ id, body: reader.bytes(reader.u32()) })
  }
  return sections
}

function sectionOf(sections: readonly Section[], id: number): Uint8Array {
  const found = sections.find((section) => section.id === id)
  if (!found) throw new Error(`the WebAssembly module has no section ${id}`)
  return found.body
}

/** Imported functions and globals come first in their index spaces. */
function countImports(body: Uint8Array): { functions: number; globals: number } {
  const reader = new Reader(body)
  const counts = { functions: 0, globals: 0 }
  for (let left = reader.u32(); left > 0; left--) {
    reader.text()
    reader.text()
    const [kind] = reader.bytes(1)
    if (kind === IMPORT_FUNCTION) {
      reader.u32()
      counts.functions++
    } else if (kind === IMPORT_TABLE || kind === IMPORT_MEMORY) {
      if (kind === IMPORT_TABLE) reader.bytes(1)
      const hasMaximum = reader.u32() & 1
      reader.u32()
      if (hasMaximum) reader.u32()
    } else {
      reader.bytes(2)
      counts.globals++
    }
  }
  return counts
}

/** Names of functions by index, from the custom section that compilers leave for debuggers. */
function readFunctionNames(sections: readonly Section[]): Map<number, string> {
  const names = new Map<number, string>()
  for (const { id, body } of sections) {
    if (id !== SECTION_CUSTOM) continue
    const reader = new Reader(body)
    if (reader.text() !== "name") continue
    while (!reader.isAtEnd) {
      const [kind] = reader.bytes(1)
      const part = new Reader(reader.bytes(reader.u32()))
      if (kind === NAMES_OF_FUNCTIONS)
        for (let left = part.u32(); left > 0; left--) names.set(part.u32(), part.text())
    }
  }
  return names
}

function section(id: number, body: ArrayLike<number>): Uint8Array {
  return Buffer.concat([Uint8Array.from([id, ...leb(body.length)]), Uint8Array.from(body)])
}

/** A number in LEB128: unsigned, and for what is below 64 also signed. */
function leb(value: number): number[] {
  const bytes: number[] = []
  let rest = value
  do {
    bytes.push((rest & 0x7f) | (rest > 0x7f ? 0x80 : 0))
    rest >>>= 7
  } while (rest > 0)
  return bytes
}
