// The DeviceScript VM with counters in it: what the bytecode costs the chip, in numbers that are always the same.

import type { BareRuntime, RuntimeScope } from "./runtime.js"
import { loadRuntime } from "./runtime-loader.js"
import { addCounters, type Counter } from "./wasm-counters.js"

/** What the VM did since it started. */
export interface VmCounts {
  /** Bytecode operations. */
  readonly operations: number
  /** Calls of functions, fibers' first ones included. */
  readonly calls: number
  readonly fibers: number
  /** Allocations of any kind; a call allocates its activation record. */
  readonly allocations: number
  readonly collections: number
  /** Objects that collections followed. */
  readonly scanned: number
  /** Properties read by name: fields, methods, what the runtime has built in. */
  readonly properties: number
  /** Maps that were searched for a name. A name that is not in the first map is searched for in the prototype's. */
  readonly lookups: number
  /** Names that were decoded and measured, to compare each with the one that is looked for. */
  readonly names: number
  /** Bytes of free memory that the allocator filled with its pattern. */
  readonly filledBytes: number
}

const FREE_PATTERN = 0x37
/** The functions that carry out one operation each are called through a table, so none of them is inlined. */
const OPERATION = /^(stmt|expr|stmtx|exprx)\d?_/

const COUNTERS: readonly (Counter & { readonly exportName: keyof VmCounts })[] = [
  { exportName: "operations", counts: (name) => OPERATION.test(name) },
  { exportName: "calls", counts: (name) => name === "devs_fiber_call_function" },
  { exportName: "fibers", counts: (name) => name === "devs_fiber_start" },
  { exportName: "allocations", counts: (name) => name === "jd_gc_any_try_alloc" },
  { exportName: "collections", counts: (name) => name === "devs_gc" },
  { exportName: "scanned", counts: (name) => name === "scan_gc_obj" },
  { exportName: "properties", counts: (name) => name === "devs_object_get" },
  { exportName: "lookups", counts: (name) => name === "lookup" },
  { exportName: "names", counts: (name) => name === "devs_img_get_utf8" },
  {
    exportName: "filledBytes",
    counts: (name) => name === "__memset",
    sum: { parameter: 2, ifParameter: 1, is: FREE_PATTERN },
  },
]

interface Instance {
  readonly exports: Record<string, { readonly value: number }>
}
interface Engine {
  instantiate(wasm: Uint8Array, imports: object): Promise<{ readonly instance: Instance }>
  readonly RuntimeError: unknown
}

/** Counts in the one VM that it loads. */
export class CountingEngine {
  #instance: Instance | undefined

  /** For a Machine's option of this name. */
  readonly loadRuntime = (scope: RuntimeScope): Promise<BareRuntime> => {
    const engine: Engine = Reflect.get(globalThis, "WebAssembly")
    const instantiate: Engine["instantiate"] = async (wasm, imports) => {
      const parts = await engine.instantiate(addCounters(wasm, COUNTERS), imports)
      this.#instance = parts.instance
      return parts
    }
    return loadRuntime({ ...scope, webAssembly: { RuntimeError: engine.RuntimeError, instantiate } })
  }

  /** The counts so far; all 0 before the VM started. */
  read(): VmCounts {
    return countsBy((name) => this.#instance?.exports[name]?.value ?? 0)
  }
}

/** What happened between two readings. A count returns to 0 after 2^32 - 1. */
export function difference(before: VmCounts, after: VmCounts): VmCounts {
  return countsBy((name) => after[name] - before[name])
}

function countsBy(read: (name: keyof VmCounts) => number): VmCounts {
  const values = COUNTERS.map(({ exportName: name }) => [name, read(name) >>> 0])
  return Object.fromEntries(values) as VmCounts
}
