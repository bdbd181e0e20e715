// A chip's address that was typed as data sheets print it, without 0x: it is decimal then, as with i2c-tools.

import type { PrintedError } from "./context.js"

/** The error of a chip that did not answer, with what may have been meant; undefined where the address was not typed so. */
export function meantInHex(error: PrintedError, words: readonly string[]): PrintedError | undefined {
  const [, digits] = /\bno chip acknowledged at (?:address )?0x([0-9a-f]{2})\b/i.exec(error.message) ?? []
  if (error.code !== "NACK" || digits === undefined) return undefined
  const address = Number.parseInt(digits, 16)
  // as an argument, or behind the @ of a message or a sensor
  const typed = words.map((word) => word.slice(word.indexOf("@") + 1)).find((word) => word === `${address}`)
  const meant = Number.parseInt(typed ?? "", 16)
  if (!(meant >= 0x08 && meant <= 0x77)) return undefined
  return {
    code: error.code,
    message: error.message, // an Error's, which a spread would leave behind
    hint: `${typed} is decimal here, 0x${digits}: was 0x${typed} meant? ${error.hint ?? ""}`.trimEnd(),
  }
}
