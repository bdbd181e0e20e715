// Light or dark: as the system, until a person chooses. The choice is remembered.

import { byId } from "./dom.js"

const KEY = "virtio-msg-theme"

/** Calls back when the colours change. */
export function watchTheme(onChange: () => void): void {
  const button = byId("theme")
  const system = matchMedia("(prefers-color-scheme: dark)")
  const { dataset } = document.documentElement
  const isDark = () => (dataset.theme ? dataset.theme === "dark" : system.matches)
  const label = () => button.setAttribute("aria-label", `Change to the ${isDark() ? "light" : "dark"} theme`)
  const change = () => {
    label()
    onChange()
  }
  button.addEventListener("click", () => {
    dataset.theme = isDark() ? "light" : "dark"
    try {
      localStorage.setItem(KEY, dataset.theme)
    } catch {
      // a browser that stores nothing: the choice is not remembered
    }
    change()
  })
  system.addEventListener("change", change)
  label()
}
