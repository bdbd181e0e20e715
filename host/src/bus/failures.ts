// The errors of a bus, each made in one place: what happened, where, and what to do next.

import {
  connectFailed,
  type ErrorDetails,
  linkClosed,
  NOT_AS_SPECIFIED,
  protocolBroken,
  VirtioMsgError,
} from "../errors.js"
import type { FarEnd } from "../link/far-end.js"

/** Where something happened. */
interface Place {
  readonly name: string
  readonly farEnd: FarEnd
}

export function busClosed(): VirtioMsgError {
  return linkClosed("The bus was closed.", { maybeExecuted: true })
}

export function linkGone({ name, farEnd }: Place, cause: unknown): VirtioMsgError {
  return linkClosed(`${name} is gone.`, {
    hint: farEnd.whenGone,
    cause,
    maybeExecuted: true,
  })
}

export function deviceSilent({ name, farEnd }: Place): VirtioMsgError {
  return new VirtioMsgError("TIMEOUT", `The device on ${name} does not answer any more.`, {
    hint: farEnd.whenSilent,
    maybeExecuted: true,
  })
}

export function noHello({ name, farEnd }: Place): VirtioMsgError {
  return connectFailed(`Nothing answered HELLO on ${name}.`, { hint: farEnd.whenUnanswered })
}

export function deviceRestarted({ name }: Place): VirtioMsgError {
  return new VirtioMsgError("DEVICE_RESTARTED", `The device on ${name} started again.`, {
    hint: "Try again; what was under way may have been carried out.",
    maybeExecuted: true,
  })
}

/** The device side breaks the protocol of its bus, or the specification. */
export function notAsSpecified(
  sentence: string,
  details: Pick<ErrorDetails, "cause" | "maybeExecuted"> = {},
): VirtioMsgError {
  return protocolBroken(sentence, { ...details, hint: NOT_AS_SPECIFIED })
}
