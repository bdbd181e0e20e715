// `virtio-msg i2c transfer`: messages in one transfer, with i2ctransfer's descriptions of them.

import { counted } from "../counted.js"
import type { I2cOutcome, I2cRequest } from "../driver/i2c-adapter.js"
import { noBlockRead, wrong } from "./i2c-mode.js"
import { formatByte, parseAddress, parseNumber } from "./i2c-numbers.js"

/** The longest message: as i2ctransfer's. */
const MAX_LENGTH = 0xffff

/**
 * Takes `{r|w}LENGTH[@ADDRESS] [DATA ...]` descriptions apart, as i2ctransfer does: an address is kept from the
 * message before; the last byte of data may end in = (repeat), + (count up), - (count down) or p (pseudo-random),
 * which fills the rest. Throws INVALID_ARGUMENT.
 */
export function parseTransfer(words: readonly string[], isAnyAddressAllowed: boolean): I2cRequest[] {
  const messages: { address: number; write?: Uint8Array; readLength?: number }[] = []
  let address: number | undefined
  for (let at = 0; at < words.length; ) {
    const word = words[at++] as string
    const description = /^([rw])([^@]+)(?:@(.+))?$/.exec(word)
    if (!description)
      throw wrong(`"${word}" is no message.`, "A message is r or w, a length, and @ADDRESS: w1@0x50 0x00 r8")
    const [, direction, lengthText = "", addressText] = description
    if (direction === "r" && lengthText === "?") throw noBlockRead()
    const length = parseNumber(lengthText, "Message length", 0, MAX_LENGTH)
    if (addressText !== undefined) address = parseAddress(addressText, isAnyAddressAllowed)
    if (address === undefined)
      throw wrong("The first message needs an address.", "For example: w1@0x50 0x00 r8")
    if (direction === "r") messages.push({ address, readLength: length })
    else {
      const data = new Uint8Array(length)
      for (let filled = 0; filled < length; ) {
        const text = words[at++]
        if (text === undefined) throw wrong(`"${word}" lacks ${counted(length - filled, "byte")} of data.`)
        filled = fillData(data, filled, text)
      }
      messages.push({ address, write: data })
    }
  }
  if (messages.length === 0) throw wrong("There is no message.", "For example: w1@0x50 0x00 r8")
  return messages.map((message, index) => ({ ...message, failNext: index < messages.length - 1 }))
}

/** What i2ctransfer prints of messages that went through: the bytes of each read; with `isVerbose` every message. */
export function formatTransfer(
  requests: readonly I2cRequest[],
  outcomes: readonly I2cOutcome[],
  isVerbose: boolean,
): string[] {
  return requests.flatMap(({ address, write, readLength }, at) => {
    const bytes = Array.from(write ?? outcomes[at]?.data ?? [], formatByte).join(" ")
    if (!isVerbose) return write || bytes === "" ? [] : [bytes]
    const direction = write ? "write" : "read"
    const header = `msg ${at}: addr ${formatByte(address)}, ${direction}, len ${write?.length ?? readLength ?? 0}`
    return [bytes === "" ? header : `${header}, buf ${bytes}`]
  })
}

/** The bytes of all reads, one behind the other. */
export function readBytes(requests: readonly I2cRequest[], outcomes: readonly I2cOutcome[]): Uint8Array {
  return Uint8Array.from(
    requests.flatMap(({ write }, at) => (write ? [] : Array.from(outcomes[at]?.data ?? []))),
  )
}

/** The messages as JSON: what each wrote or read. */
export function transferJson(requests: readonly I2cRequest[], outcomes: readonly I2cOutcome[]): object[] {
  return requests.map(({ address, write }, at) =>
    write ? { address, write: Array.from(write) } : { address, read: Array.from(outcomes[at]?.data ?? []) },
  )
}

/** Stores the byte `text` at `at`, and behind it what its suffix means. Returns where to go on. */
function fillData(data: Uint8Array, at: number, text: string): number {
  const suffix = /[=+\-p]$/.exec(text)?.[0]
  let value = parseNumber(suffix ? text.slice(0, -1) : text, "Data byte", 0, 0xff)
  data[at++] = value
  if (!suffix) return at
  for (; at < data.length; at++) {
    if (suffix === "+") value++
    else if (suffix === "-") value--
    else if (suffix === "p") {
      // i2ctransfer's generator: add, exclusive-or, rotate
      value = ((value ^ 27) + 13) & 0xff
      value = (value << 1) | (value >> 7)
    }
    value &= 0xff
    data[at] = value
  }
  return at
}
