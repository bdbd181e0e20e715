// What a board with WiFi is told of its network. The VM has no WiFi: this board is its service alone, as the runtime's
// source has it.

import { describe, expect, it } from "vitest"
import { BoardClient } from "../../../host/src/deploy/board-client.js"
import { joinWifi } from "../../../host/src/deploy/join-wifi.js"
import {
  ACK_SERVICE_INDEX,
  decodeFrame,
  encodeReport,
  type JacdacPacket,
} from "../../../host/src/link/jacdac-frame.js"
import type { FramePort } from "../../../host/src/link/jacdac-link.js"
import type { LinkEvents } from "../../../host/src/link/link.js"
import { MANAGER_CLASS } from "../../../host/src/link/program-manager.js"

const BOARD_ID = "0102030405060708"
const WIFI_CLASS = 0x18aae1fa

/** A board with these services, which acknowledges every command to it. */
class ServiceBoard implements FramePort {
  readonly name = "board"
  readonly isSimulated = false
  readonly commands: JacdacPacket[] = []
  readonly #classes: readonly number[]
  #events: LinkEvents | undefined

  constructor(classes: readonly number[]) {
    this.#classes = classes
  }

  async open(events: LinkEvents): Promise<void> {
    this.#events = events
  }

  send(frame: Uint8Array): void {
    const [packet] = decodeFrame(frame)
    if (!packet) return
    if (packet.deviceId !== BOARD_ID) {
      const announcement = new Uint8Array(Uint32Array.from([0x100, ...this.#classes]).buffer)
      this.#answer(0, 0, announcement)
      return
    }
    this.commands.push(packet)
    this.#answer(ACK_SERVICE_INDEX, (frame[0] as number) | ((frame[1] as number) << 8), new Uint8Array(0))
  }

  async close(): Promise<void> {}

  #answer(serviceIndex: number, command: number, payload: Uint8Array): void {
    queueMicrotask(() => this.#events?.onPacket(encodeReport(BOARD_ID, serviceIndex, command, payload)))
  }
}

async function join(board: ServiceBoard, name: string, password: string): Promise<void> {
  const client = await BoardClient.open(board)
  try {
    await joinWifi(client, { name, password })
  } finally {
    await client.close()
  }
}

describe("joinWifi", () => {
  it("gives name and password to the board's WiFi service, each with a 0 behind it", async () => {
    const board = new ServiceBoard([1, MANAGER_CLASS, WIFI_CLASS])
    await join(board, "Haus Müller", "correct horse")
    const [command] = board.commands
    expect(command).toMatchObject({ serviceIndex: 3, command: 0x81 })
    expect(new TextDecoder().decode(command?.payload)).toBe("Haus Müller\0correct horse\0")
    await join(board, "open", "")
    expect(new TextDecoder().decode(board.commands[1]?.payload)).toBe("open\0\0")
  })

  it.each([
    ["", "correct horse"],
    ["a".repeat(33), "correct horse"],
    ["a\0b", "correct horse"],
    ["net", "short"],
    ["net", "p".repeat(65)],
    ["net", "correct\0horse"],
  ])("refuses the network %j with the password %j, and sends nothing", async (name, password) => {
    const board = new ServiceBoard([MANAGER_CLASS, WIFI_CLASS])
    await expect(join(board, name, password)).rejects.toMatchObject({ code: "INVALID_ARGUMENT" })
    expect(board.commands).toEqual([])
  })

  it("says when the runtime has no WiFi", async () => {
    const board = new ServiceBoard([MANAGER_CLASS])
    await expect(join(board, "net", "correct horse")).rejects.toMatchObject({ code: "DEVICE_FAILED" })
    expect(board.commands).toEqual([])
  })
})
