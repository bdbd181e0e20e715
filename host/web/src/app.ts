// The page as a whole: its present connection, and the parts that show it and act on it.

import type { HelloResponse } from "../../../shared-protocol/src/messages/hello.js"
import { delay } from "../../src/clock.js"
import type { I2cAdapter } from "../../src/driver/i2c-adapter.js"
import { notFound, VirtioMsgError } from "../../src/errors.js"
import { hex } from "../../src/hex.js"
import type { OpenedBus } from "../../src/opened-bus.js"
import type { Bench, SourceKind } from "./bench/bench.js"
import { LiveBench } from "./bench/live-bench.js"
import { fetchProgram, loadRuntimeFromPage } from "./bench/page-files.js"
import { SerialBench, type SerialPortLike } from "./bench/serial-bench.js"
import { SimulatedBench } from "./bench/simulated-bench.js"
import { Tour } from "./tour/tour.js"
import { byId, setText } from "./view/dom.js"
import { Drawing } from "./view/drawing.js"
import { GpioPanel } from "./view/gpio-panel.js"
import { I2cPanel } from "./view/i2c-panel.js"
import { Inspector } from "./view/inspector.js"
import { LadderView } from "./view/ladder.js"
import { ProcessChooser } from "./view/process-chooser.js"
import { SAMPLE_MS, SensorPanel } from "./view/sensor-panel.js"
import { watchTheme } from "./view/theme.js"
import { TimeControls } from "./view/time-controls.js"
import { TroubleView } from "./view/trouble.js"
import { WireModel } from "./wire/wire-model.js"

type Tone = "good" | "bad" | "wait"

/** Between two attempts to reach a board that is silent. */
const RETRY_MS = 1000

