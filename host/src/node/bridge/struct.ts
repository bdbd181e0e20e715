// C structs as the kernel lays them out: little-endian fields one after another, each at a multiple of its size.

/** `char16` is a text of at most 15 bytes with a NUL behind it, `pad6` is six bytes of zero. */
export type FieldKind = "u8" | "u16" | "u32" | "i32" | "u64" | `char${number}` | `pad${number}`
export type Fields = Readonly<Record<string, FieldKind>>

type ValueOf<Kind extends FieldKind> = Kind extends "u64"
  ? bigint
  : Kind extends `char${number}`
    ? string
    : number
/** A field of padding has no value. */
export type StructValues<F extends Fields> = {
  readonly [Name in keyof F as F[Name] extends `pad${number}` ? never : Name]: ValueOf<F[Name]>
}

/** Where a field is. */
export interface Place {
  readonly name: string
  readonly kind: FieldKind
  readonly offset: number
  readonly size: number
}

const SIZES: Readonly<Record<string, number>> = { u8: 1, u16: 2, u32: 4, i32: 4, u64: 8 }

function sizeOf(kind: FieldKind): number {
  return SIZES[kind] ?? Number(/\d+$/.exec(kind)?.[0])
}

export class Struct<F extends Fields> {
  readonly places: readonly Place[]
  /** In bytes. */
  readonly size: number

  /** Throws when a field is not at a multiple of its size: C would leave a hole before it. */
  constructor(fields: F) {
    const places: Place[] = []
    let offset = 0
    for (const [name, kind] of Object.entries(fields)) {
      const size = sizeOf(kind)
      if (kind in SIZES && offset % size !== 0) throw new Error(`${name} is at ${offset}`)
      places.push({ name, kind, offset, size })
      offset += size
    }
    this.places = places
    this.size = offset
  }

  /** The offset of a field in bytes. Throws for an unknown name. */
  offsetOf(name: keyof F & string): number {
    const place = this.places.find((each) => each.name === name)
    if (!place) throw new Error(`no field ${name}`)
    return place.offset
  }

  /** Writes the struct at `at`. Padding becomes 0. A text that is too long is cut off. */
  put(bytes: Uint8Array, at: number, values: StructValues<F>): void {
    const view = new DataView(bytes.buffer, bytes.byteOffset + at, this.size)
    bytes.fill(0, at, at + this.size)
    const given = values as Readonly<Record<string, number | bigint | string>>
    for (const { name, kind, offset, size } of this.places) {
      const value = given[name]
      if (kind === "u64") view.setBigUint64(offset, BigInt.asUintN(64, value as bigint), true)
      else if (kind === "u32") view.setUint32(offset, value as number, true)
      else if (kind === "i32") view.setInt32(offset, value as number, true)
      else if (kind === "u16") view.setUint16(offset, value as number, true)
      else if (kind === "u8") view.setUint8(offset, value as number)
      else if (kind.startsWith("char"))
        bytes.set(new TextEncoder().encode(value as string).subarray(0, size - 1), at + offset)
    }
  }

  /** Reads the struct at `at`, which has to be there completely. A text ends at its first NUL. */
  get(bytes: Uint8Array, at = 0): StructValues<F> {
    const view = new DataView(bytes.buffer, bytes.byteOffset + at, this.size)
    const values: Record<string, number | bigint | string> = {}
    for (const { name, kind, offset, size } of this.places) {
      if (kind === "u64") values[name] = view.getBigUint64(offset, true)
      else if (kind === "u32") values[name] = view.getUint32(offset, true)
      else if (kind === "i32") values[name] = view.getInt32(offset, true)
      else if (kind === "u16") values[name] = view.getUint16(offset, true)
      else if (kind === "u8") values[name] = view.getUint8(offset)
      else if (kind.startsWith("char")) {
        const text = bytes.subarray(at + offset, at + offset + size)
        const end = text.indexOf(0)
        values[name] = new TextDecoder().decode(end < 0 ? text : text.subarray(0, end))
      }
    }
    return values as StructValues<F>
  }

  isPaddingZero(bytes: Uint8Array, at = 0): boolean {
    return this.places.every(
      ({ kind, offset, size }) =>
        !kind.startsWith("pad") ||
        bytes.subarray(at + offset, at + offset + size).every((byte) => byte === 0),
    )
  }
}
