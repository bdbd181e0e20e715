// From the user's --port to a channel: packets over a link, or the plain profile.

import { MAX_MESSAGE_SIZE } from "../../../shared-protocol/src/mailbox/packet.js"
import type { Channel } from "../bus/channel.js"
import { PacketChannel, type PacketChannelOptions } from "../bus/packet-channel.js"
import { type Tap, tapLink } from "../link/tap.js"
import { PlainChannel } from "../plain/plain-channel.js"
import type { OpenPlainPeer } from "../plain/plain-peer.js"
import { tapPeer } from "../plain/tap-peer.js"
import { makeLink, type OpenLinkOptions } from "./open-link.js"

import { isPlainPort, PlainConnection } from "./plain-connection.js"
import { NATIVE_PORT } from "./port-forms.js"
import { isQemuMsgPort, QemuMsgConnection } from "./qemu-msg.js"

export interface OpenChannelOptions extends OpenLinkOptions, PacketChannelOptions {}

/**
 * Makes the channel that `port` names, not yet connected: as `makeLink`, or `plain:` in front of a socket for a device of
 * the plain profile, `qemu-msg:FOLDER/NAME` for one behind rings in files. `tap` is told of what crosses it. Throws INVALID_ARGUMENT, NOT_FOUND.
 *
 * @example
 * ```ts
 * import { Bus, makeChannel, Trace } from "virtio-msg"
 *
 * const trace = new Trace()
 * const channel = await makeChannel("sim", trace)
 * const bus = await Bus.open(channel, { trace })
 * console.log(bus.name) // sim
 * await bus.close()
 * ```
 */
export async function makeChannel(
  port: string,
  tap: Tap,
  options: OpenChannelOptions = {},
): Promise<Channel> {
  // code that plays a device is only loaded for users who ask for one
  if (port === NATIVE_PORT) return (await import("./plain-board.js")).makeNativeChannel(options.clock)
  const isQemu = isQemuMsgPort(port)
  if (!isQemu && !isPlainPort(port))
    return new PacketChannel(tapLink(await makeLink(port, options), tap), options)
  const { clock } = options
  const open: OpenPlainPeer = isQemu
    ? (events) => QemuMsgConnection.open(port, events, { clock })
    : (events) => PlainConnection.open(port, events)
  // a trace cannot show a longer message
  return new PlainChannel(port, tapPeer(open, tap), { maxMessageSize: MAX_MESSAGE_SIZE })
}
