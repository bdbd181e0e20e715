// The shared window as a map: a pixel for each byte, 64 to a line. The colour shows which part a byte belongs to. Bytes
// that a packet writes glow and fade. Those of the last packet keep a glow. Outlines of the parts are drawn over it.

import { counted } from "../../../src/counted.js"
import { hex } from "../../../src/hex.js"
import { describeByte, queueRegions, type Region, type RegionKind } from "../wire/regions.js"
import type { WireModel } from "../wire/wire-model.js"
import { byId, setText, svg } from "./dom.js"

const BYTES_A_LINE = 64
const GLOW_MS = 1600
/** The glow is painted again after this time: 25 times a second, as films are. */
const FADE_STEP_MS = 40
/** How strongly the bytes of the last packet glow. */
const LAST_GLOW = 0.65
/** How strongly a part's colour covers the paper: for bytes that are 0, and for others. */
const ZERO_TINT = 0.2
const BYTE_TINT = 0.85
/** A byte outside every part, when it is not 0. */
const LONELY_TINT = 0.4

type Colour = readonly [red: number, green: number, blue: number]
type Palette = Record<RegionKind | "paper" | "byte" | "glow", Colour>

export class WindowMap {
  readonly #model: WireModel
  readonly #areas: readonly AreaMap[]
  #hasColours = false