export class App {
  readonly model = new WireModel()
  readonly ladder = new LadderView(this.model)
  readonly inspector = new Inspector(this.model, this.ladder)
  readonly time = new TimeControls(this.model, () => this.bench)
  readonly trouble = new TroubleView(this.model, () => this.bench)
  readonly sensor = new SensorPanel(() => this.adapter())
  readonly i2c = new I2cPanel(() => this.adapter())
  readonly #gpio = new GpioPanel(() => this.bench?.bus)
  readonly #processes = new ProcessChooser(
    (session) => this.bench instanceof LiveBench && this.bench.connect(session),
  )
  readonly #drawing = new Drawing(this.model, () => this.bench)
  readonly #tour = new Tour(this)
  bench: Bench | undefined
  #isReady = false
  /** The last text of `say`. */
  #said = ""
  /** How often a connection was chosen. */
  #choices = 0

  start(): void {
    for (const kind of ["simulated", "serial", "live"] as const)
      byId(`source-${kind}`).addEventListener("click", () => this.connect(kind))
    byId("tour-start").addEventListener("click", () => this.#tour.start())
    watchTheme(() => {
      this.#drawing.forgetColours()
      this.sensor.recolour()
    })
    document.addEventListener("keydown", (event) => this.#takeKey(event))
    this.model.onRow.on((row) => {
      if (this.bench?.kind !== "live") return
      this.i2c.lookOn(row)
      this.sensor.lookOn(row)
    })
    this.model.onClear.on(() => {
      this.i2c.clear()
      this.sensor.clear()
      if (this.bench?.kind === "live") byId("sensor").hidden = true
    })
    this.model.onHello.on((hello) => this.#greet(hello))
    this.#drawing.start()
    // only the server of `virtio-msg dashboard` offers the live view. It opens at once only for a command or a replay
    const offer = document.querySelector<HTMLMetaElement>('meta[name="virtio-msg-live"]')
    byId("source-live").hidden = offer === null
    const isShown = offer?.content === "command" || offer?.content === "replay"
    this.connect(isShown ? "live" : "simulated", { isPaused: offer?.content === "replay" })
  }

  /** The I2C adapter of the present connection. Rejects with NOT_FOUND, or as `OpenedBus.i2c`. */
  async adapter(): Promise<I2cAdapter> {
    const bus = this.bench?.bus
    if (!bus) throw notFound("This page is not connected to a board.")
    return bus.i2c()
  }

  /** Connects to something else. */
  async connect(kind: SourceKind, { isPaused = false } = {}): Promise<void> {
    let port: SerialPortLike | undefined
    if (kind === "serial") {
      port = await this.#choosePort()
      if (!port) return
    }
    try {
      if (kind === "live") await this.#connectLive(isPaused)
      else if (port) await this.#connectSerial(port)
      else await this.connectSimulated()
    } catch (error) {
      this.#fail(error)
    }
  }

  /** Makes a simulated board, switches it on and begins to connect to it. When paused, this waits for time to go on. */
  async connectSimulated({ isPaused = false } = {}): Promise<void> {
    const isNewest = await this.#disconnect()
    this.say("Loading the virtual machine", "wait")
    const program = await fetchProgram()
    if (!isNewest()) return
    const bench = new SimulatedBench(program, loadRuntimeFromPage, this.model)
    this.#take(bench)
    const connecting = bench.connect()
    connecting.then(
      // a person who steps through it from the beginning decides what the driver asks
      (bus) => this.#use(bench, bus, { detects: !isPaused }),
      (error) => isNewest() && this.#fail(error),
    )
    await Promise.race([bench.cable.opened, connecting])
    if (!isNewest()) return
    this.say("Connecting to the simulated board", "wait")
    if (isPaused) this.time.pause()
    else this.time.goOn()
  }

  /** Shows the state of the connection. */
  say(text: string, tone: Tone): void {
    this.#said = text
    this.#showStatus(text, tone)
  }

  #showStatus(text: string, tone: Tone): void {
    const status = byId("status")
    setText(status, text)
    status.title = text
    status.dataset.tone = tone
  }

  async #choosePort(): Promise<SerialPortLike | undefined> {
    const { serial } = navigator as { serial?: { requestPort(): Promise<SerialPortLike> } }
    if (!serial) {
      this.say("This browser has no Web Serial: use Chrome or Edge, over https or on localhost", "bad")
      return undefined
    }
    try {
      return await serial.requestPort()
    } catch (error) {
      const { name, message } = error as DOMException
      // the page keeps its connection
      const tone = byId("status").dataset.tone as Tone
      if (name === "NotFoundError") this.#showStatus(`No serial port was chosen. ${this.#said}`, tone)
      else this.#showStatus(`The browser offers no serial port: ${message}`, "bad")
      return undefined
    }
  }

  async #connectSerial(port: SerialPortLike): Promise<void> {
    const isNewest = await this.#disconnect()
    if (!isNewest()) return
    const bench = new SerialBench(port, this.model)
    this.#take(bench)
    this.say("Looking for the firmware on the serial port", "wait")
    await this.#use(bench, await bench.connect(), { detects: true })
  }

  /** When paused, packets are kept to be stepped through. */
  async #connectLive(isPaused: boolean): Promise<void> {
    const isNewest = await this.#disconnect()
    if (!isNewest()) return
    const bench = new LiveBench(this.model)
    this.#take(bench)
    bench.onState = (text, tone) => this.say(text, tone)
    if (isPaused) this.time.pause()
    bench.onProcesses = (processes) => this.#processes.show(processes)
    this.say("Connecting to the dashboard's server", "wait")
    bench.connect()
  }

  /** Closes the present connection. The returned function tells whether no other connection was chosen since. */
  async #disconnect(): Promise<() => boolean> {
    const choice = ++this.#choices
    const { bench } = this
    this.bench = undefined
    this.say("Connecting", "wait")
    await bench?.close()
    return () => choice === this.#choices
  }

  #take(bench: Bench): void {
    this.bench = bench
    for (const button of document.querySelectorAll<HTMLButtonElement>(".sources button"))
      button.setAttribute("aria-pressed", String(button.id === `source-${bench.kind}`))
    this.model.clear()
    this.i2c.isSimulated = bench.kind === "simulated"
    this.#gpio.clear()
    this.#setReady(false)
    this.#processes.clear(bench.kind === "live")
    // a view that only watches hides the parts that act on a board
    for (const part of document.querySelectorAll<HTMLElement>("[data-drives]"))
      part.hidden = bench.kind === "live"
    this.time.connected()
    this.trouble.connected()
    setText(byId("a7-what"), bench.kind === "live" ? "somebody's driver" : "the driver, in this page")
    setText(byId("m4-what"), "the device")
  }

  /** Sets whether the I2C device can be used. Parts that need the board are enabled only then. */
  #setReady(isReady: boolean): void {
    this.#isReady = isReady
    this.i2c.setEnabled(isReady)
    this.#gpio.setEnabled(isReady)
  }

  /** Uses a connected bus: keeps it connected, looks for chips on its I2C bus, and reads a sensor. */
  async #use(bench: Bench, opened: OpenedBus, { detects }: { detects: boolean }): Promise<void> {
    const { bus } = opened
    bus.onLost.on((error) => {
      if (this.bench !== bench) return
      this.#setReady(false)
      this.say(error.message, "bad")
      this.trouble.lost(error.message)
      this.#gpio.clear()
      this.#recover(bench, opened)
    })
    await this.#reach(bench, opened)
    if (detects && this.bench === bench) await this.i2c.detect()
    this.#sampleForever(bench)
  }

  async #recover(bench: Bench, opened: OpenedBus): Promise<void> {
    await this.#reach(bench, opened)
    if (this.bench === bench) this.trouble.recovered()
  }

  /** Initialises the I2C device. Tries until it works, or until there is another bench. */
  async #reach(bench: Bench, opened: OpenedBus): Promise<void> {
    while (this.bench === bench) {
      try {
        await opened.i2c()
        if (this.bench !== bench) return
        this.#setReady(true)
        if (this.model.hello) this.#greet(this.model.hello)
        return
      } catch (error) {
        if (this.bench !== bench) return
        this.#fail(error)
        if (error instanceof VirtioMsgError && error.code === "LINK_CLOSED") return
        await delay(opened.bus.clock, RETRY_MS)
      }
    }
  }

  async #sampleForever(bench: Bench): Promise<void> {
    for (let opened = bench.bus; opened && this.bench === bench; opened = bench.bus) {
      if (this.sensor.isWanted) await this.sensor.sample(() => bench.now())
      await delay(opened.bus.clock, SAMPLE_MS)
    }
  }

  #greet(hello: HelloResponse): void {
    const { epoch } = this.model
    const version = hello.firmwareVersion.slice(0, 3).join(".")
    setText(byId("m4-what"), hello.board)
    const what = `${this.bench?.title}: firmware ${version}, epoch ${hex(epoch, 4)}`
    if (this.bench?.kind === "live") this.say(`Watching ${what}`, "good")
    else if (this.#isReady) this.say(`Connected to ${what}`, "good")
    else this.say(`Setting up the devices of ${what}`, "wait")
  }

  #fail(error: unknown): void {
    const isOurs = error instanceof VirtioMsgError
    this.say(isOurs ? [error.message, error.hint].filter(Boolean).join(" ") : String(error), "bad")
    if (this.bench && !this.bench.bus) {
      // nobody answered: there is nothing to pause or to disturb
      this.trouble.disable("There is no board to trouble.")
      this.time.setEnabled(false)
    }
    if (!isOurs) throw error
  }

  #takeKey(event: KeyboardEvent): void {
    const isTyping = (event.target as Element).matches(
      "input:not([type=range], [type=checkbox]), select, textarea",
    )
    if (isTyping || event.ctrlKey || event.metaKey || event.altKey) return
    const button = { p: "pause", s: "step", d: "detect", r: "reset", c: "cut", t: "theme" }[
      event.key.toLowerCase()
    ]
    if (button) byId<HTMLButtonElement>(button).click()
  }
}
