// A simulated board at a cable that fails at a chosen moment: the cable is pulled, or the board starts again or falls
// silent. Its user sees a socket that speaks the serial framing, as `virtio-msg sim` offers it.

import net from "node:net"
import { BoardStream } from "../../host/src/link/board-stream.js"
import { readFirmware } from "../../host/src/vm/firmware-image.js"
import { VirtualMachine } from "../../host/src/vm/virtual-machine.js"

export type Trouble = "pull" | "restart" | "silence"

export class FakeCable {
  /** Frames that the board has sent to its user. */
  frameCount = 0
  /** How often the failure happened. */
  troubleCount = 0
  readonly port: string
  readonly #server: net.Server
  readonly #trouble: Trouble
  readonly #afterFrames: number
  #machine: VirtualMachine
  #socket: net.Socket | undefined
  #plug: () => void = () => {}
  #isSilent = false

  private constructor(
    server: net.Server,
    port: string,
    machine: VirtualMachine,
    trouble: Trouble,
    after: number,
  ) {
    this.#server = server
    this.port = port
    this.#machine = machine
    this.#trouble = trouble
    this.#afterFrames = after
    server.on("connection", (socket) => this.#connect(socket))
  }

  /** The failure happens once: after so many frames from the board, or when `cause` is called. */
  static async lay(
    socketPath: string,
    trouble: Trouble,
    afterFrames = Number.POSITIVE_INFINITY,
  ): Promise<FakeCable> {
    const machine = new VirtualMachine({ program: readFirmware("simulated") })
    await machine.start()
    const server = net.createServer()
    await new Promise<void>((resolve) => server.listen(socketPath, resolve))
    return new FakeCable(server, `unix:${socketPath}`, machine, trouble, afterFrames)
  }

  async takeUp(): Promise<void> {
    this.#socket?.destroy()
    await new Promise((resolve) => this.#server.close(resolve))
    this.#machine.stop()
  }

  #connect(socket: net.Socket): void {
    this.#socket = socket
    socket.on("error", () => {})
    const board = new BoardStream({
      sendFrame: (frame) => {
        if (!this.#isSilent) this.#machine.sendFrame(frame)
      },
      write: (bytes) => socket.write(bytes),
    })
    const plug = () => {
      const offs = [
        this.#machine.onFrame.on((frame) => {
          if (this.#isSilent) return
          board.frame(frame)
          if (++this.frameCount === this.#afterFrames) this.cause()
        }),
        this.#machine.onLog.on((line) => {
          board.log(line)
        }),
      ]
      socket.on("close", () => {
        for (const off of offs) off()
      })
    }
    this.#plug = plug
    plug()
    socket.on("data", (chunk) => board.receive(chunk))
  }

  /** Makes the failure happen now. */
  cause(): void {
    this.troubleCount++
    if (this.#trouble === "silence") this.#isSilent = true
    else if (this.#trouble === "pull") {
      // nobody listens any more either: a pulled cable does not come back at once
      this.#server.close()
      this.#socket?.destroy()
    } else {
      this.#machine.stop()
      this.#machine = new VirtualMachine({ program: readFirmware("simulated") })
      void this.#machine.start().then(this.#plug)
    }
  }
}
