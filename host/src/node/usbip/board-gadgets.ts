// The devices of a board that become USB gadgets: the counterpart of guest-devices.ts. A gadget stays when the board
// goes and comes back. The computer only notices that requests fail meanwhile.

import { invalidArgument, notFound } from "../../errors.js"
import type { BoardForwarder } from "../board-forwarder.js"
import { GuestDevices } from "../guest-devices.js"
import { CdcAcm } from "./cdc-acm.js"
import { ChaosKey } from "./chaos-key.js"
import type { UsbGadget } from "./gadget.js"
import { I2cTinyUsb } from "./i2c-tiny-usb.js"
import type { AdapterKind } from "./kernel-drivers.js"
import { RobotfuzzOsif } from "./robotfuzz-osif.js"

export const GADGET_KINDS = ["i2c", "rng", "console"] as const
/** A device of the board that can be a gadget. */
export type GadgetKind = (typeof GADGET_KINDS)[number]

export interface BoardGadgetOptions {
  readonly adapter: AdapterKind
  /** Told sentences that a person should read. */
  readonly onNote: (text: string) => void
}

/** Reads `i2c,rng,console`. Throws INVALID_ARGUMENT. */
export function parseGadgetKinds(text: string): GadgetKind[] {
  const words = [...new Set(text.split(","))]
  const unknown = words.find((word) => !GADGET_KINDS.includes(word as GadgetKind))
  if (unknown !== undefined)
    throw invalidArgument(`"${unknown}" is no device that can be attached.`, {
      hint: `Some of ${GADGET_KINDS.join(", ")}, with commas between them. Why no gpio: docs/linux.md`,
    })
  return words as GadgetKind[]
}

export class BoardGadgets {
  /** In the order asked for, each of another kind. */
  readonly gadgets: ReadonlyMap<GadgetKind, UsbGadget>
  readonly #console: CdcAcm | undefined

  private constructor(gadgets: ReadonlyMap<GadgetKind, UsbGadget>) {
    this.gadgets = gadgets
    const console = gadgets.get("console")
    this.#console = console instanceof CdcAcm ? console : undefined
  }

  /** For the board of a forwarder that has started. Rejects with NOT_FOUND when it lacks one of `kinds`. */
  static async of(
    forwarder: BoardForwarder,
    kinds: readonly GadgetKind[],
    options: BoardGadgetOptions,
  ): Promise<BoardGadgets> {
    const { bus } = forwarder
    const has = await GuestDevices.on(bus)
    const lacking = kinds.find((kind) => kind !== "i2c" && !has.includes(kind))
    if (lacking)
      throw notFound(`The board has no ${lacking}.`, {
        hint: "See what it has: virtio-msg info",
      })
    const gadgets = new Map<GadgetKind, UsbGadget>()
    const serialNumber = bus.board.board
    for (const kind of kinds)
      switch (kind) {
        case "i2c": {
          const Adapter = options.adapter === "i2c-tiny-usb" ? I2cTinyUsb : RobotfuzzOsif
          gadgets.set(kind, new Adapter(forwarder, serialNumber, { onNote: options.onNote }))
          break
        }
        case "rng":
          gadgets.set(kind, new ChaosKey(await bus.rng(), serialNumber))
          break
        case "console":
          gadgets.set(kind, new CdcAcm(await bus.console(), serialNumber))
      }
    return new BoardGadgets(gadgets)
  }

  close(): void {
    this.#console?.close()
  }
}
