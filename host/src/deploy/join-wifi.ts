// Tells a board which WiFi network to join, by the runtime's own service for that (Jacdac's WiFi service): name and
// password stay in the board's flash, apart from the program, until others come.

import { counted } from "../counted.js"
import { deviceFailed, invalidArgument } from "../errors.js"
import type { BoardClient } from "./board-client.js"

const WIFI_CLASS = 0x18aae1fa
/** Name and password, each with a 0 behind it. */
const ADD_NETWORK_COMMAND = 0x81
/** Of 802.11: the name's bytes, and those of a passphrase, or of a key in hexadecimal digits. */
const MAX_NAME_SIZE = 32
const PASSWORD_SIZE = { least: 8, most: 64 }

export interface WifiNetwork {
  readonly name: string
  /** "" for a network without one. */
  readonly password: string
}

/** Throws INVALID_ARGUMENT for what no network has. */
export function checkWifi({ name, password }: WifiNetwork): void {
  const nameSize = new TextEncoder().encode(name).length
  if (nameSize === 0 || nameSize > MAX_NAME_SIZE || name.includes("\0"))
    throw invalidArgument(`A WiFi network's name has 1 to ${MAX_NAME_SIZE} bytes.`)
  const passwordSize = new TextEncoder().encode(password).length
  const { least, most } = PASSWORD_SIZE
  if (password !== "" && (passwordSize < least || passwordSize > most || password.includes("\0")))
    throw invalidArgument(`A WiFi network's password has ${least} to ${counted(most, "byte")}.`, {
      hint: "An empty one is for a network without a password.",
    })
}

/**
 * The board joins this network from now on. Rejects with INVALID_ARGUMENT, with DEVICE_FAILED when its runtime has no
 * WiFi, with TIMEOUT or LINK_CLOSED. Whether the board gets in, nobody says.
 */
export async function joinWifi(client: BoardClient, network: WifiNetwork): Promise<void> {
  checkWifi(network)
  const serviceIndex = client.indexOf(WIFI_CLASS)
  if (serviceIndex === 0)
    throw deviceFailed(`The runtime of the board on ${client.name} has no WiFi.`, {
      hint: "Leave --wifi out where the board needs none, as the simulated one.",
    })
  const payload = new TextEncoder().encode(`${network.name}\0${network.password}\0`)
  await client.sendAcknowledged(serviceIndex, ADD_NETWORK_COMMAND, payload)
}
