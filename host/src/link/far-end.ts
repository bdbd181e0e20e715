// What is at the far end of a link, in words that help a person who has lost it.

export interface FarEnd {
  /** What to do when the link to it has gone. */
  readonly whenGone: string
  /** What to do when it was there, and no longer answers. */
  readonly whenSilent: string
  /** What to do when the link is open and nothing answers on it. */
  readonly whenUnanswered: string
}

export const BOARD_ON_A_CABLE: FarEnd = {
  whenGone: "Plug the board in again.",
  whenSilent: "Reset the board; if its I2C bus is stuck, switch its power off and on.",
  whenUnanswered: "Unplug the board, plug it in again, and make sure that it runs our firmware.",
}

/** In this process, or in another one behind a socket. */
export const SIMULATED_BOARD: FarEnd = {
  whenGone: "Start the simulated board again, if its process has ended.",
  whenSilent: "End the simulated board, and start it again.",
  whenUnanswered: "Is it a simulated board of this version that runs there? End it, and start it again.",
}

/** Behind a socket or rings in files, and not ours. */
export const OTHER_IMPLEMENTATION: FarEnd = {
  whenGone: "Start the device side again.",
  whenSilent: "End the device side, and start it again.",
  whenUnanswered: "Does it speak virtio-msg of this revision? The suite tells: docs/conform-your-own.md",
}

/** Not on a cable of this computer: it connects to us. */
export const BOARD_THAT_DIALS: FarEnd = {
  whenGone: "The board dials again by itself: has it power, and its network?",
  whenSilent: "Reset the board; if its I2C bus is stuck, switch its power off and on.",
  whenUnanswered: "Reset the board, and make sure that it runs our firmware.",
}

/** What a link leads to, or a port of frames or bytes. It says so itself, or else `isSimulated` does. */
export function farEndOf(link: {
  readonly farEnd?: FarEnd | undefined
  readonly isSimulated: boolean
}): FarEnd {
  return link.farEnd ?? (link.isSimulated ? SIMULATED_BOARD : BOARD_ON_A_CABLE)
}
