// `virtio-msg deploy`: our firmware onto a board that has the DeviceScript runtime.

import type { Command } from "commander"
import { counted } from "../counted.js"
import { invalidArgument } from "../errors.js"
import { DEVICE_NAMES, formatGpioLine, I2C_SPEEDS_KHZ } from "../node/board-settings.js"
import { type Deployment, deployFirmware } from "../node/deploy-firmware.js"
import { listeningPort } from "../node/dialled-host.js"
import { helpExamples, note, portOf, print } from "./context.js"
import { parseGpio, parseGpioLines } from "./deploy-pins.js"
import { parseNumber } from "./i2c-numbers.js"
import { processTrace } from "./process-trace.js"
import { Progress } from "./progress.js"

/** The password. It is no option, because every user of a computer can read every process's command line. */
const PASSWORD_VARIABLE = "VIRTIO_MSG_WIFI_PASSWORD"

interface Options {
  readonly board?: string
  readonly sda?: string
  readonly scl?: string
  readonly khz?: string
  readonly gpio?: string
  readonly devices?: string
  readonly simulated?: true
  readonly dial?: string
  readonly wifi?: string
  readonly json?: true
}

export function define(command: Command): void {
  const { slowest, usual, fastest } = I2C_SPEEDS_KHZ
  command
    .option("-b, --board <board>", "which board it is; it says so itself when it is one that we know")
    .option("--sda <gpio>", "GPIO of the I2C bus's data line: 4, GP4 or GPIO4")
    .option("--scl <gpio>", "GPIO of its clock line")
    .option("--khz <speed>", `its clock, ${slowest} to ${fastest} kHz; ${usual} when absent`)
    .option(
      "--gpio <lines>",
      "pins that are GPIO lines: LED=15,BUTTON=14:up; none; its LED and buttons when absent",
    )
    .option("--devices <list>", `only these virtio devices: ${DEVICE_NAMES.join(",")}`)
    .option("--simulated", "with the simulated chips instead of the board's I2C bus: nothing need be wired")
    .option(
      "--dial <host:port>",
      "the board finds this computer over WiFi, and waits no more on its serial port",
    )
    .option("--wifi <name>", `the network to join; its password is taken from ${PASSWORD_VARIABLE}`)
    .option("--json", "as JSON")
    .addHelpText(
      "after",
      helpExamples(
        "virtio-msg --port /dev/ttyACM0 deploy --simulated",
        "virtio-msg --port /dev/ttyACM0 deploy --board pico --sda GP4 --scl GP5 --khz 400",
        "virtio-msg --port /dev/ttyACM0 deploy --board pico --gpio LED=15,BUTTON=14:up",
        "virtio-msg --port /dev/ttyACM0 deploy --board pico_w --dial 192.0.2.10:7654",
      ),
    )
    .action(async (options: Options, command: Command) => {
      const progress = new Progress("Writing")
      let deployment: Deployment
      try {
        deployment = await deployFirmware({
          port: portOf(command),
          build: options.simulated ? "simulated" : "hardware",
          ...(options.board === undefined ? {} : { boardId: options.board }),
          ...(options.sda === undefined ? {} : { sda: parseGpio(options.sda, "--sda") }),
          ...(options.scl === undefined ? {} : { scl: parseGpio(options.scl, "--scl") }),
          ...(options.khz === undefined
            ? {}
            : { khz: parseNumber(options.khz, "I2C speed", slowest, fastest) }),
          ...(options.gpio === undefined ? {} : { gpio: parseGpioLines(options.gpio) }),
          ...(options.devices === undefined ? {} : { devices: options.devices.split(",") }),
          ...(options.dial === undefined ? {} : { dial: options.dial }),
          ...(options.wifi === undefined ? {} : { wifi: { name: options.wifi, password: wifiPassword() } }),
          onChoice: note,
          trace: processTrace,
          onProgress: (sent, total) => progress.show(sent, total),
        })
      } finally {
        progress.end()
      }
      if (options.json) print(JSON.stringify(describe(deployment, options), undefined, 2))
      else for (const line of format(deployment, options.dial)) print(line)
    })
}

function wifiPassword(): string {
  const password = process.env[PASSWORD_VARIABLE]
  if (password !== undefined) return password
  throw invalidArgument(`${PASSWORD_VARIABLE} is not set: it holds the network's password.`, {
    hint: `In bash: read -rs ${PASSWORD_VARIABLE} && export ${PASSWORD_VARIABLE}`,
  })
}

function describe(deployment: Deployment, { simulated, dial }: Options) {
  const { port, identity, board, sizeBytes, pins, wasThere, hello } = deployment
  return {
    port,
    board: hello?.board ?? identity.description,
    boardId: board?.id ?? null,
    deviceId: identity.deviceId,
    runtimeVersion: identity.runtimeVersion,
    firmwareVersion: hello ? versionOf(hello.firmwareVersion) : null,
    simulatedChips: hello?.hasSimulatedChips ?? simulated === true,
    i2c: pins?.i2c ?? null,
    gpio: pins?.gpio ?? null,
    dial: dial ?? null,
    sizeBytes,
    wasThere,
  }
}

function format(deployment: Deployment, dial: string | undefined): string[] {
  const { port, identity, board, sizeBytes, pins, wasThere, hello } = deployment
  const bus = pins
    ? `I2C: SDA ${labelOf(board, pins.i2c.sda)}, SCL ${labelOf(board, pins.i2c.scl)}, ${pins.i2c.khz} kHz`
    : "simulated chips"
  const version = hello ? `${versionOf(hello.firmwareVersion)}, ` : ""
  const lines = [
    `Board      ${hello?.board ?? identity.description} on ${port}`,
    `Firmware   ${version}${counted(sizeBytes, "byte")}, ${bus}`,
    `Written    ${wasThere ? "not again: the board held it already" : "yes; it stays when the power is off"}`,
  ]
  if (pins)
    lines.splice(
      2,
      0,
      `GPIO       ${pins.gpio.map(formatGpioLine).join(", ") || "no lines; --gpio NAME=GPIO gives it some"}`,
    )
  if (dial === undefined)
    return [...lines, "Verified   the board answers HELLO", `Next: virtio-msg --port ${port} i2c detect`]
  return [
    ...lines,
    "Verified   the board holds it, byte for byte",
    `Dials      ${dial}, every 2 s until somebody listens there`,
    `Next: virtio-msg --port ${listeningPort(dial)} i2c detect`,
  ]
}

function labelOf(board: Deployment["board"], gpio: number): string {
  if (gpio === board?.i2c.sda) return board.i2c.labels[0]
  if (gpio === board?.i2c.scl) return board.i2c.labels[1]
  return `GPIO${gpio}`
}

function versionOf(version: readonly number[]): string {
  return version.slice(0, 3).join(".")
}
