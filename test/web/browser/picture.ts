// What a person sees of the page from afar: its picture as a coarse grid of average colours.

import type { Page } from "playwright-core"

export type Colour = readonly [red: number, green: number, blue: number]

/** The average colours of `columns` by `rows` equal parts of what the page shows now, line by line. */
export async function averages(page: Page, columns: number, rows: number): Promise<Colour[]> {
  const picture = (await page.screenshot()).toString("base64")
  return page.evaluate<Colour[]>(
    `(async () => {
      const image = new Image()
      image.src = "data:image/png;base64,${picture}"
      await image.decode()
      const canvas = new OffscreenCanvas(${columns}, ${rows})
      const context = canvas.getContext("2d")
      context.imageSmoothingQuality = "high"
      context.drawImage(image, 0, 0, ${columns}, ${rows})
      const { data } = context.getImageData(0, 0, ${columns}, ${rows})
      return Array.from({ length: ${columns * rows} }, (_, i) => [...data.slice(4 * i, 4 * i + 3)])
    })()`,
  )
}
