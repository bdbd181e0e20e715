// `virtio-msg sim`: the simulated board as a process of its own.

import { type Command, Option } from "commander"
import { withSettings } from "../deploy/program-image.js"
import { invalidArgument, VirtioMsgError } from "../errors.js"
import { hex, hexDigits } from "../hex.js"
import { serveBoard } from "../node/board-server.js"
import { FlashFile } from "../node/flash-file.js"
import { checkSocketPlace } from "../node/listening-place.js"
import { firstLines, loadChips } from "../node/own-chips.js"
import { servePlainBoard } from "../node/plain-board.js"
import { MCU_CHOICES, parseMcu } from "../node/sim-port.js"
import { listBoard } from "../node/simulated-boards.js"
import { MCUS } from "../vm/chip-model.js"
import { serveChips } from "../vm/chip-server.js"
import { readFirmware } from "../vm/firmware-image.js"
import { VirtualMachine } from "../vm/virtual-machine.js"
import { helpExamples, note, print } from "./context.js"
import { offerProcessTrace } from "./offer-process-trace.js"
import { processTrace } from "./process-trace.js"
import { untilStopped } from "./until-stopped.js"

interface SimOptions {
  readonly listen: string
  readonly flash?: string
  readonly blank?: true
  readonly verbose?: true
  readonly chip: readonly string[]
  readonly chips: readonly string[]
  readonly expose?: true
  readonly mcu: string
}

export function define(command: Command): void {
  command
    .option("-l, --listen <where>", "unix:PATH, tcp://127.0.0.1:PORT, pty, or plain:unix:PATH", "pty")
    .option("--flash <file>", "keep the board's flash memory in a file, so that what is deployed stays")
    .option("--blank", "a board with the runtime only, to deploy to")
    .option("--chip <file@address>", "put a chip of your own on its I2C bus; again for more", collect, [])
    .option("--chips <file>", "put the chips of a file on its I2C bus, each at its address", collect, [])
    .option("--expose", "allow a tcp:// address that other computers can reach: they can use the board, too")
    .addOption(
      new Option("--mcu <mcu>", "be as slow as this microcontroller, by our model of it")
        .choices(MCU_CHOICES)
        .default("none"),
    )
    .option("-v, --verbose", "print the board's log")
    .addHelpText(
      "after",
      helpExamples(
        "virtio-msg sim --listen unix:/tmp/board.sock &",
        "virtio-msg --port unix:/tmp/board.sock i2c detect",
        "virtio-msg sim --blank --flash /tmp/board.flash --listen unix:/tmp/blank.sock &",
        "virtio-msg --port unix:/tmp/blank.sock deploy --simulated",
        "virtio-msg --port sim:mcu=rp2040 i2c get 0x54 14",
        "virtio-msg sim --listen plain:unix:/tmp/plain.sock &",
        "virtio-msg --port plain:unix:/tmp/plain.sock conform",
      ) +
        "\n\nplain:unix:PATH speaks the plain profile, for drivers of other implementations: docs/conform-your-own.md. The\n" +
        "I2C, GPIO and entropy devices then run natively instead of as bytecode, and messages have up to 264 bytes.",
    )
    .action(async (options: SimOptions) => {
      const [, socketPath] = /^unix:(.+)$/.exec(options.listen) ?? []
      if (socketPath !== undefined) checkSocketPlace(socketPath) // before the board starts, which takes a while
      if (options.listen.startsWith("plain:")) {
        await runPlain(options)
        return
      }
      const chips = await loadChips(options.chip, options.chips)
      if (chips.size > 0 && options.blank)
        throw invalidArgument("--blank: such a board has no I2C bus to put a chip on.", {
          hint: "See virtio-msg sim --help",
        })
      const program = chips.size > 0 ? withChips(chips) : readFirmware("simulated")
      const mcu = parseMcu(options.mcu)
      const machine = new VirtualMachine({
        mcu,
        ...(options.blank ? {} : { program }),
        ...(options.flash ? { flash: new FlashFile(options.flash) } : {}),
      })
      if (options.verbose) machine.onLog.on((line) => note(line))
      machine.onPanic.on((code) => note(`The board's program panicked (${code}); it starts again in 5 s.`))
      serveChips(machine, chips, tellOnce())
      await machine.start()
      const stopped = untilStopped() // before anybody is told the port, and could stop us
      try {
        const server = await serveBoard(machine, options.listen, processTrace, options.expose, note)
        const endOffer = await offerProcessTrace("sim")
        const unlist = list(
          server.port,
          options.blank ? "a simulated board without firmware" : "a simulated board",
        )
        // scripts read this line to learn the port
        print(server.port)
        const use = options.blank ? "deploy --simulated" : "i2c detect"
        note(`The simulated board is on ${server.port}. Use it: virtio-msg --port ${server.port} ${use}`)
        if (mcu) note(`It is as slow as an ${MCUS[mcu].name}: ${MCUS[mcu].basis}.`)
        await stopped
        unlist()
        await endOffer()
        await server.close()
      } finally {
        machine.stop()
      }
    })
}

/** An option's values, collected one after another. */
function collect(value: string, before: readonly string[]): readonly string[] {
  return [...before, value]
}

/** The program that asks this process for the chips at these addresses. */
function withChips(chips: ReadonlyMap<number, unknown>): Uint8Array {
  const addresses = [...chips.keys()].map((address) => hexDigits(address)).join(",")
  return withSettings(readFirmware("simulated-chips"), new Map([["virtio.chips", addresses]]))
}

/** Prints what a chip threw, and where. The same error again is not printed, however often a program reads. */
function tellOnce(): (address: number, error: unknown) => void {
  const told = new Map<number, string>()
  return (address, error) => {
    const stack = error instanceof Error ? (error.stack ?? error.message) : String(error)
    const sentence = `error: the chip at ${hex(address)}: ${firstLines(stack)}`
    if (told.get(address) !== sentence) note(sentence)
    told.set(address, sentence)
  }
}

async function runPlain(options: SimOptions): Promise<void> {
  const isOwnChip = options.chip.length + options.chips.length > 0
  const option = options.flash
    ? "--flash"
    : options.blank
      ? "--blank"
      : isOwnChip
        ? "--chip"
        : parseMcu(options.mcu)
          ? "--mcu"
          : undefined
  if (option)
    throw invalidArgument(`${option} is for a board that runs bytecode.`, {
      hint: "The plain profile is served natively. Use --listen unix:PATH for a simulated board.",
    })
  const stopped = untilStopped()
  const server = await servePlainBoard(options.listen, note)
  print(server.port)
  const unlist = list(server.port, "simulated devices of the plain profile")
  note(`Simulated devices are on ${server.port}. Use them: virtio-msg --port ${server.port} i2c detect`)
  await stopped
  unlist()
  await server.close()
}

/**
 * Lists the board for `virtio-msg ports`. Returns a function that undoes it. If this fails, everything else still
 * works.
 */
function list(port: string, what: string): () => void {
  try {
    return listBoard(port, what)
  } catch (error) {
    if (!(error instanceof VirtioMsgError)) throw error
    note(`warning: ${error.message}`)
    return () => {}
  }
}
