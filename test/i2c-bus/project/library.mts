// What a user's TypeScript sees of the library, its protocol and the drop-in.

import * as i2c from "i2c-bus"
import { openBus, VirtioMsgError } from "virtio-msg"
import * as protocol from "virtio-msg/protocol"

export async function read(): Promise<number | undefined> {
  const bus = await openBus({ port: "sim" })
  const [data] = await (await bus.i2c()).transfer(0x54, [{ write: [14] }, { read: 1 }])
  await bus.close()
  return data?.[0]
}

export const value: number = i2c.openSync(1).readByteSync(0x54, 14)
export const promised: Promise<number> = i2c.openSync(1).promisifiedBus().readByte(0x54, 14)
export const names = [VirtioMsgError.name, ...Object.keys(protocol)]
