// Firmware into an ESP32's flash through the boot loader in its ROM, by esptool-js: a serial protocol with a stub,
// compression and four generations of chips, which Espressif keeps.

import { createHash } from "node:crypto"
import type { EspChip } from "../../../boards/src/index.js"
import { connectFailed, deviceFailed, invalidArgument, linkClosed, VirtioMsgError } from "../errors.js"
import type { UsbDevice } from "../node/usb-device.js"
import { type EspLoader, loadEspTool } from "./esptool.js"
import { NodeWebSerialPort } from "./web-serial-port.js"

/** What the ROM listens at, and what a bridge chip manages behind it; native USB has no speed. */
const ROM_BAUD = 115_200
const WRITE_BAUD = 921_600
/** How long the boot loader has for an answer, once it has answered. */
const ANSWER_MS = 2000
/** RTS low for 100 ms: the chip starts again. */
const RESET_SEQUENCE = "R1|W100|R0"

export interface EspFlashing {
  readonly path: string
  readonly usb: UsbDevice | undefined
  readonly chip: EspChip
  readonly image: Uint8Array
  /** Called when the chip is known to be the right one, before anything is written. */
  onChip(name: string): void
  onProgress(doneBytes: number, totalBytes: number): void
}

/**
 * Writes the image and starts it. The ROM compares what is in flash afterwards by MD5. Rejects with CONNECT_FAILED (no
 * boot loader answers: nothing was written), INVALID_ARGUMENT (another chip: nothing was written), LINK_CLOSED or
 * DEVICE_FAILED (the flash holds a part).
 */
export async function flashThroughRom(flashing: EspFlashing): Promise<void> {
  const { Transport, ESPLoader } = await loadEspTool()
  const port = new NodeWebSerialPort(flashing.path, flashing.usb)
  const transport = new Transport(port, false)
  transport.trace = () => {} // it would print
  const lines: string[] = []
  const loader = new ESPLoader({
    transport,
    baudrate: WRITE_BAUD,
    romBaudrate: ROM_BAUD,
    terminal: { clean: () => {}, write: () => {}, writeLine: (line) => lines.push(line) },
  })
  let isBegun = false
  try {
    await detect(loader, flashing)
    // esptool-js gives the ROM 200 ms to say that it starts the stub: a busy computer hears it later
    const read = transport.read.bind(transport)
    transport.read = (limitMs) => read(Math.max(limitMs, ANSWER_MS))
    await loader.runStub()
    if (flashing.chip.serialBaud !== undefined) await loader.changeBaud()
    isBegun = true
    await loader.writeFlash({
      fileArray: [{ data: flashing.image, address: flashing.chip.flashOffset }],
      flashMode: "keep",
      flashFreq: "keep",
      flashSize: "keep",
      eraseAll: false,
      compress: true,
      reportProgress: (_file, doneBytes, totalBytes) => flashing.onProgress(doneBytes, totalBytes),
      calculateMD5Hash: (image) => createHash("md5").update(image).digest("hex"),
    })
    await loader.after("custom_reset", undefined, RESET_SEQUENCE)
  } catch (error) {
    throw explain(error as Error, flashing, port.lost, isBegun)
  } finally {
    if (!port.lost) await transport.disconnect().catch(() => {}) // not opened, or gone meanwhile
  }
}

async function detect(loader: EspLoader, flashing: EspFlashing): Promise<void> {
  await loader.detectChip()
  const { CHIP_NAME: found } = loader.chip
  if (found !== flashing.chip.name)
    throw invalidArgument(
      `The chip on ${flashing.path} is an ${found}, not an ${flashing.chip.name}. Nothing was written.`,
      { hint: "Which boards have it: virtio-msg boards" },
    )
  flashing.onChip(found)
}

function explain(
  error: Error,
  { path }: EspFlashing,
  lost: VirtioMsgError | undefined,
  isBegun: boolean,
): VirtioMsgError {
  if (error instanceof VirtioMsgError && error.code !== "LINK_CLOSED") return error
  const state = isBegun ? "The board holds half a firmware." : "Nothing was written."
  if (lost)
    return linkClosed(`${lost.message} ${state}`, {
      hint: "Nothing is broken: the boot loader is in ROM. Plug the board in and flash again.",
      cause: error,
    })
  if (!isBegun)
    return connectFailed(`No boot loader answers on ${path}: ${error.message}. ${state}`, {
      hint: "Hold BOOT while you plug the board in, or hold BOOT and press RESET; then flash again.",
      cause: error,
    })
  return deviceFailed(`Writing failed: ${error.message}. ${state}`, {
    hint: "Nothing is broken: the boot loader is in ROM. Flash again.",
    cause: error,
  })
}
