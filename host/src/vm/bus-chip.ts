// An I2C chip of the user's own on the simulated board: the bus's five verbs, or registers (docs/own-chips.md).

/**
 * A chip by what happens on the bus. Every verb is optional. Without one, the chip does what its comment says.
 *
 * @example
 * ```ts
 * import type { BusChip } from "virtio-msg"
 *
 * const always42: BusChip = {
 *   read: () => 42,
 *   write: () => false, // not acknowledged
 * }
 * export default always42
 * ```
 */
export interface BusChip {
  /** A start, or a repeated start. */
  start?(): void
  /** The chip's address went over the bus. Return false to not acknowledge it. Without: acknowledged. */
  address?(isRead: boolean): boolean | undefined
  /** A byte was written, 0 to 255. Return false to not acknowledge it. Without: no byte is acknowledged. */
  write?(byte: number): boolean | undefined
  /** The next byte that is read, 0 to 255. Without: 0xff, as on a bus that nobody drives. */
  read?(): number
  stop?(): void
}

/**
 * A chip of byte registers behind a pointer. The first byte that is written is the register. Further bytes are stored
 * from there on, and reads show registers from there on. The pointer counts on and wraps.
 *
 * @example
 * ```ts
 * import type { RegisterChip } from "virtio-msg"
 *
 * const registers = new Uint8Array(16)
 * const counter: RegisterChip = {
 *   registers,
 *   onRead(register) {
 *     if (register === 0) registers[0] = (registers[0] ?? 0) + 1
 *   },
 * }
 * export default counter
 * ```
 */
export interface RegisterChip {
  /** The values from register 0 on, 1 to 256 of them. Yours to change at any time. */
  readonly registers: Uint8Array | number[]
  /** Called before register `register` is read: a chance to set it. */
  onRead?(register: number): void
  /** Called when a value was written to it. */
  onWrite?(register: number, value: number): void
}

export type OwnChip = BusChip | RegisterChip

/**
 * A register chip in the bus's verbs. Other chips have them already. Throws a RangeError for a bad number of
 * registers.
 */
export function toBusChip(chip: OwnChip): BusChip {
  if (!("registers" in chip)) return chip
  const { registers } = chip
  const size = registers.length
  if (!(size >= 1 && size <= 256)) throw new RangeError(`a chip has 1 to 256 registers, not ${size}`)
  let pointer = 0
  let isFirst = true
  const step = () => {
    const register = pointer
    pointer = (pointer + 1) % size
    return register
  }
  return {
    start() {
      isFirst = true
    },
    write(byte) {
      if (isFirst) {
        isFirst = false
        pointer = byte % size
        return true
      }
      const register = step()
      registers[register] = byte
      chip.onWrite?.(register, byte)
      return true
    },
    read() {
      const register = step()
      chip.onRead?.(register)
      return registers[register] as number
    },
  }
}
