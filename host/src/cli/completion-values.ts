// The values that options and arguments may have, for shell completion: connected boards, running boards, known names.

export interface Candidate {
  readonly value: string
  readonly about: string
}

export const SHELLS: readonly string[] = ["bash", "zsh", "fish"]

/** By the placeholder in help texts: every `--port <port>` is a port. */
const BY_PLACEHOLDER: Readonly<Record<string, () => Promise<Candidate[]>>> = {
  port: ports,
  board: boards,
  sensor: sensors,
  id: rows,
}

/** By command and option or argument, where the placeholder says too little. */
const BY_PLACE: Readonly<Record<string, readonly string[]>> = {
  "sim --listen": ["pty", "unix:", "tcp://127.0.0.1:", "plain:unix:"],
  "usbip --listen": ["tcp://127.0.0.1:3240"],
  "dashboard --listen": ["127.0.0.1:8741"],
  "attach --devices": ["i2c", "rng", "console", "i2c,rng,console"],
  "usbip --devices": ["i2c", "rng", "console", "i2c,rng,console"],
  "deploy --gpio": ["none"],
  "gpio monitor --event-clock": ["monotonic", "realtime"],
  "gpio set --drive": ["push-pull"],
}

const FILE_NAMES = ["file", "folder", "firmware", "file@address", "path"]

/** Whether a value with this placeholder is the name of a file. */
export function isFileName(placeholder: string): boolean {
  return FILE_NAMES.includes(placeholder)
}

/** The values of an option (`--port`) or, without one, of an argument of a command. */
export async function completionValues(
  command: string,
  option: string | undefined,
  placeholder: string,
): Promise<Candidate[]> {
  const known = option === undefined ? undefined : BY_PLACE[`${command} ${option}`]
  if (known) return known.map(plain)
  if (command === "deploy" && option === "--devices") return deployDevices()
  if (command === "trace" && placeholder === "what") return traces()
  if (option === "--chip" && command.startsWith("gpio")) return [plain("gpiochip0")]
  if (command === "completion") return placeholder === "shell" ? SHELLS.map(plain) : []
  if (option === "--bias") return [plain("as-is")]
  return (await BY_PLACEHOLDER[placeholder]?.()) ?? []
}

function plain(value: string): Candidate {
  return { value, about: "" }
}

async function ports(): Promise<Candidate[]> {
  const [{ listSerialPorts }, { runningBoards }, { namesOf }] = await Promise.all([
    import("../node/serial-ports.js"),
    import("../node/simulated-boards.js"),
    import("../node/find-boards.js"),
  ])
  const serial = await listSerialPorts()
  return [
    { value: "sim", about: "the simulated board" },
    { value: "auto", about: "the one board that is connected" },
    ...serial.map(({ path, boards: maybe }) => ({ value: path, about: namesOf(maybe) || "a serial port" })),
    ...serial.flatMap(({ usb, path }) =>
      usb?.serialNumber && /^[\w.:-]+$/.test(usb.serialNumber)
        ? [{ value: `serial:${usb.serialNumber}`, about: path }]
        : [],
    ),
    ...runningBoards().map(({ port, what, pid }) => ({ value: port, about: `${what}, process ${pid}` })),
  ]
}

async function boards(): Promise<Candidate[]> {
  const { BOARDS } = await import("../../../boards/src/index.js")
  return BOARDS.map(({ id, name }) => ({ value: id, about: name }))
}

async function sensors(): Promise<Candidate[]> {
  const { SENSOR_TYPES } = await import("../sensors/sensor-types.js")
  return SENSOR_TYPES.map(({ name }) => plain(name))
}

async function rows(): Promise<Candidate[]> {
  const { TABLE } = await import("../conformance/table.js")
  return TABLE.map(({ id, requirement }) => ({ value: id, about: requirement }))
}

async function deployDevices(): Promise<Candidate[]> {
  const { DEVICE_NAMES } = await import("../node/board-settings.js")
  return [...DEVICE_NAMES.map(plain), plain(DEVICE_NAMES.join(","))]
}

async function traces(): Promise<Candidate[]> {
  const { offeredTraces } = await import("../node/trace-socket.js")
  return (await offeredTraces()).map(({ name }) => ({ value: name, about: "a process that runs" }))
}
