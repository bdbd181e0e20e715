// One run of a device model against the kernel that the suite plays, for one row: what the model did and said, and
// ways to bring it into a state. If something goes wrong that the row does not judge, the row is blocked.

import { getU16 } from "../../../../shared-protocol/src/bytes.js"
import { TYPE_BUS, TYPE_RESPONSE } from "../../../../shared-protocol/src/messages/header.js"
import * as layouts from "../../node/bridge/layouts.js"
import { ChannelPort } from "../channel-port.js"
import { findDevices } from "../check-device.js"
import { Conversation } from "../conversation.js"
import { DeviceBench } from "../device-bench.js"
import { workloadOf } from "../device-suites.js"
import type { SuiteQueue } from "../suite-queue.js"
import { blocked, expect, skip } from "../verdict.js"
import { KernelChannel } from "./kernel-channel.js"
import { isAnswer, KernelConversation, type Said, START_LIMIT_MS } from "./kernel-conversation.js"
import type { CallName, ModelCall, PlayedKernel } from "./played-kernel.js"

/** A model that runs. */
export interface RunningModel {
  /** Whether it has ended by itself. */
  readonly isOver: boolean
  /** In words: how it ended, or that it runs. */
  readonly how: string
  stop(): Promise<void>
}

/** Starts a model. It finds `kernel` in the place of the node. */
export interface ModelSubject {
  readonly name: string
  start(kernel: PlayedKernel): Promise<RunningModel>
}

/** Where the windows of the sentinel are: in the file, and on the bus. */
const SENTINEL_AT = 0xf0000
const SENTINEL_ADDRESS = 0x7000_0000_0000n
const PAGE = 4096
/** A request has to end in bounded time. This is the bound. */
const REQUEST_LIMIT_MS = 3000
/** How long to wait for something that would be wrong. */
const QUIET_MS = 150

export class ModelBench {
  readonly kernel: PlayedKernel
  readonly conversation: KernelConversation
  readonly #subject: ModelSubject
  #model: RunningModel | undefined
  #port: ChannelPort | undefined
  #sentinels = 0

  constructor(subject: ModelSubject, kernel: PlayedKernel) {
    this.#subject = subject
    this.kernel = kernel
    this.conversation = new KernelConversation(kernel)
  }

  /** Everything that the model said. */
  get said(): readonly Said[] {
    return this.conversation.said
  }

  /** The system calls of this name that the model made. */
  calls(name: CallName): readonly ModelCall[] {
    return this.kernel.calls.filter((call) => call.name === name)
  }

  /** Its first call of this name; blocks the row without one. */
  needCall(name: CallName): ModelCall {
    return this.calls(name)[0] ?? blocked(`The model makes no ${name}.`)
  }

  /** Starts the model. The kernel's answers have to be decided before. */
  async start(): Promise<void> {
    this.#model = await this.#subject.start(this.kernel)
  }

  /** Starts it and waits for its ATTACH, which may be refused; blocks the row without one. */
  async tryAttach(): Promise<void> {
    await this.start()
    const isDone = () => this.calls("ATTACH").length > 0 || this.isModelOver
    await this.conversation.waitUntil(isDone, START_LIMIT_MS)
    this.needCall("ATTACH")
  }

  /** Starts it and waits until it is attached. */
  async attach(): Promise<void> {
    await this.start()
    const isDone = () => this.kernel.isAttached || this.isModelOver
    await this.conversation.waitUntil(isDone, START_LIMIT_MS)
    if (!this.kernel.isAttached) blocked(`The model does not attach. ${this.how}`)
  }

  /** Starts it, and waits for its devices. */
  async ready(): Promise<readonly number[]> {
    await this.attach()
    const isDone = () => this.conversation.devices !== undefined || this.isGivenUp
    await this.conversation.waitUntil(isDone, START_LIMIT_MS)
    return this.conversation.devices ?? blocked(`The model publishes no devices. ${this.how}`)
  }

