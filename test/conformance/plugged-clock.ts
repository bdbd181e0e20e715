// The clock of our simulated firmware, plugged in by the suite's own means: the shell behind the console.

import { Conversation } from "../../host/src/conformance/conversation.js"
import { DeviceBench } from "../../host/src/conformance/device-bench.js"
import type { DevicePort } from "../../host/src/conformance/device-port.js"
import * as frames from "../../host/src/conformance/frames.js"
import { ShellConsole } from "../../host/src/conformance/shell-console.js"
import { decodeGetDeviceInfoResponse, UUID_SIZE } from "../../shared-protocol/src/messages/device-info.js"

const CONSOLE = 3

/** The number of the clock. Rejects when there is none afterwards. */
export async function plugClock(port: DevicePort): Promise<number> {
  const conversation = new Conversation(port)
  try {
    const response = await conversation.ask(frames.getDeviceInfo(CONSOLE))
    const info = response && decodeGetDeviceInfoResponse(response, new Uint8Array(UUID_SIZE))
    if (!info?.ok) throw new Error("there is no console")
    const numbers = (await conversation.listDevices()) ?? []
    const shell = new ShellConsole(
      new DeviceBench(conversation, { devNum: CONSOLE, info: info.value }, numbers),
    )
    await shell.open()
    await shell.type("plug rtc")
    const isIn = await shell.reads("(rtc) plugged in")
    await shell.close()
    const added = (await conversation.listDevices())?.find((devNum) => !numbers.includes(devNum))
    if (!isIn || added === undefined) throw new Error("the clock was not plugged in")
    return added
  } finally {
    conversation.detach()
  }
}
