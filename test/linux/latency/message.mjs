// Compares what a transfer takes where virtio-msg begins in this process (vhost-user) and where it begins in the guest's
// kernel (linux --bus virtio-msg). Behind both is our device code, run natively, with simulated chips.
//
//   npm run bench:linux, or once that has built: node test/linux/latency/message.mjs [TRANSFERS]

import { join } from "node:path"
import { byVhostUser, folder, KIND, load, loopOfGuest, measureIn, printBeside } from "./set-up.mjs"

const { openBus } = await load("host/src/index.js")
const { systemClock } = await load("host/src/clock.js")
const { BoardForwarder } = await load("host/src/node/board-forwarder.js")
const { GuestPort } = await load("host/src/node/linux-guest/guest-port.js")
const { LinuxGuest } = await load("host/src/node/linux-guest/boot.js")
const { messageMachine, AWAIT_DEVICES } = await load("host/src/node/linux-guest/message-machine.js")
const { prepareGuest } = await load("host/src/node/linux-guest/prepare.js")
const { servePlainBoard, simulatedModels } = await load("host/src/node/plain-board.js")
const { PlainDevice } = await load("host/src/plain/plain-device.js")

const WINDOW_BYTES = 32768
const count = Number(process.argv[2] ?? 2000)

async function byForwarder() {
  const plain = await servePlainBoard(`plain:unix:${join(folder, "plain.sock")}`)
  const forwarder = new BoardForwarder(() => openBus({ port: plain.port }))
  await forwarder.start()
  const figures = await byVhostUser(forwarder, count)
  await forwarder.close()
  await plain.close()
  return figures
}

async function byMessages() {
  const port = new GuestPort()
  const options = { models: simulatedModels(systemClock), windowBytes: WINDOW_BYTES, maxMessageSize: 264 }
  const device = new PlainDevice(options, port.window, (frame) => port.send(frame))
  const parameters = { revision: 1, maxMessageSize: 264, transportFeatures: 0, windowBytes: WINDOW_BYTES }
  port.begin(parameters, { onFrame: (frame) => device.take(frame), onConnect: () => device.connect() })
  const guest = new LinuxGuest({
    image: await prepareGuest(),
    machine: messageMachine(port),
    extraFiles: [loopOfGuest()],
  })
  await guest.boot()
  await guest.sh(AWAIT_DEVICES)
  const figures = await measureIn(guest, count)
  await guest.shutdown()
  port.close()
  return figures
}

const vhostUser = await byForwarder()
const messages = await byMessages()
printBeside(
  `${count} transfers ${KIND} on simulated chips, natively, microseconds in the guest`,
  vhostUser,
  "virtio-msg",
  messages,
)