  /** The same, and its first device; blocks the row without one. */
  async firstDevice(): Promise<number> {
    const [devNum] = await this.ready()
    return devNum ?? blocked("The model publishes no device.")
  }

  get how(): string {
    return this.#model?.how ?? ""
  }

  get isModelOver(): boolean {
    return this.#model?.isOver === true
  }

  /** Whether the model has given up the session: it detached, closed the node, or ended. */
  get isGivenUp(): boolean {
    return this.calls("DETACH").length + this.calls("CLOSE").length > 0 || this.isModelOver
  }

  /** Fails the row unless the model gives the session up in time. */
  async needGivenUp(after: string): Promise<void> {
    const isGivenUp = await this.conversation.waitUntil(() => this.isGivenUp)
    expect(isGivenUp, `After ${after} the model goes on.`)
  }

  /** Settles when the model has taken everything sent so far out of its ring, which its answer to a MAP_ADD shows. */
  async sentinel(): Promise<void> {
    const at = SENTINEL_ADDRESS + BigInt(PAGE * this.#sentinels++)
    const status = await this.conversation.addWindow(at, SENTINEL_AT, PAGE)
    if (status === undefined) blocked(`The model answers no MAP_ADD any more. ${this.how}`)
  }

  /** Waits a while in which nothing should happen. */
  async quiet(): Promise<void> {
    await this.conversation.waitUntil(() => false, QUIET_MS)
  }

  /** What the model said after `mark`, an earlier length of `said`. */
  since(mark: number): readonly Said[] {
    return this.said.slice(mark)
  }

  /** Map answers, in order. */
  answers(msgId: number): readonly Said[] {
    return this.said.filter((each) => each.msgId === msgId && isAnswer(each))
  }

  /** Sends a transport request; settles with the answer or ERROR that has its token, undefined without one. */
  async request(frame: Uint8Array, token: number): Promise<Said | undefined> {
    const asked = Uint8Array.from(frame)
    new DataView(asked.buffer).setUint16(4, token, true)
    const mark = this.said.length
    this.conversation.send(asked)
    const find = () => this.since(mark).find((each) => isEndOf(each, asked, token))
    await this.conversation.waitUntil(() => find() !== undefined, REQUEST_LIMIT_MS)
    return find()
  }

  /** A device whose virtqueue the suite has a request for, with the window given to it. Skips the row without one. */
  async device(): Promise<DeviceBench> {
    await this.ready()
    const channel = new KernelChannel(this.#subject.name, this.conversation)
    const port = await ChannelPort.over(channel)
    this.#port = port
    const conversation = new Conversation(port)
    const numbers = this.conversation.devices ?? []
    for (const device of await findDevices(conversation, numbers)) {
      const workload = workloadOf(device.info.deviceId)
      conversation.sentinelDevice = device.devNum
      if (workload) return new DeviceBench(conversation, device, numbers, { workload })
    }
    return skip("The suite knows no request for a device that the model has.")
  }

  /** Puts one request into a running queue and waits for its end; blocks the row without one. */
  async runOne(device: DeviceBench, queue: SuiteQueue): Promise<void> {
    queue.submit(device.needWorkload().request(1))
    if (!(await queue.completed(queue.availIdx))) blocked("The device gives no request back.")
  }

  async stop(): Promise<void> {
    await this.#port?.close()
    await this.#model?.stop()
    this.conversation.detach()
    this.kernel.close()
  }
}

/** Whether a message ends a transport request: its response, or an ERROR. */
function isEndOf({ type, msgId, devNum, token }: Said, asked: Uint8Array, askedToken: number): boolean {
  if (token !== askedToken || (type & TYPE_RESPONSE) === 0) return false
  if ((type & TYPE_BUS) !== 0) return msgId === layouts.ERROR
  return msgId === asked[1] && devNum === getU16(asked, 2)
}
