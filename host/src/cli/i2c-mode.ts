// The letter that chooses a transaction in i2c-tools, with a p behind it for packet error checking.

import { invalidArgument, type VirtioMsgError } from "../errors.js"

export interface Mode<Letter extends string> {
  readonly letter: Letter
  readonly hasPec: boolean
}

/** Takes a mode apart; `withoutPec` are the letters that take no p. Throws INVALID_ARGUMENT. */
export function parseMode<Letter extends string>(
  text: string,
  letters: readonly Letter[],
  withoutPec: readonly Letter[],
): Mode<Letter> {
  const letter = letters.find((one) => text === one || text === `${one}p`)
  const hasPec = text.length > 1
  if (letter === undefined)
    throw invalidArgument(`"${text}" is not a mode here.`, {
      hint: `A mode is ${letters.slice(0, -1).join(", ")} or ${letters.at(-1)}.`,
    })
  if (hasPec && withoutPec.includes(letter))
    throw invalidArgument(`Mode ${letter} has no packet error checking (p).`)
  return { letter, hasPec }
}

/** A wrong argument of one of these tools. */
export function wrong(what: string, hint?: string): VirtioMsgError {
  return invalidArgument(what, { hint })
}

/** For the one transaction that neither Linux's i2c-virtio nor this adapter can do. */
export function noBlockRead(): VirtioMsgError {
  return invalidArgument("The adapter does not have SMBus block read capability.", {
    hint: "The virtio-i2c device needs the length beforehand: mode i reads an I2C block.",
  })
}
