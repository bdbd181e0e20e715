// The lines as the virtio-gpio device sees them: a chip's pins on a board, simulated ones elsewhere.

export interface GpioLines {
  /** A name for each line, 7-bit ASCII and unique, or "" for none; as many as there are lines, 1 to 16. */
  readonly names: readonly string[]
  /** One of GPIO_DIRECTION_*. */
  direction(line: number): number
  /**
   * Makes a line an input, an output that drives what was last written, or nothing, which forgets that. False
   * when the line cannot be that.
   */
  setDirection(line: number, direction: number): boolean
  /** 0 or 1: what is sensed on a line, or what an output drives. */
  read(line: number): number
  /** Drives a line, now if it is an output, else as soon as it is one. False when the line never can be one. */
  write(line: number, value: number): boolean
}
