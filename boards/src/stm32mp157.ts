// The STM32MP157: Linux's cores and a microcontroller in one chip. Our firmware does not run on it: a board and a
// cable take its place. This table says which of our parts takes the place of which of its parts.

export interface Counterpart {
  readonly id: string
  readonly name: string
  readonly chip: string
  /** For each part: what the chip has, what we have instead, and why. */
  readonly parts: readonly { readonly there: string; readonly here: string }[]
}

export const stm32mp157: Counterpart = {
  id: "stm32mp157",
  name: "STM32MP157 (Linux on its own A7)",
  chip: "Cortex-A7 and M4",
  parts: [
    { there: "Cortex-A7 with Linux and its virtio drivers", here: "this computer, or a guest in QEMU" },
    { there: "Cortex-M4 with ST's firmware", here: "the board with our firmware" },
    { there: "IPCC mailbox: a doorbell each way", here: "the messages in packets over the serial link" },
    { there: "window in SRAM that both cores see", here: "two areas, mirrored by sending what changed" },
    { there: "I2C5 of the M4", here: "the board's I2C bus, or simulated chips" },
  ],
}
