// The DeviceScript virtual machine as we use it, wherever its code comes from: in Node out of the DeviceScript
// command line tool (runtime-loader.ts), in the browser out of a file of the page (host/web/build.mjs).

/** What the VM uses of its surroundings. */
export interface RuntimeScope {
  /** Milliseconds; the VM's only clock. */
  now(): number
  setTimeout(callback: () => void, delayMs: number): unknown
  clearTimeout(handle: unknown): void
  randomBytes(length: number): Uint8Array
  /** What the VM complains about. */
  onError(message: string): void
  /**
   * Takes the place of the global `WebAssembly`, so that a counter can look into the VM. When absent, that one is
   * used.
   */
  readonly webAssembly?: object
}

/** The VM, as its own JavaScript offers it. */
export interface Runtime {
  /** Called for each frame that the VM sends. */
  sendPacket: (frame: Uint8Array) => number
  dmesg: (line: string) => void
  /** Called when the program panics. 0 means a restart that the program asked for. */
  panicHandler: (code: number) => void
  /** What is in flash at power-up; null for nothing. Read by devsStart. */
  flashLoad: (() => Uint8Array) | null
  /** Called with the whole flash after each change. */
  flashSave: ((contents: Uint8Array) => void) | null
  devsSetDeviceId(id: string): void
  devsStart(): void
  devsStop(): void
  /** 0 when the program was accepted. */
  devsDeploy(program: Uint8Array): number
  /** Ends the connection that the program has opened, if any. */
  sockClose(): number
  handlePacket(frame: Uint8Array): void
  /** Collects garbage at every allocation, to find what holds on to freed memory. Very slow. */
  devsGcStress(isOn: boolean): void
}

/** With what an instrument needs: the VM's memory, and its C functions. */
export interface BareRuntime extends Runtime {
  /** The memory that its C code sees; another array whenever it has grown. */
  readonly HEAPU8: Uint8Array
  /** A pointer to so many bytes of it. */
  _malloc(length: number): number
  _free(pointer: number): void
  /** Puts the frame that lies there into the receive queue, as an interrupt does; not 0 when it is full. */
  _jd_em_frame_received(pointer: number): number
}

/** Makes a new VM that lives in `scope`. */
export type LoadRuntime = (scope: RuntimeScope) => Promise<Runtime>

/** The names under which the VM's code knows its surroundings, in the order in which `instantiate` gives them. */
export const RUNTIME_PARAMETERS = [
  "require",
  "__filename",
  "__dirname",
  "__commonJS",
  "setTimeout",
  "clearInterval",
  "setInterval",
  "Date",
  "console",
  "WebAssembly",
] as const

/** What is left of the bundler's name for the VM's module: calling it gives the VM's factory. */
export const RUNTIME_EXPORT = "require_devicescript_vm"

/**
 * Makes a VM of its code: `evaluate` is a function of RUNTIME_PARAMETERS whose body is that code and that returns
 * `RUNTIME_EXPORT()`. `require` serves what the code wants of Node, sockets only.
 */
export function instantiateRuntime(
  evaluate: (...surroundings: unknown[]) => unknown,
  scope: RuntimeScope,
  require: (name: string) => unknown,
): Promise<BareRuntime> {
  const factory = evaluate(
    (name: string) => (name === "crypto" ? { randomBytes: scope.randomBytes } : require(name)),
    "devicescript-vm.js",
    ".",
    bundledModule,
    scope.setTimeout,
    // the runtime's own timers come from setTimeout; an interval only reports slow loading
    (handle: unknown) => handle !== undefined && scope.clearTimeout(handle),
    () => undefined,
    // whole milliseconds, as Date has them: with fractions the VM can lose its program's first turn
    { now: () => Math.floor(scope.now()) },
    { log: scope.onError, error: scope.onError, warn: scope.onError, debug: () => {} },
    scope.webAssembly ?? Reflect.get(globalThis, "WebAssembly"),
  ) as () => Promise<BareRuntime>
  return factory()
}

/** The bundler's wrapper of a CommonJS module: one function under its path. */
function bundledModule(wrapped: Record<string, (exports: object, module: { exports: unknown }) => void>) {
  return () => {
    const module = { exports: {} }
    for (const run of Object.values(wrapped)) run(module.exports, module)
    return module.exports
  }
}