  constructor(model: WireModel) {
    this.#model = model
    this.#areas = [new AreaMap(model, "driver", 1), new AreaMap(model, "device", 2)]
    model.onWriting.on((spans) => {
      if (spans.length === 0) return
      for (const area of this.#areas) area.forgetLast()
      for (const { area, areaOffset, bytes } of spans) this.#areas[area - 1]?.light(areaOffset, bytes.length)
    })
    model.onClear.on(() => {
      for (const area of this.#areas) area.dim()
    })
  }

  /** Draws the changes. `atMs` is the page's time, with which the glow fades; `isNew`: packets came since the last time. */
  draw(atMs: number, isNew: boolean): void {
    if (isNew || !this.#hasColours) {
      this.#hasColours = true
      const regions = this.#model.queues.flatMap((queue) => queueRegions(queue, this.#model.areas))
      for (const area of this.#areas) area.draw(regions, atMs)
    } else for (const area of this.#areas) area.fade(atMs)
  }

  /** Makes the next drawing read the colours of the page again. */
  forgetColours(): void {
    this.#hasColours = false
    for (const area of this.#areas) area.forgetColours()
  }
}

class AreaMap {
  readonly name: Region["area"]

  readonly #number: number
  readonly #model: WireModel
  readonly #box: HTMLElement
  readonly #canvas: HTMLCanvasElement
  readonly #overlay: SVGElement
  readonly #note = byId("byte")
  #regions: Region[] = []
  /** Of each byte, the kind of the region that it is in. */
  #kinds: (RegionKind | undefined)[] = []
  #outlined = ""
  #palette: Palette | undefined
  /** What the canvas shows. */
  #image: ImageData | undefined
  /** When each byte was last written, in the page's time. */
  #litAtMs = new Float64Array(0)
  /** 1 for each byte that the last packet wrote. */
  #isLast = new Uint8Array(0)
  /** The bytes that were painted while they faded. */
  #fading: number[] = []
  #paintedAtMs = 0
  #cursor: number | undefined

  constructor(model: WireModel, name: Region["area"], number: number) {
    this.#model = model
    this.name = name
    this.#number = number
    const figure = byId(`area-${name}`)
    this.#box = figure.querySelector(".map") as HTMLElement
    this.#canvas = figure.querySelector("canvas") as HTMLCanvasElement
    this.#overlay = figure.querySelector("svg") as SVGElement
    this.#box.tabIndex = 0
    this.#box.addEventListener("pointermove", (event) => this.#point(event))
    this.#box.addEventListener("pointerdown", (event) => this.#point(event))
    this.#box.addEventListener("pointerleave", () => this.#setCursor(undefined))
    this.#box.addEventListener("blur", () => this.#setCursor(undefined))
    this.#box.addEventListener("keydown", (event) => this.#takeKey(event))
  }

  light(offset: number, length: number): void {
    const bytes = this.#model.areas[this.name]
    if (this.#litAtMs.length !== bytes.length) this.dim()
    this.#litAtMs.fill(performance.now(), offset, offset + length)
    this.#isLast.fill(1, offset, offset + length)
  }

  /** To be called when another packet wrote: the bytes of the last one now only fade. */
  forgetLast(): void {
    this.#isLast.fill(0)
  }

  dim(): void {
    const { length } = this.#model.areas[this.name]
    this.#litAtMs = new Float64Array(length).fill(Number.NEGATIVE_INFINITY)
    this.#isLast = new Uint8Array(length)
  }

  forgetColours(): void {
    this.#palette = undefined
  }

  draw(allRegions: readonly Region[], atMs: number): void {
    const bytes = this.#model.areas[this.name]
    const height = Math.ceil(bytes.length / BYTES_A_LINE)
    const regions = allRegions.filter((region) => region.area === this.name)
    this.#regions = regions
    this.#kinds = new Array<RegionKind | undefined>(bytes.length)
    for (const { kind, offset, length } of regions) this.#kinds.fill(kind, offset, offset + length)
    if (this.#litAtMs.length !== bytes.length) this.dim()
    if (this.#canvas.height !== height) {
      this.#canvas.height = height
      this.#overlay.setAttribute("viewBox", `0 0 ${BYTES_A_LINE} ${height}`)
    }
    this.#image = height > 0 ? new ImageData(BYTES_A_LINE, height) : undefined
    this.#paint(bytes.keys(), atMs)
    const outline = regions.map(({ kind, offset, length }) => `${kind}${offset}+${length}`).join()
    if (outline !== this.#outlined) this.#outline(outline)
  }

  /** Paints again only what fades. */
  fade(atMs: number): void {
    if (this.#fading.length > 0 && atMs - this.#paintedAtMs >= FADE_STEP_MS) this.#paint(this.#fading, atMs)
  }

  #paint(places: Iterable<number>, atMs: number): void {
    const bytes = this.#model.areas[this.name]
    const image = this.#image
    if (!image) return
    this.#palette ??= readPalette(this.#box)
    const palette = this.#palette
    const fading: number[] = []
    for (const at of places) {
      const kind = this.#kinds[at]
      const tint = kind ? (bytes[at] ? BYTE_TINT : ZERO_TINT) : bytes[at] ? LONELY_TINT : 0
      let colour = mix(palette.paper, kind ? palette[kind] : palette.byte, tint)
      const left = Math.min(1, 1.3 * (1 - (atMs - (this.#litAtMs[at] as number)) / GLOW_MS))
      const rest = this.#isLast[at] ? LAST_GLOW : 0
      if (left > rest) fading.push(at)
      const glow = Math.max(left, rest)
      if (glow > 0) colour = mix(colour, palette.glow, glow)
      image.data.set(colour, 4 * at)
      image.data[4 * at + 3] = 255
    }
    this.#canvas.getContext("2d")?.putImageData(image, 0, 0)
    this.#fading = fading
    this.#paintedAtMs = atMs
  }

  /** Draws around the three parts of each queue, and around each run of buffers. */
  #outline(outline: string): void {
    this.#outlined = outline
    const runs = joinRuns(this.#regions)
    this.#overlay.replaceChildren(
      ...runs.map(({ kind, offset, length }) =>
        svg("path", { class: "outline", "data-kind": kind, d: runPath(offset, offset + length) }),
      ),
    )
    const parts = runs.map(({ name, offset, length }) => `${name}: ${counted(length, "byte")} at ${offset}`)
    const writer = this.name === "driver" ? "the A7" : "the M4"
    this.#box.setAttribute(
      "aria-label",
      `Area ${this.#number}, written by ${writer}: ${counted(this.#model.areas[this.name].length, "byte")}. ${parts.join("; ")}`,
    )
  }

  #point(event: PointerEvent): void {
    const { left, top, width, height } = this.#canvas.getBoundingClientRect()
    const column = Math.floor(((event.clientX - left) / width) * BYTES_A_LINE)
    const line = Math.floor(((event.clientY - top) / height) * this.#canvas.height)
    if (column >= 0 && column < BYTES_A_LINE && line >= 0) this.#setCursor(line * BYTES_A_LINE + column)
  }

  #takeKey(event: KeyboardEvent): void {
    const moves: Record<string, number> = {
      ArrowLeft: -1,
      ArrowRight: 1,
      ArrowUp: -BYTES_A_LINE,
      ArrowDown: BYTES_A_LINE,
    }
    const move = moves[event.key]
    if (move === undefined) return
    event.preventDefault()
    const last = this.#model.areas[this.name].length - 1
    this.#setCursor(Math.max(0, Math.min(last, (this.#cursor ?? this.#regions[0]?.offset ?? 0) + move)))
  }

  #setCursor(at: number | undefined): void {
    this.#cursor = at
    this.#overlay.querySelector(".cursor")?.remove()
    if (at === undefined) {
      setText(this.#note, "Point at a byte, or move with the arrow keys.")
      return
    }
    const bytes = this.#model.areas[this.name]
    if (at >= bytes.length) return
    this.#overlay.append(
      svg("rect", {
        class: "cursor",
        x: at % BYTES_A_LINE,
        y: Math.floor(at / BYTES_A_LINE),
        width: 1,
        height: 1,
      }),
    )
    // the last region that has the byte, because buffers come last
    const region = this.#regions.findLast(({ offset, length }) => at >= offset && at < offset + length)
    const where = `${this.#number}:${hex(at, 4)}`
    const value = hex(bytes[at] as number, 2)
    setText(this.#note, `${where} is ${value}: ${region ? describeByte(region, at) : "free"}`)
  }
}

/** Joins neighbouring buffers into one run: outlines around each would cover them. */
function joinRuns(regions: readonly Region[]): Region[] {
  const runs: Region[] = []
  for (const region of [...regions].sort((a, b) => a.offset - b.offset)) {
    const last = runs.at(-1)
    const isBuffer = region.kind === "request" || region.kind === "answer"
    if (last && isBuffer && last.kind === region.kind && region.offset - (last.offset + last.length) <= 16)
      runs[runs.length - 1] = {
        ...last,
        name: region.kind === "request" ? "request buffers" : "answer buffers",
        length: Math.max(last.offset + last.length, region.offset + region.length) - last.offset,
      }
    else runs.push(region)
  }
  return runs
}

/** The outline of the bytes from `start` up to, not including, `end`. The first and last lines may be short. */
function runPath(start: number, end: number): string {
  const width = BYTES_A_LINE
  const [firstLine, firstColumn] = [Math.floor(start / width), start % width]
  const [lastLine, lastColumn] = [Math.floor((end - 1) / width), ((end - 1) % width) + 1]
  if (firstLine === lastLine)
    return `M${firstColumn} ${firstLine}H${lastColumn}V${firstLine + 1}H${firstColumn}Z`
  return (
    `M${firstColumn} ${firstLine}H${width}V${lastLine}H${lastColumn}V${lastLine + 1}` +
    `H0V${firstLine + 1}H${firstColumn}Z`
  )
}

function mix(from: Colour, to: Colour, part: number): Colour {
  return [
    from[0] + (to[0] - from[0]) * part,
    from[1] + (to[1] - from[1]) * part,
    from[2] + (to[2] - from[2]) * part,
  ]
}

/** The page's colours as numbers. They are chosen only in the style sheet. */
function readPalette(near: Element): Palette {
  const probe = document.createElement("i")
  near.append(probe)
  const context = document.createElement("canvas").getContext("2d", { willReadFrequently: true })
  const read = (css: string): Colour => {
    probe.style.color = css
    if (!context) return [128, 128, 128]
    context.fillStyle = getComputedStyle(probe).color
    context.fillRect(0, 0, 1, 1)
    const [red = 0, green = 0, blue = 0] = context.getImageData(0, 0, 1, 1).data
    return [red, green, blue]
  }
  const kind = (name: string): Colour => {
    probe.dataset.kind = name
    return read("var(--swatch)")
  }
  const palette: Palette = {
    paper: read("var(--map-paper)"),
    byte: read("var(--map-byte)"),
    glow: read("var(--glow)"),
    descriptors: kind("descriptors"),
    available: kind("available"),
    used: kind("used"),
    request: kind("request"),
    answer: kind("answer"),
  }
  probe.remove()
  return palette
}
